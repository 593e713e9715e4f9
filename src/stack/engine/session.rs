//! What resources need to reach the services: clients, whose they are, how long to wait, and whom to tell.

use std::sync::Arc;
use std::time::Duration;

use crate::aws::wait::{self, Poll, PollSchedule, WaitError};
use crate::aws::{AwsFailure, Clients, FailureCause};
use crate::stack::{Owner, RecentWrites, StackObserver};

/// After this long of waiting, what the service says is shown as a line of its own (docs/facts/retries.md, Role
/// propagation).
pub const QUIET_WAIT: Duration = Duration::from_secs(20);

/// How many of the longest pauses the tags of a new resource may take to be in force: a minute on AWS.
const LOOKS_UNTIL_TAGS_COUNT: u32 = 30;

/// How long a look is repeated: `plan` and `status` wait for nothing else.
const OBSERVE_TIMEOUT: Duration = Duration::from_secs(20);

/// The services, seen from the engine.
#[derive(Clone)]
pub struct Session {
    /// SDK clients.
    pub clients: Arc<Clients>,
    /// Whose resources may be touched.
    pub owner: Owner,
    /// How often to look at what is on its way, and for how long.
    pub schedule: PollSchedule,
    /// Whether consumers that others registered go with their stream.
    pub delete_consumers: bool,
    /// Hears what happens.
    pub observer: Arc<dyn StackObserver>,
    /// What this run wrote, which may not be seen everywhere yet.
    pub recent: Arc<RecentWrites>,
}

impl Session {
    /// The same of a call that is about no resource of the pipeline; `waiting` hears of every pause.
    ///
    /// # Errors
    /// The last failure, once it is one that does not pass or the time is up.
    pub async fn retry<T, Fut>(
        &self,
        mut call: impl FnMut() -> Fut,
        waiting: impl FnMut(Duration, &AwsFailure),
    ) -> Result<T, AwsFailure>
    where
        Fut: Future<Output = Result<T, AwsFailure>>,
    {
        let look = || {
            let call = call();
            async move {
                match call.await {
                    Ok(value) => Ok(Poll::Ready(value)),
                    Err(failure) if failure.is_transient() || self.is_tag_lag(&failure) => Ok(Poll::Pending(failure)),
                    Err(failure) if self.is_applying() && self.is_retryable(&failure) => Ok(Poll::Pending(failure)),
                    Err(failure) => Err(failure),
                }
            }
        };
        wait::poll_until(self.schedule, look, waiting).await.map_err(|error| match error {
            WaitError::Failed(failure) | WaitError::TimedOut { last: failure, .. } => failure,
        })
    }

    /// The same services, with one end of all waits: `--timeout` is of the command, and not of each of them.
    #[must_use]
    pub fn with_shared_deadline(&self) -> Session {
        Session { schedule: self.schedule.with_deadline_from_now(), ..self.clone() }
    }

    /// Whether the services were reached, and the plan is being carried out.
    fn is_applying(&self) -> bool {
        self.schedule.end.is_some()
    }

    /// Whether a call in the midst of the work may succeed soon. The service was reached before, so a network that is away
    /// comes back; a server of this machine that is away was ended.
    #[must_use]
    pub fn is_retryable(&self, failure: &AwsFailure) -> bool {
        failure.is_transient()
            || self.is_tag_lag(failure)
            || (failure.cause == FailureCause::Unreachable && !self.clients.is_loopback())
    }

    /// Whether a call was denied only because the tags of a resource of this run are not in force yet.
    fn is_tag_lag(&self, failure: &AwsFailure) -> bool {
        self.recent.may_be_tag_lag(failure, self.schedule.longest * LOOKS_UNTIL_TAGS_COUNT)
    }

    /// The same services, with the patience that a mere look deserves.
    #[must_use]
    pub fn read_only(&self) -> Session {
        let limit = self.schedule.limit.min(OBSERVE_TIMEOUT);
        Session { schedule: PollSchedule { limit, ..self.schedule }, ..self.clone() }
    }
}
