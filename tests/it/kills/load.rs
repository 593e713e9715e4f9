//! The load: streams, rows, readings, and things that are made and deleted, until the local cloud is gone.

use std::io::{self, Cursor, Write as _};
use std::thread::JoinHandle;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::Stranger;

/// A stream that nobody but the test reads.
pub const STREAM: &str = "side";
/// A table that nobody but the test writes.
pub const TABLE: &str = "side";
/// The pipeline's stream and role.
const PIPELINE: &str = "temperature-sensor-data";
const ROLE: &str = "kinesis-lambda-dynamodb";

/// The trust policy of new roles.
const TRUST: &str =
    r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

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

/// Something with a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Thing {
    Stream(String),
    Role(String),
    LogGroup(String),
    Function(String),
    /// On [`STREAM`].
    Tag(String),
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
    let code = code();
    let mut last: Vec<Thing> = Vec::new();
    for turn in 0_u32.. {
        let name = format!("{name}-{turn}");
        let things =
            [Thing::Stream, Thing::Role, Thing::LogGroup, Thing::Function, Thing::Tag].map(|thing| thing(name.clone()));
        let every_other = last.iter().enumerate().filter(|(at, _)| (at + turn as usize).is_multiple_of(2));
        let gone: Vec<Thing> = every_other.map(|(_, thing)| thing.clone()).collect();
        for (thing, make) in things.iter().map(|thing| (thing, true)).chain(gone.iter().map(|thing| (thing, false))) {
            acknowledged.open = Some(thing.clone());
            if make {
                thing.make(owner, &code)?;
            } else {
                thing.delete(owner)?;
            }
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

/// A zip that unpacks to something executable; it is never run.
fn code() -> String {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    zip.write_all(b"#!/bin/sh\n").unwrap();
    BASE64.encode(zip.finish().unwrap().into_inner())
}

impl Thing {
    fn make(&self, owner: &Stranger, code: &str) -> io::Result<()> {
        match self {
            Thing::Stream(name) => {
                call(owner, "Kinesis_20131202.CreateStream", &json!({ "StreamName": name, "ShardCount": 1 }))?;
            }
            Thing::Role(name) => {
                let trust = percent_encoding::utf8_percent_encode(TRUST, percent_encoding::NON_ALPHANUMERIC);
                iam(owner, &format!("Action=CreateRole&RoleName={name}&AssumeRolePolicyDocument={trust}"))?;
            }
            Thing::LogGroup(name) => {
                call(owner, "Logs_20140328.CreateLogGroup", &json!({ "logGroupName": name }))?;
            }
            Thing::Function(name) => {
                let role = format!("arn:aws:iam::000000000000:role/{ROLE}");
                let input = json!({
                    "FunctionName": name, "Role": role, "Runtime": "provided.al2023", "Handler": "bootstrap",
                    "Code": { "ZipFile": code },
                });
                let (status, body) =
                    owner.try_send("POST /2015-03-31/functions", "lambda", "X-Nothing: 2", &input.to_string())?;
                assert_eq!(status, 201, "{body}");
            }
            Thing::Tag(name) => {
                call(
                    owner,
                    "Kinesis_20131202.AddTagsToStream",
                    &json!({ "StreamName": STREAM, "Tags": { name: "" } }),
                )?;
            }
        }
        Ok(())
    }

    pub fn delete(&self, owner: &Stranger) -> io::Result<()> {
        match self {
            Thing::Stream(name) => {
                call(owner, "Kinesis_20131202.DeleteStream", &json!({ "StreamName": name }))?;
            }
            Thing::Role(name) => iam(owner, &format!("Action=DeleteRole&RoleName={name}"))?,
            Thing::LogGroup(name) => {
                call(owner, "Logs_20140328.DeleteLogGroup", &json!({ "logGroupName": name }))?;
            }
            Thing::Function(name) => {
                let line = format!("DELETE /2015-03-31/functions/{name}");
                let (status, body) = owner.try_send(&line, "lambda", "X-Nothing: 2", "")?;
                assert_eq!(status, 204, "{body}");
            }
            Thing::Tag(name) => {
                let input = json!({ "StreamName": STREAM, "TagKeys": [name] });
                call(owner, "Kinesis_20131202.RemoveTagsFromStream", &input)?;
            }
        }
        Ok(())
    }

    /// Whether it is there.
    pub fn is_there(&self, owner: &Stranger) -> bool {
        let (status, body) = match self {
            Thing::Stream(name) => {
                let input = json!({ "StreamName": name }).to_string();
                owner.call("Kinesis_20131202.DescribeStreamSummary", &input)
            }
            Thing::Role(name) => {
                let head = "Content-Type: application/x-www-form-urlencoded";
                owner.send("POST /", "iam", head, &format!("Action=GetRole&RoleName={name}"))
            }
            Thing::LogGroup(name) => {
                let input = json!({ "logGroupNamePrefix": name }).to_string();
                let (status, body) = owner.call("Logs_20140328.DescribeLogGroups", &input);
                (if body.contains(&format!("\"{name}\"")) { status } else { 404 }, body)
            }
            Thing::Function(name) => {
                owner.send(&format!("GET /2015-03-31/functions/{name}"), "lambda", "X-Nothing: 2", "")
            }
            Thing::Tag(name) => {
                let input = json!({ "StreamName": STREAM }).to_string();
                let (status, body) = owner.call("Kinesis_20131202.ListTagsForStream", &input);
                (if body.contains(&format!("\"{name}\"")) { status } else { 404 }, body)
            }
        };
        assert!(matches!(status, 200 | 400 | 404), "{self:?}: {status} {body}");
        status == 200
    }
}

fn iam(owner: &Stranger, body: &str) -> io::Result<()> {
    let (status, said) = owner.try_send("POST /", "iam", "Content-Type: application/x-www-form-urlencoded", body)?;
    assert_eq!(status, 200, "{said}");
    Ok(())
}
