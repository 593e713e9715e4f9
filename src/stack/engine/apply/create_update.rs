//! Creates or updates a resource and waits until it is ready.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::StepError;
use super::delete::wait_until_deleted;
use crate::aws::wait::{self, Poll, WaitError};
use crate::aws::{AwsFailure, FailureCause};
use crate::error::Error;
use crate::stack::engine::difference::Difference;
use crate::stack::engine::observed::Tags;
use crate::stack::engine::observed::{Observed, State};
use crate::stack::engine::resource;
use crate::stack::engine::resource::{PermanentFailure, Readiness, Resource};
use crate::stack::{ArnRegistry, Kind, Ownership, Session, Step};

/// Maximum attempts to create a resource with a name that is taken for `create`, yet free for `observe`.
const CREATE_ATTEMPTS: u32 = 10;

/// Number of the longest poll pauses for which a resource that was seen before may be invisible: 20 s on AWS.
const POLLS_UNTIL_DISAPPEARED: u32 = 10;

/// Number of the longest poll pauses for which IAM may show a role as it was before this run changed it: 20 s on AWS,
/// where replicas take turns to respond (the Terraform provider for AWS requires repeated hits for the same reason).
const LOOKS_AT_OLD_DOCUMENTS: u32 = 10;

/// A resource that is being created or updated.
pub(crate) struct Provisioner<'a> {
    pub session: &'a Session,
    pub resource: &'a dyn Resource,
    pub references: &'a ArnRegistry,
    /// True to wait until the resource is ready.
    pub waits: bool,
    /// True if the resource already existed when it was to be created.
    pub was_there: AtomicBool,
}

/// The reason why a call is not retried any more.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error(transparent)]
    Failure(AwsFailure),
    #[error("{}", .1.reason)]
    Permanent(AwsFailure, PermanentFailure),
}

impl<'a> Provisioner<'a> {
    pub(super) fn new(
        session: &'a Session,
        resource: &'a dyn Resource,
        references: &'a ArnRegistry,
        waits: bool,
    ) -> Self {
        Provisioner { session, resource, references, waits, was_there: AtomicBool::new(false) }
    }
}

