//! The two wire formats of requests and responses: JSON 1.1, and CBOR as the Java SDK sends it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ciborium::Value as Cbor;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::decode_error::DecodeError;
use crate::kinesis::serde_types::millis;
use crate::protocol::aws_json;
use crate::protocol::aws_json::{AMZ_JSON_1_1, Response, ServiceError};

/// The content type of CBOR.
const AMZ_CBOR_1_1: &str = "application/x-amz-cbor-1.1";

/// CBOR tag of a time.
const TIME: u64 = 1;

/// The wire format of a request and its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireFormat {
    /// `application/x-amz-json-1.1`
    Json,
    /// `application/x-amz-cbor-1.1`
    Cbor,
}

impl WireFormat {
    /// Returns the format of a request's content type; JSON by default.
    pub(crate) fn of(headers: &HeaderMap) -> WireFormat {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match content_type {
            Some(value) if value.starts_with(AMZ_CBOR_1_1) => WireFormat::Cbor,
            _ => WireFormat::Json,
        }
    }

    /// Decodes a request's body; an empty body has no members.
    ///
    /// # Errors
    /// `SerializationException`, without repeating the request.
    pub(crate) fn read<T: DeserializeOwned>(self, body: &[u8]) -> Result<T, ServiceError> {
        let refused = |message: String| Err(ServiceError::bad_request("SerializationException", message));
        match self {
            WireFormat::Json => {
                let body = if body.is_empty() { b"{}" } else { body };
                match serde_json::from_slice(body) {
                    Ok(input) => Ok(input),
                    Err(error) => {
                        let at = if error.is_data() { format!(" (byte {})", error.column()) } else { String::new() };
                        match DecodeError::of(&error) {
                            DecodeError::Missing(_) => Err(ServiceError::bad_request(
                                "ValidationException",
                                DecodeError::of(&error).sentence(),
                            )),
                            what => refused(format!("{}{at}", what.sentence())),
                        }
                    }
                }
            }
            WireFormat::Cbor => {
                // An empty map.
                let body = if body.is_empty() { &[0xa0] } else { body };
                match ciborium::from_reader(body) {
                    Ok(input) => Ok(input),
                    Err(_) => refused("The request is no CBOR of the members that are expected.".to_owned()),
                }
            }
        }
    }

    /// Returns a request's body as JSON, with data in base64, or `None` if the body is malformed.
    pub(crate) fn json(self, body: &[u8]) -> Option<Value> {
        match self {
            WireFormat::Json => serde_json::from_slice(body).ok(),
            WireFormat::Cbor => as_json(ciborium::from_reader(body).ok()?),
        }
    }

    /// Returns an empty response.
    pub(crate) fn empty(self) -> Response {
        aws_json::bytes(200, self.content_type(), Vec::new())
    }

    /// Returns a response with a few members; those whose names end in `Timestamp` are epoch seconds.
    pub(crate) fn members(self, body: &Value) -> Response {
        match self {
            WireFormat::Json => self.answer(body),
            WireFormat::Cbor => self.answer(&as_cbor("", body)),
        }
    }

    /// Returns a response with any content.
    pub(crate) fn answer(self, body: &impl Serialize) -> Response {
        self.with_status(200, body)
    }

    /// Returns an error response.
    pub(crate) fn refuse(self, error: &ServiceError) -> Response {
        let mut body = serde_json::json!({ "__type": error.code, "message": error.message });
        if error.code == "SerializationException" {
            // The service sends both spellings; each client reads only one of them.
            body["Message"] = body["message"].clone();
        }
        let mut response = self.with_status(error.status, &body);
        if let Ok(code) = HeaderValue::from_str(&error.code) {
            response.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), code);
        }
        response
    }

    fn with_status(self, status: u16, body: &impl Serialize) -> Response {
        match self {
            WireFormat::Json => aws_json::json_as(status, AMZ_JSON_1_1, body),
            WireFormat::Cbor => {
                let mut bytes = Vec::new();
                match ciborium::into_writer(body, &mut bytes) {
                    Ok(()) => aws_json::bytes(status, AMZ_CBOR_1_1, bytes),
                    // Writing to memory cannot fail otherwise than by an internal error.
                    Err(error) => ServiceError::internal(error.to_string()).json(AMZ_JSON_1_1),
                }
            }
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            WireFormat::Json => AMZ_JSON_1_1,
            WireFormat::Cbor => AMZ_CBOR_1_1,
        }
    }
}

/// Converts a CBOR value to JSON; returns `None` if JSON cannot represent it.
fn as_json(value: Cbor) -> Option<Value> {
    Some(match value {
        Cbor::Bool(value) => value.into(),
        Cbor::Integer(number) => i64::try_from(number).ok()?.into(),
        Cbor::Float(number) => number.into(),
        Cbor::Text(text) => text.into(),
        Cbor::Bytes(bytes) => BASE64.encode(bytes).into(),
        Cbor::Tag(_, tagged) => as_json(*tagged)?,
        Cbor::Array(values) => values.into_iter().map(as_json).collect::<Option<Vec<_>>>()?.into(),
        Cbor::Map(members) => {
            let member = |(name, value): (Cbor, Cbor)| Some((name.into_text().ok()?, as_json(value)?));
            Value::Object(members.into_iter().map(member).collect::<Option<_>>()?)
        }
        _ => Value::Null,
    })
}

/// Converts a JSON value to CBOR, with times in the form that Java reads.
fn as_cbor(name: &str, value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(value) => Cbor::Bool(*value),
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or_default();
            if name.ends_with("Timestamp") {
                Cbor::Tag(TIME, Box::new(Cbor::Integer(millis(float * 1000.0).into())))
            } else {
                number.as_i64().map_or(Cbor::Float(float), |number| Cbor::Integer(number.into()))
            }
        }
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(values) => Cbor::Array(values.iter().map(|value| as_cbor("", value)).collect()),
        Value::Object(members) => {
            Cbor::Map(members.iter().map(|(name, value)| (Cbor::Text(name.clone()), as_cbor(name, value))).collect())
        }
    }
}
