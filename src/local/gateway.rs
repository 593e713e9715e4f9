//! The one port: who may come in, what becomes of a request, and that every one is answered.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::json;
use tokio_util::task::TaskTracker;

use super::body::{self, NoBody};
use super::dynamodb::DynamoDb;
use super::faults::{self, Fate, Faults, What};
use super::iam::Iam;
use super::identity::Identity;
use super::keys::{Caller, Keys};
use super::kinesis::Kinesis;
use super::lambda::Lambda;
use super::logs::Logs;
use super::notices::Notices;
use super::permissions::{self, Ask};
use super::service::Service;
use super::signature::{Payload, Signature};
use super::sts::Sts;
use super::timing::Timing;
use super::wire::{self, REQUEST_ID, Request, Response, ServiceError};

/// How long a call hangs that is to hang.
const HANG: Duration = Duration::from_mins(10);

/// The header by which `sensorctl` itself shows its key.
const KEY_HEADER: &str = "x-sensorctl-key";

/// All services behind the port.
pub(super) struct Services {
    pub keys: Keys,
    pub identity: Identity,
    pub kinesis: Kinesis,
    pub dynamodb: DynamoDb,
    pub iam: Iam,
    pub sts: Sts,
    pub logs: Logs,
    pub lambda: Lambda,
    pub faults: Faults,
    pub notices: Notices,
    pub timing: Timing,
    /// Work of the services: it ends although its connection has, and before the data directory is given back.
    pub work: TaskTracker,
}

/// Answers a request; nothing when its connection is to end without an answer.
pub(super) async fn serve(
    services: &Arc<Services>,
    incoming: http::Request<Incoming>,
) -> Option<http::Response<Full<Bytes>>> {
    let (parts, body) = incoming.into_parts();
    let service = Service::of(&parts);
    let answer = AssertUnwindSafe(answer(services, service, parts, body)).catch_unwind().await;
    // The panic itself has been told on stderr; the caller must not wait for an answer that never comes.
    let mut response =
        answer.unwrap_or_else(|_| Some(service.refuse(&ServiceError::internal("the local cloud failed"))))?;
    if !response.headers().contains_key(REQUEST_ID)
        && let Ok(id) = HeaderValue::from_str(&wire::request_id())
    {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Some(response.map(Full::new))
}

async fn answer(services: &Arc<Services>, service: Service, mut parts: Parts, body: Incoming) -> Option<Response> {
    if let Err(error) = check_origin(&parts.headers, &parts.uri) {
        return Some(service.refuse(&error));
    }
    if matches!(service, Service::Health | Service::Control) {
        if let Err(error) = check_owner(services, &parts.headers) {
            return Some(error.rest());
        }
        if service == Service::Health {
            return Some(health(services));
        }
    } else {
        match services.keys.check(&parts.headers, &parts.uri) {
            Ok(caller) => parts.extensions.insert(caller),
            Err(error) => return Some(stranger(service, error)),
        };
    }
    let mut payload = Payload::of(&parts.headers);
    let body = match body::read(body, service.body_limit(), |piece| payload.update(piece)).await {
        Ok(body) => body,
        Err(NoBody::TooLarge) => {
            let message = format!("Request must be smaller than {} bytes", service.body_limit());
            let code = if service == Service::Lambda { "RequestEntityTooLargeException" } else { "RequestTooLarge" };
            return Some(service.refuse(&ServiceError::new(413, code, message)));
        }
        Err(NoBody::Broken) => return None,
    };
    if service == Service::Control {
        return Some(services.faults.control(&parts.method, parts.uri.path(), &body));
    }
    if let Err(error) = check_signature(services, &parts, payload) {
        return Some(stranger(service, error));
    }
    let request = Request::from_parts(parts, body);
    let Some(name) = service.name() else {
        let error = ServiceError::bad_request("UnknownOperationException", "no such service in the local cloud");
        return Some(service.refuse(&error));
    };
    let operation = service.operation(&request);
    let fate = services.faults.begin(name, &operation);
    let answer = suffer(services, service, (name, &operation), request, &fate).await;
    if matches!(fate.what, What::Hung) {
        // Longer than any client waits; or until the local cloud ends.
        tokio::time::sleep(HANG).await;
    }
    answer
}

/// Has the service answer, unless fate has it otherwise.
async fn suffer(
    services: &Arc<Services>,
    service: Service,
    (name, operation): (&str, &str),
    mut request: Request,
    fate: &Fate,
) -> Option<Response> {
    if !fate.delay.is_zero() {
        tokio::time::sleep(fate.delay).await;
    }
    let answer = match &fate.what {
        What::Nothing => Some(dispatch(services, service, request).await),
        What::Refused(trouble) => Some(refused(service, &faults::refusal(name, operation, *trouble))),
        What::Dropped => None,
        What::Lost | What::Hung => {
            dispatch(services, service, request).await;
            None
        }
        What::Undecryptable => Some(faults::hide(dispatch(services, service, request).await)),
        What::Partly(portion) => match portion.hold_back(&mut request) {
            None => Some(dispatch(services, service, request).await),
            Some(held) => {
                let answer = match held.nothing_left() {
                    Some(answer) => answer,
                    None => dispatch(services, service, request).await,
                };
                Some(held.put_back(answer))
            }
        },
    };
    services.faults.done(fate);
    answer
}

/// The owner may do everything; a role what its policies allow. Who one is may be asked by everybody.
fn check_permission(services: &Services, service: Service, request: &Request) -> Result<(), ServiceError> {
    let Some(Caller::Role { arn, session }) = request.extensions().get::<Caller>() else { return Ok(()) };
    let (Some(name), operation) = (service.name(), service.operation(request)) else { return Ok(()) };
    if (name, operation.as_str()) == ("sts", "GetCallerIdentity") {
        return Ok(());
    }
    let policies = services.iam.policies(arn);
    let user = services.identity.session_arn(arn.rsplit('/').next().unwrap_or_default(), session);
    let (action, resources) = permissions::asked(&services.identity, name, &operation, request);
    let context = permissions::context(&services.identity, arn);
    for resource in &resources {
        let ask = Ask { resource: resource.as_deref(), context: &context, ..Ask::new(&action, "") };
        policies.check(&user, &ask).map_err(|mut error| {
            if service == Service::Lambda {
                error.status = 403;
            }
            error
        })?;
    }
    Ok(())
}

/// A refusal in the form of the service.
fn refused(service: Service, error: &ServiceError) -> Response {
    if service == Service::Lambda { super::lambda::failure(error) } else { service.refuse(error) }
}

/// Has the service answer.
async fn dispatch(services: &Arc<Services>, service: Service, request: Request) -> Response {
    let work = services.work.spawn(ask(Arc::clone(services), service, request));
    match work.await {
        Ok(response) => response,
        // The panic has been told on stderr.
        Err(_) => service.refuse(&ServiceError::internal("the local cloud failed")),
    }
}

async fn ask(services: Arc<Services>, service: Service, request: Request) -> Response {
    let services = services.as_ref();
    if let Err(error) = check_permission(services, service, &request) {
        return refused(service, &error);
    }
    match service {
        Service::Kinesis(_) => services.kinesis.handle(request).await,
        Service::DynamoDb => services.dynamodb.handle(request).await,
        Service::Logs => services.logs.handle(request).await,
        Service::Lambda => services.lambda.handle(request).await,
        Service::Iam => services.iam.handle(request).await,
        Service::Sts => services.sts.handle(&request),
        Service::Health | Service::Control | Service::Unknown => {
            service.refuse(&ServiceError::internal("no such service in the local cloud"))
        }
    }
}

/// Only programs of this machine may ask: no web page, and no name that a page could have pointed here.
fn check_origin(headers: &HeaderMap, uri: &Uri) -> Result<(), ServiceError> {
    let denied = |message: &str| Err(ServiceError::new(403, "AccessDeniedException", message));
    let from_page = headers.get("sec-fetch-site").is_some_and(|site| site != "none");
    if headers.contains_key(ORIGIN) || from_page {
        return denied("the local cloud does not answer web pages");
    }
    // HTTP/2 names the host in the request line.
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or(uri.authority().map(Authority::as_str)).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    if !matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return denied("the local cloud answers to 127.0.0.1 and localhost only");
    }
    Ok(())
}