impl Provisioner<'_> {
    /// Creates the resource if it does not exist, or once the old one is deleted.
    pub(super) async fn create(&self, found: &Observed) -> Result<String, StepError> {
        match found.state {
            State::Deleting => self.recreate_after_deletion(found).await,
            _ => self.create_and_wait().await,
        }
    }

    /// Creates the resource after the old one, which is being deleted.
    pub(super) async fn recreate_after_deletion(&self, before: &Observed) -> Result<String, StepError> {
        wait_until_deleted(self.session, self.resource, before).await?;
        self.create_and_wait().await
    }

    /// Creates the resource and waits until it is ready. Accepts a resource that an earlier, killed run created.
    pub(super) async fn create_and_wait(&self) -> Result<String, StepError> {
        let Provisioner { session, resource, references, .. } = *self;
        let mut attempts = 1;
        loop {
            let taken = match self.retry_until_permanent(|| resource.create(session, references)).await {
                Ok(arn) => {
                    if let Some(arn) = arn {
                        references.publish(resource.kind(), &arn);
                    }
                    break;
                }
                Err(CallError::Failure(failure))
                    if failure.cause == FailureCause::Exists && attempts < CREATE_ATTEMPTS =>
                {
                    failure
                }
                Err(refusal) => return Err(refusal.into()),
            };
            attempts += 1;
            // Created by this run just before (a lost response), by another `up`, by another client, or not deleted
            // yet.
            let found = session.observe(resource).await?;
            match found.state {
                // Reads may be stale: an existing resource becomes visible a moment later.
                State::Missing => tokio::time::sleep(session.schedule.first * attempts).await,
                State::Deleting => wait_until_deleted(session, resource, &found).await?,
                _ => {
                    let ownership = session.owner.of(&found);
                    self.was_there.store(true, Ordering::Relaxed);
                    if ownership.is_ours() {
                        self.reconcile(&found, None).await?;
                    } else if !(resource.kind() == Kind::LogGroup && ownership == Ownership::Foreign) {
                        let (kind, name) = (resource.kind(), resource.name());
                        return Err(Error::from(taken)
                            .hint(format!(
                                "another run created the {kind} `{name}` meanwhile: {ownership}; sensorctl does not touch it"
                            ))
                            .into());
                    }
                    break;
                }
            }
        }
        self.wait_until_ready().await
    }

    /// Updates the resource in place.
    pub(super) async fn update(&self, step: &Step) -> Result<String, StepError> {
        let found = if matches!(step.found.state, State::Changing(_)) {
            let found = self.wait_until_stable().await?;
            if matches!(found.state, State::Missing | State::Deleting) {
                return self.create(&found).await;
            }
            found
        } else {
            step.found.clone()
        };
        if step.adopts {
            self.tag(&found, self.session.owner.adoption_tags()).await?;
        }
        self.reconcile(&found, Some(&step.differences)).await?;
        self.wait_until_ready().await
    }

    /// Compares again, because other ARNs may be known only now, and updates the differences. A change that loses data
    /// must be in `planned`, to which the user consented. A resource that was created during this run has no data to
    /// lose.
    pub(super) async fn reconcile(&self, found: &Observed, planned: Option<&[Difference]>) -> Result<(), StepError> {
        let Provisioner { session, resource, references, .. } = *self;
        if session.owner.difference(&found.tags).is_some() {
            self.tag(found, session.owner.missing_tags(&found.tags)).await?;
        }
        let differences = resource::differences(resource, references, found);
        if differences.is_empty() {
            return Ok(());
        }
        if let Some(fixed) = differences.iter().find(|difference| difference.replaces) {
            let (kind, name) = (resource.kind(), resource.name());
            return Err(Error::failed(format!(
                "another run created the {kind} `{name}` meanwhile, with another {}: {}",
                fixed.property, fixed.found
            ))
            .hint("`sensorctl plan` shows what would change now")
            .into());
        }
        let is_planned =
            |loss: &Difference| planned.is_none_or(|all| all.iter().any(|it| it.property == loss.property));
        if let Some(loss) = differences.iter().find(|difference| difference.loses_data && !is_planned(difference)) {
            let (kind, name, property) = (resource.kind(), resource.name(), loss.property);
            let (found, wanted) = (&loss.found, &loss.desired);
            return Err(Error::failed(format!(
                "another run changed the {kind} `{name}` meanwhile: {property} is {found} now, and changing it to {wanted} can delete data"
            ))
            .hint("run the same command again: it asks first")
            .into());
        }
        self.retry_until_permanent(|| resource.update(session, references, found, &differences)).await?;
        Ok(())
    }

    async fn tag(&self, found: &Observed, tags: Tags) -> Result<(), StepError> {
        let Provisioner { session, resource, .. } = *self;
        session.retry_transient(resource, || resource.tag(session, found, tags.clone())).await?;
        Ok(())
    }

    /// Retries a call after transient failures, and stops when the failure is known to be permanent.
    async fn retry_until_permanent<T, Fut>(&self, mut call: impl FnMut() -> Fut) -> Result<T, CallError>
    where
        Fut: Future<Output = Result<T, AwsFailure>>,
    {
        let Provisioner { session, resource, references, .. } = *self;
        let suspicion: Mutex<Suspicion> = Mutex::default();
        let is_certain = |never| {
            let mut suspicion = suspicion.lock();
            suspicion.certain(never, session.schedule.longest)
        };
        let outcome = wait::poll_until(
            session.schedule,
            || {
                let call = call();
                async {
                    match call.await {
                        Ok(value) => Ok(Poll::Ready(value)),
                        Err(failure) if failure.cause == FailureCause::Propagating => {
                            match is_certain(resource.permanent_failure(session, references, &failure).await) {
                                Some(never) => Err(CallError::Permanent(failure, never)),
                                None => Ok(Poll::Pending(failure)),
                            }
                        }
                        Err(failure) if session.is_retryable(&failure) => Ok(Poll::Pending(failure)),
                        Err(failure) => Err(CallError::Failure(failure)),
                    }
                }
            },
            |waited, failure| session.report_waiting(resource, waited, failure),
        )
        .await;
        outcome.map_err(|error| match error {
            WaitError::Failed(refusal) => refusal,
            WaitError::TimedOut { last: failure, .. } => CallError::Failure(failure),
        })
    }

    /// Waits until a resource in transition has reached a stable state, and returns that state.
    async fn wait_until_stable(&self) -> Result<Observed, StepError> {
        let outcome = wait::poll_until(
            self.session.schedule,
            || async {
                let found = match self.resource.observe(self.session).await {
                    Err(failure) if self.session.is_retryable(&failure) => {
                        return Ok(Poll::Pending(failure.to_string()));
                    }
                    found => found?,
                };
                Ok::<_, StepError>(match &found.state {
                    State::Changing(state) => Poll::Pending(state.clone()),
                    _ => Poll::Ready(found),
                })
            },
            |waited, said| self.session.report_waiting(self.resource, waited, said),
        )
        .await;
        outcome.map_err(|error| self.wait_failure(error))
    }

    pub(super) async fn wait_until_ready(&self) -> Result<String, StepError> {
        let Provisioner { session, resource, references, waits, .. } = *self;
        let kind = resource.kind();
        let out_of_sight: Mutex<DisappearanceDetector> = Mutex::default();
        let outcome = wait::poll_until(
            session.schedule,
            || async {
                let settled = match resource.poll_ready(session).await {
                    // Right after its creation, the resource may not be visible everywhere.
                    Err(failure) if failure.cause == FailureCause::Missing => Readiness::NotVisible,
                    Err(failure) if session.is_retryable(&failure) => return Ok(Poll::Pending(failure.to_string())),
                    Err(failure) => return Err(StepError::from(failure)),
                    Ok(settled) => settled,
                };
                let mut out_of_sight = out_of_sight.lock();
                if out_of_sight.is_lost(&settled, session.schedule.longest * POLLS_UNTIL_DISAPPEARED) {
                    let name = resource.name();
                    let why = format!("another run deleted the {kind} `{name}` meanwhile");
                    return Err(Error::failed(why).hint("run `sensorctl up` again: it creates what is missing").into());
                }
                Ok(match settled {
                    Readiness::Ready(arn) => Poll::Ready(arn),
                    Readiness::InProgress(arn, _) if !waits => Poll::Ready(arn),
                    Readiness::InProgress(arn, said) => {
                        references.publish(kind, &arn);
                        Poll::Pending(said)
                    }
                    Readiness::NotYet(said) => Poll::Pending(said),
                    Readiness::NotVisible => Poll::Pending("not visible yet".to_owned()),
                })
            },
            |waited, said| session.report_waiting(resource, waited, said),
        )
        .await;
        let arn = outcome.map_err(|error| self.wait_failure(error))?;
        references.publish(kind, &arn);
        Ok(arn)
    }

    fn wait_failure(&self, error: WaitError<StepError, String>) -> StepError {
        match error {
            WaitError::Failed(stopped) => stopped,
            WaitError::TimedOut { waited, last } => {
                let (kind, name) = (self.resource.kind(), self.resource.name());
                let waited = wait::waited_seconds(waited);
                Error::failed(format!("the {kind} `{name}` does not work yet after {waited}: {last}"))
                    .hint(
                        "the service continues meanwhile (a large reshard may take hours): run `sensorctl up` again to keep \
                         waiting, with a longer `--timeout` if needed",
                    )
                    .into()
            }
        }
    }
}

