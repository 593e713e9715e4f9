//! Making a resource or changing it, and waiting until it works.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Stopped;
use super::delete::until_gone;
use crate::aws::wait::{self, Look, WaitError};
use crate::aws::{Cause, Failure};
use crate::error::Error;
use crate::stack::resource::{self, Difference, Found, Never, Resource, Settled, State};
use crate::stack::{Cloud, Kind, Ownership, References, Step};

/// How often a name that is taken when we create, yet free when we look, is tried again.
const CREATE_ATTEMPTS: u32 = 10;

/// How many of the longest pauses between looks something may be out of sight that was seen before: 20 s on AWS.
const LOOKS_OUT_OF_SIGHT: u32 = 10;

/// How many of the longest pauses IAM may show a role as it was before this run wrote it: 20 s on AWS, where replicas
/// answer in turn (the Terraform provider for AWS wants repeated hits for the same reason).
const LOOKS_AT_OLD_DOCUMENTS: u32 = 10;

/// One resource that is being made or changed.
pub(super) struct Making<'a> {
    pub cloud: &'a Cloud,
    pub resource: &'a dyn Resource,
    pub references: &'a References,
    /// Whether to wait until it works.
    pub waits: bool,
    /// Whether it was there by the time it was to be created.
    pub was_there: AtomicBool,
}

/// Why a call is not repeated any more.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Failure(Failure),
    #[error("{}", .1.why)]
    Never(Failure, Never),
}

impl<'a> Making<'a> {
    pub fn new(cloud: &'a Cloud, resource: &'a dyn Resource, references: &'a References, waits: bool) -> Self {
        Making { cloud, resource, references, waits, was_there: AtomicBool::new(false) }
    }
}

