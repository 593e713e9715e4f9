//! Asynchronous invocations: accepted ones are on the disk until they are done or given up, so that none is lost when the
//! local cloud ends. One under way when it is killed runs again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::LambdaServices;
use super::service::Lambda;
use crate::data_dir::{private_dir, read_json};
use crate::error::Error;
use crate::lambda::runtime::invocation::Invocation;
use crate::lambda::runtime::invoke::{InvokeError, invoke};
use crate::protocol::aws_json::{ServiceError, now_ms};

/// Pauses before an invocation that failed is tried again, as in the service.
const RETRIES: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];
/// How long one that cannot be run is kept.
const AGE: Duration = Duration::from_hours(6);
/// The pause before one that was throttled is tried again.
const THROTTLED: Duration = Duration::from_secs(1);

/// An invocation that nobody waits for, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Queued {
    request_id: String,
    /// Bare name of the function.
    function: String,
    /// The event in base64.
    payload: String,
    client_context: Option<String>,
    /// Epoch milliseconds.
    accepted: u64,
    /// Tries that the function failed.
    failures: usize,
}

/// How an invocation left the queue.
enum Left {
    /// The function has done it, or is gone.
    Done,
    /// It was tried as often, or kept as long, as the service would.
    GivenUp,
    /// It is still there, for the next start.
    Stays,
}

/// Takes an invocation in: it is on the disk when this returns, and run some time after.
pub(super) async fn accept(lambda: &Lambda, function: &str, invocation: &Invocation) -> Result<(), ServiceError> {
    let queued = Queued {
        request_id: invocation.request_id.clone(),
        function: function.to_owned(),
        payload: STANDARD.encode(&invocation.payload),
        client_context: invocation.client_context.clone(),
        accepted: now_ms(),
        failures: 0,
    };
    keep(lambda, &queued).await.map_err(|error| ServiceError::new(500, "ServiceException", error))?;
    lambda.spawn(run(lambda.clone(), queued));
    Ok(())
}

/// What was accepted and is not done; what cannot be read, with the reason. Blocks.
pub(super) fn load(dir: &Path) -> io::Result<(Vec<Queued>, Vec<Error>)> {
    let folder = folder(dir);
    private_dir(&folder)?;
    let (mut all, mut broken) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            // A part that was never acknowledged.
            fs::remove_file(&path)?;
            continue;
        }
        match read_json(&path) {
            Ok(queued) => all.extend(queued),
            Err(error) => broken.push(error),
        }
    }
    all.sort_by_key(|queued: &Queued| queued.accepted);
    Ok((all, broken))
}

/// Runs an invocation until it is done or given up.
pub(super) async fn run(lambda: Lambda, mut queued: Queued) {
    let path = file(&lambda.deps().dir, &queued);
    let left = match STANDARD.decode(&queued.payload) {
        Ok(payload) => bring(&lambda, &mut queued, payload.into()).await,
        Err(error) => {
            lambda.deps().notices.tell(format!("{}: its event is damaged, and is not run: {error}", path.display()));
            Left::Stays
        }
    };
    match left {
        Left::Stays => return,
        Left::Done => {}
        Left::GivenUp => {
            let Queued { request_id, function, failures, .. } = &queued;
            lambda.deps().notices.tell(format!(
                "the asynchronous invocation {request_id} of {function} was given up: it failed {failures} times, or \
                 could not be run for {} hours",
                AGE.as_secs() / 3600
            ));
        }
    }
    let removed = tokio::task::spawn_blocking(move || match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("could not delete {}: {error}", path.display()))
        }
        _ => Ok(()),
    });
    lambda.deps().notices.tell_failure(removed.await.unwrap_or_else(|error| Err(error.to_string())));
}

async fn bring(lambda: &Lambda, queued: &mut Queued, payload: Bytes) -> Left {
    let invocation =
        Invocation { request_id: queued.request_id.clone(), payload, client_context: queued.client_context.clone() };
    loop {
        let pause = match invoke(lambda, &queued.function, &invocation).await {
            Ok(outcome) if outcome.failed => {
                queued.failures += 1;
                let Some(pause) = RETRIES.get(queued.failures - 1) else { return Left::GivenUp };
                // If it cannot be written, it is tried once more after the next start.
                lambda.deps().notices.tell_failure(keep(lambda, queued).await);
                *pause
            }
            Ok(_) | Err(InvokeError::Missing) => return Left::Done,
            Err(InvokeError::Stopping) => return Left::Stays,
            // What did not get as far as the function is tried for hours, as in the service.
            Err(_) if u128::from(now_ms().saturating_sub(queued.accepted)) > AGE.as_millis() => return Left::GivenUp,
            Err(
                InvokeError::Pending
                | InvokeError::Throttled(_)
                | InvokeError::NoRole
                | InvokeError::NoKey
                | InvokeError::Failed(_),
            ) => THROTTLED,
        };
        if lambda.stopping().run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return Left::Stays;
        }
    }
}

async fn keep(lambda: &Lambda, queued: &Queued) -> Result<(), String> {
    let LambdaServices { dir, durability, .. } = lambda.deps();
    let (path, queued, durability) = (file(dir, queued), queued.clone(), *durability);
    let written = tokio::task::spawn_blocking(move || durability.write_json(&path, &queued)).await;
    written.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

fn folder(dir: &Path) -> PathBuf {
    dir.join("events")
}

fn file(dir: &Path, queued: &Queued) -> PathBuf {
    folder(dir).join(format!("{}.json", queued.request_id))
}
