//! Runs an invocation in a warm or a new execution environment.

use std::sync::Arc;
use std::time::Duration;

use super::Deps;
use super::pool::{Pool, Throttle};
use super::state::Function;
use super::worker::{Invocation, Outcome, Run, Worker};

/// How long an environment may take to start; after that it is started anew within the function's own time limit
/// (facts: B5).
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// Environments that may end between asking for work and taking it, before that is the function's own failure.
const RELAUNCHES: u32 = 3;

/// Runs an invocation to its end. `Err`: it was not run.
///
/// Dropping the future kills the environment.
pub(super) async fn invoke(
    deps: &Deps,
    pool: &Pool,
    function: Arc<Function>,
    invocation: &Invocation,
) -> Result<Outcome, Throttle> {
    let mut lease = pool.lease(&function)?;
    let limit = Duration::from_secs(function.timeout);
    let mut init_limit = INIT_LIMIT;
    let mut tries = 0;
    loop {
        let mut worker = match lease.worker.take() {
            Some(worker) => worker,
            None => match Worker::start(deps, Arc::clone(&function), invocation).await {
                Ok(worker) => worker,
                Err(outcome) => return Ok(outcome),
            },
        };
        match worker.run(invocation, init_limit).await {
            Run::Ended(outcome) => {
                lease.worker = Some(worker);
                return Ok(outcome);
            }
            Run::NotTaken if tries >= RELAUNCHES => return Ok(worker.gave_up(invocation).await),
            Run::NotTaken => tries += 1,
            Run::InitTimedOut if init_limit == limit => return Ok(worker.start_took_too_long(invocation).await),
            Run::InitTimedOut => init_limit = limit,
        }
    }
}
