//! Carries out a plan: every step as soon as what it waits for is done, side by side where nothing stands in between.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::resource::{self, Found, Resource, Settled, State};
use super::{Action, Cloud, Event, Kind, Ownership, Plan, References, Step};
use crate::aws::wait::{self, Look, WaitError};
use crate::aws::{Cause, Failure};
use crate::error::Error;

/// What became of a step.
#[derive(Clone, Debug)]
pub struct Done {
    /// The resource's ARN, once known.
    pub arn: Option<String>,
    /// How long the step took.
    pub took: Duration,
}

/// Carries out a plan. When a step fails, those under way are finished, no other is begun, and its error is returned.
///
/// # Errors
/// The first failure of a step.
pub async fn apply(
    cloud: &Cloud,
    resources: &[Box<dyn Resource>],
    plan: &Plan,
    references: &References,
) -> Result<BTreeMap<Kind, Done>, Error> {
    let mut waiting: Vec<(&Step, &dyn Resource)> =
        plan.steps.iter().zip(resources).map(|(step, resource)| (step, resource.as_ref())).collect();
    let mut running = FuturesUnordered::new();
    let mut done: BTreeMap<Kind, Done> = BTreeMap::new();
    let mut failed: Option<Error> = None;
    loop {
        if failed.is_none() {
            let finished: BTreeSet<Kind> = done.keys().copied().collect();
            waiting.retain(|(step, resource)| {
                let after = if plan.is_teardown { step.kind.deleted_after() } else { step.kind.made_after() };
                let ready = after.iter().all(|kind| finished.contains(kind));
                if ready {
                    running.push(perform(cloud, *resource, step, references));
                }
                !ready
            });
        }
        let Some((kind, result)) = running.next().await else { break };
        match result {
            Ok(outcome) => {
                done.insert(kind, outcome);
            }
            Err(error) => {
                references.give_up();
                failed.get_or_insert(error);
            }
        }
    }
    failed.map_or(Ok(done), Err)
}

async fn perform(
    cloud: &Cloud,
    resource: &dyn Resource,
    step: &Step,
    references: &References,
) -> (Kind, Result<Done, Error>) {
    let kind = step.kind;
    let began = Instant::now();
    if matches!(step.action, Action::None | Action::Keep) {
        return (kind, Ok(Done { arn: step.found.arn.clone(), took: Duration::ZERO }));
    }
    cloud.observer.on(&Event::Started { kind, name: step.name.clone(), action: step.action });
    let result = match step.action {
        Action::Delete => remove(cloud, resource, &step.found).await.map(|()| step.found.arn.clone()),
        Action::Replace => match remove(cloud, resource, &step.found).await {
            Ok(()) => make(cloud, resource, references).await.map(Some),
            Err(error) => Err(error),
        },
        Action::Create => begin_anew(cloud, resource, references, &step.found).await.map(Some),
        Action::Update => change(cloud, resource, references, step).await.map(Some),
        Action::None | Action::Keep => Ok(None),
    };
    cloud.observer.on(&if result.is_ok() { Event::Finished { kind } } else { Event::Failed { kind } });
    (kind, result.map(|arn| Done { arn, took: began.elapsed() }))
}

async fn begin_anew(
    cloud: &Cloud,
    resource: &dyn Resource,
    references: &References,
    found: &Found,
) -> Result<String, Error> {
    if found.state == State::Deleting {
        until_gone(cloud, resource).await?;
    }
    make(cloud, resource, references).await
}

/// How often a name that is taken when we create, yet free when we look, is tried again.
const CREATE_ATTEMPTS: u32 = 10;

/// Makes the resource and waits until it works. Finds what an earlier, killed run had made already.
async fn make(cloud: &Cloud, resource: &dyn Resource, references: &References) -> Result<String, Error> {
    let kind = resource.kind();
    let mut attempts = 1;
    loop {
        let taken = match cloud.patiently(kind, || resource.create(cloud, references)).await {
            Ok(arn) => {
                if let Some(arn) = arn {
                    references.tell(kind, &arn);
                }
                break;
            }
            Err(failure) if failure.cause == Cause::Exists && attempts < CREATE_ATTEMPTS => failure,
            Err(failure) => return Err(failure.into()),
        };
        attempts += 1;
        // By ourselves a moment ago (a lost answer, another `up`), by someone else, or by what is just going away.
        let found = cloud.look_at(resource).await?;
        match found.state {
            // Looks may lag behind: what is taken is seen a moment later.
            State::Missing => tokio::time::sleep(cloud.schedule.first * attempts).await,
            State::Deleting => until_gone(cloud, resource).await?,
            _ => {
                if let Ownership::Foreign(why) = cloud.owner.of(&found) {
                    return Err(Error::from(taken).hint(format!(
                        "the {kind} `{}` appeared while this ran, and {why}; sensorctl does not touch it",
                        resource.name()
                    )));
                }
                bring_in_line(cloud, resource, references, &found).await?;
                break;
            }
        }
    }
    until_it_works(cloud, resource, references).await
}

