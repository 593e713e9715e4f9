//! Events in the form in which Lambda passes records of a stream to a function.
//!
//! Source: templates/test-lambda-input.json, the walkthrough's event.

use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::aws::{AwsFailure, Clients};

/// Pages that are read to find a record. A page may be empty although later ones are not.
const MAX_PAGES: u32 = 100;

/// Where records of an event come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventOrigin<'a> {
    /// The region of the stream.
    pub region: &'a str,
    /// The ARN of the stream.
    pub stream_arn: &'a str,
}

/// One record of a stream.
#[derive(Clone, Debug)]
pub(crate) struct EventRecord {
    /// The shard.
    pub shard_id: String,
    /// The sequence number.
    pub sequence_number: String,
    /// The partition key.
    pub partition_key: String,
    /// The data.
    pub data: Vec<u8>,
    /// When it arrived, in seconds since 1970.
    pub arrived: f64,
}

impl EventRecord {
    /// Returns the event that has this record alone.
    #[must_use]
    pub(crate) fn event(&self, origin: EventOrigin<'_>) -> String {
        records_event(std::slice::from_ref(self), origin)
    }

    fn member(&self, origin: EventOrigin<'_>) -> Value {
        let EventRecord { shard_id, sequence_number, partition_key, data, arrived } = self;
        let EventOrigin { region, stream_arn } = origin;
        json!({
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": partition_key,
                "sequenceNumber": sequence_number,
                "data": STANDARD.encode(data),
                "approximateArrivalTimestamp": arrived,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": format!("{shard_id}:{sequence_number}"),
            "eventName": "aws:kinesis:record",
            "awsRegion": region,
            "eventSourceARN": stream_arn,
        })
    }
}

/// Returns the event that has these records.
#[must_use]
pub(crate) fn records_event(records: &[EventRecord], origin: EventOrigin<'_>) -> String {
    let members: Vec<Value> = records.iter().map(|record| record.member(origin)).collect();
    json!({"Records": members}).to_string()
}

/// Reads the record at a sequence number. Returns `None` if the shard has none there.
///
/// # Errors
/// If a call fails: also where the stream or the shard does not exist.
pub(crate) async fn read_record(
    clients: &Clients,
    stream: &str,
    shard_id: &str,
    sequence_number: &str,
) -> Result<Option<EventRecord>, AwsFailure> {
    let resource = format!("stream {stream}, shard {shard_id}");
    let iterator = clients
        .kinesis
        .get_shard_iterator()
        .stream_name(stream)
        .shard_id(shard_id)
        .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
        .starting_sequence_number(sequence_number);
    let answer = clients.call("Kinesis", "GetShardIterator", &resource).answer(iterator.send().await)?;
    let mut iterator = answer.shard_iterator;
    let call = clients.call("Kinesis", "GetRecords", &resource);
    for _ in 0..MAX_PAGES {
        let Some(next) = iterator.filter(|iterator| !iterator.is_empty()) else { return Ok(None) };
        let page = call.answer(clients.kinesis.get_records().shard_iterator(next).limit(1).send().await)?;
        if let Some(record) = page.records.into_iter().next() {
            return Ok((record.sequence_number == sequence_number).then(|| event_record(shard_id, record)));
        }
        if page.millis_behind_latest == Some(0) {
            return Ok(None);
        }
        iterator = page.next_shard_iterator;
    }
    Ok(None)
}

/// Converts a record of a shard.
pub(crate) fn event_record(shard_id: &str, record: Record) -> EventRecord {
    EventRecord {
        shard_id: shard_id.to_owned(),
        arrived: record.approximate_arrival_timestamp.map_or(0.0, |time| time.as_secs_f64()),
        sequence_number: record.sequence_number,
        partition_key: record.partition_key.unwrap_or_default(),
        data: record.data.into_inner(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_of_a_record_has_the_form_of_the_walkthrough() {
        let documented: Value =
            serde_json::from_str(include_str!("../../../templates/test-lambda-input.json")).unwrap();
        let kinesis = &documented["Records"][0]["kinesis"];
        let record = EventRecord {
            shard_id: "shardId-000000000000".into(),
            sequence_number: kinesis["sequenceNumber"].as_str().unwrap().into(),
            partition_key: "sensor-data".into(),
            data: STANDARD.decode(kinesis["data"].as_str().unwrap()).unwrap(),
            arrived: 1_545_084_650.987,
        };
        let stream_arn = "arn:aws:kinesis:us-east-1:123456789012:stream/temperature-sensor-data";
        let event = record.event(EventOrigin { region: "us-east-1", stream_arn });
        let event: Value = serde_json::from_str(&event).unwrap();
        let mut expected = documented;
        expected["Records"][0].as_object_mut().unwrap().remove("invokeIdentityArn");
        assert_eq!(event, expected);
    }
}
