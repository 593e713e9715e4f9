//! The REST API: which request asks for what, and errors in the form of the service.

use http::{HeaderValue, Method};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::service::Lambda;
use super::{concurrency_api, functions_api, invoke_api, mappings_api, tags_api, versions_api};
use crate::local::wire::{self, Request, Response, ServiceError};

/// A request taken apart.
pub(super) struct Call<'a> {
    pub lambda: &'a Lambda,
    pub request: &'a Request,
    query: Vec<(String, String)>,
}

impl Call<'_> {
    /// The first value of a parameter of the query string.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub(super) fn query_all(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The body as JSON; none at all is an empty object.
    pub(super) fn input<T: DeserializeOwned>(&self) -> Result<T, ServiceError> {
        let body: &[u8] = if self.request.body().is_empty() { b"{}" } else { self.request.body() };
        serde_json::from_slice(body).map_err(|error| {
            ServiceError::new(400, "SerializationException", format!("The request body is not as expected: {error}"))
        })
    }

    /// A bounded number of the query string.
    pub(super) fn max_items(&self, limit: usize) -> Result<usize, ServiceError> {
        match self.query("MaxItems").map(str::parse::<usize>) {
            None => Ok(limit),
            Some(Ok(wanted)) if wanted >= 1 => Ok(wanted.min(limit)),
            Some(_) => Err(invalid("MaxItems must be a number from 1 on")),
        }
    }
}

/// The 400 of most wrong parameters.
pub(super) fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(400, "InvalidParameterValueException", message)
}

/// Answers a request.
pub(super) async fn handle(lambda: &Lambda, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().split('&').filter(|part| !part.is_empty());
    let query = query.map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        (decoded(key), decoded(value))
    });
    let call = Call { lambda, request: &request, query: query.collect() };
    match route(&call).await {
        Ok(response) => response,
        Err(error) => failure(&error),
    }
}

async fn route(call: &Call<'_>) -> Result<Response, ServiceError> {
    let path = call.request.uri().path().trim_matches('/');
    let parts: Vec<String> = path.split('/').map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match (call.request.method(), parts.as_slice()) {
        (&Method::POST, ["2015-03-31", "functions"]) => functions_api::create(call).await,
        (&Method::GET, ["2015-03-31", "functions"]) => functions_api::list(call),
        (&Method::GET, ["2015-03-31", "functions", name]) => functions_api::get(call, name),
        (&Method::DELETE, ["2015-03-31", "functions", name]) => functions_api::delete(call, name),
        (&Method::GET, ["2015-03-31", "functions", name, "configuration"]) => {
            functions_api::get_configuration(call, name)
        }
        (&Method::PUT, ["2015-03-31", "functions", name, "configuration"]) => {
            functions_api::update_configuration(call, name)
        }
        (&Method::PUT, ["2015-03-31", "functions", name, "code"]) => functions_api::update_code(call, name).await,
        (&Method::POST, ["2015-03-31", "functions", name, "invocations"]) => invoke_api::invoke(call, name).await,
        (&Method::GET, ["2015-03-31", "functions", name, "versions"]) => versions_api::list_versions(call, name),
        (&Method::GET, ["2015-03-31", "functions", name, "aliases"]) => versions_api::list_aliases(call, name),
        (&Method::GET, ["2015-03-31", "functions", name, "policy"]) => versions_api::get_policy(call, name),
        (&Method::GET, ["2020-06-30", "functions", name, "code-signing-config"]) => {
            versions_api::get_code_signing(call, name)
        }
        (&Method::PUT, ["2017-10-31", "functions", name, "concurrency"]) => concurrency_api::put(call, name),
        (&Method::DELETE, ["2017-10-31", "functions", name, "concurrency"]) => concurrency_api::delete(call, name),
        (&Method::GET, ["2019-09-30", "functions", name, "concurrency"]) => concurrency_api::get(call, name),
        (&Method::GET, ["2016-08-19", "account-settings"]) => Ok(concurrency_api::account(call)),
        (&Method::GET, ["2017-03-31", "tags", arn @ ..]) => tags_api::list(call, &arn.join("/")),
        (&Method::POST, ["2017-03-31", "tags", arn @ ..]) => tags_api::add(call, &arn.join("/")),
        (&Method::DELETE, ["2017-03-31", "tags", arn @ ..]) => tags_api::remove(call, &arn.join("/")),
        (&Method::POST, ["2015-03-31", "event-source-mappings"]) => mappings_api::create(call).await,
        (&Method::GET, ["2015-03-31", "event-source-mappings"]) => mappings_api::list(call),
        (&Method::GET, ["2015-03-31", "event-source-mappings", uuid]) => mappings_api::get(call, uuid),
        (&Method::PUT, ["2015-03-31", "event-source-mappings", uuid]) => mappings_api::update(call, uuid),
        (&Method::DELETE, ["2015-03-31", "event-source-mappings", uuid]) => mappings_api::delete(call, uuid),
        (method, _) => Err(ServiceError::new(
            501,
            "NotImplementedException",
            format!("The local cloud has no Lambda operation {method} /{path}"),
        )),
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// An error as the service writes it.
pub(crate) fn failure(error: &ServiceError) -> Response {
    let body = if error.code == "TooManyRequestsException" {
        // The reason is a field of its own; it is the message's first word here.
        let (reason, message) = error.message.split_once(": ").unwrap_or(("", &error.message));
        json!({"Type": "User", "Reason": reason, "message": message})
    } else {
        let kind = if error.status < 500 { "User" } else { "Service" };
        json!({"Type": kind, "Message": error.message, "message": error.message})
    };
    let mut response = wire::json(error.status, &body);
    if let Ok(code) = HeaderValue::from_str(&error.code) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}
