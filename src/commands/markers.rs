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
