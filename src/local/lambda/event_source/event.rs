//! The event of a function for a batch of Kinesis records (docs/facts/event-source-mapping.md, Event).

use std::fmt::Write;

use bytes::Bytes;

use super::stream_item::StreamItem;
use crate::kinesis::StreamRecord;

/// Limit of an event, in bytes.
pub(crate) const EVENT_LIMIT: usize = 6 * 1024 * 1024;
const HEAD: &str = "{\"Records\":[";
const TAIL: &str = "]}";
/// Size of an event without records, in bytes.
pub(crate) const EMPTY: usize = HEAD.len() + TAIL.len();

/// The parts that all records of a shard share.
#[derive(Clone, Debug)]
pub(crate) struct EventEnvelope {
    source_arn: String,
    shard_id: String,
    region: String,
    role: String,
    /// Size of a record without its own content, with a comma, in bytes.
    overhead: usize,
}

impl EventEnvelope {
    /// Returns the envelope of a shard's records; `role` is the one that reads them.
    pub(crate) fn new(source_arn: &str, shard_id: &str, region: &str, role: &str) -> Self {
        let [source_arn, shard_id, region, role] = [source_arn, shard_id, region, role].map(str::to_owned);
        let mut frame = EventEnvelope { source_arn, shard_id, region, role, overhead: 1 };
        let nothing = StreamRecord {
            sequence_number: String::new(),
            partition_key: String::new(),
            data: String::new(),
            // The longest number until the year 2286.
            arrival: 9_999_999_999.0,
        };
        let mut empty = String::new();
        // The quotes of the key are counted with the key.
        frame.write(&mut empty, &StreamItem { key_json: String::new(), ..StreamItem::new(0, nothing) });
        frame.overhead += empty.len();
        frame
    }

    /// Returns the event with these records.
    pub(crate) fn event(&self, items: &[StreamItem]) -> Bytes {
        let mut text = String::with_capacity(EMPTY + self.length(items));
        text.push_str(HEAD);
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            self.write(&mut text, item);
        }
        text.push_str(TAIL);
        Bytes::from(text)
    }

    /// Returns how many of the first records fit into one event; at least one, whatever its size.
    pub(crate) fn fitting<'a>(&self, items: impl IntoIterator<Item = &'a StreamItem>) -> usize {
        let mut length = EMPTY;
        let fits = |item: &&StreamItem| {
            length += self.length([*item]);
            length <= EVENT_LIMIT
        };
        items.into_iter().take_while(fits).count().max(1)
    }

    /// Returns the size of these records in an event, in bytes.
    pub(crate) fn length<'a>(&self, items: impl IntoIterator<Item = &'a StreamItem>) -> usize {
        items.into_iter().map(|item| self.overhead + item.variable_length()).sum()
    }

    fn write(&self, text: &mut String, item: &StreamItem) {
        let EventEnvelope { source_arn, shard_id, region, role, .. } = self;
        let StreamItem { sequence_number, key_json, data, arrival, .. } = item;
        // Only the key needs escaping, and it is JSON already. Writing to a string cannot fail.
        write!(
            text,
            "{{\"kinesis\":{{\"kinesisSchemaVersion\":\"1.0\",\"partitionKey\":{key_json},\
             \"sequenceNumber\":\"{sequence_number}\",\"data\":\"{data}\",\
             \"approximateArrivalTimestamp\":{arrival:.3}}},\"eventSource\":\"aws:kinesis\",\"eventVersion\":\"1.0\",\
             \"eventID\":\"{shard_id}:{sequence_number}\",\"eventName\":\"aws:kinesis:record\",\
             \"invokeIdentityArn\":\"{role}\",\"awsRegion\":\"{region}\",\"eventSourceARN\":\"{source_arn}\"}}"
        )
        .unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frame() -> EventEnvelope {
        let stream = "arn:aws:kinesis:eu-central-1:123456789012:stream/s";
        EventEnvelope::new(stream, "shardId-000000000006", "eu-central-1", "arn:aws:iam::123456789012:role/r")
    }

    fn item(key: &str, data: &str) -> StreamItem {
        let record = StreamRecord {
            sequence_number: "4959".into(),
            partition_key: key.into(),
            data: data.into(),
            arrival: 1_545_084_650.987,
        };
        StreamItem::new(0, record)
    }

    #[test]
    fn kinesis_event_has_every_field_of_the_service() {
        let event = frame().event(&[item("a \"quoted\" ☃ key", "aGk=")]);
        let event: serde_json::Value = serde_json::from_slice(&event).unwrap();
        let wanted = json!({"Records": [{
            "kinesis": {"kinesisSchemaVersion": "1.0", "partitionKey": "a \"quoted\" ☃ key", "sequenceNumber": "4959",
                "data": "aGk=", "approximateArrivalTimestamp": 1_545_084_650.987},
            "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": "shardId-000000000006:4959",
            "eventName": "aws:kinesis:record", "invokeIdentityArn": "arn:aws:iam::123456789012:role/r",
            "awsRegion": "eu-central-1", "eventSourceARN": "arn:aws:kinesis:eu-central-1:123456789012:stream/s"}]});
        assert_eq!(event, wanted);
    }

    #[test]
    fn kinesis_event_length_is_exact_to_the_byte() {
        let items = [item("k", "aGk="), item("another \"key\"", "")];
        // Both arrival times have the maximum number of digits; the last record has no comma.
        assert_eq!(frame().event(&items).len(), EMPTY + frame().length(&items) - 1);
    }

    #[test]
    fn kinesis_event_batch_fills_the_limit_and_never_exceeds_it() {
        let items: Vec<StreamItem> = (0..100).map(|_| item("key", &"x".repeat(100_000))).collect();
        let fitting = frame().fitting(&items);
        assert!(frame().event(&items[..fitting]).len() <= EVENT_LIMIT);
        assert!(frame().event(&items[..=fitting]).len() > EVENT_LIMIT);
        assert_eq!(frame().fitting(&[item("key", &"x".repeat(EVENT_LIMIT))]), 1, "too large alone, yet it goes");
    }
}
