//! How a function failed: the error's JSON, the line in the log, and what the platform's report says of it.

use std::process::ExitStatus;

use bytes::Bytes;
use serde_json::json;

use super::runtime_api::RESPONSE_LIMIT;

/// How the platform's report names what did not end well: `timeout` or `error`, and the kind of error.
pub(crate) type Status = (&'static str, Option<String>);

/// The kind of error of code that cannot be run.
pub(crate) const ENTRYPOINT: &str = "Runtime.InvalidEntrypoint";

/// An error of a function, and how the platform's report names it.
pub(crate) struct Failure {
    /// JSON with `errorType` and `errorMessage`.
    pub body: Bytes,
    /// A line of the platform in the log.
    pub line: Option<String>,
    pub status: Status,
}

/// The failure of a process that ended.
pub(crate) fn exit_failure(id: &str, how: &str, status: &str) -> Failure {
    let how = if how.starts_with("without") { how.to_owned() } else { format!("with error: {how}") };
    let message = format!("RequestId: {id} Error: Runtime exited {how}");
    Failure {
        body: error_body("Runtime.ExitError", &message),
        line: Some(message),
        status: ("error", Some(status.to_owned())),
    }
}

/// In the words of the service, which is written in Go.
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

/// An error as JSON.
pub(crate) fn error_body(kind: &str, message: &str) -> Bytes {
    debug_assert!(message.len() < RESPONSE_LIMIT);
    Bytes::from(json!({"errorType": kind, "errorMessage": message}).to_string())
}

/// The `errorType` of an error.
pub(crate) fn kind_of(body: &Bytes) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    body.get("errorType")?.as_str().map(str::to_owned)
}

/// Why a file cannot be run, in the words of the service; `None` when that is this machine's fault and not the file's.
pub(crate) fn exec_failure(error: &std::io::Error) -> Option<&'static str> {
    match error.raw_os_error() {
        Some(8) => Some("exec format error"),
        Some(13) => Some("permission denied"),
        // The interpreter that a script or a dynamic program names.
        Some(2) => Some("no such file or directory"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_full_is_not_the_functions_fault() {
        let of = |code| exec_failure(&std::io::Error::from_raw_os_error(code));
        assert_eq!(of(8), Some("exec format error"));
        // EAGAIN, ENOMEM, EMFILE.
        assert_eq!([11, 12, 24].map(of), [None; 3]);
    }
}
