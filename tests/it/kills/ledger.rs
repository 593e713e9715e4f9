//! What was acknowledged so far, and whether it is there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde_json::{Value, json};

use super::load::{Acknowledged, STREAM, TABLE};
use crate::support::{Home, Stranger, Thing};

/// Keys in one `BatchGetItem`.
const KEYS: usize = 100;

/// All that was acknowledged.
#[derive(Default)]
pub struct Ledger {
    /// Of the round before: sequence number and data by shard, in the order of each writer.
    records: BTreeMap<String, Vec<(String, String)>>,
    /// The last sequence number that was seen of each shard.
    seen: BTreeMap<String, String>,
    /// Data of all records that were seen.
    data: HashSet<String>,
    /// Of the round before.
    rows: Vec<String>,
    /// Of all rounds.
    row_count: usize,
    readings: HashSet<(String, u64)>,
    things: HashMap<Thing, bool>,
    /// Those of the round before.
    changed: Vec<Thing>,
    /// Sequence numbers by checkpoint file and shard.
    checkpoints: BTreeMap<(String, String), String>,
}

impl Ledger {
    pub fn add(&mut self, acknowledged: Acknowledged) {
        let mut last: HashMap<String, String> = HashMap::new();
        for (shard, number, data) in acknowledged.records {
            let before = last.insert(shard.clone(), number.clone());
            assert!(before.is_none_or(|before| before < number), "numbers of one writer fall");
            self.records.entry(shard).or_default().push((number, data));
        }
        self.row_count += acknowledged.rows.len();
        self.rows.extend(acknowledged.rows);
        self.readings.extend(acknowledged.readings);
        for (thing, is_there) in acknowledged.things {
            self.changed.push(thing.clone());
            self.things.insert(thing, is_there);
        }
        // It may have been made or deleted; nobody was told.
        if let Some(open) = acknowledged.open {
            self.things.remove(&open);
            self.changed.retain(|thing| *thing != open);
        }
    }

    /// Whether all of the round before is there.
    pub fn check(&mut self, owner: &Stranger) {
        let (_, health) = owner.control("GET /_sensorctl/health", "");
        for notice in health["notices"].as_array().unwrap() {
            assert!(notice.as_str().unwrap().contains("of a write that did not end"), "{notice}");
        }
        self.check_records(owner);
        self.check_rows(owner);
        for thing in std::mem::take(&mut self.changed) {
            assert_eq!(thing.is_there(owner), self.things[&thing], "{thing:?}");
        }
        self.tidy(owner);
    }

    /// Whether all things of all rounds are as they were left, and as many rows as were written.
    pub fn check_everything(&self, owner: &Stranger) {
        for (thing, is_there) in &self.things {
            assert_eq!(thing.is_there(owner), *is_there, "{thing:?}");
        }
        let (mut rows, mut start) = (0, Value::Null);
        loop {
            let mut input = json!({ "TableName": TABLE, "Select": "COUNT" });
            if !start.is_null() {
                input["ExclusiveStartKey"] = start;
            }
            let page = answer(owner, "DynamoDB_20120810.Scan", &input);
            rows += usize::try_from(page["Count"].as_u64().unwrap()).unwrap();
            start = page["LastEvaluatedKey"].clone();
            if start.is_null() {
                break;
            }
        }
        assert!(rows >= self.row_count, "{rows} rows, {} acknowledged", self.row_count);
    }

    /// Whether every reading has become a row.
    pub fn check_pipeline(&self, home: &Home) {
        let rows = home.rows_with(|rows| {
            let stored: HashSet<(String, u64)> = rows
                .iter()
                .map(|row| (row["sensor_id"].as_str().unwrap().to_owned(), row["current_time"].as_u64().unwrap()))
                .collect();
            self.readings.is_subset(&stored)
        });
        assert!(rows.len() >= self.readings.len());
    }

