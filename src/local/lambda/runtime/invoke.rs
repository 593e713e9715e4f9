//! Runs an invocation in a warm or a new execution environment.

use std::time::Duration;

use tokio::time::Instant;

use super::execution_environment::{ExecutionEnvironment, RunOutcome};
use super::invocation::{Invocation, Outcome};
use super::pool::Throttle;
use super::spawn::SpawnError;
use crate::lambda::service::Lambda;

/// How long an environment may take to start. One that fails to, or takes longer, is started once more within the
/// function's own time limit (docs/facts/lambda.md, Runtime API).
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// Warm environments that may have ended meanwhile, before that is the function's own failure.
const RELAUNCHES: u32 = 3;

/// Why an invocation was not run: the function has not seen it.
#[derive(Debug)]
pub(crate) enum InvokeError {
    /// There is no such function.
    Missing,
    /// It is still being created.
    Pending,
    /// Too many run at the same time.
    Throttled(Throttle),
    /// The role cannot be assumed (any more).
    NoRole,
    /// The variables cannot be decrypted: the role is another one than when the function was told of it.
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
    tokio::select! {
        biased;
        () = lambda.stopping().cancelled() => Err(InvokeError::Stopping),
        result = run_once(lambda, name, invocation) => result,
    }
}

async fn run_once(lambda: &Lambda, name: &str, invocation: &Invocation) -> Result<Outcome, InvokeError> {
    let function = lambda.function(name).ok_or(InvokeError::Missing)?;
    let id = function.id.clone();
    if lambda.settling().is_creating(&id) {
        return Err(InvokeError::Pending);
    }
    let mut lease = lambda.pool().lease(&id, function.reserved_concurrency).map_err(InvokeError::Throttled)?;
    // Read once more, after the lease is taken: a later change of the function renews the pool, and what is started
    // here, from the code of before, is not used again.
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
        // A second start and the work have the function's time together.
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
