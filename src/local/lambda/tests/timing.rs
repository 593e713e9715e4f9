//! Tests of event source mappings under a latency profile.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::numbers;
use super::support::{CONCURRENCY, MAPPINGS, TestLambda};
use crate::latency_profile::LatencyProfile;

/// Returns how often an event source mapping has called `GetRecords`.
fn polls(bench: &TestLambda) -> usize {
    let calls = bench.deps.faults.control(&Method::GET, "/_sensorctl/calls", &Bytes::new());
    let calls: Value = serde_json::from_slice(calls.body()).unwrap();
    calls["calls"].as_array().unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn poll_interval_is_one_second_independent_of_puts() {
    let mut timing = LatencyProfile::default();
    timing.poll = Duration::from_secs(1);
    let bench = TestLambda::in_time(1, &timing).await;
    bench.function("Fn", "consume").await;
    // While the function is throttled no process runs, which would need more than the time of a paused clock.
    bench.call("PUT", CONCURRENCY, json!({"ReservedConcurrentExecutions": 0})).await;
    // A rule without effect: the calls that it matches are listed.
    let rule = Bytes::from_static(b"kinesis:GetRecords=delay(0ms)");
    bench.deps.faults.control(&Method::PUT, "/_sensorctl/faults", &rule);
    bench.mapping("Fn", json!({})).await;
    let (began, before) = (Instant::now(), polls(&bench));
    let mut put = Vec::new();
    while began.elapsed() < Duration::from_secs(10) {
        put.extend(numbers(&bench.put_many(1, 1).await));
        sleep(Duration::from_millis(100)).await;
    }
    let polls = polls(&bench) - before;
    // The first and the last poll may fall on either side of the ends.
    assert!((9..=11).contains(&polls), "{polls} in 10 s");
    tokio::time::resume();
    bench.call("DELETE", CONCURRENCY, Value::Null).await;
    bench.until(async || bench.handled().len() >= put.len() && bench.counts().calls.now == 0).await;
    tokio::time::pause();
    assert_eq!(bench.handled_all(put.len()).await, put);
}

#[tokio::test(start_paused = true)]
async fn starting_position_latest_misses_records_put_during_creation() {
    let bench = TestLambda::in_time(1, &"aws/10".parse().unwrap()).await;
    bench.function("Fn", "consume").await;
    let input = json!({"EventSourceArn": bench.stream_arn(), "FunctionName": "Fn", "StartingPosition": "LATEST"});
    let answer = bench.call("POST", MAPPINGS, input).await;
    let uuid = answer.body["UUID"].as_str().unwrap().to_owned();
    bench.put("key", "early").await;
    assert_eq!(bench.shown(&uuid).await["State"], "Creating");
    bench.mapping_state(&uuid, "Enabled").await;
    // From here on a process runs, which takes real time.
    tokio::time::resume();
    let late = bench.put("key", "late").await;
    assert_eq!(bench.handled_all(1).await, [late]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_does_not_wait_for_a_throttled_shard() {
    let mut timing = LatencyProfile::default();
    timing.stream_throttle = true;
    let bench = TestLambda::in_time(1, &timing).await;
    bench.function("Fn", "consume").await;
    bench.deps.kinesis.exhaust_reads("readings", 3600);
    let uuid = bench.mapping("Fn", json!({})).await;
    bench.delete_mapping(&uuid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mapping_change_interrupted_by_shutdown_resumes_after_restart() {
    let aws: LatencyProfile = "aws/1000".parse().unwrap();
    let mut never = aws;
    (never.mapping_update, never.poll) = (Duration::from_secs(3600), Duration::ZERO);
    let mut bench = TestLambda::in_time(1, &never).await;
    bench.function("Fn", "consume").await;
    let uuid = bench.mapping("Fn", json!({"BatchSize": 1})).await;
    let mut put = numbers(&bench.put_many(2, 1).await);
    bench.handled_all(2).await;
    assert_eq!(bench.update(&uuid, json!({"BatchSize": 7, "BisectBatchOnFunctionError": true})).await.status, 202);
    let shown = bench.shown(&uuid).await;
    assert_eq!((&shown["State"], &shown["BatchSize"]), (&json!("Updating"), &json!(7)));
    put.extend(numbers(&bench.put_many(3, 1).await));
    // A kill leaves the state that is on the disk at that moment.
    bench.deps.timing = aws;
    bench.restart().await;
    bench.mapping_state(&uuid, "Enabled").await;
    let shown = bench.shown(&uuid).await;
    assert_eq!((&shown["BatchSize"], &shown["BisectBatchOnFunctionError"]), (&json!(7), &json!(true)));
    assert_eq!(bench.handled_all(5).await, put, "each once, and none is passed over");
}
