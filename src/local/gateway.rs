//! The gateway behind the one port: authenticates and authorizes requests, injects faults, and returns responses.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::json;

use super::faults::{self, FaultDecision, FaultEffect, HeldBack, InjectedError};
use super::lambda;
use super::members;
use super::router::Service;
use super::services::Services;
use super::throttle_metrics;
use crate::auth::authorization;
use crate::auth::credentials;
use crate::auth::origin;
use crate::auth::signature::{Payload, Signature};
use crate::protocol::aws_json;
use crate::protocol::aws_json::{REQUEST_ID, Request, Response, ServiceError};
use crate::protocol::aws_query::Parameters;
use crate::protocol::body;
use crate::protocol::body::BodyError;
use crate::protocol::response_body::{ResponseBody, change_whole};

/// Maximum duration of an injected hang.
const HANG: Duration = Duration::from_mins(10);

/// Header with the token of the control endpoint.
const KEY_HEADER: &str = "x-sensorctl-key";

/// Handles a request; returns `None` if its connection must end without a response.
pub(super) async fn serve(
    services: &Arc<Services>,
    incoming: http::Request<Incoming>,
) -> Option<http::Response<ResponseBody>> {
    let (parts, body) = incoming.into_parts();
    let service = Service::of(&parts);
    let answer = AssertUnwindSafe(answer(services, service, parts, body)).catch_unwind().await;
    // The panic hook has reported the panic; the caller must not wait for a response that never comes.
    let mut response =
        answer.unwrap_or_else(|_| Some(whole(service.refuse(&ServiceError::internal("the local cloud failed")))))?;
    if !response.headers().contains_key(REQUEST_ID)
        && let Ok(id) = HeaderValue::from_str(&aws_json::request_id())
    {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Some(response)
}

/// Returns the response to a request, or `None` if its connection must end without one.
async fn answer(
    services: &Arc<Services>,
    service: Service,
    parts: Parts,
    body: Incoming,
) -> Option<http::Response<ResponseBody>> {
    match read(services, service, parts, body).await {
        Ok(request) => carry_out(services, service, request).await,
        Err(refusal) => refusal.map(whole),
    }
}

/// Authenticates a request and reads its body.
///
/// # Errors
/// The response without any service: a refusal, or one of the local cloud itself; `None` if the connection must end.
async fn read(
    services: &Arc<Services>,
    service: Service,
    mut parts: Parts,
    body: Incoming,
) -> Result<Request, Option<Response>> {
    if let Err(stranger) = origin::check(&parts.headers, &parts.uri) {
        return Err(Some(service.refuse(&ServiceError::new(403, "AccessDeniedException", stranger.message()))));
    }
    if matches!(service, Service::Health | Service::Control) {
        if let Err(error) = check_owner(services, &parts.headers) {
            return Err(Some(error.rest()));
        }
        if service == Service::Health {
            return Err(Some(health(services)));
        }
    } else {
        match services.keys.check(&parts.headers, &parts.uri) {
            Ok(caller) => parts.extensions.insert(caller),
            Err(error) => return Err(Some(auth_error_response(service, error))),
        };
    }
    let mut payload = Payload::of(&parts.headers);
    let body = match body::read(body, service.body_limit(), |piece| payload.update(piece)).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => {
            let message = format!("Request must be smaller than {} bytes", service.body_limit());
            let code = if service == Service::Lambda { "RequestEntityTooLargeException" } else { "RequestTooLarge" };
            return Err(Some(service.refuse(&ServiceError::new(413, code, message))));
        }
        Err(BodyError::Broken) => return Err(None),
    };
    if service == Service::Control {
        return Err(Some(services.faults.control(&parts.method, parts.uri.path(), &body)));
    }
    check_signature(services, service, &parts, payload).map_err(|error| Some(auth_error_response(service, error)))?;
    Ok(Request::from_parts(parts, body))
}

/// Counts a request of a service as a call, and carries it out with any injected fault.
async fn carry_out(
    services: &Arc<Services>,
    service: Service,
    request: Request,
) -> Option<http::Response<ResponseBody>> {
    let Some(name) = service.name() else {
        let error = ServiceError::bad_request("UnknownOperationException", "no such service in the local cloud");
        return Some(whole(service.refuse(&error)));
    };
    let operation = service.operation(&request);
    let fate = services.faults.begin(name, &operation);
    let answer = apply_fault(services, service, (name, &operation), request, &fate).await;
    if matches!(fate.what, FaultEffect::Hung) {
        // Longer than any client waits, until the fault plan is replaced, or until the local cloud ends.
        fate.hang(HANG).await;
    }
    answer
}

fn whole(response: Response) -> http::Response<ResponseBody> {
    response.map(ResponseBody::Whole)
}

