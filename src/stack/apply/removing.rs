//! Taking a resource away, and waiting until it is gone.

use super::Stopped;
use crate::aws::wait::{self, Look, WaitError};
use crate::aws::{Cause, Failure};
use crate::error::Error;
use crate::stack::Cloud;
use crate::stack::resource::{Found, Resource, State};

/// How often is looked again at what seems to have changed hands.
const SECOND_LOOKS: usize = 3;

/// Deletes a resource and waits until it is gone; absence is success.
pub(super) async fn remove(cloud: &Cloud, resource: &dyn Resource, planned: &Found) -> Result<(), Stopped> {
    let_go(cloud, resource, planned).await?;
    until_gone(cloud, resource).await
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

/// Waits until a resource is gone.
pub(super) async fn until_gone(cloud: &Cloud, resource: &dyn Resource) -> Result<(), Stopped> {
    let outcome = wait::until(
        cloud.schedule,
        || async {
            let found = match resource.observe(cloud).await {
                Err(failure) if cloud.may_pass(&failure) => return Ok(Look::NotYet(failure.to_string())),
                found => found?,
            };
            Ok::<_, Failure>(match found.state {
                State::Missing => Look::Ready(()),
                State::Deleting => Look::NotYet("being deleted".to_owned()),
                State::Active => Look::NotYet("still there".to_owned()),
                State::Changing(state) | State::Failed(state) => Look::NotYet(state),
            })
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
