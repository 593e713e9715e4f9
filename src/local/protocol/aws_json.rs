//! Requests, responses and errors that the services share on the wire.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json;

/// A complete request: the gateway reads the body before a service handles it.
pub(crate) type Request = http::Request<Bytes>;

/// A complete response.
pub(crate) type Response = http::Response<Bytes>;

/// Content type of older `X-Amz-Target` services: `DynamoDB`.
pub(crate) const AMZ_JSON_1_0: &str = "application/x-amz-json-1.0";

/// Content type of newer `X-Amz-Target` services: Kinesis and Logs.
pub(crate) const AMZ_JSON_1_1: &str = "application/x-amz-json-1.1";

/// Header with the request ID in every response.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Header with an error's code beside or instead of the body.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// An error response of a service: status, code and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceError {
    /// HTTP status.
    pub status: u16,
    /// Error code without namespace: `ResourceNotFoundException`.
    pub code: String,
    /// The service's message.
    pub message: String,
}

impl ServiceError {
    /// Creates an error with this status and code.
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        ServiceError { status, code: code.to_owned(), message: message.into() }
    }

    /// Creates a client error: status 400.
    pub(crate) fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// Creates the error for an unsupported operation.
    pub(crate) fn not_implemented(service: &str, operation: &str) -> Self {
        let message = format!("The local cloud does not implement {service}:{operation}.");
        Self::bad_request("UnknownOperationException", message)
    }

    /// Creates an internal error: status 500, `InternalFailure`.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalFailure", message)
    }

    /// Returns the error response of a JSON service (`__type` and `message`).
    pub(crate) fn json(&self, content_type: &'static str) -> Response {
        let body = json!({ "__type": self.code, "message": self.message });
        let mut response = json_as(self.status, content_type, &body);
        self.name_in(&mut response);
        response
    }

    /// Returns the error response of a REST service: the code is in a header only.
    pub(crate) fn rest(&self) -> Response {
        let mut response = json(self.status, &json!({ "message": self.message }));
        self.name_in(&mut response);
        response
    }

    fn name_in(&self, response: &mut Response) {
        if let Ok(code) = HeaderValue::from_str(&self.code) {
            response.headers_mut().insert(ERROR_TYPE, code);
        }
    }
}

/// Returns a JSON response of a REST service.
pub(crate) fn json(status: u16, body: &impl Serialize) -> Response {
    json_as(status, "application/json", body)
}

/// Returns a JSON response with this content type.
pub(crate) fn json_as(status: u16, content_type: &'static str, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(text) => bytes(status, content_type, text),
        // Only a map with keys that are not strings fails: an internal error, reported to the caller.
        Err(error) => bytes(500, content_type, format!(r#"{{"__type":"InternalFailure","message":"{error}"}}"#)),
    }
}

/// Returns a response with any content.
pub(crate) fn bytes(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Returns a new request ID.
pub(crate) fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Returns the operation in an `X-Amz-Target` header: `PutRecords` from `Kinesis_20131202.PutRecords`.
pub(crate) fn operation(request: &Request) -> &str {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    target.split_once('.').map_or("", |(_, operation)| operation)
}

/// Returns the time in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the time in seconds since 1970, to the millisecond.
pub(crate) fn now_seconds() -> f64 {
    seconds(now_ms())
}

/// Converts milliseconds to seconds with a fraction, as in AWS responses.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 stay below 2^53 for 285,000 years")]
pub(crate) fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}
