//! Shared by `up --verify` and `down --drain`: the route of test readings, and the errors when they do not arrive.

use std::time::{Duration, Instant};

use crate::aws::Clients;
use crate::context::Context;
use crate::error::Error;
use crate::output::Warning;
use crate::pipeline::{ProbeError, ProbeRegistry, ProbeRoute, RemainingProbe};

/// From the stream to the table of the settings.
pub(super) fn probe_route<'a>(
    context: &'a Context,
    clients: &'a Clients,
    limit: Duration,
    trail: &'a ProbeRegistry,
) -> ProbeRoute<'a> {
    let pipeline = &context.settings.pipeline;
    ProbeRoute {
        clients,
        stream: &pipeline.stream.name,
        table: &pipeline.table.name,
        end: Instant::now() + limit,
        trail,
    }
}

/// Deletes the test readings of a command that ended early, and names those that may remain.
///
/// # Errors
/// Returns the error of the command.
pub(super) async fn with_cleanup<T>(
    context: &Context,
    trail: &ProbeRegistry,
    result: Result<T, Error>,
) -> Result<T, Error> {
    if trail.is_empty() {
        return result;
    }
    // Without clients no canary was put. The error of the command says why there are no clients.
    let Ok(clients) = context.clients().await else { return result };
    context.output.status("Deleting test readings from the table…");
    let left = probe_route(context, clients, Duration::ZERO, trail).delete_remaining_probes().await;
    name(context, &left);
    result
}

/// Names the test readings that may remain in the table.
pub(super) fn name(context: &Context, left: &[RemainingProbe]) {
    let table = &context.settings.pipeline.table.name;
    if let Some(first) = left.first() {
        let rows = left.iter().map(ToString::to_string).collect();
        context.output.warn(&Warning::CanariesRemain { table: table.clone(), rows, key: first.key() });
    }
}

/// Refuses settings under which a test reading could never arrive.
///
/// # Errors
/// When the mapping is to be switched off or filters records, or the function may not run.
pub(super) fn check(context: &Context, flag: &str) -> Result<(), Error> {
    let pipeline = &context.settings.pipeline;
    let mapping = &pipeline.mapping;
    let why = if !mapping.enabled {
        "`mapping.enabled` is false"
    } else if !mapping.filters.is_empty() {
        "`mapping.filters` may hold it back"
    } else if pipeline.function.reserved_concurrency == Some(0) {
        "`function.reserved_concurrency` is 0, so the function never runs"
    } else {
        return Ok(());
    };
    Err(Error::usage(format!("`{flag}` sends a test reading through, and {why}")).hint(format!("leave out `{flag}`")))
}

/// The error with what to do about it.
pub(super) fn told(error: ProbeError) -> Error {
    match error {
        ProbeError::Failed(failure) => failure.into(),
        ProbeError::NotStored { .. } => Error::failed(error.to_string())
            .hint("`sensorctl status` shows whether the function and its mapping work, and its last result")
            .hint("a longer `--timeout` waits longer"),
        ProbeError::Resharding(_) => {
            Error::failed(error.to_string()).hint("run the same command again when the reshard is done")
        }
    }
}