impl Making<'_> {
    /// Makes it where there is nothing, or where there will be once the one before is gone.
    pub async fn anew(&self, found: &Found) -> Result<String, Stopped> {
        match found.state {
            State::Deleting => self.anew_once_gone(found).await,
            _ => self.make().await,
        }
    }

    /// Makes it where one is on its way out.
    pub async fn anew_once_gone(&self, before: &Found) -> Result<String, Stopped> {
        until_gone(self.cloud, self.resource, before).await?;
        self.make().await
    }

    /// Makes the resource and waits until it works. Finds what an earlier, killed run had made already.
    pub async fn make(&self) -> Result<String, Stopped> {
        let Making { cloud, resource, references, .. } = *self;
        let mut attempts = 1;
        loop {
            let taken = match self.persist(|| resource.create(cloud, references)).await {
                Ok(arn) => {
                    if let Some(arn) = arn {
                        references.tell(resource.kind(), &arn);
                    }
                    break;
                }
                Err(Refusal::Failure(failure)) if failure.cause == Cause::Exists && attempts < CREATE_ATTEMPTS => {
                    failure
                }
                Err(refusal) => return Err(refusal.into()),
            };
            attempts += 1;
            // By ourselves a moment ago (a lost answer, another `up`), by someone else, or by what is just going away.
            let found = cloud.look_at(resource).await?;
            match found.state {
                // Looks may lag behind: what is taken is seen a moment later.
                State::Missing => tokio::time::sleep(cloud.schedule.first * attempts).await,
                State::Deleting => until_gone(cloud, resource, &found).await?,
                _ => {
                    let ownership = cloud.owner.of(&found);
                    self.was_there.store(true, Ordering::Relaxed);
                    if ownership.is_ours() {
                        self.bring_in_line(&found, None).await?;
                    } else if !(resource.kind() == Kind::LogGroup && ownership == Ownership::Foreign) {
                        let (kind, name) = (resource.kind(), resource.name());
                        return Err(Error::from(taken)
                            .hint(format!(
                                "the {kind} `{name}` appeared while this ran, and {ownership}; sensorctl does not touch it"
                            ))
                            .into());
                    }
                    break;
                }
            }
        }
        self.until_it_works().await
    }

    /// Changes it in place.
    pub async fn change(&self, step: &Step) -> Result<String, Stopped> {
        let found = if matches!(step.found.state, State::Changing(_)) {
            let found = self.until_at_rest().await?;
            if matches!(found.state, State::Missing | State::Deleting) {
                return self.anew(&found).await;
            }
            found
        } else {
            step.found.clone()
        };
        if step.adopts {
            self.tag(&found, self.cloud.owner.adoption()).await?;
        }
        self.bring_in_line(&found, Some(&step.differences)).await?;
        self.until_it_works().await
    }

    /// Compares again, because ARNs of others may be known only now, and updates what differs. What loses data must be
    /// among what was planned, and so was agreed to; what was made while this ran has nothing to lose yet.
    pub async fn bring_in_line(&self, found: &Found, planned: Option<&[Difference]>) -> Result<(), Stopped> {
        let Making { cloud, resource, references, .. } = *self;
        if cloud.owner.difference(&found.tags).is_some() {
            self.tag(found, cloud.owner.lacking(&found.tags)).await?;
        }
        let differences = resource::differences(resource, references, found);
        if differences.is_empty() {
            return Ok(());
        }
        if let Some(fixed) = differences.iter().find(|difference| difference.replaces) {
            let (kind, name) = (resource.kind(), resource.name());
            return Err(Error::failed(format!(
                "the {kind} `{name}` appeared while this ran, with another {}: {}",
                fixed.property, fixed.found
            ))
            .hint("`sensorctl plan` shows what it takes now")
            .into());
        }
        let is_planned =
            |loss: &Difference| planned.is_none_or(|all| all.iter().any(|it| it.property == loss.property));
        if let Some(loss) = differences.iter().find(|difference| difference.loses_data && !is_planned(difference)) {
            let (kind, name, property) = (resource.kind(), resource.name(), loss.property);
            let (found, wanted) = (&loss.found, &loss.wanted);
            return Err(Error::failed(format!(
                "the {kind} `{name}` was changed while this ran: {property} is {found} now, and to make it {wanted} loses data"
            ))
            .hint("run the same command again: it asks about that first")
            .into());
        }
        self.persist(|| resource.update(cloud, references, found, &differences)).await?;
        Ok(())
    }

    async fn tag(&self, found: &Found, tags: resource::Tags) -> Result<(), Stopped> {
        let Making { cloud, resource, .. } = *self;
        cloud.patiently(resource, || resource.tag(cloud, found, tags.clone())).await?;
        Ok(())
    }

    /// Repeats a call while its failure passes, and ends where it can be seen that it never will.
    async fn persist<T, Fut>(&self, mut call: impl FnMut() -> Fut) -> Result<T, Refusal>
    where
        Fut: Future<Output = Result<T, Failure>>,
    {
        let Making { cloud, resource, references, .. } = *self;
        let suspicion: Mutex<Suspicion> = Mutex::default();
        let is_certain = |never| {
            let mut suspicion = suspicion.lock().unwrap_or_else(PoisonError::into_inner);
            suspicion.certain(never, cloud.schedule.longest)
        };
        let outcome = wait::until(
            cloud.schedule,
            || {
                let call = call();
                async {
                    match call.await {
                        Ok(value) => Ok(Look::Ready(value)),
                        Err(failure) if failure.cause == Cause::Propagating => {
                            match is_certain(resource.never(cloud, references, &failure).await) {
                                Some(never) => Err(Refusal::Never(failure, never)),
                                None => Ok(Look::NotYet(failure)),
                            }
                        }
                        Err(failure) if cloud.may_pass(&failure) => Ok(Look::NotYet(failure)),
                        Err(failure) => Err(Refusal::Failure(failure)),
                    }
                }
            },
            |waited, failure| cloud.waiting(resource, waited, failure),
        )
        .await;
        outcome.map_err(|error| match error {
            WaitError::Failed(refusal) => refusal,
            WaitError::TimedOut { last: failure, .. } => Refusal::Failure(failure),
        })
    }

    /// Waits until what is on its way to another state has come there, and tells what it is like then.
    async fn until_at_rest(&self) -> Result<Found, Stopped> {
        let outcome = wait::until(
            self.cloud.schedule,
            || async {
                let found = match self.resource.observe(self.cloud).await {
                    Err(failure) if self.cloud.may_pass(&failure) => return Ok(Look::NotYet(failure.to_string())),
                    found => found?,
                };
                Ok::<_, Stopped>(match &found.state {
                    State::Changing(state) => Look::NotYet(state.clone()),
                    _ => Look::Ready(found),
                })
            },
            |waited, said| self.cloud.waiting(self.resource, waited, said),
        )
        .await;
        outcome.map_err(|error| self.not_working(error))
    }

    pub async fn until_it_works(&self) -> Result<String, Stopped> {
        let Making { cloud, resource, references, waits, .. } = *self;
        let kind = resource.kind();
        let out_of_sight: Mutex<OutOfSight> = Mutex::default();
        let outcome = wait::until(
            cloud.schedule,
            || async {
                let settled = match resource.settle(cloud).await {
                    // Right after a create call, the thing may not be seen everywhere.
                    Err(failure) if failure.cause == Cause::Missing => Settled::Unseen,
                    Err(failure) if cloud.may_pass(&failure) => return Ok(Look::NotYet(failure.to_string())),
                    Err(failure) => return Err(Stopped::from(failure)),
                    Ok(settled) => settled,
                };
                let mut out_of_sight = out_of_sight.lock().unwrap_or_else(PoisonError::into_inner);
                if out_of_sight.is_lost(&settled, cloud.schedule.longest * LOOKS_OUT_OF_SIGHT) {
                    let name = resource.name();
                    let why = format!("the {kind} `{name}` was there, and somebody deleted it while this ran");
                    return Err(Error::failed(why).hint("`sensorctl up` makes it anew").into());
                }
                Ok(match settled {
                    Settled::Works(arn) => Look::Ready(arn),
                    Settled::Underway(arn, _) if !waits => Look::Ready(arn),
                    Settled::Underway(arn, said) => {
                        references.tell(kind, &arn);
                        Look::NotYet(said)
                    }
                    Settled::NotYet(said) => Look::NotYet(said),
                    Settled::Unseen => Look::NotYet("not to be seen yet".to_owned()),
                })
            },
            |waited, said| cloud.waiting(resource, waited, said),
        )
        .await;
        let arn = outcome.map_err(|error| self.not_working(error))?;
        references.tell(kind, &arn);
        Ok(arn)
    }

    fn not_working(&self, error: WaitError<Stopped, String>) -> Stopped {
        match error {
            WaitError::Failed(stopped) => stopped,
            WaitError::TimedOut { waited, last } => {
                let (kind, name) = (self.resource.kind(), self.resource.name());
                let waited = waited.as_secs_f64();
                Error::failed(format!("the {kind} `{name}` does not work yet after {waited:.0} s: {last}"))
                    .hint(
                        "the service goes on with it meanwhile (a large reshard may take hours): run `sensorctl up` again to \
                         go on waiting, with a longer `--timeout` if need be",
                    )
                    .into()
            }
        }
    }
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Failure(failure) => failure.into(),
            Refusal::Never(failure, Never { why, way, .. }) => Error::failed(why).caused_by(failure).hint(way).into(),
        }
    }
}