/// Dispatches to the service, applying any injected fault.
async fn apply_fault(
    services: &Arc<Services>,
    service: Service,
    (name, operation): (&str, &str),
    mut request: Request,
    fate: &FaultDecision,
) -> Option<http::Response<ResponseBody>> {
    if !fate.delay.is_zero() {
        tokio::time::sleep(fate.delay).await;
    }
    let answer = match &fate.what {
        FaultEffect::Nothing => Some(dispatch(services, service, request).await),
        FaultEffect::Refused(injected) => {
            if matches!(injected, InjectedError::Throttled | InjectedError::HotKey) {
                throttle_metrics::count_refused(services, service, operation, &request, *injected);
            }
            Some(whole(refused(service, &faults::refusal(name, operation, *injected))))
        }
        FaultEffect::Dropped => None,
        FaultEffect::Lost | FaultEffect::Hung => {
            dispatch(services, service, request).await;
            None
        }
        FaultEffect::Undecryptable => Some(change_whole(dispatch(services, service, request).await, faults::hide)),
        FaultEffect::StaleGrant(time) => {
            let role = Parameters::of(&request).get("RoleName").map(str::to_owned).unwrap_or_default();
            let answer = dispatch(services, service, request).await;
            if answer.status().is_success() {
                services.iam.make_grants_stale(&role, *time);
            }
            Some(answer)
        }
        FaultEffect::Partly(portion) => match portion.hold_back(&mut request) {
            None => Some(dispatch(services, service, request).await),
            Some(held) => {
                match &held {
                    HeldBack::Records { held, stream, .. } => {
                        throttle_metrics::count_records(services, stream, held.iter().filter(|held| **held).count());
                    }
                    HeldBack::Items(back) => throttle_metrics::count_items(services, back.iter()),
                }
                let answer = match held.nothing_left() {
                    // No record is put, but the stream must still exist.
                    Some(answer) => whole(services.kinesis.refuse_target(&request).await.unwrap_or(answer)),
                    None => dispatch(services, service, request).await,
                };
                Some(change_whole(answer, |answer| held.put_back(answer)))
            }
        },
    };
    services.faults.done(fate);
    answer
}

/// Returns an error in the form of the service.
fn refused(service: Service, error: &ServiceError) -> Response {
    if service == Service::Lambda { super::lambda::error_response(error) } else { service.refuse(error) }
}

/// Dispatches a request to its service.
async fn dispatch(services: &Arc<Services>, service: Service, request: Request) -> http::Response<ResponseBody> {
    let work = services.work.spawn(handle(Arc::clone(services), service, request));
    match work.await {
        Ok(response) => response,
        // The panic hook has reported the panic.
        Err(_) => whole(service.refuse(&ServiceError::internal("the local cloud failed"))),
    }
}

async fn handle(services: Arc<Services>, service: Service, request: Request) -> http::Response<ResponseBody> {
    let services = services.as_ref();
    let may = members::check(service, &request).and_then(|()| authorization::check(services, service, &request));
    if let Err(error) = may {
        return whole(refused(service, &error));
    }
    let response = match service {
        Service::Kinesis(_) if service.operation(&request) == "SubscribeToShard" => {
            return services.kinesis.subscribe(request, &services.work).await;
        }
        Service::Kinesis(_) => services.kinesis.handle(request).await,
        Service::DynamoDb => services.dynamodb.handle(request).await,
        Service::Logs => services.logs.handle(request).await,
        Service::Lambda => lambda::handle(&services.lambda, request).await,
        Service::Iam => services.iam.handle(request).await,
        Service::Tagging => services.tagging.handle(request).await,
        Service::CloudWatch(form) => services.cloudwatch.handle(form, &request),
        Service::Sts => services.sts.handle(&request),
        Service::Health | Service::Control | Service::Unknown => {
            service.refuse(&ServiceError::internal("no such service in the local cloud"))
        }
    };
    whole(response)
}

/// Verifies that the sender has the secret of the request's access key, and that the request is unchanged.
fn check_signature(services: &Services, service: Service, parts: &Parts, payload: Payload) -> Result<(), ServiceError> {
    let signature = Signature::of(&parts.headers, &parts.uri).ok_or_else(credentials::unsigned)?;
    // The session may have been revoked meanwhile.
    let secret = services.keys.secret(&signature.key_id).unwrap_or_else(aws_json::request_id);
    signature.check(parts, payload, &secret, service.signing_name(), Timestamp::now())?;
    // IAM and STS have no region.
    let is_regional = !matches!(service, Service::Iam | Service::Sts);
    let here = services.identity.region.as_str();
    if is_regional && signature.region() != here {
        let there = signature.region();
        let message = format!(
            "Credential should be scoped to a valid region, not '{there}'. This local cloud is in {here}: set \
             AWS_REGION={here}, or start one with `--region {there}`."
        );
        return Err(ServiceError::bad_request("InvalidSignatureException", message));
    }
    Ok(())
}

/// Builds the authentication-failure response.
fn auth_error_response(service: Service, mut error: ServiceError) -> Response {
    if service == Service::Lambda {
        error.status = 403;
    }
    service.refuse(&error)
}

/// Rejects requests to the control endpoint without the owner's token.
fn check_owner(services: &Services, headers: &HeaderMap) -> Result<(), ServiceError> {
    let token = headers.get(KEY_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if services.keys.opens_control(token) {
        return Ok(());
    }
    Err(ServiceError::new(403, "AccessDeniedException", "the key is not the one in this local cloud's control.header"))
}

/// Returns the health response, for `local status`.
fn health(services: &Services) -> Response {
    let body = json!({
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
        "region": services.identity.region,
        "notices": services.notices.all_with_times(),
        "timing": services.timing.to_string(),
        "durable": services.durability.to_string(),
        "faults": services.faults.spec(),
    });
    aws_json::json(200, &body)
}
