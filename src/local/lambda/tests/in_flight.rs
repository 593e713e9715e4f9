//! Tests of changing an event source mapping while a batch is in progress.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::numbers;
use super::support::{MAPPINGS, TestLambda};

/// Returns an event source mapping whose function holds its first batch of one record; three more wait.
async fn held(settings: Value) -> (TestLambda, String, Vec<String>) {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    bench.tell("hold", "");
    let put = numbers(&bench.put_many(4, 1).await);
    let mut all = json!({"BatchSize": 1});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let uuid = bench.mapping("Fn", all).await;
    bench.batches_come(1).await;
    (bench, uuid, put)
}

/// Asserts that the state lasts while the batch is in progress, and that another change is rejected.
async fn stays(bench: &TestLambda, uuid: &str, state: &str) {
    // An idle event source mapping can be created and deleted meanwhile.
    bench.function("Idle", "consume").await;
    let idle = bench.mapping("Idle", json!({"Enabled": false})).await;
    assert_eq!(bench.update(&idle, json!({"BatchSize": 7})).await.status, 202);
    bench.mapping_state(&idle, "Disabled").await;
    bench.delete_mapping(&idle).await;
    assert_eq!(bench.counts().calls.now, 1, "the batch is under way");
    assert_eq!(bench.shown(uuid).await["State"], state);
    let update = bench.update(uuid, json!({"BatchSize": 7})).await;
    assert_eq!((update.status, update.header("x-amzn-errortype")), (400, Some("ResourceInUseException")));
    assert_eq!(update.body["Message"], "Cannot update the event source mapping because it is in use.");
    let delete = bench.call("DELETE", &format!("{MAPPINGS}/{uuid}"), Value::Null).await;
    assert_eq!(delete.body["Message"], "Cannot delete the event source mapping because it is in use.");
}

#[tokio::test(flavor = "multi_thread")]
async fn disable_with_batch_in_progress_finishes_it_and_keeps_the_checkpoint() {
    let (bench, uuid, mut put) = held(json!({})).await;
    assert_eq!(bench.update(&uuid, json!({"Enabled": false})).await.body["State"], "Disabling");
    stays(&bench, &uuid, "Disabling").await;
    bench.untell("hold");
    bench.mapping_state(&uuid, "Disabled").await;
    put.extend(bench.assert_nothing_reads().await);
    assert_eq!(bench.handled(), put[..1]);
    assert_eq!(bench.update(&uuid, json!({"Enabled": true})).await.body["State"], "Enabling");
    bench.mapping_state(&uuid, "Enabled").await;
    assert_eq!(bench.handled_all(8).await, put);
}

