//! Classifies the messages of the function's log.
//!
//! Source: docs/facts/lambda.md, Log lines.

use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

use super::InvocationMetrics;
use super::usage::InvocationUsage;

/// The kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogKind {
    /// A new execution environment begins.
    ColdStart,
    /// An invocation begins.
    Start,
    /// An invocation ended.
    End,
    /// The platform's report about an invocation: duration, memory, cold start.
    Report,
    /// Something failed: the invocation, the start of the environment, or storing a reading.
    Error,
    /// The function's metrics of an invocation that rejected readings.
    Rejected,
    /// The function's metrics of any other invocation.
    Metrics,
    /// Anything else that the function writes.
    Message,
}

/// The facts that a message states about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Classified {
    pub kind: LogKind,
    pub request_id: Option<String>,
}

/// The beginnings of messages about failures.
const FAILURES: [&str; 6] =
    ["Runtime.", "Error: ", "[ERROR]", "fatal runtime error", "fork/exec /var/task/bootstrap", "/var/task/bootstrap: "];

impl Classified {
    /// Classifies a message.
    pub(super) fn of(message: &str) -> Self {
        let text = message.trim_end();
        if text.starts_with('{')
            && let Ok(document) = serde_json::from_str::<Value>(text)
        {
            return Self::of_document(&document);
        }
        let request_id = request_id(text).map(str::to_owned);
        Classified { kind: kind_of_text(text), request_id }
    }

    /// Classifies a line in Lambda's JSON format, or the function's own metrics.
    fn of_document(document: &Value) -> Self {
        if let Some(metrics) = InvocationMetrics::of_document(document) {
            let kind = match &metrics {
                metrics if metrics.error.is_some() || metrics.failed > 0 => LogKind::Error,
                metrics if metrics.rejected > 0 => LogKind::Rejected,
                _ => LogKind::Metrics,
            };
            return Classified { kind, request_id: metrics.request_id };
        }
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let record = document.get("record").unwrap_or(&Value::Null);
        let has_failed = text(record, "status").is_some_and(|status| status != "success");
        let kind = match text(document, "type").as_deref().and_then(|kind| kind.strip_prefix("platform.")) {
            _ if has_failed => LogKind::Error,
            Some("initStart" | "initRuntimeDone" | "initReport" | "restoreStart" | "restoreReport") => {
                LogKind::ColdStart
            }
            Some("start") => LogKind::Start,
            Some("runtimeDone") => LogKind::End,
            Some("report") => LogKind::Report,
            Some("logsDropped") => LogKind::Error,
            None if matches!(text(document, "level").as_deref(), Some("ERROR" | "FATAL")) => LogKind::Error,
            _ => LogKind::Message,
        };
        let request_id = text(record, "requestId").or_else(|| text(document, "requestId"));
        Classified { kind, request_id: request_id.or_else(|| text(document, "AWSRequestId")) }
    }
}

fn kind_of_text(text: &str) -> LogKind {
    let has_failed = || InvocationUsage::of(text).is_some_and(|usage| usage.status.is_some());
    let is_init = text.starts_with("INIT_REPORT ") || text.starts_with("RESTORE_REPORT ");
    match text {
        _ if is_init && text.contains("\tStatus: ") => LogKind::Error,
        _ if is_init || text.starts_with("INIT_START ") || text.starts_with("RESTORE_START ") => LogKind::ColdStart,
        _ if text.starts_with("START RequestId: ") => LogKind::Start,
        _ if text.starts_with("END RequestId: ") => LogKind::End,
        _ if text.starts_with("REPORT RequestId: ") && has_failed() => LogKind::Error,
        _ if text.starts_with("REPORT RequestId: ") => LogKind::Report,
        _ if text.starts_with("RequestId: ") && text.contains(" Error: ") => LogKind::Error,
        _ if text.contains(" Task timed out after ") => LogKind::Error,
        _ if text.starts_with("thread '") && text.contains(" panicked at ") => LogKind::Error,
        _ if FAILURES.iter().any(|failure| text.starts_with(failure)) => LogKind::Error,
        _ => LogKind::Message,
    }
}