/// A verdict that a call can never succeed. What it was read from may be old: only what is seen again a while later is
/// certain.
#[derive(Default)]
struct Suspicion(Option<(Never, Instant)>);

impl Suspicion {
    /// Returns the verdict once every look has come to it for long enough.
    fn certain(&mut self, never: Option<Never>, longest_pause: Duration) -> Option<Never> {
        match (never, &self.0) {
            (Some(never), Some((before, since))) if never == *before => {
                let looks = if never.is_fresh { LOOKS_AT_OLD_DOCUMENTS } else { 1 };
                (since.elapsed() >= longest_pause * looks).then_some(never)
            }
            (never, _) => {
                self.0 = never.map(|never| (never, Instant::now()));
                None
            }
        }
    }
}

/// Something that was seen, and is not seen any more.
#[derive(Default)]
struct OutOfSight {
    seen: bool,
    since: Option<Instant>,
}

impl OutOfSight {
    fn is_lost(&mut self, settled: &Settled, after: Duration) -> bool {
        if !matches!(settled, Settled::Unseen) {
            *self = OutOfSight { seen: true, since: None };
            return false;
        }
        self.seen && self.since.get_or_insert_with(Instant::now).elapsed() >= after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn verdict_on_what_this_run_wrote_takes_twenty_seconds_of_the_same_answer() {
        let old = Never::new("lacks a statement", "add it");
        let fresh = Never { is_fresh: true, ..old.clone() };
        for (never, least) in [(old, PAUSE), (fresh.clone(), Duration::from_secs(20))] {
            let mut suspicion = Suspicion::default();
            let began = Instant::now();
            while suspicion.certain(Some(never.clone()), PAUSE).is_none() {
                tokio::time::advance(PAUSE).await;
            }
            assert_eq!(began.elapsed(), least);
        }
        // Another replica shows the new document in between: it begins again.
        let mut suspicion = Suspicion::default();
        assert_eq!(suspicion.certain(Some(fresh.clone()), PAUSE), None);
        tokio::time::advance(PAUSE * 9).await;
        assert_eq!(suspicion.certain(None, PAUSE), None);
        assert_eq!(suspicion.certain(Some(fresh.clone()), PAUSE), None);
        tokio::time::advance(PAUSE * 9).await;
        assert_eq!(suspicion.certain(Some(fresh), PAUSE), None);
    }
}
