//! The Runtime API of one execution environment: an HTTP server on a loopback port of its own.
//!
//! Source: docs/facts/lambda.md, Runtime API.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::auth::origin;
use crate::connections::{Gate, Limits, Taken};

/// Limit of a response in bytes (docs/facts/lambda.md, Invoke).
pub(crate) const RESPONSE_LIMIT: usize = 6_291_556;
const VERSION: &str = "/2018-06-01/runtime/";

/// One invocation as the function receives it.
#[derive(Debug)]
pub(crate) struct Task {
    pub request_id: String,
    pub payload: Bytes,
    /// Deadline in epoch milliseconds.
    pub deadline_ms: u64,
    pub function_arn: String,
    pub trace_id: String,
    pub client_context: Option<String>,
}

/// A request of the function.
#[derive(Debug)]
pub(crate) enum RuntimeRequest {
    /// It waits for an invocation; the sender is closed when it no longer does.
    Next(oneshot::Sender<Task>),
    /// The response to an invocation.
    Response { request_id: String, body: Bytes },
    /// A response over the size limit.
    TooLarge { request_id: String },
    /// An error of an invocation; the body is the error as JSON.
    Failure { request_id: String, body: Bytes },
    /// An error of the init phase.
    InitFailure { body: Bytes },
}

/// The server. Dropping it closes all connections, at which a function that waits for an invocation exits.
pub(crate) struct RuntimeApi {
    pub address: SocketAddr,
    server: JoinHandle<()>,
}

impl RuntimeApi {
    /// Listens on a free loopback port; the receiver gets the function's requests.
    pub(crate) async fn start() -> std::io::Result<(Self, mpsc::Receiver<RuntimeRequest>)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (sender, receiver) = mpsc::channel(4);
        let line = Line { here: address, calls: sender, under_way: Arc::default() };
        let server = tokio::spawn(serve(Gate::new(listener, limits()), line));
        Ok((RuntimeApi { address, server }, receiver))
    }
}

/// The state that the connections of one environment share.
#[derive(Clone)]
struct Line {
    here: SocketAddr,
    calls: mpsc::Sender<RuntimeRequest>,
    /// ID of the invocation handed out and not yet answered.
    under_way: Arc<Mutex<Option<String>>>,
}

impl Line {
    fn hand_out(&self, id: &str) {
        *self.under_way.lock() = Some(id.to_owned());
    }

    /// Returns whether this is the current invocation; each is answered only once.
    fn take(&self, id: &str) -> bool {
        let mut under_way = self.under_way.lock();
        under_way.take_if(|under_way| under_way == id).is_some()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Returns the connection limits.
///
/// A runtime holds a connection or two for its whole life; those of other users are dropped at once.
fn limits() -> Limits {
    Limits { connections: 64, foreign: 0, idle: None, ..Limits::default() }
}

async fn serve(gate: Gate, line: Line) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            taken = gate.next() => match taken {
                Ok(taken) => {
                    connections.spawn(connection(taken, line.clone()));
                }
                // Usually for lack of file descriptors, which is transient.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(taken: Taken, line: Line) {
    let Taken { stream, activity, place: _place } = taken;
    let in_use = activity.clone();
    let service = service_fn(move |request| {
        let (line, under_way) = (line.clone(), in_use.begin());
        async move {
            let _under_way = under_way;
            Ok::<_, Infallible>(answer(request, &line).await)
        }
    });
    tokio::select! {
        // A broken connection shows in the end of the process, or in its next request.
        ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service) => ended.unwrap_or_default(),
        () = activity.ceases() => {}
    }
}

async fn answer(request: http::Request<Incoming>, line: &Line) -> http::Response<Full<Bytes>> {
    if let Err(stranger) = origin::check_address(request.headers(), request.uri(), line.here) {
        return refuse(StatusCode::FORBIDDEN, "Forbidden", stranger.message());
    }
    let path = request.uri().path().to_owned();
    let Some(rest) = path.strip_prefix(VERSION) else { return unknown() };
    let parts: Vec<&str> = rest.split('/').collect();
    match (request.method(), parts.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(line).await,
        (&Method::POST, ["invocation", id, "response" | "error"]) if !line.take(id) => {
            refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
        }
        (&Method::POST, ["invocation", id, what @ ("response" | "error")]) => {
            let request_id = (*id).to_owned();
            match body(request).await {
                Ok(body) if *what == "response" => accept(line, RuntimeRequest::Response { request_id, body }).await,
                Ok(body) => accept(line, RuntimeRequest::Failure { request_id, body }).await,
                Err(BodyError::TooLarge) => {
                    // The function gets the same response whether or not the caller still waits.
                    accept(line, RuntimeRequest::TooLarge { request_id }).await;
                    refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &too_large_text())
                }
                Err(BodyError::Broken) => {
                    // The invocation is not answered yet: the function may respond again.
                    line.hand_out(id);
                    refuse(StatusCode::BAD_REQUEST, "InvalidRequestContent", "the body broke off")
                }
            }
        }
        (&Method::POST, ["init", "error"]) => {
            let body = body(request).await.unwrap_or_default();
            accept(line, RuntimeRequest::InitFailure { body }).await
        }
        _ => unknown(),
    }
}

/// Returns the error for the caller whose response is too large.
pub(crate) fn too_large_text() -> String {
    format!("Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes).")
}

async fn next(line: &Line) -> http::Response<Full<Bytes>> {
    let (sender, task) = oneshot::channel();
    let asked = line.calls.send(RuntimeRequest::Next(sender)).await.is_ok();
    match task.await {
        Ok(task) if asked => {
            line.hand_out(&task.request_id);
            delivery(task)
        }
        _ => refuse(StatusCode::INTERNAL_SERVER_ERROR, "Shutdown", "the execution environment is ending"),
    }
}

fn delivery(task: Task) -> http::Response<Full<Bytes>> {
    let mut response = http::Response::new(Full::new(task.payload));
    let headers = response.headers_mut();
    set(headers, "content-type", "application/json");
    set(headers, "lambda-runtime-aws-request-id", &task.request_id);
    set(headers, "lambda-runtime-deadline-ms", &task.deadline_ms.to_string());
    set(headers, "lambda-runtime-invoked-function-arn", &task.function_arn);
    set(headers, "lambda-runtime-trace-id", &task.trace_id);
    if let Some(context) = &task.client_context {
        set(headers, "lambda-runtime-client-context", context);
    }
    response
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// An error of reading a body.
enum BodyError {
    /// It is larger than a response may be.
    TooLarge,
    /// It was cut off.
    Broken,
}

/// Reads the whole body.
async fn body(request: http::Request<Incoming>) -> Result<Bytes, BodyError> {
    match Limited::new(request.into_body(), RESPONSE_LIMIT).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Err(_) => Err(BodyError::Broken),
    }
}

async fn accept(line: &Line, call: RuntimeRequest) -> http::Response<Full<Bytes>> {
    if line.calls.send(call).await.is_err() {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "Shutdown", "the execution environment is ending");
    }
    let mut response = http::Response::new(Full::new(Bytes::from_static(b"{\"status\":\"OK\"}\n")));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn unknown() -> http::Response<Full<Bytes>> {
    refuse(StatusCode::NOT_FOUND, "NotFound", "no such call of the Runtime API")
}

fn refuse(status: StatusCode, kind: &str, message: &str) -> http::Response<Full<Bytes>> {
    let text = json!({"errorType": kind, "errorMessage": message}).to_string();
    let mut response = http::Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}
