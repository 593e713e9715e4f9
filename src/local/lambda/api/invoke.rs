//! `Invoke`: wait for the answer, hand over and forget, or only ask whether it would run (docs/facts/lambda.md,
//! Invoke).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::de::IgnoredAny;

use super::find_function::find;
use super::function_name::{LATEST, missing};
use super::function_settings::{NO_KEY, NO_ROLE};
use super::pending_state::pending;
use super::request::{ApiRequest, invalid};
use crate::lambda::event_queue;
use crate::lambda::runtime;
use crate::lambda::runtime::invocation::Invocation;
use crate::lambda::runtime::invoke::InvokeError;
use crate::lambda::runtime::pool::Throttle;
use crate::protocol::aws_json::{Response, ServiceError};

/// Bytes of an event, waited for or not.
const SYNC_LIMIT: usize = 6_291_456;
const ASYNC_LIMIT: usize = 1_048_576;

/// Runs a function once.
pub(crate) async fn invoke(call: &ApiRequest<'_>, given: &str) -> Result<Response, ServiceError> {
    let function = find(call, given)?;
    let header = |name: &str| call.request.headers().get(name).and_then(|value| value.to_str().ok());
    let kind = header("x-amz-invocation-type").unwrap_or("RequestResponse");
    let mut invocation = Invocation::new(event(call.request.body(), kind)?);
    if let Some(context) = header("x-amz-client-context") {
        let context = STANDARD.decode(context).ok().and_then(|context| String::from_utf8(context).ok());
        let context = context.filter(|context| serde_json::from_str::<IgnoredAny>(context).is_ok());
        invocation.client_context = Some(context.ok_or_else(|| {
            ServiceError::new(400, "InvalidRequestContentException", "Client context must be valid JSON in base64")
        })?);
    }
    match kind {
        "DryRun" => Ok(answer(204, Bytes::new(), &invocation.request_id)),
        "Event" => {
            event_queue::accept(call.lambda, &function.name, &invocation).await?;
            Ok(answer(202, Bytes::new(), &invocation.request_id))
        }
        "RequestResponse" => {
            let outcome =
                runtime::invoke::invoke(call.lambda, &function.name, &invocation).await.map_err(|why| match why {
                    InvokeError::Missing => missing(&call.lambda.deps().identity.function_arn(&function.name)),
                    InvokeError::Pending => pending(),
                    InvokeError::Throttled(throttle) => throttled(throttle),
                    InvokeError::NoRole => ServiceError::new(403, "AccessDeniedException", NO_ROLE),
                    InvokeError::NoKey => ServiceError::new(502, "KMSAccessDeniedException", NO_KEY),
                    InvokeError::Failed(why) => ServiceError::new(500, "ServiceException", why),
                    InvokeError::Stopping => ServiceError::new(503, "ServiceException", "The local cloud is ending."),
                })?;
            let mut response = answer(200, outcome.payload, &invocation.request_id);
            if outcome.failed {
                set(&mut response, "x-amz-function-error", "Unhandled");
            }
            if header("x-amz-log-type") == Some("Tail") {
                set(&mut response, "x-amz-log-result", &STANDARD.encode(&outcome.log_tail));
            }
            Ok(response)
        }
        other => Err(invalid(format!(
            "Value '{other}' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: \
             [RequestResponse, Event, DryRun]"
        ))),
    }
}

/// The event of a request; none is an empty object.
fn event(body: &Bytes, kind: &str) -> Result<Bytes, ServiceError> {
    let limit = if kind == "Event" { ASYNC_LIMIT } else { SYNC_LIMIT };
    if body.len() > limit {
        return Err(ServiceError::new(
            413,
            "RequestTooLargeException",
            format!("{} byte payload is too large for the {kind} invocation type (limit {limit} bytes)", body.len()),
        ));
    }
    if body.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    serde_json::from_slice::<IgnoredAny>(body).map_err(|error| {
        let text = format!("Could not parse request body into json: Could not parse payload into json: {error}");
        ServiceError::new(400, "InvalidRequestContentException", text)
    })?;
    Ok(body.clone())
}

fn throttled(throttle: Throttle) -> ServiceError {
    let reason = match throttle {
        Throttle::Reserved => "ReservedFunctionConcurrentInvocationLimitExceeded",
        Throttle::Account => "ConcurrentInvocationLimitExceeded",
    };
    ServiceError::new(429, "TooManyRequestsException", format!("{reason}: Rate Exceeded."))
}

fn answer(status: u16, body: Bytes, request_id: &str) -> Response {
    let mut response = http::Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    set(&mut response, "content-type", "application/json");
    set(&mut response, "x-amzn-requestid", request_id);
    set(&mut response, "x-amz-executed-version", LATEST);
    response
}

fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}
