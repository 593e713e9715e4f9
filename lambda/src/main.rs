//! The Lambda function: it stores readings from a Kinesis stream in a `DynamoDB` table.

mod batch_chunk;
mod dead_letter;
mod dynamodb;
mod event;
mod handler;
mod metrics;
mod response;
mod settings;
mod store;
#[cfg(test)]
#[allow(unreachable_pub, reason = "files are shared with other test binaries")]
mod tests;
mod user_records;

use std::cell::Cell;
use std::io::Write as _;

use bytes::Bytes;
use lambda_runtime::tower::util::MapRequestLayer;
use lambda_runtime::{Context, LambdaEvent, LambdaInvocation, Runtime, service_fn};
use serde::de::IgnoredAny;

use crate::handler::Handler;
use crate::metrics::Metrics;
use crate::response::{InvocationError, contained};

/// musl's own allocator would nearly double the CPU time for a reading.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> Result<(), lambda_runtime::Error> {
    std::panic::set_hook(Box::new(|panic| {
        // The message of a panic can quote a reading. Its location cannot.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(std::io::stderr(), "panicked at {place}");
    }));
    // An execution environment handles one event at a time, and most have less than one CPU.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let function = Handler::from_env();
    // The handler takes an event's bytes unchanged: to check and copy them first costs more than all the rest.
    let body = Cell::new(Bytes::new());
    let set_body_aside = MapRequestLayer::new(|mut invocation: LambdaInvocation| {
        body.set(std::mem::replace(&mut invocation.body, Bytes::from_static(b"null")));
        invocation
    });
    let handler = service_fn(async |event: LambdaEvent<IgnoredAny>| match &function {
        Ok(function) => contained(function.handle(&body.take(), &event.context)).await,
        Err(message) => Err(refuse(message, &event.context)),
    });
    runtime.block_on(Runtime::new(handler).layer(set_body_aside).run())
}

/// Fails every invocation while the environment is invalid.
fn refuse(message: &str, context: &Context) -> InvocationError {
    let fault = InvocationError::misconfigured(message);
    let metrics = Metrics { issue: Some((&fault).into()), ..Metrics::default() };
    metrics.log(&settings::function_name(), &context.request_id);
    fault
}
