//! Lookup of an event source mapping that a request names.

use super::request::ApiRequest;
use crate::lambda::state::MappingRecord;
use crate::protocol::aws_json::ServiceError;

/// The mapping of this UUID.
pub(crate) fn find(call: &ApiRequest<'_>, uuid: &str) -> Result<MappingRecord, ServiceError> {
    call.lambda.mapping(uuid).ok_or_else(missing)
}

/// The 404 of a mapping that does not exist.
pub(crate) fn missing() -> ServiceError {
    ServiceError::new(404, "ResourceNotFoundException", "The resource you requested does not exist.")
}