#[tokio::test(flavor = "multi_thread")]
async fn update_with_batch_in_progress_finishes_it_before_new_settings_apply() {
    let (bench, uuid, put) = held(json!({})).await;
    let settings = json!({"BatchSize": 3, "MaximumBatchingWindowInSeconds": 300});
    let update = bench.update(&uuid, settings).await;
    assert_eq!((update.status, &update.body["State"], &update.body["BatchSize"]), (202, &json!("Updating"), &json!(3)));
    stays(&bench, &uuid, "Updating").await;
    bench.untell("hold");
    assert_eq!(bench.handled_all(4).await, put);
    let batches: Vec<_> = bench.batches().into_iter().map(|(_, numbers)| numbers).collect();
    assert_eq!(batches, [put[..1].to_vec(), put[1..].to_vec()]);
    bench.mapping_state(&uuid, "Enabled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_in_progress_is_settled_by_its_original_settings() {
    let (bench, uuid, put) = held(json!({"MaximumRetryAttempts": 0})).await;
    bench.tell("fail", "");
    bench.update(&uuid, json!({"MaximumRetryAttempts": 5})).await;
    bench.untell("hold");
    // Without retries the batch is discarded, and this is logged.
    let said = bench.discarded("Fn").await;
    assert_eq!(said[0]["record"]["KinesisBatchInfo"]["startSequenceNumber"], put[0]);
    bench.untell("fail");
    assert_eq!(bench.handled_all(3).await, put[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn update_mapping_can_change_the_function() {
    let (bench, uuid, put) = held(json!({})).await;
    bench.function("Other", "consume").await;
    let missing = bench.update(&uuid, json!({"FunctionName": "Nobody"})).await;
    assert_eq!(missing.body["Message"], "Function does not exist");
    let update = bench.update(&uuid, json!({"FunctionName": "Other"})).await;
    assert_eq!(update.body["FunctionArn"], bench.deps.identity.function_arn("Other"));
    bench.untell("hold");
    assert_eq!(bench.handled_all(4).await, put);
    assert_eq!(bench.log("Fn").await.iter().filter(|line| line.starts_with("START")).count(), 1);
    assert_eq!(bench.log("Other").await.iter().filter(|line| line.starts_with("START")).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_with_batch_in_progress_finishes_it_and_removes_the_checkpoints() {
    let (bench, uuid, mut put) = held(json!({})).await;
    let path = format!("{MAPPINGS}/{uuid}");
    let delete = bench.call("DELETE", &path, Value::Null).await;
    assert_eq!((delete.status, &delete.body["State"]), (202, &json!("Deleting")));
    stays(&bench, &uuid, "Deleting").await;
    bench.untell("hold");
    bench.until(async || bench.call("GET", &path, Value::Null).await.status == 404).await;
    put.extend(bench.assert_nothing_reads().await);
    assert_eq!(bench.handled(), put[..1]);
    let left: Vec<_> = std::fs::read_dir(bench.deps.dir.join("checkpoints")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    // Another event source mapping of the same stream and function starts at the trim horizon again.
    bench.mapping("Fn", json!({})).await;
    assert_eq!(bench.handled_all(1 + put.len()).await, [&put[..1], &put[..]].concat());
}

#[tokio::test]
async fn delete_during_retries_ends_the_retries() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.function("Fn", "consume").await;
    bench.tell("fail", "");
    bench.put_many(3, 1).await;
    let uuid = bench.mapping("Fn", json!({})).await;
    bench.batches_come(2).await;
    bench.delete_mapping(&uuid).await;
    bench.assert_nothing_reads().await;
    let counts = bench.counts();
    assert_eq!((counts.calls.now, counts.calls.begun), (0, bench.batches().len()), "no retry is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn create_disabled_mapping_reads_nothing_until_enabled() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let mut put = numbers(&bench.put_many(3, 1).await);
    let uuid = bench.mapping("Fn", json!({"Enabled": false})).await;
    put.extend(bench.assert_nothing_reads().await);
    assert_eq!(bench.counts().all_polls(), 0);
    assert!(bench.batches().is_empty());
    bench.update(&uuid, json!({"Enabled": true})).await;
    assert_eq!(bench.handled_all(put.len()).await, put);
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_interrupts_a_batch_and_restart_delivers_it_again() {
    let (mut bench, uuid, put) = held(json!({})).await;
    bench.restart().await;
    bench.batches_come(2).await;
    bench.untell("hold");
    assert_eq!(bench.handled_all(4).await, put);
    bench.mapping_state(&uuid, "Enabled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_interrupts_a_change_and_restart_completes_it() {
    for (change, state) in
        [(json!({"Enabled": false}), Some("Disabled")), (json!({"BatchSize": 7}), Some("Enabled")), (Value::Null, None)]
    {
        let (mut bench, uuid, _) = held(json!({})).await;
        let path = format!("{MAPPINGS}/{uuid}");
        let method = if change.is_null() { "DELETE" } else { "PUT" };
        assert_eq!(bench.call(method, &path, change.clone()).await.status, 202);
        bench.restart().await;
        bench.untell("hold");
        match state {
            Some(state) => assert_eq!(bench.shown(&uuid).await["State"], state, "{change}"),
            None => assert_eq!(bench.call("GET", &path, Value::Null).await.status, 404),
        }
    }
}

/// A change at the first allowed moment meets the poller of the change before it while that one stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn updates_in_quick_succession_leave_one_poller_and_delete_leaves_none() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let uuid = bench.mapping("Fn", json!({})).await;
    let bench = Arc::new(bench);
    let mut changes = JoinSet::new();
    for _ in 0..4 {
        let (bench, uuid) = (Arc::clone(&bench), uuid.clone());
        changes.spawn(async move {
            for size in 1..300 {
                bench.update(&uuid, json!({"BatchSize": size})).await;
                tokio::task::yield_now().await;
            }
        });
    }
    while let Some(changed) = changes.join_next().await {
        changed.unwrap();
    }
    bench.mapping_state(&uuid, "Enabled").await;
    let put = numbers(&bench.put_many(3, 1).await);
    assert_eq!(bench.handled_all(3).await, put);
    let reading = bench.counts().reading;
    assert_eq!((reading.now, reading.most), (1, 1), "never two at a time: {reading:?}");
    bench.delete_mapping(&uuid).await;
    bench.assert_nothing_reads().await;
    assert_eq!(bench.handled(), put);
    assert_eq!(std::fs::read_dir(bench.deps.dir.join("checkpoints")).unwrap().count(), 0);
}