/// Returns the request id of a platform's line.
fn request_id(text: &str) -> Option<&str> {
    if let Some((_, rest)) = text.split_once("RequestId: ") {
        return rest.split_ascii_whitespace().next();
    }
    // `<time> <id> Task timed out after 3.00 seconds`
    let (before, _) = text.split_once(" Task timed out after ")?;
    before.rsplit(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &str) -> (LogKind, Option<String>) {
        let Classified { kind, request_id } = Classified::of(message);
        (kind, request_id)
    }

    #[test]
    fn platform_lines_as_text_are_told_apart() {
        for (message, kind, id) in [
            ("INIT_START Runtime Version: provided:al2023.v1\tRuntime Version ARN: arn:x\n", LogKind::ColdStart, None),
            ("START RequestId: 8f-1 Version: $LATEST\n", LogKind::Start, Some("8f-1")),
            ("END RequestId: 8f-1\n", LogKind::End, Some("8f-1")),
            (
                "REPORT RequestId: 8f-1\tDuration: 1.23 ms\tBilled Duration: 42 ms\tMemory Size: 128 MB\tMax Memory \
                 Used: 20 MB\tInit Duration: 40.10 ms\t\n",
                LogKind::Report,
                Some("8f-1"),
            ),
            (
                "REPORT RequestId: 8f-1\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory \
                 Used: 20 MB\tStatus: timeout\n",
                LogKind::Error,
                Some("8f-1"),
            ),
            ("2026-11-28T10:00:00.000Z 8f-1 Task timed out after 3.00 seconds\n", LogKind::Error, Some("8f-1")),
            ("RequestId: 8f-1 Error: Runtime exited with error: exit status 1", LogKind::Error, Some("8f-1")),
            ("Runtime.ExitError", LogKind::Error, None),
            ("Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]", LogKind::Error, None),
            (
                "INIT_REPORT Init Duration: 10.17 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError",
                LogKind::Error,
                None,
            ),
            ("thread 'main' (7) panicked at lambda/src/main.rs:1:1:", LogKind::Error, None),
            ("hello {\"a\":1}", LogKind::Message, None),
            ("{\"a\":1}", LogKind::Message, None),
            ("{not json", LogKind::Message, None),
        ] {
            assert_eq!(of(message), (kind, id.map(str::to_owned)), "{message}");
        }
    }

    #[test]
    fn platform_lines_as_json_are_told_apart() {
        for (kind, record, expected) in [
            ("initStart", "{}", LogKind::ColdStart),
            ("initReport", r#"{"status":"timeout"}"#, LogKind::Error),
            ("start", r#"{"requestId":"8f-1"}"#, LogKind::Start),
            ("runtimeDone", r#"{"requestId":"8f-1","status":"success"}"#, LogKind::End),
            ("report", r#"{"requestId":"8f-1","status":"success"}"#, LogKind::Report),
            ("report", r#"{"requestId":"8f-1","status":"failure"}"#, LogKind::Error),
            ("telemetrySubscription", "{}", LogKind::Message),
        ] {
            let message =
                format!(r#"{{"time":"2026-11-28T10:00:00.000Z","type":"platform.{kind}","record":{record}}}"#);
            let id = record.contains("8f-1").then(|| "8f-1".to_owned());
            assert_eq!(of(&message), (expected, id), "{message}");
        }
        assert_eq!(of(r#"{"level":"ERROR","message":"x","requestId":"8f-1"}"#), (LogKind::Error, Some("8f-1".into())));
    }

    #[test]
    fn metrics_say_whether_readings_were_rejected_or_failed() {
        let of = |rest: &str| of(&format!(r#"{{"_aws":{{"Timestamp":1}},"RequestId":"8f-1","Records":1,{rest}}}"#)).0;
        assert_eq!(of(r#""Rejected":0,"Failed":0"#), LogKind::Metrics);
        assert_eq!(of(r#""Rejected":2,"Failed":0"#), LogKind::Rejected);
        assert_eq!(of(r#""Rejected":2,"Failed":1"#), LogKind::Error);
        assert_eq!(of(r#""Rejected":0,"Error":"AccessDeniedException: x""#), LogKind::Error);
    }
}
