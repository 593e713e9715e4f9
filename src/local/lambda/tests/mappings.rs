//! Records on their way from a stream to a function.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::local::lambda::testing::Bench;

const MAPPINGS: &str = "/2015-03-31/event-source-mappings";
const PARTIAL: &str = "ReportBatchItemFailures";

async fn put_many(bench: &Bench, count: usize, keys: usize) -> Vec<(String, String)> {
    let mut put = Vec::new();
    for number in 0..count {
        let key = format!("sensor-{}", number % keys);
        let sequence_number = bench.put(&key, &number.to_string()).await;
        put.push((key, sequence_number));
    }
    put
}

fn numbers(put: &[(String, String)]) -> Vec<String> {
    put.iter().map(|(_, number)| number.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_comes_once_and_in_order() {
    let bench = Bench::new(1).await;
    bench.function("Fn", "consume").await;
    let mut put = put_many(&bench, 250, 10).await;
    let uuid = bench.mapping("Fn", json!({"BatchSize": 40})).await;
    put.extend(put_many(&bench, 50, 10).await);
    assert_eq!(bench.handled_all(300).await, numbers(&put));
    let mapping = bench.call("GET", &format!("{MAPPINGS}/{uuid}"), Value::Null).await.body;
    assert_eq!(mapping["LastProcessingResult"], "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_keep_the_order_of_each_key() {
    let bench = Bench::new(2).await;
    bench.function("Fn", "consume").await;
    let put = put_many(&bench, 200, 12).await;
    bench.mapping("Fn", json!({"BatchSize": 7, "ParallelizationFactor": 4})).await;
    let handled = bench.handled_all(200).await;
    assert_eq!(handled.len(), 200, "each once");
    let key_of: BTreeMap<&String, &String> = put.iter().map(|(key, number)| (number, key)).collect();
    for key in key_of.values() {
        let wanted: Vec<&String> = put.iter().filter(|(of, _)| of == *key).map(|(_, number)| number).collect();
        let got: Vec<&String> = handled.iter().filter(|number| key_of[number] == *key).collect();
        assert_eq!(got, wanted, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_failure_is_tried_again_from_the_failed_record_on() {
    let bench = Bench::new(1).await;
    let blocked = format!("{}.bad", bench.out().display());
    std::fs::write(&blocked, "").unwrap();
    bench.function("Fn", "consume").await;
    let mut put = Vec::new();
    for data in ["one", "two", "bad", "three"] {
        put.push(bench.put("key", data).await);
    }
    let uuid = bench.mapping("Fn", json!({"FunctionResponseTypes": [PARTIAL]})).await;
    assert_eq!(bench.handled_all(2).await, put[..2], "what failed blocks what comes after it");
    let mapping = bench.call("GET", &format!("{MAPPINGS}/{uuid}"), Value::Null).await.body;
    assert_eq!(mapping["LastProcessingResult"], "PROBLEM: Function call failed");
    std::fs::remove_file(blocked).unwrap();
    assert_eq!(bench.handled_all(4).await, put, "nothing twice, nothing lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_partial_answers_any_answer_is_a_success() {
    let bench = Bench::new(1).await;
    std::fs::write(format!("{}.bad", bench.out().display()), "").unwrap();
    bench.function("Fn", "consume").await;
    let first = bench.put("key", "one").await;
    bench.put("key", "bad").await;
    bench.mapping("Fn", json!({})).await;
    bench.handled_all(1).await;
    let last = bench.put("key", "three").await;
    assert_eq!(bench.handled_all(2).await, [first, last], "the failed record is lost, as in the service");
}

#[tokio::test(flavor = "multi_thread")]
async fn halving_isolates_a_poisonous_record() {
    let bench = Bench::new(1).await;
    bench.function("Fn", "consume").await;
    let mut good = Vec::new();
    for number in 0..7 {
        if number == 4 {
            bench.put("key", "poison").await;
        } else {
            good.push(bench.put("key", "good").await);
        }
    }
    bench.mapping("Fn", json!({"BisectBatchOnFunctionError": true, "MaximumRetryAttempts": 0})).await;
    let last = bench.put("key", "good").await;
    bench.until(async || bench.handled().contains(&last)).await;
    good.push(last);
    let mut handled = bench.handled();
    // Records before the poison in a failing batch come again: at least once is the promise.
    handled.sort();
    handled.dedup();
    assert_eq!(handled, good);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_mapping_keeps_its_place() {
    let bench = Bench::new(1).await;
    bench.function("Fn", "consume").await;
    let mut put = put_many(&bench, 10, 2).await;
    let uuid = bench.mapping("Fn", json!({})).await;
    bench.handled_all(10).await;
    let path = format!("{MAPPINGS}/{uuid}");
    assert_eq!(bench.call("PUT", &path, json!({"Enabled": false})).await.body["State"], "Disabling");
    bench.mapping_state(&uuid, "Disabled").await;
    put.extend(put_many(&bench, 10, 2).await);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.handled().len(), 10);
    assert_eq!(bench.call("PUT", &path, json!({"Enabled": true})).await.body["State"], "Enabling");
    bench.mapping_state(&uuid, "Enabled").await;
    assert_eq!(bench.handled_all(20).await, numbers(&put));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_mapping_is_gone_and_brings_nothing_more() {
    let bench = Bench::new(1).await;
    bench.function("Fn", "consume").await;
    let uuid = bench.mapping("Fn", json!({})).await;
    let path = format!("{MAPPINGS}/{uuid}");
    assert_eq!(bench.call("DELETE", &path, Value::Null).await.body["State"], "Deleting");
    bench.until(async || bench.call("GET", &path, Value::Null).await.status == 404).await;
    put_many(&bench, 3, 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.handled().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn latest_means_from_the_creation_of_the_mapping_on() {
    let bench = Bench::new(1).await;
    bench.function("Fn", "consume").await;
    put_many(&bench, 5, 1).await;
    let input = json!({"EventSourceArn": bench.stream_arn(), "FunctionName": "Fn", "StartingPosition": "LATEST"});
    assert_eq!(bench.call("POST", MAPPINGS, input).await.status, 202);
    let put = put_many(&bench, 5, 1).await;
    assert_eq!(bench.handled_all(5).await, numbers(&put));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_it_was() {
    let mut bench = Bench::new(1).await;
    bench.function("Fn", "consume").await;
    let mut put = put_many(&bench, 20, 2).await;
    let uuid = bench.mapping("Fn", json!({})).await;
    bench.handled_all(20).await;
    bench.restart().await;
    put.extend(put_many(&bench, 20, 2).await);
    assert_eq!(bench.handled_all(40).await, numbers(&put));
    bench.mapping_state(&uuid, "Enabled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn children_of_a_split_shard_come_after_their_parent() {
    let bench = Bench::new(1).await;
    bench.function("Fn", "consume").await;
    let before = put_many(&bench, 30, 10).await;
    let half = (1_u128 << 127).to_string();
    let input = json!({"StreamName": "readings", "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": half});
    bench.kinesis("SplitShard", input).await;
    bench.until(async || bench.deps.kinesis.shards(&bench.stream_arn()).await.unwrap().len() == 3).await;
    let after = put_many(&bench, 30, 10).await;
    bench.mapping("Fn", json!({"BatchSize": 5})).await;
    let handled = bench.handled_all(60).await;
    assert_eq!(handled[..30], numbers(&before));
    let mut rest = handled[30..].to_vec();
    rest.sort();
    let mut wanted = numbers(&after);
    wanted.sort();
    assert_eq!(rest, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batching_window_waits_for_a_batch_to_fill() {
    let bench = Bench::new(1).await;
    bench.function("Fn", "consume").await;
    bench.mapping("Fn", json!({"BatchSize": 3, "MaximumBatchingWindowInSeconds": 60})).await;
    put_many(&bench, 2, 1).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(bench.handled().len(), 0);
    put_many(&bench, 1, 1).await;
    assert_eq!(bench.handled_all(3).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_without_its_function_says_so_and_waits() {
    let bench = Bench::new(1).await;
    bench.function("Fn", "consume").await;
    let uuid = bench.mapping("Fn", json!({})).await;
    bench.call("DELETE", "/2015-03-31/functions/Fn", Value::Null).await;
    let put = put_many(&bench, 3, 1).await;
    let path = format!("{MAPPINGS}/{uuid}");
    let result = async || bench.call("GET", &path, Value::Null).await.body["LastProcessingResult"].clone();
    bench.until(async || result().await == "PROBLEM: Function not found").await;
    bench.function("Fn", "consume").await;
    assert_eq!(bench.handled_all(3).await, numbers(&put));
}
