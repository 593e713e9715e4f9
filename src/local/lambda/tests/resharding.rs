//! Tests of splits and merges: children come after their parents, and every key's records keep their order.

use serde_json::{Value, json};

use super::support::TestLambda;
use super::{assert_in_order, numbers};
use crate::protocol::aws_json::now_seconds;
use crate::tests::next_millisecond;

const HALF: u128 = 1 << 127;

/// Returns the open shards by hash range: ID, first and last key.
async fn open_shards(bench: &TestLambda) -> Vec<(String, u128, u128)> {
    let filter = json!({"StreamName": "readings", "ShardFilter": {"Type": "AT_LATEST"}});
    let listed = bench.kinesis("ListShards", filter).await;
    let number = |value: &Value| value.as_str().unwrap().parse().unwrap();
    let shard = |shard: &Value| {
        let range = &shard["HashKeyRange"];
        let id = shard["ShardId"].as_str().unwrap().to_owned();
        (id, number(&range["StartingHashKey"]), number(&range["EndingHashKey"]))
    };
    let mut open: Vec<_> = listed["Shards"].as_array().unwrap().iter().map(shard).collect();
    open.sort_by_key(|(_, start, _)| *start);
    open
}

async fn split(bench: &TestLambda, position: usize) {
    let (id, start, end) = &open_shards(bench).await[position];
    let middle = (start + (end - start) / 2).to_string();
    let input = json!({"StreamName": "readings", "ShardToSplit": id, "NewStartingHashKey": middle});
    bench.kinesis("SplitShard", input).await;
}

async fn merge(bench: &TestLambda, position: usize) {
    let open = open_shards(bench).await;
    let (one, other) = (&open[position].0, &open[position + 1].0);
    let input = json!({"StreamName": "readings", "ShardToMerge": one, "AdjacentShardToMerge": other});
    bench.kinesis("MergeShards", input).await;
}

/// Splits, merges and scales repeatedly, with records before, between and after.
async fn put_through_many_shards(bench: &TestLambda) -> Vec<(String, String)> {
    let mut put = bench.put_many(24, 12).await;
    split(bench, 0).await;
    put.extend(bench.put_many(24, 12).await);
    split(bench, 1).await;
    split(bench, 0).await;
    put.extend(bench.put_many(24, 12).await);
    merge(bench, 1).await;
    put.extend(bench.put_many(24, 12).await);
    merge(bench, 0).await;
    merge(bench, 0).await;
    put.extend(bench.put_many(24, 12).await);
    let target = json!({"StreamName": "readings", "TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"});
    bench.kinesis("UpdateShardCount", target).await;
    put.extend(bench.put_many(24, 12).await);
    // A child without records has children of its own.
    split(bench, 0).await;
    split(bench, 0).await;
    put.extend(bench.put_many(24, 12).await);
    put
}

/// Puts ten records of ten keys into the first and the second of three shards in turn.
async fn put_into_the_first_two(bench: &TestLambda) -> Vec<(String, String)> {
    let mut put = Vec::new();
    for number in 0..10 {
        let key = format!("sensor-{number}");
        let sequence_number = bench.put_at(number % 2 * (u128::MAX / 2), &key).await;
        put.push((key, sequence_number));
    }
    put
}

#[tokio::test(flavor = "multi_thread")]
async fn resharding_merge_with_parent_batches_in_progress_holds_back_the_child() {
    let bench = TestLambda::new(3).await;
    bench.function("Fn", "consume").await;
    bench.tell("hold", "");
    let mut put = put_into_the_first_two(&bench).await;
    bench.mapping("Fn", json!({})).await;
    // One batch of each shard, which the function keeps.
    bench.batches_come(2).await;
    let under_way: usize = bench.batches().iter().map(|(_, numbers)| numbers.len()).sum();
    merge(&bench, 0).await;
    let (child, _, _) = open_shards(&bench).await.remove(0);
    put.extend(put_into_the_first_two(&bench).await);
    // Shards are listed again whenever a shard is read to its end: at least twice until a grandchild of the third one,
    // which has no batch in progress, is read.
    split(&bench, 1).await;
    split(&bench, 2).await;
    let of_grandchild = bench.put_at(u128::MAX, "grandchild").await;
    bench.batches_come(3).await;
    assert_eq!(bench.batches()[2].1, std::slice::from_ref(&of_grandchild));
    assert_eq!(bench.polls_of(&child).await, 0);
    assert!(under_way <= 10);
    put.push(("grandchild".to_owned(), of_grandchild));
    bench.untell("hold");
    assert_in_order(&bench.handled_all(21).await, &put);
    assert_ne!(bench.polls_of(&child).await, 0);
}

