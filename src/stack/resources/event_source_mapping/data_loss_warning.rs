//! Warnings about other mappings of the function, which are unmanaged.

use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FunctionResponseType};

use super::{arn::endpoints, name};

/// Returns the reason why another mapping of the function loses readings, if it does.
pub(super) fn data_loss_warning(mapping: &EventSourceMappingConfiguration) -> Option<String> {
    if mapping.function_response_types().contains(&FunctionResponseType::ReportBatchItemFailures) {
        return None;
    }
    let (stream, function) = endpoints(mapping)?;
    let (name, uuid) = (name(stream, function), mapping.uuid().unwrap_or_default());
    Some(format!(
        "the mapping `{name}` ({uuid}) has no ReportBatchItemFailures, so it takes any answer of the function for \
         success: what the function could not store of a batch is lost; give it that response type, or delete it"
    ))
}
