//! One line for each invocation, in `CloudWatch`'s embedded metric format: a log line that is metrics at the same time.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

const NAMESPACE: &str = "sensorctl";

/// What happened in an invocation: counts and milliseconds, nothing of a reading's content.
#[derive(Debug)]
pub struct Metrics {
    function_name: String,
    request_id: String,
    /// Kinesis records.
    pub records: usize,
    /// Readings in them, or what should have been readings.
    pub readings: usize,
    /// Readings that are in the table now.
    pub stored: usize,
    /// Readings that a later one of the same key in this batch replaced.
    pub replaced: usize,
    /// What is in the table of rejects now.
    pub rejected: usize,
    /// Readings that must be sent again.
    pub failed: usize,
    /// Requests that were sent again.
    pub retries: u64,
    /// From the event to the answer.
    pub milliseconds: u64,
    /// Why something was not stored.
    pub error: Option<String>,
}

impl Metrics {
    /// Of an invocation that begins.
    pub fn new(function_name: &str, request_id: &str) -> Self {
        Metrics {
            function_name: function_name.to_owned(),
            request_id: request_id.to_owned(),
            records: 0,
            readings: 0,
            stored: 0,
            replaced: 0,
            rejected: 0,
            failed: 0,
            retries: 0,
            milliseconds: 0,
            error: None,
        }
    }

    /// Writes the line to stdout, which Lambda makes the function's log.
    pub fn log(&self) {
        let mut line = self.line().to_string();
        line.push('\n');
        // With no log there is nowhere to tell that there is none.
        let _ = std::io::stdout().write_all(line.as_bytes());
    }

    fn line(&self) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let count = |name| json!({"Name": name, "Unit": "Count"});
        let mut line = json!({
            "_aws": {
                "Timestamp": u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["FunctionName"]],
                    "Metrics": [
                        count("Records"), count("Readings"), count("Stored"), count("Replaced"), count("Rejected"),
                        count("Failed"), count("Retries"), {"Name": "Duration", "Unit": "Milliseconds"},
                    ],
                }],
            },
            "FunctionName": self.function_name,
            "RequestId": self.request_id,
            "Records": self.records,
            "Readings": self.readings,
            "Stored": self.stored,
            "Replaced": self.replaced,
            "Rejected": self.rejected,
            "Failed": self.failed,
            "Retries": self.retries,
            "Duration": self.milliseconds,
        });
        if let Some(error) = &self.error {
            line["Error"] = json!(error);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn every_metric_that_is_declared_is_there() {
        let line = Metrics::new("f", "r").line();
        let declared = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert_eq!(declared.len(), 8);
        assert!(declared.iter().all(|metric| line[metric["Name"].as_str().unwrap()].is_number()));
        assert_eq!(line["FunctionName"], "f");
        assert!(line.get("Error").is_none());
    }
}
