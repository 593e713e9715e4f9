//! Taking a resource away, and waiting until it is gone.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::StepError;
use crate::aws::wait::{self, Poll, WaitError};
use crate::aws::{AwsFailure, FailureCause};
use crate::error::Error;
use crate::stack::Session;
use crate::stack::engine::observed::{Observed, State};
use crate::stack::engine::resource::Resource;

/// How many of the longest pauses between looks something may be seen there that was seen being deleted: 4 s on AWS.
const STALE_POLLS: u32 = 2;

/// The same of what was not seen being deleted yet, though the service took the call: a minute on AWS.
const POLLS_UNTIL_DELETING: u32 = 30;

/// How often is looked again at what seems to have changed hands.
const CONFIRMATION_POLLS: usize = 3;

/// Deletes a resource and waits until it is gone; absence is success.
pub(crate) async fn delete(session: &Session, resource: &dyn Resource, planned: &Observed) -> Result<(), StepError> {
    request_delete(session, resource, planned).await?;
    wait_until_deleted(session, resource, planned).await
}

/// Asks for a resource to be deleted; absence is success. Somebody may have made it theirs since the plan was shown: then
/// it stays.
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
        // Between two calls of one look it may have been deleted; its tags are gone first then. Or they are not seen yet.
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

/// Waits until what was found before is gone. Where somebody makes it anew in between two looks, that is over, too: whose
/// it is then, the caller finds out.
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
            if going.lock().unwrap_or_else(PoisonError::into_inner).is_over(&found, session.schedule.longest) {
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
            let what = format!("the {kind} `{name}` is not deleted yet after {:.0} s: {last}", waited.as_secs_f64());
            Err(Error::failed(what).hint("run the same command again to keep waiting").into())
        }
    }
}

/// Something that is on its way out.
struct DeletionTracker {
    arn: Option<String>,
    /// Whether it was seen being deleted.
    seen: bool,
    /// Since when every look saw it there as if nothing had been asked for.
    there_since: Option<Instant>,
}

impl DeletionTracker {
    fn of(before: &Observed) -> Self {
        DeletionTracker { arn: before.arn.clone(), seen: before.state == State::Deleting, there_since: None }
    }

    /// Whether it is gone, and what is there now is another one of that name. Looks may lag behind: what is seen there is
    /// the old one for a while yet, unless its ARN tells.
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
    async fn what_somebody_makes_anew_between_two_looks_is_not_waited_for() {
        let (deleting, active) = (found(State::Deleting, "a"), found(State::Active, "a"));
        // A look that lags behind is none of another thing.
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
