//! The Lambda event of a batch of Kinesis records, borrowed from its JSON.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A batch of records of one shard.
#[derive(Debug, Deserialize)]
pub(crate) struct Event<'a> {
    /// The records, in the order of the shard.
    #[serde(borrow, rename = "Records")]
    pub records: Vec<Record<'a>>,
}

/// A record and its shard.
#[derive(Debug, Deserialize)]
pub(crate) struct Record<'a> {
    /// `shardId-000000000000:` and the sequence number.
    #[serde(borrow, rename = "eventID")]
    event_id: Cow<'a, str>,
    /// The Kinesis part.
    #[serde(borrow)]
    pub kinesis: KinesisRecord<'a>,
}

/// A Kinesis record.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KinesisRecord<'a> {
    /// Decides the shard. It is parsed for a reject only.
    #[serde(borrow)]
    partition_key: &'a RawValue,
    /// A decimal number that grows within the shard.
    #[serde(borrow)]
    pub sequence_number: Cow<'a, str>,
    /// The record's data in base64.
    #[serde(borrow)]
    pub data: Cow<'a, str>,
    /// Seconds since 1970 with milliseconds. A test event may lack it.
    #[serde(borrow, default)]
    pub approximate_arrival_timestamp: Option<&'a RawValue>,
}

impl<'a> Event<'a> {
    /// Parses the event.
    ///
    /// # Errors
    /// The reason why it is not a Kinesis event, without its content.
    pub(crate) fn read(json: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(json).map_err(|_| "not an event of Kinesis: not UTF-8".to_owned())?;
        let event: Event<'a> = serde_json::from_str(text)
            .map_err(|error| format!("not an event of Kinesis: {}", without_content(&error)))?;
        for record in &event.records {
            let number = &record.kinesis.sequence_number;
            if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err("not an event of Kinesis: a sequenceNumber is not a number".to_owned());
            }
        }
        Ok(event)
    }
}

/// Formats a `serde_json` error without the value of the wrong type that it may quote. The rest of its message is names
/// and positions.
pub(crate) fn without_content(error: &serde_json::Error) -> String {
    let said = error.to_string();
    if !said.starts_with("invalid") {
        return said;
    }
    let kind = said.split([':', '`', '"']).next().unwrap_or_default();
    format!("{kind} at line {} column {}", error.line(), error.column())
}

impl Record<'_> {
    /// Returns the partition key. A key with half of a surrogate pair is returned in its escaped form: it must not fail
    /// the whole batch.
    pub(crate) fn partition_key(&self) -> Cow<'_, str> {
        let raw = self.kinesis.partition_key.get();
        serde_json::from_str(raw).unwrap_or_else(|_| Cow::Borrowed(raw.trim_matches('"')))
    }

    /// Returns the id of the shard: `shardId-000000000000`.
    pub(crate) fn shard_id(&self) -> &str {
        self.event_id.split_once(':').map_or(&self.event_id, |(shard_id, _)| shard_id)
    }
}

#[cfg(test)]
mod tests {
    use super::Event;

    const BUNDLED: &str = include_str!("../../templates/test-lambda-input.json");

    #[test]
    fn read_accepts_bundled_test_event() {
        let event = Event::read(BUNDLED.as_bytes()).unwrap();
        let [record] = event.records.as_slice() else { panic!("not one record") };
        assert_eq!(record.shard_id(), "shardId-000000000000");
        assert_eq!(record.kinesis.approximate_arrival_timestamp.unwrap().get(), "1545084650.987");
    }

    #[test]
    fn partition_key_lone_surrogate_stays_escaped() {
        for (escaped, expected) in
            [(r"sensor-\u00e9\n", "sensor-é\n"), (r"\ud83d\ude00", "😀"), (r"a\ud83d", r"a\ud83d"), ("", "")]
        {
            let json = BUNDLED.replace("\"sensor-data\"", &format!("\"{escaped}\""));
            assert_eq!(Event::read(json.as_bytes()).unwrap().records[0].partition_key(), expected);
        }
    }

    #[test]
    fn read_other_event_error_hides_content() {
        for (json, expected) in [
            ("{}", "missing field `Records`"),
            (r#"{"Records":[{"eventID":"a:1","s3":{}}]}"#, "missing field `kinesis`"),
            (r#"{"Records":"hunter2"}"#, "invalid type at line 1"),
            ("[]", "invalid length"),
        ] {
            let error = Event::read(json.as_bytes()).unwrap_err();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
        }
    }
}
