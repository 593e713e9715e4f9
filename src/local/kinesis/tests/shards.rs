//! Tests of resharding: parents, children and filters.

use serde_json::{Value, json};

use super::{Local, STREAM, records, text, with_stream};
use crate::protocol::aws_json::{now_ms, seconds};
use crate::tests::next_millisecond;

async fn ids(local: &Local, filter: Value) -> Vec<String> {
    let listed = local.ok("ListShards", json!({ "StreamName": STREAM, "ShardFilter": filter })).await;
    let id = |shard: &Value| text(&shard["ShardId"]).trim_start_matches("shardId-0000000000").to_owned();
    listed["Shards"].as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn split_shard_read_ends_with_children_and_filters_distinguish_them() {
    let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let put = json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": "AAAA" });
    let first = local.ok("PutRecord", put.clone()).await;
    next_millisecond().await;
    let before = seconds(now_ms());
    next_millisecond().await;
    let middle = (1_u128 << 127).to_string();
    let split = json!({ "StreamName": STREAM, "ShardToSplit": first["ShardId"], "NewStartingHashKey": middle });
    local.ok("SplitShard", split.clone()).await;
    let (code, message) = local.refused("SplitShard", split).await;
    assert!(code == "InvalidArgumentException" && message.contains("already been merged or split"), "{message}");
    assert_ne!(local.ok("PutRecord", put).await["ShardId"], first["ShardId"]);

    let page = records(&local, text(&first["ShardId"])).await;
    assert_eq!((page["Records"].as_array().unwrap().len(), &page["NextShardIterator"]), (1, &Value::Null));
    let children: Vec<&str> =
        page["ChildShards"].as_array().unwrap().iter().map(|child| text(&child["ShardId"])).collect();
    assert_eq!(children, ["shardId-000000000001", "shardId-000000000002"]);
    assert_eq!(page["ChildShards"][0]["ParentShards"], json!([first["ShardId"]]));

    assert_eq!(ids(&local, json!({ "Type": "AT_LATEST" })).await, ["01", "02"]);
    assert_eq!(ids(&local, json!({ "Type": "AT_TRIM_HORIZON" })).await, ["00"]);
    assert_eq!(ids(&local, json!({ "Type": "FROM_TRIM_HORIZON" })).await, ["00", "01", "02"]);
    assert_eq!(ids(&local, json!({ "Type": "AT_TIMESTAMP", "Timestamp": before })).await, ["00"]);
    let now = seconds(now_ms());
    assert_eq!(ids(&local, json!({ "Type": "FROM_TIMESTAMP", "Timestamp": now })).await, ["01", "02"]);
    assert_eq!(ids(&local, json!({ "Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000001" })).await, ["02"]);

    let merge = json!({ "StreamName": STREAM, "ShardToMerge": children[1], "AdjacentShardToMerge": children[0] });
    local.ok("MergeShards", merge).await;
    let described = local.ok("DescribeStream", json!({ "StreamName": STREAM, "Limit": 1 })).await;
    assert_eq!(described["StreamDescription"]["HasMoreShards"], true);
    let after = json!({ "StreamName": STREAM, "ExclusiveStartShardId": "shardId-000000000002" });
    let described = local.ok("DescribeStream", after).await;
    let merged = &described["StreamDescription"]["Shards"][0];
    assert_eq!((text(&merged["ParentShardId"]), text(&merged["AdjacentParentShardId"])), (children[1], children[0]));
    let (_, message) = local
        .refused(
            "UpdateShardCount",
            json!({ "StreamName": STREAM, "TargetShardCount": 3, "ScalingType": "UNIFORM_SCALING" }),
        )
        .await;
    assert!(message.contains("double your current open shard count"), "{message}");
}

#[tokio::test]
async fn child_shard_sequence_numbers_follow_its_parents_within_a_second() {
    let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    for count in [2, 4, 2, 1] {
        let scale = json!({ "StreamName": STREAM, "TargetShardCount": count, "ScalingType": "UNIFORM_SCALING" });
        local.ok("UpdateShardCount", scale).await;
    }
    let listed = local.ok("ListShards", json!({ "StreamName": STREAM })).await;
    let shards = listed["Shards"].as_array().unwrap();
    let mut pairs = 0;
    for child in shards {
        for parent in [&child["ParentShardId"], &child["AdjacentParentShardId"]] {
            let Some(parent) = shards.iter().find(|shard| shard["ShardId"] == *parent) else { continue };
            let number = |shard: &Value, end: &str| text(&shard["SequenceNumberRange"][end]).to_owned();
            assert!(number(child, "StartingSequenceNumber") > number(parent, "EndingSequenceNumber"));
            pairs += 1;
        }
    }
    assert_eq!(pairs, 2 + 4 + 4 + 2);
}
