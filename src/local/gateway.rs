//! The one port: who may come in, which service a request is for, and that every request is answered.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::body::Bytes;
use axum::http;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use futures::FutureExt;
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::json;

use super::body::{self, NoBody};
use super::dynamodb::DynamoDb;
use super::faults::{self, Fate, Faults, What};
use super::iam::Iam;
use super::identity::Identity;
use super::keys::{Caller, Credential, Keys};
use super::kinesis::Kinesis;
use super::lambda::Lambda;
use super::logs::Logs;
use super::operation;
use super::permissions::{self, Ask};
use super::query_api::{self, IAM, STS};
use super::sts::Sts;
use super::wire::{self, AMZ_JSON_1_0, AMZ_JSON_1_1, REQUEST_ID, Request, Response, ServiceError};

/// The largest request of the data services.
const MAX_BODY: usize = 16 << 20;

/// The largest request of Lambda: a zip of 50 MB in base64, with room to spare.
const MAX_LAMBDA_BODY: usize = 70 << 20;

/// The largest request to the local cloud itself.
const MAX_CONTROL_BODY: usize = 64 << 10;

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
}

/// Which service a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Kinesis,
    DynamoDb,
    Logs,
    Lambda,
    Iam,
    Sts,
    Health,
    Control,
    Unknown,
}

impl Service {
    /// By target, else by path, else by the credential's scope.
    fn of(parts: &Parts) -> Service {
        let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
        match target.split_once('.').map(|(service, _)| service) {
            Some("Kinesis_20131202") => return Service::Kinesis,
            Some("DynamoDB_20120810" | "DynamoDBStreams_20120810") => return Service::DynamoDb,
            Some("Logs_20140328") => return Service::Logs,
            _ => {}
        }
        let path = parts.uri.path();
        if path == "/_sensorctl/health" {
            return Service::Health;
        }
        if path.starts_with("/_sensorctl/") {
            return Service::Control;
        }
        if starts_with_version(path) {
            return Service::Lambda;
        }
        match Credential::of(&parts.headers, &parts.uri).map(|credential| credential.service).as_deref() {
            Some("iam") => Service::Iam,
            Some("sts") => Service::Sts,
            Some("kinesis") => Service::Kinesis,
            Some("dynamodb") => Service::DynamoDb,
            Some("logs") => Service::Logs,
            Some("lambda") => Service::Lambda,
            _ => Service::Unknown,
        }
    }

    /// A refusal in the service's own form and with its own code.
    fn refuse(self, error: &ServiceError) -> Response {
        match self {
            Service::Iam => query_api::error(IAM, &as_query_code(error)),
            Service::Sts => query_api::error(STS, &as_query_code(error)),
            Service::DynamoDb => error.json(AMZ_JSON_1_0),
            Service::Lambda | Service::Health | Service::Control => error.rest(),
            Service::Kinesis | Service::Logs | Service::Unknown => error.json(AMZ_JSON_1_1),
        }
    }

    fn body_limit(self) -> usize {
        match self {
            Service::Lambda => MAX_LAMBDA_BODY,
            Service::Control => MAX_CONTROL_BODY,
            _ => MAX_BODY,
        }
    }

    /// As IAM actions begin; none where there is no service.
    fn name(self) -> Option<&'static str> {
        match self {
            Service::Kinesis => Some("kinesis"),
            Service::DynamoDb => Some("dynamodb"),
            Service::Logs => Some("logs"),
            Service::Lambda => Some("lambda"),
            Service::Iam => Some("iam"),
            Service::Sts => Some("sts"),
            Service::Health | Service::Control | Service::Unknown => None,
        }
    }

    fn operation(self, request: &Request) -> String {
        match self {
            Service::Iam | Service::Sts => operation::of_query(request),
            Service::Lambda => operation::of_lambda(request.method(), request.uri().path()).to_owned(),
            _ => operation::of_target(request),
        }
    }
}

/// IAM and STS have their own names for a wrong key.
fn as_query_code(error: &ServiceError) -> ServiceError {
    let code = match error.code.as_str() {
        "UnrecognizedClientException" => "InvalidClientTokenId",
        "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
        "ExpiredTokenException" => "ExpiredToken",
        "AccessDeniedException" => "AccessDenied",
        _ => return error.clone(),
    };
    ServiceError::new(403, code, error.message.clone())
}

/// Lambda's paths start with the date of an API version: `/2015-03-31/functions`.
fn starts_with_version(path: &str) -> bool {
    let version = path.trim_start_matches('/').split('/').next().unwrap_or_default().as_bytes();
    version.len() == 10
        && version.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Answers a request; nothing when its connection is to end without an answer.
pub(super) async fn serve(
    services: &Services,
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

async fn answer(services: &Services, service: Service, mut parts: Parts, body: Incoming) -> Option<Response> {
    if let Err(error) = check_origin(&parts.headers) {
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
            Err(mut error) => {
                if service == Service::Lambda {
                    error.status = 403;
                }
                return Some(service.refuse(&error));
            }
        };
    }
    let body = match body::read(body, service.body_limit()).await {
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
    services: &Services,
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

async fn dispatch(services: &Services, service: Service, request: Request) -> Response {
    if let Err(error) = check_permission(services, service, &request) {
        return refused(service, &error);
    }
    match service {
        Service::Kinesis => services.kinesis.handle(request).await,
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
fn check_origin(headers: &HeaderMap) -> Result<(), ServiceError> {
    let denied = |message: &str| Err(ServiceError::new(403, "AccessDeniedException", message));
    let from_page = headers.get("sec-fetch-site").is_some_and(|site| site != "none");
    if headers.contains_key(ORIGIN) || from_page {
        return denied("the local cloud does not answer web pages");
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    if !matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return denied("the local cloud answers to 127.0.0.1 and localhost only");
    }
    Ok(())
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
    });
    wire::json(200, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service_of(path: &str, target: Option<&str>, scope: &str) -> Service {
        let credential = format!("AWS4-HMAC-SHA256 Credential=K/20261123/us-east-1/{scope}/aws4_request, Signature=0");
        let mut request = axum::http::Request::post(path).header("authorization", credential);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        Service::of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn target_goes_before_path_and_path_before_scope() {
        assert_eq!(service_of("/", Some("Kinesis_20131202.PutRecord"), "iam"), Service::Kinesis);
        assert_eq!(service_of("/", Some("DynamoDBStreams_20120810.ListStreams"), "x"), Service::DynamoDb);
        assert_eq!(service_of("/2015-03-31/functions", None, "iam"), Service::Lambda);
        assert_eq!(service_of("/", None, "iam"), Service::Iam);
        assert_eq!(service_of("/2015-3-31/functions", None, "s3"), Service::Unknown);
    }

    #[test]
    fn pages_and_foreign_names_are_kept_out() {
        let check = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (axum::http::HeaderName::from_static(name), HeaderValue::from_static(value)));
            check_origin(&headers.collect()).is_ok()
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
