//! How to send many readings to the pipeline's stream.

use std::sync::Arc;

use crate::aws::Clients;
use crate::commands::stack_context::{DEFAULT_TIMEOUT, NoProgress, session};
use crate::context::Context;
use crate::error::Error;
use crate::pipeline::{AggregationChoice, FoundStream, KinesisStream, PipelineMarks, SendPlan, look_up_plan};
use crate::stack::VERSION_TAG;

/// Looks up how to send to the stream, and says where readings are not aggregated although they could be.
///
/// # Errors
/// There is no cloud to talk to.
pub(in crate::commands) async fn send_plan(
    context: &Context,
    choice: AggregationChoice,
    clients: &Clients,
) -> Result<FoundStream, Error> {
    let owner = session(context, DEFAULT_TIMEOUT, Arc::new(NoProgress)).await?.owner;
    let marks = PipelineMarks {
        tags: owner.marks().map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        version_tag: VERSION_TAG,
        is_own_function: context.settings.pipeline.function.zip.is_some(),
    };
    let stream = KinesisStream { clients, name: &context.settings.pipeline.stream.name };
    let (found, note) = tokio::select! {
        biased;
        // The put then sends nothing, and counts what was read.
        () = context.interrupt.cancelled() => (FoundStream { plan: SendPlan::unknown(), created_ms: None }, None),
        found = look_up_plan(stream, choice, &marks) => found,
    };
    if let Some(note) = note {
        context.output.note(note);
    }
    Ok(found)
}
