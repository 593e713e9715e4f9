//! All acknowledged data so far, and the checks that it still exists.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde_json::{Value, json};

use super::load::{Acknowledged, STREAM, TABLE};
use crate::support::{ApiClient, TestEnv, TestResource};

/// Keys in one `BatchGetItem`.
const KEYS: usize = 100;

/// The acknowledged data of all rounds.
#[derive(Default)]
pub struct Ledger {
    /// Records of the last round: sequence number and data by shard, in the order of each writer.
    records: BTreeMap<String, Vec<(String, String)>>,
    /// The last sequence number that was read from each shard.
    seen: BTreeMap<String, String>,
    /// Data of all records that were read.
    data: HashSet<String>,
    /// Keys of the last round's rows.
    rows: Vec<String>,
    /// Number of rows of all rounds.
    row_count: usize,
    readings: HashSet<(String, u64)>,
    resources: HashMap<TestResource, bool>,
    /// The resources that the last round created or deleted.
    changed: Vec<TestResource>,
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
        for (resource, exists) in acknowledged.resources {
            self.changed.push(resource.clone());
            self.resources.insert(resource, exists);
        }
        // The kill came before the response: the resource may or may not exist.
        if let Some(open) = acknowledged.open {
            self.resources.remove(&open);
            self.changed.retain(|resource| *resource != open);
        }
    }

    /// Asserts that all data of the last round exists.
    pub fn check(&mut self, api: &ApiClient) {
        let (_, health) = api.control("GET /_sensorctl/health", "");
        for notice in health["notices"].as_array().unwrap() {
            assert!(notice.as_str().unwrap().contains("of a write that did not end"), "{notice}");
        }
        self.check_records(api);
        self.check_rows(api);
        for resource in std::mem::take(&mut self.changed) {
            assert_eq!(resource.exists(api), self.resources[&resource], "{resource:?}");
        }
        self.delete_limited(api);
    }

    /// Asserts that the resources of all rounds are unchanged, and that no row is missing.
    pub fn check_everything(&self, api: &ApiClient) {
        for (resource, exists) in &self.resources {
            assert_eq!(resource.exists(api), *exists, "{resource:?}");
        }
        let (mut rows, mut start) = (0, Value::Null);
        loop {
            let mut input = json!({ "TableName": TABLE, "Select": "COUNT" });
            if !start.is_null() {
                input["ExclusiveStartKey"] = start;
            }
            let page = api.json("DynamoDB_20120810.Scan", &input);
            rows += usize::try_from(page["Count"].as_u64().unwrap()).unwrap();
            start = page["LastEvaluatedKey"].clone();
            if start.is_null() {
                break;
            }
        }
        assert!(rows >= self.row_count, "{rows} rows, {} acknowledged", self.row_count);
    }

    /// Asserts that every reading becomes a row.
    pub fn check_pipeline(&self, env: &TestEnv) {
        let rows = env.rows_with(|rows| {
            let stored: HashSet<(String, u64)> = rows
                .iter()
                .map(|row| (row["sensor_id"].as_str().unwrap().to_owned(), row["current_time"].as_u64().unwrap()))
                .collect();
            self.readings.is_subset(&stored)
        });
        assert!(rows.len() >= self.readings.len());
    }

    /// Asserts that no checkpoint is broken, has gone back or is missing.
    pub fn check_checkpoints(&mut self, env: &TestEnv) {
        let mut missing: HashSet<(String, String)> = self.checkpoints.keys().cloned().collect();
        for file in std::fs::read_dir(env.path("data/lambda/checkpoints")).unwrap() {
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

    fn check_records(&mut self, api: &ApiClient) {
        let shards = api.json("Kinesis_20131202.ListShards", &json!({ "StreamName": STREAM }));
        let mut found: HashMap<String, String> = HashMap::new();
        for shard in shards["Shards"].as_array().unwrap() {
            let id = shard["ShardId"].as_str().unwrap();
            for (number, data) in self.read_on(api, id) {
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

    /// Returns the records that a shard received since the last round, with rising sequence numbers.
    fn read_on(&mut self, api: &ApiClient, shard: &str) -> Vec<(String, String)> {
        let mut input = json!({ "StreamName": STREAM, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
        if let Some(last) = self.seen.get(shard) {
            input["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER".into();
            input["StartingSequenceNumber"] = last.clone().into();
        }
        let mut iterator = api.json("Kinesis_20131202.GetShardIterator", &input)["ShardIterator"].clone();
        let mut records = Vec::new();
        loop {
            let page = api.json("Kinesis_20131202.GetRecords", &json!({ "ShardIterator": iterator }));
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

    fn check_rows(&mut self, api: &ApiClient) {
        for keys in std::mem::take(&mut self.rows).chunks(KEYS) {
            let mut wanted: HashSet<String> = keys.iter().cloned().collect();
            let keys: Vec<Value> = keys.iter().map(|key| json!({ "k": { "S": key } })).collect();
            let input = json!({ "RequestItems": { TABLE: { "Keys": keys } } });
            let found = api.json("DynamoDB_20120810.BatchGetItem", &input);
            for item in found["Responses"][TABLE].as_array().unwrap() {
                wanted.remove(item["k"]["S"].as_str().unwrap());
            }
            assert!(wanted.is_empty(), "rows are lost: {wanted:?}");
        }
    }

    /// Deletes resources that would exceed a service limit: shards of streams, tags of a stream.
    fn delete_limited(&mut self, api: &ApiClient) {
        let is_scarce = |resource: &TestResource| matches!(resource, TestResource::Stream(_) | TestResource::Tag(_));
        let left: Vec<TestResource> = self
            .resources
            .iter()
            .filter(|(resource, there)| **there && is_scarce(resource))
            .map(|(resource, _)| resource.clone())
            .collect();
        for resource in left {
            assert_eq!(resource.delete(api).unwrap().0, 200, "{resource:?}");
            self.resources.insert(resource, false);
        }
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} records, {} rows, {} readings, {} resources and {} checkpoints survived",
            self.data.len(),
            self.row_count,
            self.readings.len(),
            self.resources.len(),
            self.checkpoints.len()
        )
    }
}
