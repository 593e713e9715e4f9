//! Counts readings that replace each other in one put, in bounded memory.

use std::collections::HashSet;

use rustc_hash::FxBuildHasher;

/// Keys that are remembered at most: 64 bits each, about 20 MB. Up to so many different keys the count is exact.
const MAX_KEYS: usize = 1_000_000;
/// Sets that the keys are divided into, by their first bits.
const SETS: usize = 16;

/// Counts readings whose key (sensor and time) an earlier one had.
///
/// Beyond [`MAX_KEYS`] different keys it keeps a sample: the keys whose hash ends in so many zero bits. A key is in the
/// sample from its first reading on or never, so what is counted of the sample is exact, and the whole is estimated from
/// it.
#[derive(Debug, Default)]
pub(crate) struct ReplacedCounter {
    /// In several sets, so that a set that grows, and is there twice meanwhile, is a small one.
    keys: [HashSet<u64, FxBuildHasher>; SETS],
    count: usize,
    /// Zero bits that a hash of the sample ends with.
    level: u32,
    /// Readings that replaced one, by the zero bits that their hash ends with.
    by_bits: Vec<u64>,
    max_keys: usize,
}

/// How many readings replaced an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replaced {
    /// The number, or the best estimate of it.
    pub count: u64,
    /// The number that is certain.
    pub at_least: u64,
    /// True if `count` is not an estimate.
    pub is_exact: bool,
}

impl ReplacedCounter {
    /// Returns a counter that has seen nothing.
    pub(crate) fn new() -> Self {
        Self::with_max_keys(MAX_KEYS)
    }

    fn with_max_keys(max_keys: usize) -> Self {
        ReplacedCounter { by_bits: vec![0; 65], max_keys, ..ReplacedCounter::default() }
    }

    /// Takes a reading by the hash of its sensor and time. Every bit of the hash must depend on the whole key.
    pub(crate) fn add(&mut self, hash: u64) {
        let bits = hash.trailing_zeros();
        if bits < self.level {
            return;
        }
        // Four bits: below SETS.
        let set = &mut self.keys[(hash >> 60) as usize];
        if !set.insert(hash) {
            self.by_bits[bits as usize] += 1;
            return;
        }
        self.count += 1;
        while self.count > self.max_keys && self.level < u64::BITS {
            self.level += 1;
            let level = self.level;
            self.keys.iter_mut().for_each(|set| set.retain(|hash| hash.trailing_zeros() >= level));
            self.count = self.keys.iter().map(HashSet::len).sum();
        }
    }

    /// Returns how many readings replaced one.
    pub(crate) fn replaced(&self) -> Replaced {
        let at_least = self.by_bits.iter().sum();
        let sampled: u64 = self.by_bits[self.level as usize..].iter().sum();
        let estimate = sampled.saturating_mul(1_u64.checked_shl(self.level).unwrap_or(u64::MAX));
        Replaced { count: estimate.max(at_least), at_least, is_exact: self.level == 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use proptest::prelude::*;

    use super::*;

    fn hash(key: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        hasher.finish()
    }

    fn counted(keys: impl IntoIterator<Item = u64>, max_keys: usize) -> Replaced {
        let mut counter = ReplacedCounter::with_max_keys(max_keys);
        keys.into_iter().for_each(|key| counter.add(hash(key)));
        counter.replaced()
    }

    proptest! {
        #[test]
        fn count_is_that_of_a_set_up_to_the_stated_size(keys in prop::collection::vec(0_u64..200, 0..400)) {
            let different: HashSet<u64> = keys.iter().copied().collect();
            let expected = (keys.len() - different.len()) as u64;
            prop_assert_eq!(counted(keys, 200), Replaced { count: expected, at_least: expected, is_exact: true });
        }

        #[test]
        fn count_above_is_an_estimate_and_its_lower_bound_is_certain(repeated in 0_u64..5000) {
            let keys = (0..20_000).chain(0..repeated);
            let found = counted(keys, 1000);
            prop_assert!(!found.is_exact && found.at_least <= repeated && found.at_least <= found.count);
            // Five standard deviations of a sample of one in 32.
            let error = found.count.abs_diff(repeated);
            prop_assert!(error * error <= 25 * 32 * repeated.max(1), "{:?} {}", found, repeated);
        }
    }

    #[test]
    fn nothing_repeated_is_zero_however_many_there_are() {
        assert_eq!(counted(0..100_000, 1000), Replaced { count: 0, at_least: 0, is_exact: false });
    }

    #[test]
    fn everything_repeated_is_estimated_within_some_percent() {
        let found = counted((0..50_000).chain(0..50_000).chain(0..50_000), 10_000);
        assert!(found.count.abs_diff(100_000) < 5000, "{found:?}");
    }

    #[test]
    fn memory_is_bounded_by_the_stated_size() {
        let mut counter = ReplacedCounter::with_max_keys(500);
        (0..50_000).for_each(|key| counter.add(hash(key)));
        let capacity: usize = counter.keys.iter().map(HashSet::capacity).sum();
        assert!(counter.count <= 500 && capacity < 2000, "{capacity}");
    }
}
