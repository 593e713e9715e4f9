//! Polls until a condition holds, with a deadline, growing pauses and jitter.
//!
//! The SDK's own waiters pause 10 to 20 s between two polls (docs/facts/retries.md, Waits of other tools). These start
//! at a quarter of a second.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use rand::Rng;
use tokio::time::{Instant, sleep};

use super::AwsFailure;

/// The pauses and the time limit of a wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PollSchedule {
    /// The pause after the first poll.
    pub first: Duration,
    /// Maximum pause. Pauses double up to this.
    pub longest: Duration,
    /// Maximum time from the first poll to the start of the last.
    pub limit: Duration,
    /// Shared end of several waits. Each wait polls at least once.
    pub end: Option<Instant>,
}

impl PollSchedule {
    /// Returns a schedule of 0.25, 0.5, 1, then every 2 s, for at most `limit`.
    #[must_use]
    pub(crate) fn within(limit: Duration) -> Self {
        PollSchedule { first: Duration::from_millis(250), longest: Duration::from_secs(2), limit, end: None }
    }

    /// Returns the schedule for an endpoint on this machine: 10 ms growing to 250 ms.
    #[must_use]
    pub(crate) fn local(limit: Duration) -> Self {
        PollSchedule { first: Duration::from_millis(10), longest: Duration::from_millis(250), limit, end: None }
    }

    /// Returns the same schedule with one deadline for all waits from now on.
    #[must_use]
    pub(crate) fn with_deadline_from_now(self) -> Self {
        PollSchedule { end: Some(Instant::now() + self.limit), ..self }
    }

    /// Returns the time limit of a wait that begins now.
    #[must_use]
    pub(crate) fn left(&self) -> Duration {
        self.end.map_or(self.limit, |end| self.limit.min(end.saturating_duration_since(Instant::now())))
    }
}

/// The result of one poll.
#[derive(Debug)]
pub(crate) enum Poll<T, S> {
    /// The condition holds.
    Ready(T),
    /// The condition does not hold yet. Contains the observed state.
    Pending(S),
}

/// The reason why a wait ended without its condition.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WaitError<E, S: fmt::Display + fmt::Debug> {
    /// The time limit passed.
    #[error("gave up after {waited:.0?}; last seen: {last}")]
    TimedOut {
        /// The waited time.
        waited: Duration,
        /// The state in the last poll.
        last: S,
    },
    /// A poll failed permanently.
    #[error(transparent)]
    Failed(E),
}

/// Polls until the condition holds, the limit passes or a poll fails. Calls `waiting` before every pause.
pub(crate) async fn poll_until<T, S, E, Fut>(
    schedule: PollSchedule,
    mut look: impl FnMut() -> Fut,
    mut waiting: impl FnMut(Duration, &S),
) -> Result<T, WaitError<E, S>>
where
    S: fmt::Display + fmt::Debug,
    Fut: Future<Output = Result<Poll<T, S>, E>>,
{
    let (began, limit) = (Instant::now(), schedule.left());
    let mut pause = schedule.first;
    loop {
        let last = match look().await.map_err(WaitError::Failed)? {
            Poll::Ready(value) => return Ok(value),
            Poll::Pending(last) => last,
        };
        let waited = began.elapsed();
        if waited >= limit {
            return Err(WaitError::TimedOut { waited, last });
        }
        waiting(waited, &last);
        // Up to a fifth less, so that many waits do not poll in step.
        let jittered = pause.mul_f64(rand::rng().random_range(0.8..=1.0));
        sleep(jittered.min(limit.saturating_sub(waited))).await;
        pause = (pause * 2).min(schedule.longest);
    }
}

/// Renders a waited time for a message.
pub(crate) fn waited_seconds(waited: Duration) -> String {
    let digits = usize::from(waited < Duration::from_secs(10));
    format!("{:.digits$} s", waited.as_secs_f64())
}

/// Retries a call after transient failures, such as a throttle or a broken connection.
///
/// # Errors
/// The last failure, once it is permanent or the deadline has passed.
pub(crate) async fn retry_transient<T, Fut>(schedule: PollSchedule, call: impl FnMut() -> Fut) -> Result<T, AwsFailure>
where
    Fut: Future<Output = Result<T, AwsFailure>>,
{
    retry_while(schedule, call, AwsFailure::is_transient, |_, _| {}).await
}

