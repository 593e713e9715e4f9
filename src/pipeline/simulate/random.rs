//! Random values that depend on nothing but a seed and what they decide.

/// The decision that a random value makes. Each has values of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Phase = 1,
    Outage,
    Late,
    Duplicate,
    Outlier,
    Site,
    Weather,
    Noise,
    Humidity,
}

/// Returns a random value that depends on nothing but its arguments (the finalizer of `SplitMix64`).
pub(super) fn random(seed: u64, purpose: Purpose, sensor: u64, step: u64) -> u64 {
    let mix = |value: u64| {
        let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    };
    mix(mix(mix(mix(seed) ^ purpose as u64) ^ sensor) ^ step)
}
