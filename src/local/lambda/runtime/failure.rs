//! Failures of a function: the error as JSON, the log line, and the status in the platform's report.

use std::process::ExitStatus;

use bytes::Bytes;
use serde_json::json;

use super::runtime_api::RESPONSE_LIMIT;

/// Failure status in the platform's report: `timeout` or `error`, and the error type.
pub(crate) type Status = (&'static str, Option<String>);

/// Error type of code that cannot run.
pub(crate) const ENTRYPOINT: &str = "Runtime.InvalidEntrypoint";

/// An error of a function, with its status in the platform's report.
pub(crate) struct Failure {
    /// JSON with `errorType` and `errorMessage`.
    pub body: Bytes,
    /// The platform's log line.
    pub line: Option<String>,
    pub status: Status,
}

/// Returns the failure of a process that ended.
pub(crate) fn exit_failure(id: &str, how: &str, status: &str) -> Failure {
    let how = if how.starts_with("without") { how.to_owned() } else { format!("with error: {how}") };
    let message = format!("RequestId: {id} Error: Runtime exited {how}");
    Failure {
        body: error_body("Runtime.ExitError", &message),
        line: Some(message),
        status: ("error", Some(status.to_owned())),
    }
}

/// Returns an exit status in the service's wording, which is that of Go.
pub(crate) fn how_it_ended(status: ExitStatus) -> String {
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

/// Returns an error as JSON.
pub(crate) fn error_body(kind: &str, message: &str) -> Bytes {
    debug_assert!(message.len() < RESPONSE_LIMIT);
    Bytes::from(json!({"errorType": kind, "errorMessage": message}).to_string())
}

/// Returns the `errorType` of an error.
pub(crate) fn kind_of(body: &Bytes) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    body.get("errorType")?.as_str().map(str::to_owned)
}

/// Returns the service's message for a file that cannot run, or `None` if the machine is the cause.
pub(crate) fn exec_failure(error: &std::io::Error) -> Option<&'static str> {
    match error.raw_os_error() {
        Some(8) => Some("exec format error"),
        Some(13) => Some("permission denied"),
        // The interpreter of a script or a dynamic program is missing.
        Some(2) => Some("no such file or directory"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exec_failure_for_lack_of_resources_is_not_the_functions() {
        let of = |code| exec_failure(&std::io::Error::from_raw_os_error(code));
        assert_eq!(of(8), Some("exec format error"));
        // EAGAIN, ENOMEM, EMFILE.
        assert_eq!([11, 12, 24].map(of), [None; 3]);
    }
}