/// Retries a call while `is_retryable` holds for its failure. Calls `waiting` before every pause.
///
/// # Errors
/// The last failure, once it is not retryable or the deadline has passed.
pub(crate) async fn retry_while<T, Fut>(
    schedule: PollSchedule,
    mut call: impl FnMut() -> Fut,
    is_retryable: impl Fn(&AwsFailure) -> bool,
    waiting: impl FnMut(Duration, &AwsFailure),
) -> Result<T, AwsFailure>
where
    Fut: Future<Output = Result<T, AwsFailure>>,
{
    let is_retryable = &is_retryable;
    let look = || {
        let call = call();
        async move {
            match call.await {
                Ok(value) => Ok(Poll::Ready(value)),
                Err(failure) if is_retryable(&failure) => Ok(Poll::Pending(failure)),
                Err(failure) => Err(failure),
            }
        }
    };
    poll_until(schedule, look, waiting).await.map_err(|error| match error {
        WaitError::Failed(failure) | WaitError::TimedOut { last: failure, .. } => failure,
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::aws::FailureCause;

    #[tokio::test(start_paused = true)]
    async fn poll_until_repeats_until_ready() {
        let mut looks = 0;
        let found = poll_until::<_, &str, Infallible, _>(
            PollSchedule::within(Duration::from_secs(60)),
            || {
                looks += 1;
                let seen = looks;
                async move { Ok(if seen < 5 { Poll::Pending("CREATING") } else { Poll::Ready(seen) }) }
            },
            |_, _| {},
        )
        .await;
        assert_eq!(found.unwrap(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn poll_until_shared_deadline_bounds_all_waits() {
        let began = Instant::now();
        let schedule = PollSchedule::within(Duration::from_secs(10)).with_deadline_from_now();
        for _ in 0..3 {
            let look = || async { Ok(Poll::Pending("CREATING")) };
            assert!(poll_until::<(), &str, Infallible, _>(schedule, look, |_, _| {}).await.is_err());
        }
        assert!(began.elapsed() < Duration::from_secs(13));
        let ready = || async { Ok(Poll::Ready(())) };
        assert!(poll_until::<(), &str, Infallible, _>(schedule, ready, |_, _| {}).await.is_ok(), "each looks once");
    }

    #[tokio::test(start_paused = true)]
    async fn poll_until_timeout_reports_last_state() {
        let began = Instant::now();
        let result = poll_until::<(), &str, Infallible, _>(
            PollSchedule::within(Duration::from_secs(10)),
            || async { Ok(Poll::Pending("DELETING")) },
            |_, _| {},
        )
        .await;
        let Err(WaitError::TimedOut { last, .. }) = result else { panic!("{result:?}") };
        assert_eq!(last, "DELETING");
        assert!(began.elapsed() >= Duration::from_secs(10) && began.elapsed() < Duration::from_secs(13));
    }

    fn failure(cause: FailureCause) -> AwsFailure {
        AwsFailure {
            service: "Kinesis",
            operation: "PutRecord",
            resource: "stream s".to_owned(),
            location: "us-east-1".into(),
            code: None,
            message: String::new(),
            cause,
        }
    }

    /// Returns the result of calls that fail with these causes, and the number of calls.
    async fn retried(causes: &[FailureCause]) -> (Result<(), FailureCause>, usize) {
        let mut calls = 0;
        let call = || {
            let answer = causes.get(calls).map_or(Ok(()), |cause| Err(failure(*cause)));
            calls += 1;
            async move { answer }
        };
        let result = retry_transient(PollSchedule::within(Duration::from_secs(10)), call).await;
        (result.map_err(|failure| failure.cause), calls)
    }

    #[tokio::test(start_paused = true)]
    async fn retry_transient_ends_with_success_permanent_failure_or_deadline() {
        assert_eq!(retried(&[FailureCause::Throttled, FailureCause::ServerError]).await, (Ok(()), 3));
        assert_eq!(
            retried(&[FailureCause::Throttled, FailureCause::Denied, FailureCause::Throttled]).await,
            (Err(FailureCause::Denied), 2)
        );
        let (result, calls) = retried(&[FailureCause::InUse; 100]).await;
        assert_eq!(result, Err(FailureCause::InUse));
        assert!((7..=10).contains(&calls), "{calls} calls in 10 s");
    }
}
