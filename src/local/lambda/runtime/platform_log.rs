//! The platform's lines in the function's log (docs/facts/lambda.md, Log lines).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::failure::Status;
use crate::lambda::api::function_name::LATEST;
use crate::lambda::state::Logging;

/// The platform's report of an invocation.
pub(crate) struct Report {
    pub duration: Duration,
    pub init: Option<Duration>,
    pub memory_size_mb: u64,
    pub max_memory_mb: u64,
    /// Status of a failure.
    pub status: Option<Status>,
}

/// Returns the line before the function's own.
pub(crate) fn start_line(logging: &Logging, request_id: &str) -> String {
    if logging.format == "JSON" {
        return platform(logging, "platform.start", &json!({"requestId": request_id, "version": LATEST}));
    }
    format!("START RequestId: {request_id} Version: {LATEST}")
}

/// Returns the lines after the function's own.
pub(crate) fn end_lines(logging: &Logging, request_id: &str, report: &Report) -> Vec<String> {
    let duration = milliseconds(report.duration);
    let billed = (report.duration + report.init.unwrap_or_default()).as_nanos().div_ceil(1_000_000);
    if logging.format == "JSON" {
        let mut metrics = json!({"durationMs": duration, "billedDurationMs": billed,
            "memorySizeMB": report.memory_size_mb, "maxMemoryUsedMB": report.max_memory_mb});
        if let Some(init) = report.init {
            metrics["initDurationMs"] = json!(milliseconds(init));
        }
        let status = report.status.as_ref().map_or("success", |(status, _)| status);
        let record = json!({"requestId": request_id, "metrics": metrics, "status": status});
        return vec![platform(logging, "platform.report", &record)];
    }
    let (memory, used) = (report.memory_size_mb, report.max_memory_mb);
    let mut fields = vec![
        format!("REPORT RequestId: {request_id}"),
        format!("Duration: {duration:.2} ms"),
        format!("Billed Duration: {billed} ms"),
        format!("Memory Size: {memory} MB"),
        format!("Max Memory Used: {used} MB"),
    ];
    if let Some(init) = report.init {
        fields.push(format!("Init Duration: {:.2} ms", milliseconds(init)));
    }
    // Every field ends with a tab in the service's line, except for a status, which comes last.
    fields.push(report.status.as_ref().map(|(status, _)| format!("Status: {status}")).unwrap_or_default());
    if let Some((_, Some(kind))) = &report.status {
        fields.push(format!("Error Type: {kind}"));
    }
    let line = fields.join("\t");
    vec![format!("END RequestId: {request_id}"), line]
}

/// Returns the line about an environment that did not start.
///
/// It did so in its init phase (`init`), or during the invocation (`invoke`).
pub(crate) fn init_report_line(logging: &Logging, duration: Duration, phase: &str, status: &Status) -> String {
    let (duration, (status, kind)) = (milliseconds(duration), status);
    if logging.format == "JSON" {
        let record = json!({"initializationType": "on-demand", "phase": phase, "status": status, "errorType": kind,
            "metrics": {"durationMs": duration}});
        return platform(logging, "platform.initReport", &record);
    }
    let kind = kind.as_ref().map(|kind| format!("\tError Type: {kind}")).unwrap_or_default();
    format!("INIT_REPORT Init Duration: {duration:.2} ms\tPhase: {phase}\tStatus: {status}{kind}")
}

fn platform(logging: &Logging, kind: &str, record: &Value) -> String {
    let level = logging.system_level.as_deref().unwrap_or("INFO");
    json!({"time": Timestamp::now().to_string(), "type": kind, "level": level, "record": record}).to_string()
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Logging {
        Logging { format: "Text".into(), group: "/g".into(), application_level: None, system_level: None }
    }

    #[test]
    fn platform_log_report_has_the_services_format() {
        let report = Report {
            duration: Duration::from_micros(1_230),
            init: Some(Duration::from_micros(40_100)),
            memory_size_mb: 128,
            max_memory_mb: 30,
            status: None,
        };
        assert_eq!(
            end_lines(&text(), "id", &report),
            [
                "END RequestId: id",
                "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 42 ms\tMemory Size: 128 MB\t\
                 Max Memory Used: 30 MB\tInit Duration: 40.10 ms\t"
            ]
        );
        assert_eq!(start_line(&text(), "id"), "START RequestId: id Version: $LATEST");
    }

    #[test]
    fn platform_log_failed_init_has_its_own_line() {
        let took = Duration::from_millis(12);
        let line = |phase, status: &Status| init_report_line(&text(), took, phase, status);
        assert_eq!(
            line("init", &("timeout", None)),
            "INIT_REPORT Init Duration: 12.00 ms\tPhase: init\tStatus: timeout"
        );
        assert_eq!(
            line("invoke", &("error", Some("Runtime.ExitError".into()))),
            "INIT_REPORT Init Duration: 12.00 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError"
        );
    }
}