/// Whether who sent a request has the secret of the key that it carries, and sent just this.
fn check_signature(services: &Services, parts: &Parts, payload: Payload) -> Result<(), ServiceError> {
    let Some(signature) = Signature::of(&parts.headers, &parts.uri) else { return Ok(()) };
    // A session may have been taken back meanwhile.
    let secret = services.keys.secret(&signature.key_id).unwrap_or_else(wire::request_id);
    signature.check(parts, payload, &secret, Timestamp::now())
}

/// The refusal of who cannot show who it is.
fn stranger(service: Service, mut error: ServiceError) -> Response {
    if service == Service::Lambda {
        error.status = 403;
    }
    service.refuse(&error)
}

/// Only the owner may look into the local cloud itself.
fn check_owner(services: &Services, headers: &HeaderMap) -> Result<(), ServiceError> {
    let key = headers.get(KEY_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if services.keys.is_owner(key) {
        return Ok(());
    }
    Err(ServiceError::new(403, "AccessDeniedException", "the key is not the one of this local cloud"))
}

/// Who is there, for `local status`.
fn health(services: &Services) -> Response {
    let body = json!({
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
        "region": services.identity.region,
        "notices": services.notices.all(),
        "timing": services.timing.to_string(),
    });
    wire::json(200, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_foreign_names_are_kept_out() {
        let check = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
            check_origin(&headers.collect(), &Uri::from_static("/")).is_ok()
        };
        assert!(check(&[("host", "127.0.0.1:4588")]));
        assert!(check(&[("host", "localhost")]));
        assert!(check(&[("host", "[::1]:4588")]));
        assert!(!check(&[("host", "evil.example:4588")]));
        assert!(!check(&[]));
        assert!(!check(&[("host", "localhost"), ("origin", "https://evil.example")]));
        assert!(!check(&[("host", "localhost"), ("sec-fetch-site", "cross-site")]));
    }
}
