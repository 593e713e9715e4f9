//! How mappings are called, which have no names of their own.

use aws_sdk_lambda::types::EventSourceMappingConfiguration;

/// Between stream and function; no name of either has such letters.
const ARROW: &str = " → ";

/// How a mapping is called, since the service gives it no name.
#[must_use]
pub fn name(stream: &str, function: &str) -> String {
    format!("{stream}{ARROW}{function}")
}

/// Stream and function of a mapping's name.
#[must_use]
pub fn parts(name: &str) -> (&str, &str) {
    name.split_once(ARROW).unwrap_or((name, ""))
}

/// Names of the stream that a mapping reads and of the function that it calls, or that function's version or alias.
pub(crate) fn endpoints(mapping: &EventSourceMappingConfiguration) -> Option<(&str, &str)> {
    let (_, stream) = mapping.event_source_arn()?.rsplit_once(":stream/")?;
    Some((stream, mapping.function_arn()?.rsplit(':').next()?))
}
