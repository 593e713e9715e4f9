//! Poll until a condition holds: deadline, growing pauses, jitter.
//!
//! The SDK's own waiters idle 10 to 20 s between two looks (docs/facts/retries.md, Waits of other tools); these start
//! at a quarter of a second.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use rand::Rng;
use tokio::time::{Instant, sleep};

/// How often to look and when to give up.
#[derive(Clone, Copy, Debug)]
pub struct PollSchedule {
    /// The pause after the first look.
    pub first: Duration,
    /// Pauses double up to this.
    pub longest: Duration,
    /// No look starts later than this after the first.
    pub limit: Duration,
    /// When several waits together end; none is begun in vain, since each looks once.
    pub end: Option<Instant>,
}

impl PollSchedule {
    /// 0.25, 0.5, 1, then every 2 s, for at most `limit`.
    #[must_use]
    pub fn within(limit: Duration) -> Self {
        PollSchedule { first: Duration::from_millis(250), longest: Duration::from_secs(2), limit, end: None }
    }

    /// For an endpoint on this machine: 10 ms growing to 250 ms.
    #[must_use]
    pub fn local(limit: Duration) -> Self {
        PollSchedule { first: Duration::from_millis(10), longest: Duration::from_millis(250), limit, end: None }
    }

    /// The same for all waits from now on together.
    #[must_use]
    pub fn with_deadline_from_now(self) -> Self {
        PollSchedule { end: Some(Instant::now() + self.limit), ..self }
    }

    /// How long a wait that begins now may take.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.end.map_or(self.limit, |end| self.limit.min(end.saturating_duration_since(Instant::now())))
    }
}

/// What one look saw.
#[derive(Debug)]
pub enum Poll<T, S> {
    /// The condition holds.
    Ready(T),
    /// Not yet; what the service says of it.
    Pending(S),
}

/// Why a wait ended without its condition.
#[derive(Debug, thiserror::Error)]
pub enum WaitError<E, S: fmt::Display + fmt::Debug> {
    /// The limit passed.
    #[error("gave up after {waited:.0?}; last seen: {last}")]
    TimedOut {
        /// How long it was waited.
        waited: Duration,
        /// What the last look saw.
        last: S,
    },
    /// A look failed for good.
    #[error(transparent)]
    Failed(E),
}

/// Looks until the condition holds, the limit passes or a look fails. `waiting` hears of every pause.
pub async fn poll_until<T, S, E, Fut>(
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
        // Up to a fifth less, so that many waits do not look in step.
        let jittered = pause.mul_f64(rand::rng().random_range(0.8..=1.0));
        sleep(jittered.min(limit.saturating_sub(waited))).await;
        pause = (pause * 2).min(schedule.longest);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn looks_again_until_ready() {
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
    async fn waits_that_share_an_end_take_no_longer_together() {
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
    async fn gives_up_at_the_limit_and_says_what_it_saw() {
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
}
