//! The function: readings from a Kinesis stream into a `DynamoDB` table.

mod dynamodb;
mod event;
mod handler;
mod metrics;
mod pieces;
mod rejects;
mod settings;
mod store;

use std::io::Write as _;

use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde_json::value::RawValue;

use crate::handler::{Fault, Function};

/// musl's own allocator would nearly double the CPU for a reading.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> Result<(), lambda_runtime::Error> {
    std::panic::set_hook(Box::new(|panic| {
        // The message of a panic can hold a piece of a reading; the place cannot.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(std::io::stderr(), "panicked at {place}");
    }));
    // An environment handles one event at a time, and most have less than one CPU.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let function = Function::from_env();
    let handler = service_fn(async |event: LambdaEvent<Box<RawValue>>| match &function {
        Ok(function) => function.handle(event).await,
        Err(message) => Err(Fault::misconfigured(message)),
    });
    runtime.block_on(Runtime::new(handler).run())
}
