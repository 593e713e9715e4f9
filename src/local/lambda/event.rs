//! The event that a function gets for a batch of Kinesis records (facts: C8).

use std::fmt::Write;

use axum::body::Bytes;

use super::records::Item;

/// Bytes that an event may have.
pub(super) const EVENT_LIMIT: usize = 6 * 1024 * 1024;
const HEAD: &str = "{\"Records\":[";
const TAIL: &str = "]}";

/// What all records of a shard have in common.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub stream_arn: String,
    pub shard_id: String,
    pub region: String,
    pub role: String,
}

impl Frame {
    /// The event for these records.
    pub(super) fn event(&self, items: &[Item]) -> Bytes {
        let mut text = String::with_capacity(self.length(items));
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

    /// How many of the first records fit into one event; one always goes, whatever its size.
    pub(super) fn fitting<'a>(&self, items: impl IntoIterator<Item = &'a Item>) -> usize {
        let frame_length = self.frame_length();
        let mut length = HEAD.len() + TAIL.len();
        let fits = |item: &&Item| {
            length += frame_length + item.variable_length();
            length <= EVENT_LIMIT
        };
        items.into_iter().take_while(fits).count().max(1)
    }

    /// Bytes of these records as an event, or a few more.
    pub(super) fn length<'a>(&self, items: impl IntoIterator<Item = &'a Item>) -> usize {
        let frame_length = self.frame_length();
        let records: usize = items.into_iter().map(|item| frame_length + item.variable_length()).sum();
        records + HEAD.len() + TAIL.len()
    }

    /// Bytes of a record without its own content, and of a comma.
    fn frame_length(&self) -> usize {
        let mut empty = String::new();
        let nothing = Item {
            index: 0,
            sequence_number: String::new(),
            key_json: String::new(),
            data: String::new(),
            // The longest there is until the year 2286.
            arrival: 9_999_999_999.0,
        };
        self.write(&mut empty, &nothing);
        empty.len() + 1
    }

    fn write(&self, text: &mut String, item: &Item) {
        let Frame { stream_arn, shard_id, region, role } = self;
        let Item { sequence_number, key_json, data, arrival, .. } = item;
        // None of these needs escaping but the key, which is JSON already. Writing to a string cannot fail.
        write!(
            text,
            "{{\"kinesis\":{{\"kinesisSchemaVersion\":\"1.0\",\"partitionKey\":{key_json},\
             \"sequenceNumber\":\"{sequence_number}\",\"data\":\"{data}\",\
             \"approximateArrivalTimestamp\":{arrival:.3}}},\"eventSource\":\"aws:kinesis\",\"eventVersion\":\"1.0\",\
             \"eventID\":\"{shard_id}:{sequence_number}\",\"eventName\":\"aws:kinesis:record\",\
             \"invokeIdentityArn\":\"{role}\",\"awsRegion\":\"{region}\",\"eventSourceARN\":\"{stream_arn}\"}}"
        )
        .unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::local::kinesis::Record;

    fn frame() -> Frame {
        Frame {
            stream_arn: "arn:aws:kinesis:eu-central-1:123456789012:stream/s".into(),
            shard_id: "shardId-000000000006".into(),
            region: "eu-central-1".into(),
            role: "arn:aws:iam::123456789012:role/r".into(),
        }
    }

    fn item(key: &str, data: &str) -> Item {
        let record = Record {
            sequence_number: "4959".into(),
            partition_key: key.into(),
            data: data.into(),
            arrival: 1_545_084_650.987,
        };
        Item::new(0, record)
    }

    #[test]
    fn an_event_has_every_field_of_the_service() {
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
    fn a_batch_fills_the_event_and_never_overflows_it() {
        let items: Vec<Item> = (0..100).map(|_| item("key", &"x".repeat(100_000))).collect();
        let fitting = frame().fitting(&items);
        assert!(frame().event(&items[..fitting]).len() <= EVENT_LIMIT);
        assert!(frame().event(&items[..=fitting]).len() > EVENT_LIMIT);
        assert_eq!(frame().fitting(&[item("key", &"x".repeat(EVENT_LIMIT))]), 1, "too large alone, yet it goes");
    }
}
