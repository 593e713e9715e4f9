//! Enables partial batch responses of the function once its event source mapping certainly supports them.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::time::Instant as Moment;

use super::StepError;
use super::create_update::Provisioner;
use crate::aws::wait::{self, Poll, WaitError};
use crate::aws::{AwsFailure, FailureCause};
use crate::error::Error;
use crate::stack::engine::resource::Resource;
use crate::stack::{Action, ArnRegistry, Kind, Plan, Session, StackEvent};

/// Number of the longest poll pauses for which a read may show the mapping before its change: 20 s on AWS.
const STALE_POLLS: u32 = 10;

/// The two resources involved.
pub(crate) struct PartialBatch<'a> {
    function: &'a dyn Resource,
    mapping: &'a dyn Resource,
}

impl<'a> PartialBatch<'a> {
    /// Finds them among the resources of a plan that holds partial batch responses back.
    pub(crate) fn held_back(plan: &Plan, resources: &[&'a dyn Resource], references: &ArnRegistry) -> Option<Self> {
        let find = |kind| resources.iter().find(|resource| resource.kind() == kind).copied();
        let is_held_back = !plan.is_teardown && references.holds_back_partial_batch();
        let (function, mapping) = find(Kind::Function).zip(find(Kind::Mapping))?;
        is_held_back.then_some(PartialBatch { function, mapping })
    }

    /// Returns whether the mapping certainly supports them by now.
    pub(crate) async fn is_understood(&self, session: &Session) -> Result<bool, AwsFailure> {
        match session.retry_transient(self.mapping, || self.mapping.in_force_after(session)).await {
            Ok(left) => Ok(left.is_none()),
            // A stale read shows the mapping before its change.
            Err(failure) if failure.cause == FailureCause::RolledBack => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Waits until the mapping supports them, then updates the function. Returns the duration of both.
    pub(crate) async fn allow(&self, session: &Session, references: &ArnRegistry) -> Result<Duration, StepError> {
        let began = Instant::now();
        let (kind, name) = (self.function.kind(), self.function.name().to_owned());
        session.observer.on(&StackEvent::Started { kind, name: name.clone(), action: Action::Update });
        let result = self.change(session, references).await;
        session.observer.on(&if result.is_ok() {
            StackEvent::Finished { kind, name, was_there: false }
        } else {
            StackEvent::Failed { kind, name }
        });
        result.map(|()| began.elapsed())
    }

    async fn change(&self, session: &Session, references: &ArnRegistry) -> Result<(), StepError> {
        self.wait_until_understood(session).await?;
        references.hold_back_partial_batch(false);
        let found = session.observe(self.function).await?;
        if !session.owner.of(&found).is_ours() {
            let name = self.function.name();
            let why = format!("the function `{name}` is no longer managed by this pipeline; it fails whole batches");
            return Err(Error::failed(why).hint("`sensorctl plan` shows the current state").into());
        }
        let making = Provisioner::new(session, self.function, references, true);
        making.reconcile(&found, Some(&[])).await?;
        making.wait_until_ready().await.map(drop)
    }

    /// Polls the mapping only after the time that the change takes: another client may have changed it meanwhile.
    async fn wait_until_understood(&self, session: &Session) -> Result<(), StepError> {
        let ready: Mutex<Option<Moment>> = Mutex::new(None);
        let left = || {
            let ready = ready.lock();
            ready.map(|ready| ready.saturating_duration_since(Moment::now())).filter(|left| !left.is_zero())
        };
        // Reads may be stale: a change that seems reverted becomes visible a moment later.
        let began = Moment::now();
        let lag = session.schedule.longest * STALE_POLLS;
        let is_early = |failure: &AwsFailure| failure.cause == FailureCause::RolledBack && began.elapsed() < lag;
        let outcome = wait::poll_until(
            session.schedule,
            || async {
                let left = match left() {
                    Some(left) => left,
                    None => match self.mapping.in_force_after(session).await {
                        Ok(None) => return Ok(Poll::Ready(())),
                        Ok(Some(left)) => left,
                        Err(failure) if session.is_retryable(&failure) || is_early(&failure) => {
                            return Ok(Poll::Pending(failure.to_string()));
                        }
                        Err(failure) => return Err(failure),
                    },
                };
                *ready.lock() = Some(Moment::now() + left);
                let seconds = left.as_secs_f64().ceil();
                Ok::<_, AwsFailure>(Poll::Pending(format!(
                    "the mapping's ReportBatchItemFailures is in force in {seconds:.0} s; until then the function fails \
                     whole batches, which are delivered again"
                )))
            },
            |waited, said| session.report_waiting(self.function, waited, said),
        )
        .await;
        outcome.map_err(|error| match error {
            WaitError::Failed(failure) => failure.into(),
            WaitError::TimedOut { last, .. } => {
                Error::failed(format!("the pipeline works, but partial batch responses are not on yet: {last}"))
                    .hint("run `sensorctl up` again then; it waits only for the rest of that time")
                    .into()
            }
        })
    }
}