impl From<CallError> for StepError {
    fn from(refusal: CallError) -> Self {
        match refusal {
            CallError::Failure(failure) => failure.into(),
            CallError::Permanent(failure, PermanentFailure { reason: why, way, .. }) => {
                Error::failed(why).with_source(failure).hint(way).into()
            }
        }
    }
}

/// A suspected permanent failure. It may be based on a stale read: only a failure that is observed again some time
/// later is certain.
#[derive(Default)]
struct Suspicion(Option<(PermanentFailure, Instant)>);

impl Suspicion {
    /// Returns the failure once every poll has confirmed it for long enough.
    fn certain(&mut self, never: Option<PermanentFailure>, longest_pause: Duration) -> Option<PermanentFailure> {
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

/// A resource that was visible and is not any more.
#[derive(Default)]
struct DisappearanceDetector {
    seen: bool,
    since: Option<Instant>,
}

impl DisappearanceDetector {
    fn is_lost(&mut self, settled: &Readiness, after: Duration) -> bool {
        if !matches!(settled, Readiness::NotVisible) {
            *self = DisappearanceDetector { seen: true, since: None };
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
    async fn suspicion_of_recent_write_is_certain_after_twenty_seconds() {
        let old = PermanentFailure::new("lacks a statement", "add it");
        let fresh = PermanentFailure { is_fresh: true, ..old.clone() };
        for (never, least) in [(old, PAUSE), (fresh.clone(), Duration::from_secs(20))] {
            let mut suspicion = Suspicion::default();
            let began = Instant::now();
            while suspicion.certain(Some(never.clone()), PAUSE).is_none() {
                tokio::time::advance(PAUSE).await;
            }
            assert_eq!(began.elapsed(), least);
        }
        // In between, another replica shows the new document: the time starts again.
        let mut suspicion = Suspicion::default();
        assert_eq!(suspicion.certain(Some(fresh.clone()), PAUSE), None);
        tokio::time::advance(PAUSE * 9).await;
        assert_eq!(suspicion.certain(None, PAUSE), None);
        assert_eq!(suspicion.certain(Some(fresh.clone()), PAUSE), None);
        tokio::time::advance(PAUSE * 9).await;
        assert_eq!(suspicion.certain(Some(fresh), PAUSE), None);
    }
}