    /// Whether no checkpoint is broken, has gone back or is gone.
    pub fn check_checkpoints(&mut self, home: &Home) {
        let mut missing: HashSet<(String, String)> = self.checkpoints.keys().cloned().collect();
        for file in std::fs::read_dir(home.path("data/lambda/checkpoints")).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let positions: BTreeMap<String, Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            for (shard, mark) in positions {
                let position = &mark["position"];
                assert!(position.is_object() || position == "Finished", "{shard}: {mark}");
                let key = (path.display().to_string(), shard);
                missing.remove(&key);
                let Some(number) = position["After"].as_str() else { continue };
                let before = self.checkpoints.insert(key, number.to_owned());
                assert!(before.is_none_or(|before| *before <= *number), "a checkpoint went back");
            }
        }
        assert!(missing.is_empty(), "checkpoints are gone: {missing:?}");
    }

    fn check_records(&mut self, owner: &Stranger) {
        let shards = answer(owner, "Kinesis_20131202.ListShards", &json!({ "StreamName": STREAM }));
        let mut found: HashMap<String, String> = HashMap::new();
        for shard in shards["Shards"].as_array().unwrap() {
            let id = shard["ShardId"].as_str().unwrap();
            for (number, data) in self.read_on(owner, id) {
                assert!(self.data.insert(data.clone()), "{id}: {number} brings {data} again");
                found.insert(number, data);
            }
        }
        for (shard, records) in std::mem::take(&mut self.records) {
            for (number, data) in records {
                assert_eq!(found.get(&number), Some(&data), "{shard} has lost {number}");
            }
        }
    }

    /// What a shard has got since the last look; its numbers only rise.
    fn read_on(&mut self, owner: &Stranger, shard: &str) -> Vec<(String, String)> {
        let mut input = json!({ "StreamName": STREAM, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
        if let Some(last) = self.seen.get(shard) {
            input["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER".into();
            input["StartingSequenceNumber"] = last.clone().into();
        }
        let mut iterator = answer(owner, "Kinesis_20131202.GetShardIterator", &input)["ShardIterator"].clone();
        let mut records = Vec::new();
        loop {
            let page = answer(owner, "Kinesis_20131202.GetRecords", &json!({ "ShardIterator": iterator }));
            for record in page["Records"].as_array().unwrap() {
                let text = |name: &str| record[name].as_str().unwrap().to_owned();
                let number = text("SequenceNumber");
                let before = self.seen.insert(shard.to_owned(), number.clone());
                assert!(before.is_none_or(|before| before < number), "{shard}: {number} does not rise");
                records.push((number, text("Data")));
            }
            iterator = page["NextShardIterator"].clone();
            if iterator.is_null() || page["MillisBehindLatest"] == 0 {
                return records;
            }
        }
    }

    fn check_rows(&mut self, owner: &Stranger) {
        for keys in std::mem::take(&mut self.rows).chunks(KEYS) {
            let mut wanted: HashSet<String> = keys.iter().cloned().collect();
            let keys: Vec<Value> = keys.iter().map(|key| json!({ "k": { "S": key } })).collect();
            let input = json!({ "RequestItems": { TABLE: { "Keys": keys } } });
            let found = answer(owner, "DynamoDB_20120810.BatchGetItem", &input);
            for item in found["Responses"][TABLE].as_array().unwrap() {
                wanted.remove(item["k"]["S"].as_str().unwrap());
            }
            assert!(wanted.is_empty(), "rows are lost: {wanted:?}");
        }
    }

    /// Deletes what would run into a limit of the service: shards of streams, tags of a stream.
    fn tidy(&mut self, owner: &Stranger) {
        let is_scarce = |thing: &Thing| matches!(thing, Thing::Stream(_) | Thing::Tag(_));
        let left: Vec<Thing> = self
            .things
            .iter()
            .filter(|(thing, there)| **there && is_scarce(thing))
            .map(|(thing, _)| thing.clone())
            .collect();
        for thing in left {
            assert_eq!(thing.delete(owner).unwrap().0, 200, "{thing:?}");
            self.things.insert(thing, false);
        }
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} records, {} rows, {} readings, {} things and {} checkpoints survived",
            self.data.len(),
            self.row_count,
            self.readings.len(),
            self.things.len(),
            self.checkpoints.len()
        )
    }
}

#[track_caller]
fn answer(owner: &Stranger, target: &str, input: &Value) -> Value {
    let (status, body) = owner.call(target, &input.to_string());
    assert_eq!(status, 200, "{target}: {body}");
    serde_json::from_str(&body).unwrap()
}
