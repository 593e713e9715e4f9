//! What `up --verify` and `down --drain` share: the way that markers go, and what it means when they do not come out.

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

/// Takes the markers of a command away that ended before it did so itself, and names those that may stay.
///
/// # Errors
/// That of the command.
pub(super) async fn with_cleanup<T>(
    context: &Context,
    trail: &ProbeRegistry,
    result: Result<T, Error>,
) -> Result<T, Error> {
    if trail.is_empty() {
        return result;
    }
    // Without clients no marker was put, and the error of the command tells why there are none.
    let Ok(clients) = context.clients().await else { return result };
    context.output.status("Taking marker readings out of the table again…");
    let left = probe_route(context, clients, Duration::ZERO, trail).delete_leftover_probes().await;
    name(context, &left);
    result
}

/// Names the markers that may stay in the table.
pub(super) fn name(context: &Context, left: &[RemainingProbe]) {
    let table = &context.settings.pipeline.table.name;
    if let Some(first) = left.first() {
        let rows = left.iter().map(ToString::to_string).collect();
        context.output.warn(&Warning::MarkersLeft { table: table.clone(), rows, key: first.key() });
    }
}

/// Refuses what a marker could never pass, before it is waited for.
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
        "with `function.reserved_concurrency` at 0 the function never runs"
    } else {
        return Ok(());
    };
    Err(Error::usage(format!("`{flag}` sends a marker reading through, and {why}")).hint(format!("leave out `{flag}`")))
}

/// The error with what to do about it.
pub(super) fn told(error: ProbeError) -> Error {
    match error {
        ProbeError::Failed(failure) => failure.into(),
        ProbeError::NotStored { .. } => Error::failed(error.to_string())
            .hint("`sensorctl status` shows whether the function and its mapping work, and its last result")
            .hint("a longer `--timeout` waits longer"),
        ProbeError::Resharding(_) => {
            Error::failed(error.to_string()).hint("run the same command again when that is over")
        }
    }
}
