//! The load: streams, rows, readings, and things that are made and deleted, until the local cloud is gone.

use std::io;
use std::thread::JoinHandle;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::support::{Stranger, Thing};

/// A stream that nobody but the test reads.
pub const STREAM: &str = Thing::TAGGED;
/// A table that nobody but the test writes.
pub const TABLE: &str = "side";
/// The pipeline's stream.
const PIPELINE: &str = "temperature-sensor-data";

/// Writers of each kind.
const WRITERS: u32 = 2;

/// What was acknowledged to one writer, in its order.
#[derive(Default)]
pub struct Acknowledged {
    /// Shard, sequence number and data of records of [`STREAM`].
    pub records: Vec<(String, String, String)>,
    /// Keys of rows of [`TABLE`].
    pub rows: Vec<String>,
    /// Sensors and times of readings.
    pub readings: Vec<(String, u64)>,
    /// What was made (true) or deleted.
    pub things: Vec<(Thing, bool)>,
    /// What was under way at the end: it is there, or not.
    pub open: Option<Thing>,
}

/// Makes what all rounds use.
pub fn prepare(owner: &Stranger) {
    let table = json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
    });
    for (target, input) in [
        ("DynamoDB_20120810.CreateTable", table),
        ("Kinesis_20131202.CreateStream", json!({ "StreamName": STREAM, "ShardCount": 2 })),
    ] {
        let (status, body) = owner.call(target, &input.to_string());
        assert_eq!(status, 200, "{body}");
    }
}

/// A writer: who writes, under which name, and what was acknowledged. Gives why it ended.
type Write = fn(&Stranger, &str, &mut Acknowledged) -> io::Result<()>;

/// Starts all writers of a round.
pub fn begin(owner: &Stranger, round: u32) -> Vec<JoinHandle<Acknowledged>> {
    let mut writers: Vec<Write> = vec![change_things];
    for _ in 0..WRITERS {
        writers.extend([put_records as Write, put_rows, put_readings]);
    }
    let start = |(number, write): (usize, Write)| {
        let owner = owner.clone();
        std::thread::spawn(move || {
            let mut acknowledged = Acknowledged::default();
            // It ends only with the local cloud.
            write(&owner, &format!("{round}-{number}"), &mut acknowledged).unwrap_err();
            acknowledged
        })
    };
    writers.into_iter().enumerate().map(start).collect()
}

fn call(owner: &Stranger, target: &str, input: &Value) -> io::Result<Value> {
    let (status, body) = owner.try_call(target, &input.to_string())?;
    assert_eq!(status, 200, "{target}: {body}");
    Ok(serde_json::from_str(&body).unwrap_or_default())
}

fn put_records(owner: &Stranger, name: &str, acknowledged: &mut Acknowledged) -> io::Result<()> {
    for turn in 0_u32.. {
        // A large one takes a while to write: a kill may cut it short.
        let padding = " ".repeat(if turn % 8 == 7 { 100_000 } else { 0 });
        let record = |at: u32| {
            let data = BASE64.encode(format!("{name} {turn} {at}{padding}"));
            json!({ "PartitionKey": format!("{name}-{}", at % 3), "Data": data })
        };
        let records: Vec<Value> = (0..=turn % 5).map(record).collect();
        let answer = call(owner, "Kinesis_20131202.PutRecords", &json!({ "StreamName": STREAM, "Records": records }))?;
        assert_eq!(answer["FailedRecordCount"], 0, "{answer}");
        for (record, outcome) in records.iter().zip(answer["Records"].as_array().unwrap()) {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            acknowledged.records.push((
                text(&outcome["ShardId"]),
                text(&outcome["SequenceNumber"]),
                text(&record["Data"]),
            ));
        }
    }
    Ok(())
}

fn put_rows(owner: &Stranger, name: &str, acknowledged: &mut Acknowledged) -> io::Result<()> {
    for turn in 0_u32.. {
        let keys: Vec<String> = (0..=turn % 3).map(|at| format!("{name} {turn} {at}")).collect();
        let item = |key: &String| json!({ "k": { "S": key }, "round": { "S": name } });
        if let [key] = keys.as_slice() {
            call(owner, "DynamoDB_20120810.PutItem", &json!({ "TableName": TABLE, "Item": item(key) }))?;
        } else {
            let puts: Vec<Value> = keys.iter().map(|key| json!({ "PutRequest": { "Item": item(key) } })).collect();
            let answer = call(owner, "DynamoDB_20120810.BatchWriteItem", &json!({ "RequestItems": { TABLE: puts } }))?;
            assert_eq!(answer["UnprocessedItems"], json!({}));
        }
        acknowledged.rows.extend(keys);
    }
    Ok(())
}

fn put_readings(owner: &Stranger, name: &str, acknowledged: &mut Acknowledged) -> io::Result<()> {
    let sensor = format!("sensor-{name}");
    for turn in 0_u64.. {
        let times = turn * 4..turn * 4 + 4;
        let reading = |time: u64| {
            let reading = json!({ "sensor_id": sensor, "temperature": 1, "current_time": time }).to_string();
            json!({ "PartitionKey": sensor, "Data": BASE64.encode(reading) })
        };
        let records: Vec<Value> = times.clone().map(reading).collect();
        let answer =
            call(owner, "Kinesis_20131202.PutRecords", &json!({ "StreamName": PIPELINE, "Records": records }))?;
        assert_eq!(answer["FailedRecordCount"], 0, "{answer}");
        acknowledged.readings.extend(times.map(|time| (sensor.clone(), time)));
        // The function has to keep up in the end.
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    Ok(())
}

fn change_things(owner: &Stranger, name: &str, acknowledged: &mut Acknowledged) -> io::Result<()> {
    let mut last: Vec<Thing> = Vec::new();
    for turn in 0_u32.. {
        let name = format!("{name}-{turn}");
        let things =
            [Thing::Stream, Thing::Role, Thing::LogGroup, Thing::Function, Thing::Tag].map(|thing| thing(name.clone()));
        let every_other = last.iter().enumerate().filter(|(at, _)| (at + turn as usize).is_multiple_of(2));
        let gone: Vec<Thing> = every_other.map(|(_, thing)| thing.clone()).collect();
        for (thing, make) in things.iter().map(|thing| (thing, true)).chain(gone.iter().map(|thing| (thing, false))) {
            acknowledged.open = Some(thing.clone());
            let (status, said) = if make { thing.make(owner)? } else { thing.delete(owner)? };
            assert!((200..300).contains(&status), "{thing:?}: {status} {said}");
            acknowledged.open = None;
            acknowledged.things.push((thing.clone(), make));
        }
        // A reshard while others put.
        if turn == 1 {
            let open = json!({ "StreamName": STREAM, "ShardFilter": { "Type": "AT_LATEST" } });
            let open = call(owner, "Kinesis_20131202.ListShards", &open)?["Shards"].as_array().unwrap().len();
            let count = if open == 2 { 4 } else { 2 };
            let scale = json!({ "StreamName": STREAM, "TargetShardCount": count, "ScalingType": "UNIFORM_SCALING" });
            call(owner, "Kinesis_20131202.UpdateShardCount", &scale)?;
        }
        last = things.into();
    }
    Ok(())
}
