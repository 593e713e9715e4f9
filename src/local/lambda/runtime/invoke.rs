//! Runs an invocation in a warm or a new execution environment.

use std::time::Duration;

use tokio::time::Instant;

use super::execution_environment::{ExecutionEnvironment, RunOutcome};
use super::invocation::{Invocation, Outcome};
use super::pool::Throttle;
use super::spawn::SpawnError;
use crate::lambda::service::Lambda;
use crate::protocol::aws_json::now_ms;

/// Timeout of an environment's init phase. One that fails or takes longer is started once more within the function's
/// own timeout (docs/facts/lambda.md, Runtime API).
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// Warm environments that may have ended before the failure counts as the function's own.
const RELAUNCHES: u32 = 3;

/// The reason why an invocation did not run: the function has not seen it.
#[derive(Debug)]
pub(crate) enum InvokeError {
    /// The function does not exist.
    Missing,
    /// The function is still being created.
    Pending,
    /// Too many invocations run at the same time.
    Throttled(Throttle),
    /// The role cannot be assumed (any more).
    NoRole,
    /// The variables cannot be decrypted: the role was recreated after the function got it.
    NoKey,
    /// The local cloud itself failed.
    Failed(String),
    /// The local cloud is ending.
    Stopping,
}

/// Runs an invocation of a function, by its bare name, to its end.
///
/// Dropping the future kills the environment.
pub(crate) async fn invoke(lambda: &Lambda, name: &str, invocation: &Invocation) -> Result<Outcome, InvokeError> {
    let began = now_ms();
    let result = tokio::select! {
        biased;
        () = lambda.stopping().cancelled() => Err(InvokeError::Stopping),
        result = run_once(lambda, name, invocation) => result,
    };
    lambda.count_invocation(name, began, &result);
    result
}

async fn run_once(lambda: &Lambda, name: &str, invocation: &Invocation) -> Result<Outcome, InvokeError> {
    let function = lambda.function(name).ok_or(InvokeError::Missing)?;
    let id = function.id.clone();
    if lambda.settling().is_creating(&id) {
        return Err(InvokeError::Pending);
    }
    let mut lease = lambda.pool().lease(&id, function.reserved_concurrency).map_err(InvokeError::Throttled)?;
    // Read it again after taking the lease: a later change of the function renews the pool, and an environment started
    // here from earlier code is not used again.
    let function = lambda.function(name).filter(|function| function.id == id).ok_or(InvokeError::Missing)?;
    let limit = Duration::from_secs(function.timeout);
    let mut second_start = None;
    let mut tries = 0;
    loop {
        let mut worker = match lease.worker.take() {
            Some(worker) => worker,
            None => match ExecutionEnvironment::start(lambda.deps(), function.clone(), invocation).await {
                Ok(worker) => worker,
                Err(SpawnError::Outcome(outcome)) => return Ok(outcome),
                Err(SpawnError::NoRole) => return Err(InvokeError::NoRole),
                Err(SpawnError::NoKey) => return Err(InvokeError::NoKey),
                Err(SpawnError::Failed(why)) => return Err(InvokeError::Failed(why)),
            },
        };
        // The function's timeout covers a second start and the invocation together.
        let start_until = second_start.unwrap_or_else(|| Instant::now() + INIT_LIMIT);
        match worker.run(invocation, start_until, second_start).await {
            RunOutcome::Ended(outcome) => {
                lease.worker = Some(worker);
                return Ok(outcome);
            }
            RunOutcome::NotTaken if tries >= RELAUNCHES => return Ok(worker.gave_up(invocation).await),
            RunOutcome::NotTaken => tries += 1,
            RunOutcome::NotReady(failure) if second_start.is_some() => {
                return Ok(worker.did_not_start(invocation, failure).await);
            }
            RunOutcome::NotReady(failure) => {
                worker.report_start("init", &failure).await;
                second_start = Some(Instant::now() + limit);
            }
        }
    }
}
