//! The platform's report of an invocation.
//!
//! Source: docs/facts/lambda.md, Log lines.

use serde::Serialize;
use serde_json::Value;

/// Time and memory of an invocation, from its `REPORT` line.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct InvocationUsage {
    /// Time in ms.
    pub duration_ms: f64,
    /// Billed time in ms.
    pub billed_ms: f64,
    /// The function's memory in MB.
    pub memory_mb: u64,
    /// The most that was used, in MB.
    pub max_memory_mb: u64,
    /// Time of the cold start in ms, if the environment was new.
    pub init_ms: Option<f64>,
    /// `timeout` or `error`, unless it succeeded.
    pub status: Option<String>,
    /// The class of the error.
    pub error_type: Option<String>,
}

impl InvocationUsage {
    /// Parses a `REPORT` line in either format. Returns `None` for any other line.
    #[must_use]
    pub(crate) fn of(message: &str) -> Option<Self> {
        let text = message.trim_end();
        let Some(fields) = text.strip_prefix("REPORT RequestId: ") else { return Self::of_json(text) };
        let field = |name: &str| {
            let named = fields.split('\t').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix(": "));
            named.map(str::to_owned)
        };
        let number = |name: &str, unit: &str| field(name)?.strip_suffix(unit)?.parse::<f64>().ok();
        let megabytes = |name: &str| field(name)?.strip_suffix(" MB")?.parse().ok();
        Some(InvocationUsage {
            duration_ms: number("Duration", " ms")?,
            billed_ms: number("Billed Duration", " ms")?,
            memory_mb: megabytes("Memory Size")?,
            max_memory_mb: megabytes("Max Memory Used")?,
            init_ms: number("Init Duration", " ms").or_else(|| number("Restore Duration", " ms")),
            status: field("Status"),
            error_type: field("Error Type"),
        })
    }

    fn of_json(text: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(text).ok().filter(|line: &Value| line["type"] == "platform.report")?;
        let (record, metrics) = (&line["record"], &line["record"]["metrics"]);
        let text = |key: &str| record[key].as_str().map(str::to_owned);
        Some(InvocationUsage {
            duration_ms: metrics["durationMs"].as_f64()?,
            billed_ms: metrics["billedDurationMs"].as_f64()?,
            memory_mb: metrics["memorySizeMB"].as_u64()?,
            max_memory_mb: metrics["maxMemoryUsedMB"].as_u64()?,
            init_ms: metrics["initDurationMs"].as_f64().or_else(|| metrics["restoreDurationMs"].as_f64()),
            status: text("status").filter(|status| status != "success"),
            error_type: text("errorType"),
        })
    }

    /// Returns one line for a person.
    #[must_use]
    pub(crate) fn summary(&self) -> String {
        let InvocationUsage { duration_ms, billed_ms, memory_mb, max_memory_mb, .. } = self;
        let mut parts = vec![
            format!("{duration_ms:.1} ms"),
            format!("billed {billed_ms:.0} ms"),
            format!("{max_memory_mb} of {memory_mb} MB"),
        ];
        parts.push(match self.init_ms {
            Some(init) => format!("cold start {init:.0} ms"),
            None => "warm".to_owned(),
        });
        parts.extend(self.status.clone());
        parts.extend(self.error_type.clone());
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_is_read_in_both_formats() {
        let text = "REPORT RequestId: 8f-1\tDuration: 1.25 ms\tBilled Duration: 42 ms\tMemory Size: 128 MB\tMax Memory \
                    Used: 20 MB\tInit Duration: 40.50 ms\t\n";
        let json = r#"{"time":"2026-11-28T10:00:00.000Z","type":"platform.report","record":{"requestId":"8f-1",
            "status":"success","metrics":{"durationMs":1.25,"billedDurationMs":42,"memorySizeMB":128,
            "maxMemoryUsedMB":20,"initDurationMs":40.5}}}"#;
        for message in [text, json] {
            let usage = InvocationUsage::of(message).unwrap();
            assert_eq!(usage.summary(), "1.2 ms, billed 42 ms, 20 of 128 MB, cold start 40 ms", "{message}");
            assert_eq!((usage.status, usage.error_type), (None, None));
        }
        let failed = "REPORT RequestId: 8f-1\tDuration: 9.00 ms\tBilled Duration: 9 ms\tMemory Size: 128 MB\tMax Memory \
                      Used: 128 MB\tStatus: error\tError Type: Runtime.OutOfMemory\n";
        let usage = InvocationUsage::of(failed).unwrap();
        assert_eq!(usage.summary(), "9.0 ms, billed 9 ms, 128 of 128 MB, warm, error, Runtime.OutOfMemory");
        for other in ["END RequestId: 8f-1", "REPORT RequestId: 8f-1", "{}", "REPORT"] {
            assert_eq!(InvocationUsage::of(other), None, "{other}");
        }
    }
}
