//! Taking a resource away, and waiting until it is gone.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Stopped;
use crate::aws::wait::{self, Look, WaitError};
use crate::aws::{Cause, Failure};
use crate::error::Error;
use crate::stack::Cloud;
use crate::stack::resource::{Found, Resource, State};

/// How many of the longest pauses between looks something may be seen there that was seen being deleted: 4 s on AWS.
const LOOKS_AFTER_IT_WENT: u32 = 2;

/// The same of what was not seen being deleted yet, though the service took the call: a minute on AWS.
const LOOKS_UNTIL_IT_GOES: u32 = 30;

/// How often is looked again at what seems to have changed hands.
const SECOND_LOOKS: usize = 3;

/// Deletes a resource and waits until it is gone; absence is success.
pub(super) async fn remove(cloud: &Cloud, resource: &dyn Resource, planned: &Found) -> Result<(), Stopped> {
    let_go(cloud, resource, planned).await?;
    until_gone(cloud, resource, planned).await
}

/// Asks for a resource to be deleted; absence is success. Somebody may have made it theirs since the plan was shown: then
/// it stays.
pub(super) async fn let_go(cloud: &Cloud, resource: &dyn Resource, planned: &Found) -> Result<(), Error> {
    let mut found = cloud.look_at(resource).await?;
    for _ in 0..SECOND_LOOKS {
        if matches!(found.state, State::Missing | State::Deleting) {
            return Ok(());
        }
        if cloud.owner.of(&found) == cloud.owner.of(planned) {
            break;
        }
        // Between two calls of one look it may have been deleted; its tags are gone first then. Or they are not seen yet.
        tokio::time::sleep(cloud.schedule.first).await;
        found = cloud.look_at(resource).await?;
    }
    let ownership = cloud.owner.of(&found);
    if ownership != cloud.owner.of(planned) {
        let (kind, name) = (resource.kind(), resource.name());
        let why = format!("the {kind} `{name}` changed hands while this ran and is not deleted: {ownership}");
        return Err(Error::failed(why).hint("run the same command again to see what it would do now"));
    }
    match cloud.patiently(resource, || resource.delete(cloud, &found)).await {
        Err(failure) if failure.cause != Cause::Missing => Err(failure.into()),
        _ => Ok(()),
    }
}

/// Waits until what was found before is gone. Where somebody makes it anew in between two looks, that is over, too: whose
/// it is then, the caller finds out.
pub(super) async fn until_gone(cloud: &Cloud, resource: &dyn Resource, before: &Found) -> Result<(), Stopped> {
    let going = Mutex::new(Going::of(before));
    let outcome = wait::until(
        cloud.schedule,
        || async {
            let found = match resource.observe(cloud).await {
                Err(failure) if cloud.may_pass(&failure) => return Ok(Look::NotYet(failure.to_string())),
                found => found?,
            };
            if going.lock().unwrap_or_else(PoisonError::into_inner).is_over(&found, cloud.schedule.longest) {
                return Ok(Look::Ready(()));
            }
            Ok::<_, Failure>(Look::NotYet(match found.state {
                State::Missing | State::Deleting => "being deleted".to_owned(),
                State::Active => "still there".to_owned(),
                State::Changing(state) | State::Failed(state) => state,
            }))
        },
        |waited, said| cloud.waiting(resource, waited, said),
    )
    .await;
    match outcome {
        Ok(()) => Ok(()),
        Err(WaitError::Failed(failure)) => Err(failure.into()),
        Err(WaitError::TimedOut { waited, last }) => {
            let (kind, name) = (resource.kind(), resource.name());
            let what = format!("the {kind} `{name}` is not gone yet after {:.0} s: {last}", waited.as_secs_f64());
            Err(Error::failed(what).hint("run the same command again to go on waiting").into())
        }
    }
}

/// Something that is on its way out.
struct Going {
    arn: Option<String>,
    /// Whether it was seen being deleted.
    seen: bool,
    /// Since when every look saw it there as if nothing had been asked for.
    there_since: Option<Instant>,
}

impl Going {
    fn of(before: &Found) -> Self {
        Going { arn: before.arn.clone(), seen: before.state == State::Deleting, there_since: None }
    }

    /// Whether it is gone, and what is there now is another one of that name. Looks may lag behind: what is seen there is
    /// the old one for a while yet, unless its ARN tells.
    fn is_over(&mut self, found: &Found, longest_pause: Duration) -> bool {
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
        let looks = if self.seen { LOOKS_AFTER_IT_WENT } else { LOOKS_UNTIL_IT_GOES };
        self.there_since.get_or_insert_with(Instant::now).elapsed() >= longest_pause * looks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(2);

    fn found(state: State, arn: &str) -> Found {
        Found { state, arn: Some(arn.to_owned()), ..Found::missing() }
    }

    async fn looks_until_over(going: &mut Going, found: &Found) -> u32 {
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
        let mut going = Going::of(&active);
        assert!(!going.is_over(&active, PAUSE) && !going.is_over(&deleting, PAUSE));
        assert!(!going.is_over(&active, PAUSE) && !going.is_over(&deleting, PAUSE));
        let creating = found(State::Changing("CREATING".into()), "a");
        assert_eq!(looks_until_over(&mut going, &creating).await, LOOKS_AFTER_IT_WENT);
        assert_eq!(looks_until_over(&mut Going::of(&deleting), &active).await, LOOKS_AFTER_IT_WENT);
        assert_eq!(looks_until_over(&mut Going::of(&active), &active).await, LOOKS_UNTIL_IT_GOES);
        assert!(Going::of(&active).is_over(&found(State::Active, "b"), PAUSE));
        assert!(Going::of(&active).is_over(&Found::missing(), PAUSE));
    }
}
