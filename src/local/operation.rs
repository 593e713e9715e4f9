//! The name of the operation that a request asks for, as IAM actions and fault plans have it.

use http::Method;

use super::lambda::Route;
use crate::protocol::aws_json;
use crate::protocol::aws_json::Request;
use crate::protocol::aws_query::Parameters;

/// What an operation that is not known is called.
const UNKNOWN: &str = "Unknown";

/// Returns the operation of a request to one of the JSON services, by its target.
pub(super) fn of_target(request: &Request) -> String {
    known(aws_json::operation(request))
}

/// Returns the operation of a request to one of the query services, by its `Action`.
pub(super) fn of_query(request: &Request) -> String {
    known(Parameters::of(request).action())
}

/// Names from outside are counted and listed: only what can be one is taken.
fn known(name: &str) -> String {
    let is_name = (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (if is_name { name } else { UNKNOWN }).to_owned()
}

/// Returns the operation of a request to Lambda, by its method and path.
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
    fn lambda_paths_have_names_with_and_without_a_slash_at_the_end() {
        assert_eq!(of_lambda(&Method::POST, "/2015-03-31/event-source-mappings/"), "CreateEventSourceMapping");
        assert_eq!(of_lambda(&Method::GET, "/2015-03-31/functions/f"), "GetFunction");
        assert_eq!(of_lambda(&Method::PATCH, "/2015-03-31/functions/f"), "Unknown");
    }

    #[test]
    fn what_is_no_name_is_not_kept() {
        let request =
            |target: &str| http::Request::post("/").header("x-amz-target", target).body(bytes::Bytes::new()).unwrap();
        assert_eq!(of_target(&request("Kinesis_20131202.PutRecord")), "PutRecord");
        assert_eq!(of_target(&request("Kinesis_20131202.<script>")), "Unknown");
        assert_eq!(of_target(&request("Kinesis_20131202.")), "Unknown");
    }
}
