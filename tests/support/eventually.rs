//! The one polling loop of the integration tests.

use std::fmt::Debug;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than any successful wait takes, on a machine with many tests at once.
const TIMEOUT: Duration = Duration::from_secs(60);
const FIRST_INTERVAL: Duration = Duration::from_millis(3);
const MAX_INTERVAL: Duration = Duration::from_millis(50);
/// Characters of the last observation that a failure shows.
const MAX_SHOWN: usize = 4000;

/// Polls `observe` until `accepts` its result, and returns that result.
///
/// `expected` completes the sentence "timed out waiting until …". Conditions that must hold during the wait are
/// asserted in `observe`.
///
/// # Panics
///
/// After a minute, with the last observation.
#[track_caller]
pub fn eventually<T: Debug>(expected: &str, observe: impl FnMut() -> T, accepts: impl Fn(&T) -> bool) -> T {
    poll(expected, TIMEOUT, observe, accepts)
}

#[track_caller]
fn poll<T: Debug>(
    expected: &str,
    timeout: Duration,
    mut observe: impl FnMut() -> T,
    accepts: impl Fn(&T) -> bool,
) -> T {
    let began = Instant::now();
    let mut interval = FIRST_INTERVAL;
    loop {
        let observed = observe();
        if accepts(&observed) {
            return observed;
        }
        if began.elapsed() >= timeout {
            let shown: String = format!("{observed:?}").chars().take(MAX_SHOWN).collect();
            panic!("timed out after {timeout:?} waiting until {expected}; last seen: {shown}");
        }
        sleep(interval);
        interval = interval.mul_f64(1.25).min(MAX_INTERVAL);
    }
}

#[test]
fn eventually_returns_first_accepted_observation() {
    let mut count = 0;
    let observe = || {
        count += 1;
        count
    };
    assert_eq!(eventually("the count is 3", observe, |count| *count >= 3), 3);
}

#[test]
#[should_panic = "waiting until the state is ACTIVE; last seen: \"CREATING\""]
fn eventually_timeout_names_expectation_and_last_observation() {
    poll("the state is ACTIVE", Duration::from_millis(5), || "CREATING", |state| *state == "ACTIVE");
}
