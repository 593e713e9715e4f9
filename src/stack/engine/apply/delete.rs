//! Deletes a resource and waits until it is gone.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::StepError;
use crate::aws::wait::{self, Poll, WaitError};
use crate::aws::{AwsFailure, FailureCause};
use crate::error::Error;
use crate::stack::Session;
use crate::stack::engine::observed::{Observed, State};
use crate::stack::engine::resource::Resource;

/// Number of the longest poll pauses for which a resource may still be visible after it was seen being deleted: 4 s on
/// AWS.
const STALE_POLLS: u32 = 2;

/// The same for a resource that was not seen being deleted yet, although the service accepted the call: a minute on
/// AWS.
const POLLS_UNTIL_DELETING: u32 = 30;

/// Polls to confirm that a resource has another owner.
const CONFIRMATION_POLLS: usize = 3;

/// Deletes a resource and waits until it is gone. A missing resource counts as success.
pub(crate) async fn delete(session: &Session, resource: &dyn Resource, planned: &Observed) -> Result<(), StepError> {
    request_delete(session, resource, planned).await?;
    wait_until_deleted(session, resource, planned).await
}

/// Requests the deletion of a resource. A missing resource counts as success. If the resource has another owner than in
/// the plan, it is kept.
pub(crate) async fn request_delete(
    session: &Session,
    resource: &dyn Resource,
    planned: &Observed,
) -> Result<(), Error> {
    let mut found = session.observe(resource).await?;
    for _ in 0..CONFIRMATION_POLLS {
        if matches!(found.state, State::Missing | State::Deleting) {
            return Ok(());
        }
        if session.owner.of(&found) == session.owner.of(planned) {
            break;
        }
        // The resource may have been deleted between two calls, and its tags disappear first. Or the tags are not
        // visible yet.
        tokio::time::sleep(session.schedule.first).await;
        found = session.observe(resource).await?;
    }
    let ownership = session.owner.of(&found);
    if ownership != session.owner.of(planned) {
        let (kind, name) = (resource.kind(), resource.name());
        let why = format!("the {kind} `{name}` is no longer managed by this pipeline and is not deleted: {ownership}");
        return Err(Error::failed(why).hint("run the same command again to see what it would do now"));
    }
    match session.retry_transient(resource, || resource.delete(session, &found)).await {
        Err(failure) if failure.cause != FailureCause::Missing => Err(failure.into()),
        _ => Ok(()),
    }
}

/// Waits until the observed resource is gone. If another client recreates it between two polls, the wait ends, too, and
/// the caller has to check the new owner.
pub(crate) async fn wait_until_deleted(
    session: &Session,
    resource: &dyn Resource,
    before: &Observed,
) -> Result<(), StepError> {
    let going = Mutex::new(DeletionTracker::of(before));
    let outcome = wait::poll_until(
        session.schedule,
        || async {
            let found = match resource.observe(session).await {
                Err(failure) if session.is_retryable(&failure) => return Ok(Poll::Pending(failure.to_string())),
                found => found?,
            };
            if going.lock().is_over(&found, session.schedule.longest) {
                return Ok(Poll::Ready(()));
            }
            Ok::<_, AwsFailure>(Poll::Pending(match found.state {
                State::Missing | State::Deleting => "being deleted".to_owned(),
                State::Active => "not deleted yet".to_owned(),
                State::Changing(state) | State::Failed(state) => state,
            }))
        },
        |waited, said| session.report_waiting(resource, waited, said),
    )
    .await;
    match outcome {
        Ok(()) => Ok(()),
        Err(WaitError::Failed(failure)) => Err(failure.into()),
        Err(WaitError::TimedOut { waited, last }) => {
            let (kind, name) = (resource.kind(), resource.name());
            let waited = wait::waited_seconds(waited);
            let what = format!("the {kind} `{name}` is not deleted yet after {waited}: {last}");
            Err(Error::failed(what).hint("run the same command again to keep waiting").into())
        }
    }
}

/// A resource that is being deleted.
struct DeletionTracker {
    arn: Option<String>,
    /// True if it was seen being deleted.
    seen: bool,
    /// The time since when every poll saw it unchanged, as if no deletion had been requested.
    there_since: Option<Instant>,
}

impl DeletionTracker {
    fn of(before: &Observed) -> Self {
        DeletionTracker { arn: before.arn.clone(), seen: before.state == State::Deleting, there_since: None }
    }

    /// Returns whether the resource is gone, or replaced by another one of the same name. Reads may be stale: a visible
    /// resource is taken for the old one for a while, unless its ARN differs.
    fn is_over(&mut self, found: &Observed, longest_pause: Duration) -> bool {
        match found.state {
            State::Missing => return true,
            State::Deleting => {
                (self.seen, self.there_since) = (true, None);
                return false;
            }
            _ => {}
        }
        if self.arn.is_some() && found.arn.is_some() && self.arn != found.arn {
            return true;
        }
        let looks = if self.seen { STALE_POLLS } else { POLLS_UNTIL_DELETING };
        self.there_since.get_or_insert_with(Instant::now).elapsed() >= longest_pause * looks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(2);

    fn found(state: State, arn: &str) -> Observed {
        Observed { state, arn: Some(arn.to_owned()), ..Observed::missing() }
    }

    async fn looks_until_over(going: &mut DeletionTracker, found: &Observed) -> u32 {
        for look in 0..100 {
            if going.is_over(found, PAUSE) {
                return look;
            }
            tokio::time::advance(PAUSE).await;
        }
        panic!("it never ends");
    }

    #[tokio::test(start_paused = true)]
    async fn resource_recreated_between_two_polls_ends_the_wait() {
        let (deleting, active) = (found(State::Deleting, "a"), found(State::Active, "a"));
        // A stale read is not another resource.
        let mut going = DeletionTracker::of(&active);
        assert!(!going.is_over(&active, PAUSE) && !going.is_over(&deleting, PAUSE));
        assert!(!going.is_over(&active, PAUSE) && !going.is_over(&deleting, PAUSE));
        let creating = found(State::Changing("CREATING".into()), "a");
        assert_eq!(looks_until_over(&mut going, &creating).await, STALE_POLLS);
        assert_eq!(looks_until_over(&mut DeletionTracker::of(&deleting), &active).await, STALE_POLLS);
        assert_eq!(looks_until_over(&mut DeletionTracker::of(&active), &active).await, POLLS_UNTIL_DELETING);
        assert!(DeletionTracker::of(&active).is_over(&found(State::Active, "b"), PAUSE));
        assert!(DeletionTracker::of(&active).is_over(&Observed::missing(), PAUSE));
    }
}
