//! How a function failed: the error's JSON, the line in the log, and what the platform's report says of it.

use std::process::ExitStatus;

use axum::body::Bytes;
use serde_json::json;

use super::runtime_api::RESPONSE_LIMIT;

/// An error of a function, and how the platform's report names it.
pub(super) struct Failure {
    /// JSON with `errorType` and `errorMessage`.
    pub body: Bytes,
    /// A line of the platform in the log.
    pub line: Option<String>,
    /// Status and error type of the report.
    pub status: (&'static str, Option<String>),
}

/// The failure of a process that ended.
pub(super) fn exit_failure(id: &str, how: &str, status: &str) -> Failure {
    let how = if how.starts_with("without") { how.to_owned() } else { format!("with error: {how}") };
    let message = format!("RequestId: {id} Error: Runtime exited {how}");
    Failure {
        body: error_body("Runtime.ExitError", &message),
        line: Some(message),
        status: ("error", Some(status.to_owned())),
    }
}

/// In the words of the service, which is written in Go.
pub(super) fn how_it_ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(0), _) => "without providing a reason".to_owned(),
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(9)) => "signal: killed".to_owned(),
        (None, Some(6)) => "signal: aborted (core dumped)".to_owned(),
        (None, Some(11)) => "signal: segmentation fault".to_owned(),
        (None, signal) => format!("signal: {}", signal.unwrap_or_default()),
    }
}

/// An error as JSON.
pub(super) fn error_body(kind: &str, message: &str) -> Bytes {
    debug_assert!(message.len() < RESPONSE_LIMIT);
    Bytes::from(json!({"errorType": kind, "errorMessage": message}).to_string())
}

/// The `errorType` of an error.
pub(super) fn kind_of(body: &Bytes) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    body.get("errorType")?.as_str().map(str::to_owned)
}

/// An I/O error as the service puts it, without Rust's `(os error N)`.
pub(super) fn plain(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(8) => "exec format error".to_owned(),
        Some(13) => "permission denied".to_owned(),
        Some(2) => "no such file or directory".to_owned(),
        _ => error.to_string(),
    }
}
