//! The time for which the calls of one shard fail: what is reported, and when it is too long.

use std::time::Duration;

use tokio::time::Instant;

use crate::aws::{AwsFailure, FailureCause};

/// Shorter waits are not reported.
const QUIET: Duration = Duration::from_secs(3);
/// The longest time between two reports.
const MAX_SILENCE: Duration = Duration::from_mins(1);
/// The longest time without an answer of the service. A throttle is an answer.
pub(super) const MAX_OUTAGE: Duration = Duration::from_mins(5);

/// The failures since the last page.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    since: Option<Instant>,
    unanswered_since: Option<Instant>,
    attempts: u32,
    throttles: u32,
    /// The wait that is reported next.
    next_report: Option<Duration>,
}

/// The reaction to a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Failures before this one.
    pub attempt: u32,
    /// The time since the first failure, if it is to be reported now.
    pub report: Option<Duration>,
    /// True if the service has not answered for too long.
    pub is_hopeless: bool,
}

impl Trouble {
    /// Counts a failure after which the call is repeated.
    pub(super) fn failed(&mut self, failure: &AwsFailure) -> Verdict {
        let now = Instant::now();
        let waited = now - *self.since.get_or_insert(now);
        let attempt = self.attempts;
        self.attempts = self.attempts.saturating_add(1);
        let is_hopeless = if failure.cause == FailureCause::Throttled {
            self.throttles += 1;
            self.unanswered_since = None;
            false
        } else {
            now - *self.unanswered_since.get_or_insert(now) >= MAX_OUTAGE
        };
        let due = self.next_report.unwrap_or(QUIET);
        let report = (waited >= due).then_some(waited);
        if report.is_some() {
            self.next_report = Some(waited + waited.min(MAX_SILENCE));
        }
        Verdict { attempt, report, is_hopeless }
    }

    /// Ends the wait. Returns its length and whether the shard was throttled most of the time, if it was reported.
    pub(super) fn recovered(&mut self) -> Option<(Duration, bool)> {
        let ended = std::mem::take(self);
        ended.next_report?;
        Some((ended.since?.elapsed(), ended.throttles * 2 > ended.attempts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(cause: FailureCause) -> AwsFailure {
        AwsFailure {
            service: "Kinesis",
            operation: "GetRecords",
            resource: "stream s".into(),
            location: "here".into(),
            code: None,
            message: String::new(),
            cause,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn long_wait_is_reported_ever_more_rarely_and_once_when_it_ends() {
        let mut trouble = Trouble::default();
        let mut reports = Vec::new();
        for _ in 0..300 {
            let verdict = trouble.failed(&failure(FailureCause::Throttled));
            assert!(!verdict.is_hopeless, "a throttle ends");
            reports.extend(verdict.report.map(|waited| waited.as_secs()));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(reports, [3, 6, 12, 24, 48, 96, 156, 216, 276]);
        assert_eq!(trouble.recovered(), Some((Duration::from_secs(300), true)));
        assert_eq!(trouble.recovered(), None);
        trouble.failed(&failure(FailureCause::ServerError));
        assert_eq!(trouble.recovered(), None, "a short wait is not reported");
    }

    #[tokio::test(start_paused = true)]
    async fn service_that_does_not_answer_for_minutes_is_given_up() {
        let mut trouble = Trouble::default();
        let mut hopeless_after = None;
        for seconds in 0..400_u64 {
            // A throttle in between is an answer.
            let cause = if seconds == 60 { FailureCause::Throttled } else { FailureCause::Unreachable };
            if trouble.failed(&failure(cause)).is_hopeless {
                hopeless_after.get_or_insert(seconds);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(hopeless_after, Some(361));
    }
}
