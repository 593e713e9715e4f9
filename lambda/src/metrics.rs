//! One log line for each invocation in `CloudWatch`'s embedded metric format, which is also a set of metrics.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::response::InvocationError;

const NAMESPACE: &str = "sensorctl";

/// The reason why something was not stored, without the content of readings.
#[derive(Debug)]
pub(crate) struct MetricIssue {
    /// The service's code, or one of the function's own.
    pub code: String,
    /// The message.
    pub message: String,
}

impl From<&InvocationError> for MetricIssue {
    fn from(fault: &InvocationError) -> Self {
        MetricIssue { code: fault.kind.to_owned(), message: fault.message.clone() }
    }
}

/// The records of an event: their shard, and the sequence numbers of the first and the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordRange {
    /// The shard.
    pub shard_id: String,
    /// The first sequence number.
    pub first: String,
    /// The last sequence number.
    pub last: String,
}

/// The metrics of an invocation: counts and milliseconds, without the content of readings.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Kinesis records.
    pub records: usize,
    /// Which records, so that the invocation of a record can be found.
    pub range: Option<RecordRange>,
    /// User records in them, as far as they were decoded.
    pub readings: usize,
    /// Readings that are stored in the table.
    pub stored: usize,
    /// Readings that a later reading of the same key in this batch replaced.
    pub replaced: usize,
    /// Stored readings whose time is before 1970 or after 2100: it is mostly in milliseconds.
    pub uncertain_times: usize,
    /// Rejects that are stored in the dead-letter table.
    pub rejected: usize,
    /// Readings that must be delivered again.
    pub failed: usize,
    /// Retried requests, as a whole or for unprocessed items.
    pub retries: u64,
    /// Time from the arrival of the last record in the stream to the invocation.
    pub iterator_age: Option<Duration>,
    /// Time for decoding the event and its readings.
    pub decoding: Duration,
    /// Time for storing readings.
    pub storing: Duration,
    /// Time for storing rejects.
    pub rejecting: Duration,
    /// Time from the event to the response.
    pub total: Duration,
    /// The reason why something was not stored.
    pub issue: Option<MetricIssue>,
}

impl Metrics {
    /// Writes the line to stdout, which Lambda copies to the function's log.
    pub(crate) fn log(&self, function_name: &str, request_id: &str) {
        let mut line = self.line(function_name, request_id).to_string();
        line.push('\n');
        // A failure of the log cannot be logged.
        let _ = std::io::stdout().write_all(line.as_bytes());
    }

    /// Returns the line, without its end.
    pub(crate) fn line(&self, function_name: &str, request_id: &str) -> Value {
        let counts = [
            ("Records", self.records as u64),
            ("Readings", self.readings as u64),
            ("Stored", self.stored as u64),
            ("Replaced", self.replaced as u64),
            ("UncertainTimes", self.uncertain_times as u64),
            ("Rejected", self.rejected as u64),
            ("Failed", self.failed as u64),
            ("Retries", self.retries),
        ];
        let times = [
            ("DecodeDuration", Some(self.decoding)),
            ("StoreDuration", Some(self.storing)),
            ("RejectDuration", Some(self.rejecting)),
            ("Duration", Some(self.total)),
            ("IteratorAge", self.iterator_age),
        ];
        let times = times.into_iter().filter_map(|(name, time)| Some((name, milliseconds(time?))));
        let declared = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
        let metrics: Vec<_> = counts
            .iter()
            .map(|(name, _)| declared(name, "Count"))
            .chain(times.clone().map(|(name, _)| declared(name, "Milliseconds")))
            .collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
                "CloudWatchMetrics": [
                    {"Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": metrics},
                ],
            }),
        );
        line.insert("FunctionName".to_owned(), json!(function_name));
        line.insert("RequestId".to_owned(), json!(request_id));
        if let Some(RecordRange { shard_id, first, last }) = &self.range {
            line.insert("ShardId".to_owned(), json!(shard_id));
            line.insert("FirstSequenceNumber".to_owned(), json!(first));
            line.insert("LastSequenceNumber".to_owned(), json!(last));
        }
        line.extend(counts.iter().map(|(name, count)| ((*name).to_owned(), json!(count))));
        line.extend(times.map(|(name, time)| (name.to_owned(), json!(time))));
        if let Some(issue) = &self.issue {
            line.insert("ErrorCode".to_owned(), json!(issue.code));
            line.insert("Error".to_owned(), json!(issue.message));
        }
        Value::Object(line)
    }
}

/// Converts to milliseconds, to the microsecond.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::{MetricIssue, Metrics, RecordRange};
    use std::time::Duration;

    #[test]
    fn line_contains_every_declared_metric() {
        let mut metrics = Metrics { total: Duration::from_nanos(1_234_567), ..Metrics::default() };
        for (age, count) in [(None, 12), (Some(Duration::from_secs(7)), 13)] {
            metrics.iterator_age = age;
            let line = metrics.line("f", "r");
            let declared = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
            assert_eq!(declared.len(), count);
            assert!(declared.iter().all(|metric| line[metric["Name"].as_str().unwrap()].is_number()), "{line}");
            assert_eq!((&line["FunctionName"], &line["Duration"]), (&"f".into(), &1.235.into()));
            assert!(line.get("Error").is_none());
        }
        metrics.issue = Some(MetricIssue { code: "AccessDeniedException".to_owned(), message: "no".to_owned() });
        assert_eq!(metrics.line("f", "r")["ErrorCode"], "AccessDeniedException");
        let range = RecordRange { shard_id: "shardId-0".to_owned(), first: "7".to_owned(), last: "9".to_owned() };
        metrics.range = Some(range);
        let line = metrics.line("f", "r");
        assert_eq!(
            (&line["ShardId"], &line["FirstSequenceNumber"], &line["LastSequenceNumber"]),
            (&"shardId-0".into(), &"7".into(), &"9".into())
        );
    }
}
