//! Checks before a deletion: blockers, and unmanaged resources that would be deleted, too.

use futures::future;

use super::observed::State;
use super::resource::{DeletionBlocker, Resource};
use crate::error::Error;
use crate::stack::{Action, Kind, Plan, Session, Step};

/// Adds to the reasons of a plan the unmanaged resources that its deletions would delete, too.
///
/// # Errors
/// If they cannot be read.
pub(crate) async fn annotate_collateral(
    session: &Session,
    resources: &[&dyn Resource],
    plan: &mut Plan,
) -> Result<(), Error> {
    let look = session.read_only();
    let going = plan.steps.iter_mut().zip(resources).filter(|(step, _)| step.destroys());
    future::try_join_all(going.map(|(step, resource)| {
        let look = &look;
        async move {
            let along = look.retry_transient(*resource, || resource.collateral(look)).await?;
            if !along.is_empty() {
                step.reason = format!("{}; with what others added: {}", step.reason, along.join(", "));
            }
            Ok::<_, crate::aws::AwsFailure>(())
        }
    }))
    .await?;
    Ok(())
}

/// Checks that everything in the plan's deletions can be deleted.
///
/// # Errors
/// The blockers, and how to remove them.
pub(crate) async fn check_deletion_blockers(
    session: &Session,
    resources: &[&dyn Resource],
    plan: &Plan,
) -> Result<(), Error> {
    let look = session.read_only();
    // A resource that is being deleted already is only waited for. An unmanaged mapping finds the function that is
    // recreated with the same name.
    let goes = |step: &Step| step.action == Action::Delete || (step.destroys() && step.kind != Kind::Function);
    let going = plan.steps.iter().zip(resources).filter(|(step, _)| goes(step) && step.found.state != State::Deleting);
    let found = future::try_join_all(going.map(|(step, resource)| {
        let look = &look;
        async move {
            let obstacle = look.retry_transient(*resource, || resource.deletion_blocker(session, &step.found)).await?;
            Ok::<_, crate::aws::AwsFailure>(obstacle.map(|obstacle| (step, obstacle)))
        }
    }))
    .await?;
    let mut found = found.into_iter().flatten().peekable();
    if found.peek().is_none() {
        return Ok(());
    }
    let (mut said, mut ways, mut holds_data) = (Vec::new(), Vec::new(), false);
    for (step, DeletionBlocker { what, remedy: way }) in found {
        said.push(format!("the {} `{}` {what}", step.kind, step.name));
        ways.push(way);
        holds_data |= step.kind.is_table();
    }
    if holds_data && plan.is_teardown {
        ways.push("`sensorctl down --keep-data` keeps both tables and deletes the rest".to_owned());
    }
    Err(ways.into_iter().fold(Error::failed(said.join("; ")), Error::hint))
}
