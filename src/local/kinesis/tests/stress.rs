//! Stress test with many concurrent writers and readers: every acknowledged record is delivered once and in order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Local, STREAM, call};
use crate::identity::Identity;
use crate::kinesis::{Kinesis, StartAt, StreamOptions};

/// Returns the duration of the stress test: `SENSORCTL_STRESS_SECONDS`, else 3 s.
fn stress_seconds() -> u64 {
    std::env::var("SENSORCTL_STRESS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Reads all shards until every writer is done and all records are read; returns each shard's records in order.
async fn tail(kinesis: Kinesis, arn: String, done: watch::Receiver<bool>) -> BTreeMap<String, Vec<(String, String)>> {
    let mut puts = kinesis.puts();
    let mut places = BTreeMap::new();
    for shard in kinesis.shards(&arn).await.unwrap() {
        places.insert(shard.id.clone(), kinesis.iterator(&arn, &shard.id, &StartAt::TrimHorizon).await.unwrap());
    }
    let mut seen: BTreeMap<String, Vec<_>> = BTreeMap::new();
    loop {
        puts.mark_unchanged();
        let is_done = *done.borrow();
        let mut has_read = false;
        for (shard, place) in &mut places {
            let page = kinesis.records(place, 1000).await.unwrap();
            has_read |= !page.records.is_empty();
            assert!(page.millis_behind == 0 || !page.records.is_empty(), "behind without records");
            let records = page.records.into_iter().map(|record| (record.sequence_number, record.data));
            seen.entry(shard.clone()).or_default().extend(records);
            *place = page.next.unwrap();
        }
        if !has_read {
            if is_done {
                return seen;
            }
            // The timeout fails the test if a record is lost or a reader is not woken.
            tokio::time::timeout(Duration::from_secs(20), puts.changed()).await.unwrap().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_readers_get_every_acknowledged_record_once_and_in_order() {
    const WRITERS: usize = 8;
    let local = Local::new(StreamOptions { segment_bytes: 1 << 20, ..StreamOptions::default() });
    let arn = Identity::new("us-east-1").stream_arn(STREAM);
    local.ok("CreateStream", json!({ "StreamName": STREAM, "ShardCount": 4 })).await;
    let (finished, done) = watch::channel(false);
    let tails: Vec<_> = (0..2).map(|_| tokio::spawn(tail(local.kinesis.clone(), arn.clone(), done.clone()))).collect();
    let end = Instant::now() + Duration::from_secs(stress_seconds());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let kinesis = local.kinesis.clone();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                while Instant::now() < end {
                    let number = acknowledged.len();
                    let records: Vec<Value> = (number..number + 1 + number % 50)
                        .map(|at| {
                            let data = BASE64.encode(format!("{writer} {at:08}"));
                            json!({ "PartitionKey": format!("{}", at * 7919 % 100), "Data": data })
                        })
                        .collect();
                    let input = json!({ "StreamName": STREAM, "Records": records });
                    let (status, answer) = call(&kinesis, "PutRecords", &input).await;
                    assert_eq!((status, &answer["FailedRecordCount"]), (200, &json!(0)));
                    for (record, outcome) in records.iter().zip(answer["Records"].as_array().unwrap()) {
                        let text = |value: &Value| value.as_str().unwrap().to_owned();
                        acknowledged.push((
                            text(&outcome["ShardId"]),
                            (text(&outcome["SequenceNumber"]), text(&record["Data"])),
                        ));
                    }
                }
                acknowledged
            })
        })
        .collect();
    let mut acknowledged: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for writer in writers {
        for (shard, record) in writer.await.unwrap() {
            acknowledged.entry(shard).or_default().push(record);
        }
    }
    finished.send(true).unwrap();
    local.wake();
    // All numbers have the same length, so they sort as text.
    for records in acknowledged.values_mut() {
        records.sort();
    }
    assert_eq!(acknowledged.len(), 4);
    for tail in tails {
        assert!(tail.await.unwrap() == acknowledged, "a record was lost, repeated or out of order");
    }
    let local = local.reopened();
    let again = tail(local.kinesis.clone(), arn, done).await;
    assert!(again == acknowledged, "a record was lost when the streams were opened again");
}
