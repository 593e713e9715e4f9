//! Records that other clients put into the stream without the validation of `sensorctl put`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::SeedableRng;
use rand::rngs::StdRng;
use sensor_model::aggregation::{AggregatedUserRecord, MAGIC, encode};
use serde_json::{Value, json};

use super::generator::{Key, Values, no_reading};
use crate::support::ApiClient;

/// Records in one request.
const AT_ONCE: usize = 50;

/// A dead letter: its code and its bytes.
pub type Reject = (String, Vec<u8>);

/// The records of other clients, and the expected result.
pub struct Others {
    records: Vec<Vec<u8>>,
    /// The rows that must be stored.
    pub rows: BTreeMap<Key, Values>,
    /// The dead letters that must be stored, sorted.
    pub rejects: Vec<Reject>,
}

/// Creates `count` records of each kind.
pub fn other_clients(seed: u64, count: u64) -> Others {
    let mut luck = StdRng::seed_from_u64(seed);
    let mut all = Others { records: Vec::new(), rows: BTreeMap::new(), rejects: Vec::new() };
    for number in 0..count {
        let (code, bad) = no_reading(&mut luck, number);
        all.reject(code, &bad);
        all.records.push(bad);

        let good = all.reading(&format!("plain-{}", number % 50), number);
        all.records.push(good);

        // One aggregated record with readings and a reject.
        let first = all.reading(&format!("sub-{}", number % 50), number);
        let (code, bad) = no_reading(&mut luck, number);
        all.reject(code, &bad);
        let last = all.reading(&format!("sub-{}", number % 50), number);
        let key = "any";
        let sub = |data| AggregatedUserRecord { partition_key: key, explicit_hash_key: None, data };
        all.records.push(encode([sub(&first), sub(&bad), sub(&last)]));

        let mut broken = MAGIC.to_vec();
        broken.extend_from_slice(format!("broken {number}").as_bytes());
        all.reject("broken-aggregation", &broken);
        all.records.push(broken);
    }
    // One is too large for an item of the dead-letter table, so it is stored in parts. The next is too large for a row.
    let noise: Vec<u8> = (0..700_000_u32).map(|index| u8::try_from(index % 251).unwrap()).collect();
    all.reject("not-json", &noise);
    all.records.push(noise);
    let note = "n".repeat(450_000);
    let large = format!(r#"{{"sensor_id":"a","temperature":1,"current_time":1,"note":"{note}"}}"#).into_bytes();
    all.reject("too-large", &large);
    all.records.push(large);
    all.records.push(Vec::new());
    all.reject("not-json", b"");
    all.rejects.sort();
    all
}

impl Others {
    fn reject(&mut self, code: &str, bytes: &[u8]) {
        // Only `put` has an option for other encodings. For the function these bytes are not JSON.
        let code = if code == "not-utf-8" { "not-json" } else { code };
        self.rejects.push((code.to_owned(), bytes.to_vec()));
    }

    /// Adds a reading. Only the last of two in one aggregated record shares its key with another.
    fn reading(&mut self, sensor: &str, time: u64) -> Vec<u8> {
        let key = (format!("\"{sensor}\""), time.to_string());
        let temperature = if self.rows.contains_key(&key) { "2.5" } else { "1.5" };
        let values = [("sensor_id", key.0.as_str()), ("temperature", temperature), ("current_time", key.1.as_str())];
        let json = values.map(|(name, value)| format!("\"{name}\":{value}")).join(",");
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.rows.insert(key, values.into_iter().collect());
        format!("{{{json}}}").into_bytes()
    }

    /// Puts all records in order.
    pub fn put(&self, api: &ApiClient, stream: &str) {
        for records in self.records.chunks(AT_ONCE) {
            let records: Vec<_> =
                records.iter().map(|data| json!({"Data": STANDARD.encode(data), "PartitionKey": "any"})).collect();
            let body = json!({"StreamName": stream, "Records": records}).to_string();
            let (status, answer) = api.call("Kinesis_20131202.PutRecords", &body);
            assert_eq!(status, 200, "{answer}");
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(answer["FailedRecordCount"], 0, "{answer}");
        }
    }
}

/// Returns all dead letters, each joined from its parts, sorted.
pub fn stored_rejects(api: &ApiClient, table: &str) -> Vec<Reject> {
    let mut parts = BTreeMap::new();
    let mut start = Value::Null;
    loop {
        let mut question = json!({"TableName": table, "ConsistentRead": true});
        if !start.is_null() {
            question["ExclusiveStartKey"] = start;
        }
        let (status, answer) = api.call("DynamoDB_20120810.Scan", &question.to_string());
        assert_eq!(status, 200, "{answer}");
        let mut page: Value = serde_json::from_str(&answer).unwrap();
        for item in page["Items"].as_array().unwrap() {
            let text = |name: &str| item[name]["S"].as_str().unwrap().to_owned();
            assert_eq!(text("PartitionKey"), "any");
            assert!(text("RejectId").starts_with(&text("SequenceNumber")), "{item}");
            assert!(!text("Reason").is_empty() && text("ShardId").starts_with("shardId-"), "{item}");
            assert!(item["ExpiresAt"]["N"].is_string() && item["ArrivalTime"]["N"].is_string(), "{item}");
            let bytes = STANDARD.decode(item["Data"]["B"].as_str().unwrap()).unwrap();
            parts.insert(text("RejectId"), (text("Code"), bytes));
        }
        start = page["LastEvaluatedKey"].take();
        if start.is_null() {
            break;
        }
    }
    let mut rejects: BTreeMap<String, Reject> = BTreeMap::new();
    // Ids are `sequence#sub-index#part`, so the parts are in order.
    for (id, (code, bytes)) in parts {
        let (whole, _part) = id.rsplit_once('#').unwrap();
        rejects.entry(whole.to_owned()).or_insert_with(|| (code, Vec::new())).1.extend_from_slice(&bytes);
    }
    let mut rejects: Vec<_> = rejects.into_values().collect();
    rejects.sort();
    rejects
}
