//! The request members that the local cloud supports; any other member is rejected by name.
//!
//! The real services ignore unknown members. Here an ignored member would be a setting without effect that its caller
//! believes to work.

mod body;
mod shape;

use self::body::unknown_in;
use self::shape::{Shape, TABLE};
use super::cloudwatch::CloudWatchForm;
use super::kinesis::WireFormat;
use super::router::Service;
use crate::auth::signature::query_parameters;
use crate::protocol::aws_json::{Request, ServiceError};
use crate::protocol::aws_query::Parameters;

/// Headers of `Invoke` for features that the local cloud does not have.
const INVOKE_HEADERS: [&str; 2] = ["x-amz-tenant-id", "x-amz-durable-execution-name"];

/// Limit of the characters of a name that an error repeats.
const SHOWN: usize = 100;

/// Returns the supported operations of a service.
pub(super) fn operations(service: &str) -> impl Iterator<Item = &'static str> {
    TABLE.keys().filter(move |(name, _)| *name == service).map(|(_, operation)| *operation)
}

/// Rejects an unsupported operation, and a request with members that its operation does not read.
///
/// # Errors
/// The service's own error code, with the name of the operation or member.
pub(super) fn check(service: Service, request: &Request) -> Result<(), ServiceError> {
    let Some(name) = service.name() else { return Ok(()) };
    let operation = service.operation(request);
    let Some(shape) = TABLE.get(&(name, operation.as_str())) else {
        return unknown_operation(service, name, &operation);
    };
    match unknown(service, shape, request) {
        Some(member) => {
            let member: String = member.chars().take(SHOWN).collect();
            let message = format!("The local cloud has no {member} in {name}:{operation}: leave it out.");
            Err(ServiceError::bad_request(service.invalid_code(), message))
        }
        None => Ok(()),
    }
}

/// Returns the first member of a request that its shape does not have.
fn unknown(service: Service, shape: &Shape, request: &Request) -> Option<String> {
    match service {
        Service::Iam | Service::Sts | Service::CloudWatch(CloudWatchForm::Query) => {
            unknown_parameter(shape, &Parameters::of(request))
        }
        Service::CloudWatch(CloudWatchForm::Cbor) => unknown_in(shape, WireFormat::Cbor, request.body()),
        Service::Lambda if shape.is_opaque() => INVOKE_HEADERS
            .iter()
            .find(|header| request.headers().contains_key(**header))
            .map(|header| (*header).to_owned())
            .or_else(|| unknown_in_query(shape, request)),
        Service::Lambda => {
            unknown_in_query(shape, request).or_else(|| unknown_in(shape, WireFormat::Json, request.body()))
        }
        Service::Kinesis(form) => unknown_in(shape, form, request.body()),
        _ => unknown_in(shape, WireFormat::Json, request.body()),
    }
}

fn unknown_in_query(shape: &Shape, request: &Request) -> Option<String> {
    let mut names = query_parameters(request.uri()).map(|(name, _)| name);
    names.find(|name| !name.starts_with("X-Amz-") && !shape.has_query(name))
}

/// Returns the first parameter that a shape does not have. `Tags.member.1.Key` is the member `Key` of `Tags`.
fn unknown_parameter(shape: &Shape, parameters: &Parameters) -> Option<String> {
    let is_known = |name: &&str| {
        // The name of the operation, and the signature of a presigned URL.
        matches!(*name, "Action" | "Version") || name.starts_with("X-Amz-") || {
            let is_place = |part: &&str| *part == "member" || part.bytes().all(|byte| byte.is_ascii_digit());
            shape.has_path(name.split('.').filter(|part| !is_place(part)))
        }
    };
    let asks = |name: &&str| parameters.get(name).is_some_and(|value| !matches!(value, "" | "false"));
    parameters.names().find(|name| !is_known(name) && asks(name)).map(str::to_owned)
}

fn unknown_operation(service: Service, name: &str, operation: &str) -> Result<(), ServiceError> {
    match service {
        // Lambda rejects unsupported operations itself, by method and path.
        Service::Lambda => Ok(()),
        Service::Iam | Service::Sts => {
            let message =
                format!("Could not find operation {operation}: the local cloud does not implement {name}:{operation}.");
            Err(ServiceError::bad_request("InvalidAction", message))
        }
        _ => Err(ServiceError::not_implemented(name, operation)),
    }
}

#[cfg(test)]
mod tests;
