//! The load: writers of records, rows, readings and resources, which run until the local cloud is killed.

use std::io;
use std::thread::JoinHandle;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::support::{ApiClient, TestResource};

/// A stream that only the test reads.
pub const STREAM: &str = TestResource::TAGGED_STREAM;
/// A table that only the test writes.
pub const TABLE: &str = "side";
/// The pipeline's stream.
const PIPELINE: &str = "temperature-sensor-data";

/// Writers of each kind.
const WRITERS: u32 = 2;

/// The acknowledged writes of one writer, in order.
#[derive(Default)]
pub struct Acknowledged {
    /// Shard, sequence number and data of records of [`STREAM`].
    pub records: Vec<(String, String, String)>,
    /// Keys of rows of [`TABLE`].
    pub rows: Vec<String>,
    /// Sensors and times of readings.
    pub readings: Vec<(String, u64)>,
    /// Resources that were created (true) or deleted (false).
    pub resources: Vec<(TestResource, bool)>,
    /// The resource whose creation or deletion was in progress at the end. It may or may not exist.
    pub open: Option<TestResource>,
}

/// Creates the table and the stream that all rounds use.
pub fn prepare(api: &ApiClient) {
    let table = json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
    });
    api.json("DynamoDB_20120810.CreateTable", &table);
    api.json("Kinesis_20131202.CreateStream", &json!({ "StreamName": STREAM, "ShardCount": 2 }));
}

/// A writer: its client, its name, and its acknowledged writes. Returns the error that ended it.
type Write = fn(&ApiClient, &str, &mut Acknowledged) -> io::Result<()>;

/// Starts all writers of a round.
pub fn begin(api: &ApiClient, round: u32) -> Vec<JoinHandle<Acknowledged>> {
    let mut writers: Vec<Write> = vec![change_resources];
    for _ in 0..WRITERS {
        writers.extend([put_records as Write, put_rows, put_readings]);
    }
    let start = |(number, write): (usize, Write)| {
        let api = api.clone();
        std::thread::spawn(move || {
            let mut acknowledged = Acknowledged::default();
            // It ends only when the local cloud is killed.
            write(&api, &format!("{round}-{number}"), &mut acknowledged).unwrap_err();
            acknowledged
        })
    };
    writers.into_iter().enumerate().map(start).collect()
}

fn call(api: &ApiClient, target: &str, input: &Value) -> io::Result<Value> {
    let (status, body) = api.try_call(target, &input.to_string())?;
    assert_eq!(status, 200, "{target}: {body}");
    Ok(serde_json::from_str(&body).unwrap_or_default())
}

fn put_records(api: &ApiClient, name: &str, acknowledged: &mut Acknowledged) -> io::Result<()> {
    for turn in 0_u32.. {
        // The write of a large record takes longer: a kill may interrupt it.
        let padding = " ".repeat(if turn % 8 == 7 { 100_000 } else { 0 });
        let record = |at: u32| {
            let data = BASE64.encode(format!("{name} {turn} {at}{padding}"));
            json!({ "PartitionKey": format!("{name}-{}", at % 3), "Data": data })
        };
        let records: Vec<Value> = (0..=turn % 5).map(record).collect();
        let answer = call(api, "Kinesis_20131202.PutRecords", &json!({ "StreamName": STREAM, "Records": records }))?;
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

fn put_rows(api: &ApiClient, name: &str, acknowledged: &mut Acknowledged) -> io::Result<()> {
    for turn in 0_u32.. {
        let keys: Vec<String> = (0..=turn % 3).map(|at| format!("{name} {turn} {at}")).collect();
        let item = |key: &String| json!({ "k": { "S": key }, "round": { "S": name } });
        if let [key] = keys.as_slice() {
            call(api, "DynamoDB_20120810.PutItem", &json!({ "TableName": TABLE, "Item": item(key) }))?;
        } else {
            let puts: Vec<Value> = keys.iter().map(|key| json!({ "PutRequest": { "Item": item(key) } })).collect();
            let answer = call(api, "DynamoDB_20120810.BatchWriteItem", &json!({ "RequestItems": { TABLE: puts } }))?;
            assert_eq!(answer["UnprocessedItems"], json!({}));
        }
        acknowledged.rows.extend(keys);
    }
    Ok(())
}

fn put_readings(api: &ApiClient, name: &str, acknowledged: &mut Acknowledged) -> io::Result<()> {
    let sensor = format!("sensor-{name}");
    for turn in 0_u64.. {
        let times = turn * 4..turn * 4 + 4;
        let reading = |time: u64| {
            let reading = json!({ "sensor_id": sensor, "temperature": 1, "current_time": time }).to_string();
            json!({ "PartitionKey": sensor, "Data": BASE64.encode(reading) })
        };
        let records: Vec<Value> = times.clone().map(reading).collect();
        let answer = call(api, "Kinesis_20131202.PutRecords", &json!({ "StreamName": PIPELINE, "Records": records }))?;
        assert_eq!(answer["FailedRecordCount"], 0, "{answer}");
        acknowledged.readings.extend(times.map(|time| (sensor.clone(), time)));
        // The function must be able to catch up.
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    Ok(())
}

fn change_resources(api: &ApiClient, name: &str, acknowledged: &mut Acknowledged) -> io::Result<()> {
    let mut last: Vec<TestResource> = Vec::new();
    for turn in 0_u32.. {
        let name = format!("{name}-{turn}");
        let resources = [
            TestResource::Stream,
            TestResource::Role,
            TestResource::LogGroup,
            TestResource::Function,
            TestResource::Tag,
        ]
        .map(|resource| resource(name.clone()));
        let every_other = last.iter().enumerate().filter(|(at, _)| (at + turn as usize).is_multiple_of(2));
        let gone: Vec<TestResource> = every_other.map(|(_, resource)| resource.clone()).collect();
        for (resource, make) in
            resources.iter().map(|resource| (resource, true)).chain(gone.iter().map(|resource| (resource, false)))
        {
            acknowledged.open = Some(resource.clone());
            let (status, said) = if make { resource.create(api)? } else { resource.delete(api)? };
            assert!((200..300).contains(&status), "{resource:?}: {status} {said}");
            acknowledged.open = None;
            acknowledged.resources.push((resource.clone(), make));
        }
        // Reshards while the other writers put.
        if turn == 1 {
            let open = json!({ "StreamName": STREAM, "ShardFilter": { "Type": "AT_LATEST" } });
            let open = call(api, "Kinesis_20131202.ListShards", &open)?["Shards"].as_array().unwrap().len();
            let count = if open == 2 { 4 } else { 2 };
            let scale = json!({ "StreamName": STREAM, "TargetShardCount": count, "ScalingType": "UNIFORM_SCALING" });
            call(api, "Kinesis_20131202.UpdateShardCount", &scale)?;
        }
        last = resources.into();
    }
    Ok(())
}
