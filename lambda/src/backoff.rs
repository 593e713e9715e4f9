//! Exponential backoff.

use std::time::Duration;

/// Pauses that double with each attempt up to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The pause after the first attempt.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Backoff {
    /// Returns the pause after `attempt`, counted from 0, without jitter.
    #[must_use]
    pub fn ceiling(self, attempt: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(attempt)).min(self.longest)
    }

    /// Returns the pause after `attempt` with full jitter: `random` is between 0 and 1.
    #[must_use]
    pub fn full_jitter(self, attempt: u32, random: f64) -> Duration {
        self.ceiling(attempt).mul_f64(random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_limit_and_never_overflows() {
        let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        let pauses: Vec<u128> =
            [0, 1, 2, 3, 4, 40, u32::MAX].map(|attempt| backoff.ceiling(attempt).as_millis()).into();
        assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000, 1000]);
        assert_eq!(backoff.full_jitter(1, 0.5), Duration::from_millis(100));
        assert_eq!(backoff.full_jitter(1, 7.0), Duration::from_millis(200));
    }
}
