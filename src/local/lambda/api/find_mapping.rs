//! Finds the event source mapping that a request names.

use super::request::ApiRequest;
use crate::lambda::state::MappingRecord;
use crate::protocol::aws_json::ServiceError;

/// Returns the event source mapping with this UUID.
pub(crate) fn find(call: &ApiRequest<'_>, uuid: &str) -> Result<MappingRecord, ServiceError> {
    call.lambda.mapping(uuid).ok_or_else(missing)
}

/// Returns the 404 for an event source mapping that does not exist.
pub(crate) fn missing() -> ServiceError {
    ServiceError::new(404, "ResourceNotFoundException", "The resource you requested does not exist.")
}
