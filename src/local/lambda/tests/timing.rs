//! Mappings as slow as the service's.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::numbers;
use super::support::{Bench, MAPPINGS};
use crate::local::timing::Timing;

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_is_looked_at_once_a_second_whatever_is_put() {
    let mut timing = Timing::default();
    timing.poll = Duration::from_secs(1);
    let bench = Bench::in_time(1, timing).await;
    bench.function("Fn", "consume").await;
    // A rule that changes nothing: what it is for is listed.
    let rule = Bytes::from_static(b"kinesis:GetRecords=delay(0ms)");
    bench.deps.faults.control(&Method::PUT, "/_sensorctl/faults", &rule);
    let began = Instant::now();
    bench.mapping("Fn", json!({})).await;
    let mut put = Vec::new();
    while began.elapsed() < Duration::from_millis(2500) {
        put.extend(numbers(&bench.put_many(1, 1).await));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(bench.handled_all(put.len()).await, put);
    let calls = bench.deps.faults.control(&Method::GET, "/_sensorctl/calls", &Bytes::new());
    let calls: Value = serde_json::from_slice(calls.body()).unwrap();
    let (looks, seconds) = (calls["calls"].as_array().unwrap().len(), began.elapsed().as_secs());
    // The first one is at once, and one may have begun before a second was over.
    assert!(looks >= 2 && looks as u64 <= seconds + 2, "{looks} in {seconds} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn latest_misses_what_is_put_while_the_mapping_is_created() {
    let mut timing = Timing::default();
    timing.mapping_create = Duration::from_secs(2);
    let bench = Bench::in_time(1, timing).await;
    bench.function("Fn", "consume").await;
    let input = json!({"EventSourceArn": bench.stream_arn(), "FunctionName": "Fn", "StartingPosition": "LATEST"});
    let answer = bench.call("POST", MAPPINGS, input).await;
    let uuid = answer.body["UUID"].as_str().unwrap().to_owned();
    let early = bench.put("key", "early").await;
    // On a machine that is slow enough it is not early any more.
    let is_early = bench.shown(&uuid).await["State"] == "Creating";
    bench.mapping_state(&uuid, "Enabled").await;
    let late = bench.put("key", "late").await;
    bench.until(async || bench.handled().contains(&late)).await;
    assert!(!is_early || !bench.handled().contains(&early));
}