async fn change(cloud: &Cloud, resource: &dyn Resource, references: &References, step: &Step) -> Result<String, Error> {
    if step.found.state != State::Active {
        until_it_works(cloud, resource, references).await?;
    }
    bring_in_line(cloud, resource, references, &step.found).await?;
    until_it_works(cloud, resource, references).await
}

/// Compares again, because ARNs of others may be known only now, and updates what differs.
async fn bring_in_line(
    cloud: &Cloud,
    resource: &dyn Resource,
    references: &References,
    found: &Found,
) -> Result<(), Error> {
    let differences = resource::differences(&resource.wanted(references), &found.properties, resource.fixed());
    if differences.is_empty() {
        return Ok(());
    }
    let kind = resource.kind();
    cloud.patiently(kind, || resource.update(cloud, references, found, &differences)).await?;
    Ok(())
}

async fn until_it_works(cloud: &Cloud, resource: &dyn Resource, references: &References) -> Result<String, Error> {
    let kind = resource.kind();
    let outcome = wait::until(
        cloud.schedule,
        || async {
            match resource.settle(cloud).await {
                Ok(Settled::Works(arn)) => Ok(Look::Ready(arn)),
                Ok(Settled::NotYet(said)) => Ok(Look::NotYet(said)),
                // Right after a create call, the thing may not be seen everywhere.
                Err(failure) if failure.is_passing() || failure.cause == Cause::Missing => {
                    Ok(Look::NotYet(failure.to_string()))
                }
                Err(failure) => Err(failure),
            }
        },
        |waited, said| cloud.waiting(kind, waited, said),
    )
    .await;
    match outcome {
        Ok(arn) => {
            references.tell(kind, &arn);
            Ok(arn)
        }
        Err(WaitError::Failed(failure)) => Err(failure.into()),
        Err(WaitError::TimedOut { waited, last }) => Err(gave_up(resource, waited, "does not work yet", &last)
            .hint("run `sensorctl up` again to go on waiting, with a longer `--timeout` if need be")),
    }
}

async fn remove(cloud: &Cloud, resource: &dyn Resource, found: &Found) -> Result<(), Error> {
    let kind = resource.kind();
    match cloud.patiently(kind, || resource.delete(cloud, found)).await {
        Ok(()) => {}
        Err(failure) if failure.cause == Cause::Missing => return Ok(()),
        Err(failure) => return Err(failure.into()),
    }
    until_gone(cloud, resource).await
}

async fn until_gone(cloud: &Cloud, resource: &dyn Resource) -> Result<(), Error> {
    let kind = resource.kind();
    let outcome = wait::until(
        cloud.schedule,
        || async {
            Ok::<_, Failure>(match cloud.look_at(resource).await?.state {
                State::Missing => Look::Ready(()),
                State::Deleting => Look::NotYet("being deleted".to_owned()),
                State::Active => Look::NotYet("still there".to_owned()),
                State::Changing(state) | State::Failed(state) => Look::NotYet(state),
            })
        },
        |waited, said| cloud.waiting(kind, waited, said),
    )
    .await;
    match outcome {
        Ok(()) => Ok(()),
        Err(WaitError::Failed(failure)) => Err(failure.into()),
        Err(WaitError::TimedOut { waited, last }) => {
            Err(gave_up(resource, waited, "is not gone yet", &last).hint("run `sensorctl down` again to go on waiting"))
        }
    }
}

fn gave_up(resource: &dyn Resource, waited: Duration, what: &str, last: &str) -> Error {
    let (kind, name) = (resource.kind(), resource.name());
    Error::failed(format!("the {kind} `{name}` {what} after {:.0} s: {last}", waited.as_secs_f64()))
}
