//! Requests of the REST API, and error responses to invalid ones.

use http::HeaderValue;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::decode_error::DecodeError;
use crate::lambda::service::Lambda;
use crate::protocol::aws_json;
use crate::protocol::aws_json::{Request, Response, ServiceError};

/// A parsed request.
pub(crate) struct ApiRequest<'a> {
    pub lambda: &'a Lambda,
    pub request: &'a Request,
    pub query: Vec<(String, String)>,
}

impl ApiRequest<'_> {
    /// Returns the first value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns all values of a query parameter.
    pub(crate) fn query_all(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Decodes the body as JSON; an empty body is an empty object.
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

    /// Returns the page of a list that `Marker` and `MaxItems` request, and the marker of the next page. The list is in the
    /// order of its keys; a marker is the last key of the page before.
    pub(crate) fn page<T>(
        &self,
        mut rest: Vec<T>,
        limit: usize,
        key: impl Fn(&T) -> &str,
    ) -> Result<(Vec<T>, Option<String>), ServiceError> {
        let limit = self.max_items(limit)?;
        if let Some(after) = self.query("Marker").filter(|marker| !marker.is_empty()) {
            rest.retain(|one| key(one) > after);
        }
        let has_more = rest.len() > limit;
        rest.truncate(limit);
        let marker = rest.last().filter(|_| has_more).map(|last| key(last).to_owned());
        Ok((rest, marker))
    }

    /// Returns the bounded query parameter `MaxItems`.
    fn max_items(&self, limit: usize) -> Result<usize, ServiceError> {
        match self.query("MaxItems").map(str::parse::<usize>) {
            None => Ok(limit),
            Some(Ok(wanted)) if wanted >= 1 => Ok(wanted.min(limit)),
            Some(_) => Err(invalid("MaxItems must be a number from 1 on")),
        }
    }
}

/// Returns the 400 for most invalid parameters.
pub(crate) fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(400, "InvalidParameterValueException", message)
}

/// Returns an error response in the service's format.
pub(crate) fn error_response(error: &ServiceError) -> Response {
    let body = if error.code == "TooManyRequestsException" {
        // The reason is a member of its own in the response; here it is the message's first word.
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
