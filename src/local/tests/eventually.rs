//! The polling loop of all local cloud tests.

use std::fmt::Debug;
use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Longer than any successful wait takes, on a machine that runs many tests at once.
const TIMEOUT: Duration = Duration::from_secs(60);
const FIRST_INTERVAL: Duration = Duration::from_millis(2);
const MAX_INTERVAL: Duration = Duration::from_millis(20);

/// Polls `observe` until `accepts` its result, and returns that result.
///
/// `expected` completes the sentence "timed out waiting until …". Assert in `observe` that nothing wrong happens
/// meanwhile.
///
/// # Panics
///
/// After a minute, with the last observed result.
#[track_caller]
pub(crate) fn eventually<T: Debug>(
    expected: &str,
    observe: impl AsyncFnMut() -> T,
    accepts: impl Fn(&T) -> bool,
) -> impl Future<Output = T> {
    poll(expected, TIMEOUT, observe, accepts)
}

#[track_caller]
fn poll<T: Debug>(
    expected: &str,
    timeout: Duration,
    mut observe: impl AsyncFnMut() -> T,
    accepts: impl Fn(&T) -> bool,
) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        let (began, mut interval) = (Instant::now(), FIRST_INTERVAL);
        loop {
            let observed = observe().await;
            if accepts(&observed) {
                return observed;
            }
            assert!(
                began.elapsed() < timeout,
                "{caller}: timed out after {timeout:?} waiting until {expected}; last seen: {observed:?}"
            );
            sleep(interval).await;
            interval = interval.mul_f64(1.25).min(MAX_INTERVAL);
        }
    }
}

#[tokio::test]
async fn eventually_returns_first_accepted_observation() {
    let mut count = 0;
    let observe = async || {
        count += 1;
        count
    };
    assert_eq!(eventually("the count is 3", observe, |count| *count >= 3).await, 3);
}

#[tokio::test(start_paused = true)]
#[should_panic = "waiting until the state is ACTIVE; last seen: \"CREATING\""]
async fn eventually_timeout_names_expectation_and_last_observation() {
    poll("the state is ACTIVE", TIMEOUT, async || "CREATING", |state| *state == "ACTIVE").await;
}
