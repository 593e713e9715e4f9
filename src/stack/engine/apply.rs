//! Applies a plan. Each step begins as soon as its dependencies are done, and independent steps run concurrently.

mod create_update;
mod delete;
mod invocable;
mod partial_batch;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::stream::FuturesUnordered;
use futures::{StreamExt, future};

use self::partial_batch::PartialBatch;
use super::resource::Resource;
use crate::aws::{AwsFailure, FailureCause};
use crate::error::Error;
use crate::stack::{Action, ArnRegistry, Kind, Ownership, Plan, Session, StackEvent, Step};

/// The outcome of a step.
#[derive(Clone, Debug)]
pub(crate) struct StepOutcome {
    /// The resource's ARN, once known.
    pub arn: Option<String>,
    /// Duration of the step.
    pub took: Duration,
    /// True if the resource to create already existed: another run created it, or the response to a call was lost.
    pub was_there: bool,
}

/// The reason why a step was not completed.
enum StepError {
    /// The step failed.
    Failed(Error),
    /// A step that it depends on failed.
    Skipped,
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        StepError::Failed(error)
    }
}

impl From<StepError> for Error {
    fn from(stopped: StepError) -> Error {
        match stopped {
            StepError::Failed(error) => error,
            StepError::Skipped => Error::failed("a step that others depend on failed"),
        }
    }
}

impl From<AwsFailure> for StepError {
    fn from(failure: AwsFailure) -> Self {
        if failure.cause == FailureCause::NotTried { StepError::Skipped } else { StepError::Failed(failure.into()) }
    }
}

/// Applies a plan. `resources` are those of its steps, in the same order. Returns the outcome of each step in that
/// order. When a step fails, the steps in progress are finished, and no other begins. Without waiting, partial batch
/// responses may still be held back at the end, as `references` shows.
///
/// # Errors
/// The first failure of a step, with those that followed it.
pub(crate) async fn apply(
    session: &Session,
    resources: &[&dyn Resource],
    plan: &Plan,
    references: &ArnRegistry,
) -> Result<Vec<StepOutcome>, Error> {
    let steps = &plan.steps;
    let partial_batch = PartialBatch::held_back(plan, resources, references);
    let going = steps.iter().zip(resources).filter(|(step, _)| plan.delete_before_create(step));
    let requests = going.map(|(step, resource)| delete::request_delete(session, *resource, &step.found));
    // All are requested, whichever fails: a request in flight cannot be taken back.
    if let Some(failure) = Error::combined(future::join_all(requests).await.into_iter().filter_map(Result::err)) {
        return Err(failure);
    }
    let mut done: Vec<Option<StepOutcome>> = vec![None; steps.len()];
    let mut waiting: Vec<usize> = (0..steps.len()).collect();
    let mut running = FuturesUnordered::new();
    let mut failures: Vec<Error> = Vec::new();
    let mut has_stopped = false;
    loop {
        if !has_stopped {
            waiting.retain(|&index| {
                let after = plan.waits_for(steps[index].kind);
                let ready = steps.iter().zip(&done).all(|(other, done)| done.is_some() || !after.contains(&other.kind));
                if ready {
                    let (step, resource) = (&steps[index], resources[index]);
                    let partial_batch = partial_batch.as_ref().filter(|_| step.kind == Kind::Function);
                    let function = unproven_function(session, plan, step).map(|index| resources[index]);
                    running.push(async move {
                        let begun = begin(session, plan, partial_batch, function, references).await;
                        let outcome = match begun {
                            Ok(()) => perform(session, resource, step, plan, references).await,
                            Err(stopped) => Err(stopped),
                        };
                        (index, outcome)
                    });
                }
                !ready
            });
        }
        let Some((index, result)) = running.next().await else { break };
        match result {
            Ok(outcome) => done[index] = Some(outcome),
            Err(stopped) => {
                has_stopped = true;
                references.fail_pending();
                if let StepError::Failed(error) = stopped {
                    failures.push(error);
                }
            }
        }
    }
    if let (Some(partial_batch), false) = (&partial_batch, has_stopped || !references.holds_back_partial_batch())
        && (plan.waits || partial_batch.is_understood(session).await?)
    {
        match partial_batch.allow(session, references).await {
            Ok(took) => {
                let function = steps.iter().position(|step| step.kind == Kind::Function);
                function.and_then(|index| done[index].as_mut()).into_iter().for_each(|done| done.took += took);
            }
            Err(stopped) => failures.push(stopped.into()),
        }
    }
    match Error::combined(failures) {
        Some(failure) => Err(failure),
        None if has_stopped => Err(StepError::Skipped.into()),
        None => Ok(done.into_iter().flatten().collect()),
    }
}

