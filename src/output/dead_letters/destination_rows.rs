//! Batches that Lambda gave up, with the time that is left to read them again.

use sensor_model::Decimal;
use serde::Serialize;

use crate::operate::FailureDocument;
use crate::output::{Row, Squeeze, time_text};
use crate::pipeline::whole_milliseconds;

const HOUR_MS: i64 = 3_600_000;

/// A batch that Lambda gave up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct FailureDocumentRow {
    shard_id: String,
    first_sequence_number: String,
    last_sequence_number: String,
    records: u64,
    reason: String,
    arrived: Option<String>,
    /// When the stream drops its first record.
    deadline: Option<String>,
    /// Hours until then, 0 where it has passed.
    pub hours_left: Option<f64>,
    /// True if the document has the records itself.
    has_records: bool,
}

impl FailureDocumentRow {
    /// Shows a document at a time, in milliseconds since 1970, of a stream that keeps records for so many hours.
    #[must_use]
    pub(crate) fn new(document: &FailureDocument, now_ms: i64, retention_hours: Option<u32>) -> Self {
        let arrived_ms = document.arrived.as_ref().and_then(|time: &Decimal| whole_milliseconds(time));
        let retention_ms = retention_hours.map(|hours| i64::from(hours) * HOUR_MS);
        let deadline = arrived_ms.zip(retention_ms).map(|(arrived, retention)| arrived.saturating_add(retention));
        #[expect(clippy::cast_precision_loss, reason = "hours, with one decimal")]
        let hours = |deadline: i64| ((deadline - now_ms).max(0) as f64 / HOUR_MS as f64 * 10.0).floor() / 10.0;
        FailureDocumentRow {
            shard_id: document.shard_id.clone(),
            first_sequence_number: document.first.clone(),
            last_sequence_number: document.last.clone(),
            records: document.records,
            reason: document.condition.clone(),
            arrived: arrived_ms.map(time_text),
            deadline: deadline.map(time_text),
            hours_left: deadline.map(hours),
            has_records: document.payload.is_some(),
        }
    }
}

impl Row for FailureDocumentRow {
    fn columns() -> &'static [&'static str] {
        &[
            "shard_id",
            "first_sequence_number",
            "last_sequence_number",
            "records",
            "reason",
            "arrived",
            "deadline",
            "hours_left",
            "has_records",
        ]
    }

    fn cells(&self) -> Vec<String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            self.shard_id.clone(),
            self.first_sequence_number.clone(),
            self.last_sequence_number.clone(),
            self.records.to_string(),
            self.reason.clone(),
            text(&self.arrived),
            text(&self.deadline),
            self.hours_left.map(|hours| format!("{hours:.1}")).unwrap_or_default(),
            self.has_records.to_string(),
        ]
    }

    fn squeezes() -> &'static [Squeeze] {
        &[
            Squeeze::Drop("last_sequence_number"),
            Squeeze::Drop("first_sequence_number"),
            Squeeze::Drop("arrived"),
            Squeeze::Drop("has_records"),
            Squeeze::Drop("deadline"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_left_end_at_the_retention_of_the_first_record() {
        let document = FailureDocument {
            region: "us-east-1".into(),
            account: "1".into(),
            stream: "s".into(),
            shard_id: "shardId-0".into(),
            first: "1".into(),
            last: "2".into(),
            records: 2,
            condition: "RecordAgeExceeded".into(),
            arrived: Decimal::parse("1000.5").ok(),
            payload: None,
        };
        let left = |now_ms, retention| FailureDocumentRow::new(&document, now_ms, retention).hours_left;
        assert_eq!(left(1_000_500, Some(24)), Some(24.0));
        assert_eq!(left(1_000_500 + 90 * 60_000, Some(24)), Some(22.5));
        assert_eq!((left(i64::MAX / 2, Some(24)), left(0, None)), (Some(0.0), None));
    }
}
