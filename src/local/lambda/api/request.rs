//! A request of the REST API, and the errors that answer wrong ones.

use http::HeaderValue;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::decode_error::DecodeError;
use crate::lambda::service::Lambda;
use crate::protocol::aws_json;
use crate::protocol::aws_json::{Request, Response, ServiceError};

/// A request taken apart.
pub(crate) struct ApiRequest<'a> {
    pub lambda: &'a Lambda,
    pub request: &'a Request,
    pub query: Vec<(String, String)>,
}

impl ApiRequest<'_> {
    /// The first value of a parameter of the query string.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub(crate) fn query_all(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The body as JSON; none at all is an empty object.
    pub(crate) fn input<T: DeserializeOwned>(&self) -> Result<T, ServiceError> {
        let body: &[u8] = if self.request.body().is_empty() { b"{}" } else { self.request.body() };
        serde_json::from_slice(body).map_err(|error| {
            let what = DecodeError::of(&error);
            let code = match what {
                DecodeError::Missing(_) => "InvalidParameterValueException",
                _ => "SerializationException",
            };
            ServiceError::new(400, code, format!("Could not parse request body into json: {}", what.sentence()))
        })
    }

    /// A bounded number of the query string.
    pub(crate) fn max_items(&self, limit: usize) -> Result<usize, ServiceError> {
        match self.query("MaxItems").map(str::parse::<usize>) {
            None => Ok(limit),
            Some(Ok(wanted)) if wanted >= 1 => Ok(wanted.min(limit)),
            Some(_) => Err(invalid("MaxItems must be a number from 1 on")),
        }
    }
}

/// The 400 of most wrong parameters.
pub(crate) fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(400, "InvalidParameterValueException", message)
}

/// An error as the service writes it.
pub(crate) fn error_response(error: &ServiceError) -> Response {
    let body = if error.code == "TooManyRequestsException" {
        // The reason is a field of its own; it is the message's first word here.
        let (reason, message) = error.message.split_once(": ").unwrap_or(("", &error.message));
        json!({"Type": "User", "Reason": reason, "message": message})
    } else {
        let kind = if error.status < 500 { "User" } else { "Service" };
        json!({"Type": kind, "Message": error.message, "message": error.message})
    };
    let mut response = aws_json::json(error.status, &body);
    if let Ok(code) = HeaderValue::from_str(&error.code) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}
