//! What `up --verify` and `down --drain` share: the way that markers go, and what it means when they do not come out.

use std::time::Duration;

use crate::context::Context;
use crate::error::Error;
use crate::pipeline::{NotConsumed, Way};
use crate::stack::Cloud;

/// From the stream to the table of the settings.
pub(super) fn way<'a>(context: &'a Context, cloud: &'a Cloud, limit: Duration) -> Way<'a> {
    let pipeline = &context.settings.pipeline;
    Way { clients: &cloud.clients, stream: &pipeline.stream.name, table: &pipeline.table.name, limit }
}

/// Refuses what a marker could never pass, before it is waited for.
///
/// # Errors
/// When the mapping is to be switched off, or filters records.
pub(super) fn check(context: &Context, flag: &str) -> Result<(), Error> {
    let mapping = &context.settings.pipeline.mapping;
    let why = if !mapping.enabled {
        "`mapping.enabled` is false"
    } else if !mapping.filters.is_empty() {
        "`mapping.filters` may hold it back"
    } else {
        return Ok(());
    };
    Err(Error::usage(format!("`{flag}` sends a marker reading through, and {why}")).hint(format!("leave out `{flag}`")))
}

/// The error with what to do about it.
pub(super) fn told(error: NotConsumed) -> Error {
    match error {
        NotConsumed::Failed(failure) => failure.into(),
        NotConsumed::NotStored { .. } => Error::failed(error.to_string())
            .hint("`sensorctl status` shows whether the function and its mapping work, and its last result")
            .hint("a longer `--timeout` waits longer"),
        NotConsumed::Resharding(_) => {
            Error::failed(error.to_string()).hint("run the same command again when that is over")
        }
    }
}
