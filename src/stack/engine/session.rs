//! The context of calls to the services: clients, owner, timeouts and observer.

use std::sync::Arc;
use std::time::Duration;

use super::stage_tags::StageTags;
use crate::aws::wait::PollSchedule;
use crate::aws::{self, AwsFailure, Clients, FailureCause};
use crate::stack::{Owner, RecentWrites, StackObserver};

/// Waiting time after which the service's state is shown on its own line (docs/facts/retries.md, Role propagation).
pub(crate) const QUIET_WAIT: Duration = Duration::from_secs(20);

/// Number of the longest poll pauses until the tags of a new resource are effective: a minute on AWS.
const LOOKS_UNTIL_TAGS_COUNT: u32 = 30;

/// Time limit of retries of a read: `plan` and `status` wait for nothing else.
const OBSERVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Properties of tables that take a call each and do not show whether the pipeline works.
pub(crate) const NOT_READ_QUICKLY: [&str; 2] = ["point_in_time_recovery", "ttl_attribute"];

/// The engine's connection to the services.
#[derive(Clone)]
pub(crate) struct Session {
    /// SDK clients.
    pub clients: Arc<Clients>,
    /// The owner whose resources may be changed.
    pub owner: Owner,
    /// The pauses and the time limit of polls.
    pub schedule: PollSchedule,
    /// True to delete unmanaged consumers with their stream.
    pub delete_consumers: bool,
    /// Receives events.
    pub observer: Arc<StackObserver>,
    /// Recent writes of this run, which may not be visible everywhere yet.
    pub recent: Arc<RecentWrites>,
    /// Set if only what shows health is read, with as few calls as possible: not the settings in [`NOT_READ_QUICKLY`],
    /// and the tags of all resources at once.
    pub quick: Option<Arc<StageTags>>,
}

impl Session {
    /// Retries a call that is not about a resource of the pipeline. `waiting` is called before every pause.
    ///
    /// # Errors
    /// The last failure, once it is permanent or the deadline has passed.
    pub(crate) async fn retry<T, Fut>(
        &self,
        call: impl FnMut() -> Fut,
        waiting: impl FnMut(Duration, &AwsFailure),
    ) -> Result<T, AwsFailure>
    where
        Fut: Future<Output = Result<T, AwsFailure>>,
    {
        let is_retryable = |failure: &AwsFailure| {
            failure.is_transient() || self.is_tag_lag(failure) || (self.is_applying() && self.is_retryable(failure))
        };
        aws::retry_while(self.schedule, call, is_retryable, waiting).await
    }

    /// Returns the same session with one deadline of all waits: `--timeout` applies to the command, not to each wait.
    #[must_use]
    pub(crate) fn with_shared_deadline(&self) -> Session {
        Session { schedule: self.schedule.with_deadline_from_now(), ..self.clone() }
    }

    /// Returns whether the services were reached and the plan is being applied.
    fn is_applying(&self) -> bool {
        self.schedule.end.is_some()
    }

    /// Returns whether a call during the work may succeed soon. The service was reached before, so an unreachable
    /// network is transient. An unreachable server on this machine was stopped.
    #[must_use]
    pub(crate) fn is_retryable(&self, failure: &AwsFailure) -> bool {
        failure.is_transient()
            || self.is_tag_lag(failure)
            || (failure.cause == FailureCause::Unreachable && !self.clients.is_loopback())
    }

    /// Returns whether a call was denied only because the tags of a resource of this run are not effective yet.
    fn is_tag_lag(&self, failure: &AwsFailure) -> bool {
        self.recent.may_be_tag_lag(failure, self.schedule.longest * LOOKS_UNTIL_TAGS_COUNT)
    }

    /// Returns the same session with the timeout of a read.
    #[must_use]
    pub(crate) fn read_only(&self) -> Session {
        let limit = self.schedule.limit.min(OBSERVE_TIMEOUT);
        Session { schedule: PollSchedule { limit, ..self.schedule }, ..self.clone() }
    }
}
