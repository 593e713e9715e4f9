//! Operation names of requests, as in IAM actions and fault plans.

use http::Method;

use super::lambda::Route;
use crate::protocol::aws_json;
use crate::protocol::aws_json::Request;
use crate::protocol::aws_query::Parameters;

/// Name of an unknown operation.
const UNKNOWN: &str = "Unknown";

/// Returns the operation of a request to one of the JSON services, from its target header.
pub(super) fn of_target(request: &Request) -> String {
    known(aws_json::operation(request))
}

/// Returns the operation of a request to one of the query services, from its `Action`.
pub(super) fn of_query(request: &Request) -> String {
    known(Parameters::of(request).action())
}

/// Returns a plausible operation name, else `Unknown`: names from outside are counted and listed.
pub(super) fn known(name: &str) -> String {
    let is_name = (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (if is_name { name } else { UNKNOWN }).to_owned()
}

/// Returns the operation of a request to Lambda, from its method and path.
pub(super) fn of_lambda(method: &Method, path: &str) -> &'static str {
    Route::of(method, path).map_or(UNKNOWN, |route| route.operation)
}

/// Returns whether an operation of `DynamoDB` reads or writes items.
pub(super) fn touches_items(operation: &str) -> bool {
    matches!(
        operation,
        "PutItem"
            | "GetItem"
            | "UpdateItem"
            | "DeleteItem"
            | "Query"
            | "Scan"
            | "BatchWriteItem"
            | "BatchGetItem"
            | "TransactWriteItems"
            | "TransactGetItems"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambda_operation_is_found_with_and_without_trailing_slash() {
        assert_eq!(of_lambda(&Method::POST, "/2015-03-31/event-source-mappings/"), "CreateEventSourceMapping");
        assert_eq!(of_lambda(&Method::GET, "/2015-03-31/functions/f"), "GetFunction");
        assert_eq!(of_lambda(&Method::PATCH, "/2015-03-31/functions/f"), "Unknown");
    }

    #[test]
    fn operation_implausible_name_is_unknown() {
        let request =
            |target: &str| http::Request::post("/").header("x-amz-target", target).body(bytes::Bytes::new()).unwrap();
        assert_eq!(of_target(&request("Kinesis_20131202.PutRecord")), "PutRecord");
        assert_eq!(of_target(&request("Kinesis_20131202.<script>")), "Unknown");
        assert_eq!(of_target(&request("Kinesis_20131202.")), "Unknown");
    }
}
