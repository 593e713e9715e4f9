//! Tests of record delivery from a stream to a function: selection, batches and order.

use std::time::Duration;

use serde_json::json;

use super::support::{MAPPINGS, TestLambda};
use super::{assert_in_order, numbers};
use crate::lambda::event_source::event::EVENT_LIMIT;
use crate::lambda::event_source::stream_item::worker_of;
use crate::protocol::aws_json::now_seconds;
use crate::tests::next_millisecond;

#[tokio::test(flavor = "multi_thread")]
async fn event_of_large_records_has_at_most_six_megabytes() {
    let bench = TestLambda::new(1).await;
    bench.function_with("Fn", "consume", json!({"MemorySize": 512})).await;
    let data = "x".repeat(900_000);
    let mut put = Vec::new();
    for _ in 0..11 {
        put.push(bench.put("key", &data).await);
    }
    // Five records of 1.2 MB in base64 fit. The eleventh waits for others.
    let uuid = bench.mapping("Fn", json!({"BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 300})).await;
    assert_eq!(bench.handled_but(10, 1).await, put[..10]);
    let batches = bench.batches();
    assert_eq!(batches.iter().map(|(_, numbers)| numbers.len()).collect::<Vec<_>>(), [5, 5]);
    assert!(batches.iter().all(|(bytes, _)| (6_000_000..=EVENT_LIMIT).contains(bytes)), "{batches:?}");
    // A change ends the wait without losing the record.
    bench.update(&uuid, json!({"MaximumBatchingWindowInSeconds": 0})).await;
    assert_eq!(bench.handled_all(11).await, put);
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_that_outgrows_an_event_is_delivered_in_parts() {
    let bench = TestLambda::new(1).await;
    bench.function_with("Fn", "consume", json!({"MemorySize": 512})).await;
    bench.tell("fail", "");
    let mut put = Vec::new();
    for _ in 0..480 {
        put.push(bench.put("key", &"x".repeat(10_000)).await);
    }
    let uuid = bench.mapping("Fn", json!({"BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 300})).await;
    // A batch is full, and the remaining records wait for more.
    bench.batches_come(1).await;
    let full = bench.batches()[0].1.len();
    // The repair of the failure gives the role a longer name, which is part of every record.
    let long = "a-role-with-a-name-of-sixty-four-characters-which-is-the-longest";
    bench.role(long).await;
    let role = bench.deps.identity.role_arn("/", long);
    let changed = bench.call("PUT", "/2015-03-31/functions/Fn/configuration", json!({"Role": role})).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    bench.untell("fail");
    assert_eq!(bench.handled_but(full, 480 - full).await, put[..full]);
    let last: Vec<_> =
        bench.batches().into_iter().rev().take(2).map(|(bytes, numbers)| (bytes, numbers.len())).collect();
    assert!(last[1].0 <= EVENT_LIMIT && last[1].1 < full && last[0].1 + last[1].1 == full, "{full}: {last:?}");
    bench.update(&uuid, json!({"MaximumBatchingWindowInSeconds": 0})).await;
    assert_eq!(bench.handled_all(480).await, put);
}

#[tokio::test(flavor = "multi_thread")]
async fn record_too_large_for_an_event_blocks_its_shard_and_is_reported() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let size = json!({"StreamARN": bench.stream_arn(), "MaxRecordSizeInKiB": 10_240});
    bench.kinesis("UpdateMaxRecordSize", size).await;
    let number = bench.put("key", &"x".repeat(5_000_000)).await;
    let uuid = bench.mapping("Fn", json!({"MaximumRetryAttempts": 0})).await;
    let result = bench.result(&uuid, "PROBLEM").await;
    assert!(result.contains(&number) && result.contains("a function takes 6291456"), "{result}");
    assert!(bench.batches().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_window_delivers_nothing_before_the_batch_is_full() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    bench.mapping("Fn", json!({"BatchSize": 3, "MaximumBatchingWindowInSeconds": 300})).await;
    let mut put = bench.put_many(2, 1).await;
    bench.until(async || bench.counts().waiting.now == 2).await;
    assert_eq!((bench.counts().calls.begun, bench.handled().len()), (0, 0));
    put.extend(bench.put_many(1, 1).await);
    assert_eq!(bench.handled_all(3).await, numbers(&put));
    assert_eq!(bench.batches().len(), 1);
}

#[tokio::test]
async fn batch_window_end_delivers_the_available_records() {
    let mut bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    bench.mapping("Fn", json!({"BatchSize": 100, "MaximumBatchingWindowInSeconds": 300})).await;
    bench.settled().await;
    bench.stop_clock();
    let put = bench.put_many(2, 1).await;
    bench.until(async || bench.counts().waiting.now == 2).await;
    bench.pass(Duration::from_secs(299)).await;
    assert_eq!((bench.counts().calls.begun, bench.counts().waiting.now), (0, 2));
    bench.pass(Duration::from_secs(1)).await;
    assert_eq!(bench.handled_all(2).await, numbers(&put));
    assert_eq!(bench.batches().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_position_latest_begins_at_creation_of_the_mapping() {
    let bench = TestLambda::new(2).await;
    bench.function("Fn", "consume").await;
    bench.put_many(5, 5).await;
    let input = json!({"EventSourceArn": bench.stream_arn(), "FunctionName": "Fn", "StartingPosition": "LATEST"});
    assert_eq!(bench.call("POST", MAPPINGS, input).await.status, 202);
    let put = bench.put_many(5, 5).await;
    assert_in_order(&bench.handled_all(5).await, &put);
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_position_at_timestamp_delivers_later_records() {
    let bench = TestLambda::new(2).await;
    bench.function("Fn", "consume").await;
    bench.put_many(6, 6).await;
    next_millisecond().await;
    let at = now_seconds();
    let mut put = bench.put_many(6, 6).await;
    let settings = json!({"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": at});
    let uuid = bench.mapping("Fn", settings).await;
    put.extend(bench.put_many(6, 6).await);
    assert_in_order(&bench.handled_all(12).await, &put);
    assert_eq!(bench.shown(&uuid).await["StartingPositionTimestamp"], at);
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_restart_resumes_from_the_checkpoint() {
    let mut bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let mut put = bench.put_many(20, 2).await;
    let uuid = bench.mapping("Fn", json!({})).await;
    bench.handled_all(20).await;
    bench.restart().await;
    put.extend(bench.put_many(20, 2).await);
    assert_eq!(bench.handled_all(40).await, numbers(&put));
    bench.mapping_state(&uuid, "Enabled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoint_damaged_is_reported_and_nothing_is_read() {
    let mut bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    bench.put_many(5, 1).await;
    let uuid = bench.mapping("Fn", json!({})).await;
    bench.handled_all(5).await;
    bench.lambda.shutdown().await;
    let path = bench.deps.dir.join(format!("checkpoints/{uuid}.json"));
    std::fs::write(&path, "{").unwrap();
    bench.restart().await;
    let result = bench.result(&uuid, "PROBLEM").await;
    assert!(result.contains("is damaged"), "{result}");
    bench.until(async || bench.counts().reading.now == 0).await;
    bench.assert_nothing_reads().await;
    assert_eq!(bench.counts().all_polls(), 0);
    assert_eq!(bench.handled().len(), 5);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{");
}

#[tokio::test]
async fn recreated_stream_is_read_from_its_beginning() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.function("Fn", "consume").await;
    let mut put = bench.put_many(5, 1).await;
    let uuid = bench.mapping("Fn", json!({})).await;
    bench.handled_all(5).await;
    bench.kinesis("DeleteStream", json!({"StreamName": "readings"})).await;
    let gone = format!("PROBLEM: Stream not found: {}", bench.stream_arn());
    assert_eq!(bench.result(&uuid, "PROBLEM").await, gone);
    bench.kinesis("CreateStream", json!({"StreamName": "readings", "ShardCount": 1})).await;
    put.extend(bench.put_many(3, 1).await);
    assert_eq!(bench.handled_all(8).await, numbers(&put));
    let mapping = bench.shown(&uuid).await;
    assert_eq!((&mapping["State"], &mapping["LastProcessingResult"]), (&json!("Enabled"), &json!("OK")));
}

#[tokio::test]
async fn recreated_stream_between_two_polls_is_read_from_its_beginning() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.function("Fn", "consume").await;
    let mut put = bench.put_many(5, 1).await;
    bench.mapping("Fn", json!({})).await;
    bench.handled_all(5).await;
    bench.kinesis("DeleteStream", json!({"StreamName": "readings"})).await;
    bench.kinesis("CreateStream", json!({"StreamName": "readings", "ShardCount": 1})).await;
    put.extend(bench.put_many(3, 1).await);
    assert_eq!(bench.handled_all(8).await, numbers(&put));
}

#[tokio::test(flavor = "multi_thread")]
async fn filter_delivers_matching_records_and_skips_the_rest() {
    let mut bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let criteria = json!({"Filters": [{"Pattern": r#"{"data":{"temperature":[{"numeric":[">",20]}]}}"#}]});
    let mut taken = Vec::new();
    for (data, is_taken) in [
        (r#"{"temperature":21}"#, true),
        (r#"{"temperature":20}"#, false),
        ("no json", false),
        (r#"{"temperature":22.5}"#, true),
        (r#"{"humidity":40}"#, false),
    ] {
        let number = bench.put("key", data).await;
        if is_taken {
            taken.push(number);
        }
    }
    let uuid = bench.mapping("Fn", json!({"FilterCriteria": criteria})).await;
    assert_eq!(bench.handled_all(2).await, taken);
    assert_eq!(bench.shown(&uuid).await["FilterCriteria"], criteria);
    // Filtered records are not read again, including the last one, which no batch has confirmed.
    bench.restart().await;
    bench.update(&uuid, json!({"FilterCriteria": {}})).await;
    bench.mapping_state(&uuid, "Enabled").await;
    assert_eq!(bench.shown(&uuid).await.get("FilterCriteria"), None);
    taken.push(bench.put("key", "no json").await);
    assert_eq!(bench.handled_all(3).await, taken);
}

mod slow {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn delivery_brings_every_record_once_and_in_order() {
        let bench = TestLambda::new(1).await;
        bench.function("Fn", "consume").await;
        let mut put = bench.put_many(250, 10).await;
        let uuid = bench.mapping("Fn", json!({"BatchSize": 40})).await;
        put.extend(bench.put_many(50, 10).await);
        assert_eq!(bench.handled_all(300).await, numbers(&put));
        assert!(bench.batches().iter().all(|(_, numbers)| numbers.len() <= 40));
        assert_eq!(bench.shown(&uuid).await["LastProcessingResult"], "OK");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn delivery_parallel_workers_keep_the_order_of_each_key() {
        let bench = TestLambda::new(2).await;
        bench.function("Fn", "consume").await;
        let put = bench.put_many(200, 12).await;
        bench.mapping("Fn", json!({"BatchSize": 7, "ParallelizationFactor": 4})).await;
        assert_in_order(&bench.handled_all(200).await, &put);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn parallelization_factor_limits_concurrent_batches_of_a_shard() {
        let bench = TestLambda::new(1).await;
        bench.function("Fn", "consume").await;
        bench.tell("hold", "");
        let put = bench.put_many(120, 60).await;
        bench.mapping("Fn", json!({"BatchSize": 5, "ParallelizationFactor": 3})).await;
        bench.batches_come(3).await;
        // The read-ahead limit: every shard worker has another batch ready.
        bench.until(async || bench.unsettled().await >= 5 * 3 * 2).await;
        assert_eq!((bench.batches().len(), bench.counts().calls.now), (3, 3));
        bench.untell("hold");
        assert_in_order(&bench.handled_all(120).await, &put);
        assert_eq!(bench.counts().calls.most, 3, "nor later");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn batch_window_of_one_worker_does_not_block_the_others() {
        let of_worker =
            |worker: usize| (0..99).map(|n| format!("key-{n}")).find(|key| worker_of(key, 2) == worker).unwrap();
        let (rare, hot) = (of_worker(0), of_worker(1));
        let bench = TestLambda::new(1).await;
        bench.function("Fn", "consume").await;
        bench.put(&rare, "waits").await;
        let mut put = Vec::new();
        for number in 0..200 {
            put.push(bench.put(&hot, &number.to_string()).await);
        }
        // One record waits for the others of its batch; twenty batches of the other worker are full.
        let settings = json!({"BatchSize": 10, "ParallelizationFactor": 2, "MaximumBatchingWindowInSeconds": 300});
        bench.mapping("Fn", settings).await;
        assert_eq!(bench.handled_but(200, 1).await, put);
    }
}
