//! Names of event source mappings, which the service does not have.

use aws_sdk_lambda::types::EventSourceMappingConfiguration;

/// The separator of stream and function. No name of either can contain these characters.
const ARROW: &str = " → ";

/// Returns the display name of a mapping.
#[must_use]
pub(crate) fn name(stream: &str, function: &str) -> String {
    format!("{stream}{ARROW}{function}")
}

/// Returns the stream and the function in a mapping's display name.
#[must_use]
pub(crate) fn parts(name: &str) -> (&str, &str) {
    name.split_once(ARROW).unwrap_or((name, ""))
}

/// Returns the names of a mapping's stream and of its function, or of the function's version or alias.
pub(crate) fn endpoints(mapping: &EventSourceMappingConfiguration) -> Option<(&str, &str)> {
    let (_, stream) = mapping.event_source_arn()?.rsplit_once(":stream/")?;
    Some((stream, mapping.function_arn()?.rsplit(':').next()?))
}
