//! Lets the function answer which records of a batch failed, once its mapping surely understands that.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::Instant as Moment;

use super::Stopped;
use super::create_update::Making;
use crate::aws::wait::{self, Look, WaitError};
use crate::aws::{Cause, Failure};
use crate::error::Error;
use crate::stack::resource::Resource;
use crate::stack::{Action, Cloud, Event, Kind, Plan, References};

/// How many of the longest pauses a look may show the mapping as it was before its change: 20 s on AWS.
const LOOKS_BEHIND: u32 = 10;

/// The two resources that are in it.
pub(super) struct PartialBatch<'a> {
    function: &'a dyn Resource,
    mapping: &'a dyn Resource,
}

impl<'a> PartialBatch<'a> {
    /// Finds them among the resources of a plan that holds partial batch responses back.
    pub(super) fn held_back(plan: &Plan, resources: &[&'a dyn Resource], references: &References) -> Option<Self> {
        let find = |kind| resources.iter().find(|resource| resource.kind() == kind).copied();
        let is_held_back = !plan.is_teardown && references.holds_back_partial_batch();
        let (function, mapping) = find(Kind::Function).zip(find(Kind::Mapping))?;
        is_held_back.then_some(PartialBatch { function, mapping })
    }

    /// Whether the mapping surely understands them by now.
    pub(super) async fn is_understood(&self, cloud: &Cloud) -> Result<bool, Failure> {
        match cloud.patiently(self.mapping, || self.mapping.in_force_after(cloud)).await {
            Ok(left) => Ok(left.is_none()),
            // A look that lags behind shows the mapping as it was.
            Err(failure) if failure.cause == Cause::Undone => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Waits until the mapping understands them, then changes the function. How long both took.
    pub(super) async fn allow(&self, cloud: &Cloud, references: &References) -> Result<Duration, Stopped> {
        let began = Instant::now();
        let (kind, name) = (self.function.kind(), self.function.name().to_owned());
        cloud.observer.on(&Event::Started { kind, name: name.clone(), action: Action::Update });
        let result = self.change(cloud, references).await;
        cloud.observer.on(&if result.is_ok() {
            Event::Finished { kind, name, was_there: false }
        } else {
            Event::Failed { kind, name }
        });
        result.map(|()| began.elapsed())
    }

    async fn change(&self, cloud: &Cloud, references: &References) -> Result<(), Stopped> {
        self.until_understood(cloud).await?;
        references.hold_back_partial_batch(false);
        let found = cloud.look_at(self.function).await?;
        if !cloud.owner.of(&found).is_ours() {
            let name = self.function.name();
            let why = format!("the function `{name}` changed hands while this ran; it fails whole batches");
            return Err(Error::failed(why).hint("`sensorctl plan` shows what there is now").into());
        }
        let making = Making::new(cloud, self.function, references, true);
        making.bring_in_line(&found, Some(&[])).await?;
        making.until_it_works().await.map(drop)
    }

    /// Looks at the mapping again only when the time that it was to take is over: somebody may have changed it meanwhile.
    async fn until_understood(&self, cloud: &Cloud) -> Result<(), Stopped> {
        let ready: Mutex<Option<Moment>> = Mutex::new(None);
        let left = || {
            let ready = ready.lock().unwrap_or_else(PoisonError::into_inner);
            ready.map(|ready| ready.saturating_duration_since(Moment::now())).filter(|left| !left.is_zero())
        };
        // Looks may lag behind: what seems undone is seen a moment later.
        let began = Moment::now();
        let lag = cloud.schedule.longest * LOOKS_BEHIND;
        let is_early = |failure: &Failure| failure.cause == Cause::Undone && began.elapsed() < lag;
        let outcome = wait::until(
            cloud.schedule,
            || async {
                let left = match left() {
                    Some(left) => left,
                    None => match self.mapping.in_force_after(cloud).await {
                        Ok(None) => return Ok(Look::Ready(())),
                        Ok(Some(left)) => left,
                        Err(failure) if cloud.may_pass(&failure) || is_early(&failure) => {
                            return Ok(Look::NotYet(failure.to_string()));
                        }
                        Err(failure) => return Err(failure),
                    },
                };
                *ready.lock().unwrap_or_else(PoisonError::into_inner) = Some(Moment::now() + left);
                let seconds = left.as_secs_f64().ceil();
                Ok::<_, Failure>(Look::NotYet(format!(
                    "the mapping's ReportBatchItemFailures is in force in {seconds:.0} s; until then the function fails \
                     whole batches, which are delivered again"
                )))
            },
            |waited, said| cloud.waiting(self.function, waited, said),
        )
        .await;
        outcome.map_err(|error| match error {
            WaitError::Failed(failure) => failure.into(),
            WaitError::TimedOut { last, .. } => {
                Error::failed(format!("the pipeline works, and the function does not answer in part yet: {last}"))
                    .hint("run `sensorctl up` again then; it waits no longer than what is left of that time")
                    .into()
            }
        })
    }
}