/// Returns the index of the function of a mapping that is about to be created, if only an earlier run can have tested
/// that the function can be invoked. That run may have been killed before.
fn unproven_function(session: &Session, plan: &Plan, mapping: &Step) -> Option<usize> {
    let creates = |step: &Step| matches!(step.action, Action::Create | Action::Replace);
    let is_unproven =
        |step: &Step| step.kind == Kind::Function && !creates(step) && session.owner.of(&step.found) == Ownership::Ours;
    let index = plan.steps.iter().position(is_unproven)?;
    (mapping.kind == Kind::Mapping && creates(mapping) && !plan.mapping_first).then_some(index)
}

/// Prepares a step. Enables partial batch responses of the function before its own step if they wait for the mapping
/// and the mapping already supports them. Tests that the function can be invoked before its mapping is created.
async fn begin(
    session: &Session,
    plan: &Plan,
    partial_batch: Option<&PartialBatch<'_>>,
    function: Option<&dyn Resource>,
    references: &ArnRegistry,
) -> Result<(), StepError> {
    if let Some(resource) = function {
        create_update::Provisioner::new(session, resource, references, true).until_found_invocable().await?;
    }
    if let Some(partial_batch) = partial_batch.filter(|_| plan.mapping_first)
        && partial_batch.is_understood(session).await?
    {
        references.hold_back_partial_batch(false);
    }
    Ok(())
}

async fn perform(
    session: &Session,
    resource: &dyn Resource,
    step: &Step,
    plan: &Plan,
    references: &ArnRegistry,
) -> Result<StepOutcome, StepError> {
    let began = Instant::now();
    if matches!(step.action, Action::None | Action::Keep) {
        return Ok(StepOutcome { arn: step.found.arn.clone(), took: Duration::ZERO, was_there: false });
    }
    let (kind, name) = (step.kind, step.name.clone());
    session.observer.on(&StackEvent::Started { kind, name: name.clone(), action: step.action });
    let waits = plan.waits || plan.is_needed_ready(kind);
    let making = create_update::Provisioner::new(session, resource, references, waits);
    let result = match step.action {
        Action::Delete => delete::delete(session, resource, &step.found).await.map(|()| step.found.arn.clone()),
        Action::Replace if plan.delete_before_create(step) => {
            making.recreate_after_deletion(&step.found).await.map(Some)
        }
        Action::Replace => match delete::delete(session, resource, &step.found).await {
            Ok(()) => making.create_and_wait().await.map(Some),
            Err(stopped) => Err(stopped),
        },
        Action::Create => making.create(&step.found).await.map(Some),
        Action::Update => making.update(step).await.map(Some),
        Action::None | Action::Keep => Ok(None),
    };
    let result = match result {
        Ok(arn) if kind == Kind::Function && matches!(step.action, Action::Create | Action::Replace) => {
            making.until_invocable().await.map(|()| arn)
        }
        result => result,
    };
    // For a replaced resource, the old one was deleted in any case.
    let was_there = step.action == Action::Create && making.was_there.load(Ordering::Relaxed);
    let finished = |name| StackEvent::Finished { kind, name, was_there };
    session.observer.on(&if result.is_ok() { finished(name) } else { StackEvent::Failed { kind, name } });
    result.map(|arn| StepOutcome { arn, took: began.elapsed(), was_there })
}
