//! Builds Lambda events of Kinesis records.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The shard of all events here.
pub const SHARD: &str = "shardId-000000000003";

/// Returns the sequence number of the nth record. They grow in length, so that text order is not number order.
pub fn sequence(number: u32) -> String {
    (u128::from(number) + 9_999_999_999_999_999_998).to_string()
}

/// Returns the nth record, with this data.
pub fn record(number: u32, data: &[u8]) -> Value {
    let sequence = sequence(number);
    json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "outer",
            "sequenceNumber": sequence,
            "data": STANDARD.encode(data),
            "approximateArrivalTimestamp": 1_545_084_650.987,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("{SHARD}:{sequence}"),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/r",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/s",
    })
}

/// Returns a reading as JSON.
pub fn reading(sensor: &str, time: u32, temperature: &str) -> String {
    format!("{{\"sensor_id\":\"{sensor}\",\"temperature\":{temperature},\"current_time\":{time}}}")
}

/// Returns the nth record, a reading of sensor `s` at time n.
pub fn plain(number: u32) -> Value {
    record(number, reading("s", number, "20.5").as_bytes())
}

/// Returns the nth record, with this reading and enough blanks to fill a chunk: the next record begins a chunk of its
/// own.
pub fn last_of_window(number: u32, reading: &str) -> Value {
    record(number, &[reading.as_bytes(), &vec![b' '; 1 << 20]].concat())
}

/// Returns an event of these records.
pub fn event(records: impl IntoIterator<Item = Value>) -> Value {
    json!({ "Records": records.into_iter().collect::<Vec<_>>() })
}

/// Returns an event of three chunks. The first two begin with a reading of the same key.
pub fn two_windows() -> Value {
    event([
        record(1, reading("s", 7, "1").as_bytes()),
        last_of_window(2, &reading("only-first", 1, "1")),
        record(3, reading("s", 7, "3").as_bytes()),
        last_of_window(4, &reading("only-second", 1, "1")),
        record(5, reading("only-third", 1, "1").as_bytes()),
    ])
}
