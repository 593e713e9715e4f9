//! The metrics that the function writes for each invocation (docs/semantics.md, The function without sensorctl).

use serde::Serialize;
use serde_json::Value;

/// The metrics of an invocation.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct InvocationMetrics {
    /// The request id.
    pub request_id: Option<String>,
    /// The shard of its records.
    pub shard_id: Option<String>,
    /// Records of the batch.
    pub records: u64,
    /// Readings in them.
    pub readings: u64,
    /// Readings that are stored in the table.
    pub stored: u64,
    /// Readings that a later reading of the same key in the batch replaced.
    pub replaced: u64,
    /// Rejects that are stored in the dead-letter table.
    pub rejected: u64,
    /// Readings that must be delivered again.
    pub failed: u64,
    /// Retried requests.
    pub retries: u64,
    /// Time from the event to the response in ms.
    pub duration_ms: Option<f64>,
    /// Time from the arrival of the last record to the invocation in ms.
    pub iterator_age_ms: Option<f64>,
    /// Why something was not stored.
    pub error: Option<String>,
    /// The class of that reason: the service's code, or one of the function's own.
    #[serde(skip)]
    pub error_code: Option<String>,
    /// The first and the last sequence number of the batch.
    #[serde(skip)]
    pub range: Option<(String, String)>,
}

impl InvocationMetrics {
    /// Parses a line of the log, in plain form or as the message of a line in Lambda's JSON format.
    #[must_use]
    pub(crate) fn of(message: &str) -> Option<Self> {
        Self::of_document(&serde_json::from_str(message.trim()).ok()?)
    }

    pub(super) fn of_document(line: &Value) -> Option<Self> {
        let metrics = if line.get("_aws").is_some() { line } else { line.get("message")? };
        if let Value::String(text) = metrics {
            return Self::of(text);
        }
        let count = |name: &str| metrics.get(name).and_then(Value::as_u64).unwrap_or(0);
        let text = |name: &str| metrics.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| metrics.get(name).and_then(Value::as_f64);
        Some(InvocationMetrics {
            // Metrics of another function are none of these.
            rejected: metrics.get("Rejected")?.as_u64()?,
            request_id: text("RequestId"),
            shard_id: text("ShardId"),
            records: count("Records"),
            readings: count("Readings"),
            stored: count("Stored"),
            replaced: count("Replaced"),
            failed: count("Failed"),
            retries: count("Retries"),
            duration_ms: number("Duration"),
            iterator_age_ms: number("IteratorAge"),
            error: text("Error"),
            error_code: text("ErrorCode"),
            range: text("FirstSequenceNumber").zip(text("LastSequenceNumber")),
        })
    }

    /// Returns one line for a person.
    #[must_use]
    pub(crate) fn summary(&self) -> String {
        let plural = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let mut parts = vec![plural(self.records, "record"), plural(self.readings, "reading")];
        parts.push(format!("{} stored", self.stored));
        let others = [(self.replaced, "replaced"), (self.rejected, "rejected"), (self.failed, "failed")];
        parts.extend(others.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
        parts.extend(self.duration_ms.map(|ms| format!("{ms:.0} ms")));
        parts.join(", ")
    }
}