mod slow {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn resharding_split_delivers_children_after_their_parent() {
        let bench = TestLambda::new(1).await;
        bench.function("Fn", "consume").await;
        let before = bench.put_many(30, 10).await;
        let input = json!({"StreamName": "readings", "ShardToSplit": "shardId-000000000000",
            "NewStartingHashKey": HALF.to_string()});
        bench.kinesis("SplitShard", input).await;
        let after = bench.put_many(30, 10).await;
        bench.mapping("Fn", json!({"BatchSize": 5})).await;
        let handled = bench.handled_all(60).await;
        assert_eq!(handled[..30], numbers(&before));
        assert_in_order(&handled[30..], &after);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn resharding_latest_skips_closed_parents_and_reads_later_children() {
        let bench = TestLambda::new(1).await;
        bench.function("Fn", "consume").await;
        bench.put_many(24, 12).await;
        split(&bench, 0).await;
        bench.put_many(24, 12).await;
        bench.mapping("Fn", json!({"BatchSize": 5, "StartingPosition": "LATEST"})).await;
        let put = put_through_many_shards(&bench).await;
        assert_in_order(&bench.handled_all(put.len()).await, &put);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn resharding_at_timestamp_reads_parents_from_then_and_whole_children() {
        let bench = TestLambda::new(1).await;
        bench.function("Fn", "consume").await;
        bench.put_many(24, 12).await;
        split(&bench, 0).await;
        bench.put_many(24, 12).await;
        next_millisecond().await;
        let at = now_seconds();
        let mut put = bench.put_many(24, 12).await;
        // Closed before the event source mapping begins, with records before and after the timestamp.
        merge(&bench, 0).await;
        put.extend(bench.put_many(24, 12).await);
        let settings = json!({"BatchSize": 5, "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": at});
        bench.mapping("Fn", settings).await;
        put.extend(put_through_many_shards(&bench).await);
        assert_in_order(&bench.handled_all(put.len()).await, &put);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn resharding_many_times_before_reading_keeps_the_order() {
        let bench = TestLambda::new(1).await;
        bench.function("Fn", "consume").await;
        let put = put_through_many_shards(&bench).await;
        bench.mapping("Fn", json!({"BatchSize": 5})).await;
        assert_in_order(&bench.handled_all(put.len()).await, &put);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn resharding_many_times_while_reading_keeps_the_order() {
        let bench = TestLambda::new(1).await;
        bench.function("Fn", "consume").await;
        bench.mapping("Fn", json!({"BatchSize": 5, "ParallelizationFactor": 3})).await;
        let put = put_through_many_shards(&bench).await;
        assert_in_order(&bench.handled_all(put.len()).await, &put);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn resharding_with_a_restart_keeps_the_order() {
        let mut bench = TestLambda::new(1).await;
        bench.function("Fn", "consume").await;
        let mut put = bench.put_many(20, 5).await;
        bench.mapping("Fn", json!({"BatchSize": 5})).await;
        bench.handled_all(20).await;
        split(&bench, 0).await;
        put.extend(bench.put_many(20, 5).await);
        bench.handled_all(40).await;
        bench.restart().await;
        merge(&bench, 0).await;
        put.extend(bench.put_many(20, 5).await);
        // A batch in progress at the end is delivered again, and the records before it are not.
        let firsts = || {
            let mut seen = std::collections::HashSet::new();
            bench.handled().into_iter().filter(|number| seen.insert(number.clone())).collect::<Vec<_>>()
        };
        bench.until(async || firsts().len() >= 60).await;
        assert_in_order(&firsts(), &put);
    }
}
