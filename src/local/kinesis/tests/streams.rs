//! Tests of whole streams: settings, consumers, statuses and the files of deleted streams.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Local, STREAM, call, records, text, with_stream};
use crate::kinesis::StreamOptions;
use crate::tests::eventually;

#[tokio::test]
async fn stream_settings_survive_a_restart() {
    let (local, arn) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1, "Tags": { "a": "b" } })).await;
    let named = |more: Value| {
        let mut input = json!({ "StreamName": STREAM });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    local.ok("IncreaseStreamRetentionPeriod", named(json!({ "RetentionPeriodHours": 48 }))).await;
    let (code, message) =
        local.refused("IncreaseStreamRetentionPeriod", named(json!({ "RetentionPeriodHours": 25 }))).await;
    assert!(code == "InvalidArgumentException" && message.contains("can not be shorter"), "{message}");
    local.ok("DecreaseStreamRetentionPeriod", named(json!({ "RetentionPeriodHours": 47 }))).await;
    local.ok("AddTagsToStream", named(json!({ "Tags": { "c": "d" } }))).await;
    local.ok("TagResource", json!({ "ResourceARN": arn, "Tags": { "e": "" } })).await;
    local.ok("RemoveTagsFromStream", named(json!({ "TagKeys": ["a"] }))).await;
    local.ok("UntagResource", json!({ "ResourceARN": arn, "TagKeys": ["none"] })).await;
    let key = json!({ "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis" });
    local.ok("StartStreamEncryption", named(key.clone())).await;
    local.ok("PutRecord", named(json!({ "PartitionKey": "k", "Data": "AAAA" }))).await;
    local.ok("EnableEnhancedMonitoring", named(json!({ "ShardLevelMetrics": ["IncomingBytes"] }))).await;
    let mode = json!({ "StreamARN": arn, "StreamModeDetails": { "StreamMode": "ON_DEMAND" } });
    local.ok("UpdateStreamMode", mode).await;
    let (one, other) = ("shardId-000000000000", "shardId-000000000001");
    for (operation, input) in [
        ("UpdateShardCount", json!({ "TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING" })),
        ("SplitShard", json!({ "ShardToSplit": one, "NewStartingHashKey": "100" })),
        ("MergeShards", json!({ "ShardToMerge": one, "AdjacentShardToMerge": other })),
    ] {
        let (code, message) = local.refused(operation, named(input)).await;
        assert!(code == "ValidationException" && message.contains("ON_DEMAND"), "{operation}: {message}");
    }

    let local = local.reopened();
    let about = local.ok("DescribeStreamSummary", json!({ "StreamARN": arn })).await;
    let about = &about["StreamDescriptionSummary"];
    assert_eq!(about["RetentionPeriodHours"], 47);
    assert_eq!((text(&about["EncryptionType"]), text(&about["KeyId"])), ("KMS", "alias/aws/kinesis"));
    assert_eq!(about["EnhancedMonitoring"][0]["ShardLevelMetrics"], json!(["IncomingBytes"]));
    assert_eq!(about["StreamModeDetails"]["StreamMode"], "ON_DEMAND");
    let tags = json!({ "Tags": [{ "Key": "c", "Value": "d" }, { "Key": "e", "Value": "" }] });
    assert_eq!(local.ok("ListTagsForResource", json!({ "ResourceARN": arn })).await, tags);
    assert_eq!(local.ok("ListTagsForStream", named(json!({}))).await["Tags"], tags["Tags"]);
    assert_eq!(records(&local, "shardId-000000000000").await["Records"][0]["EncryptionType"], "KMS");
    local.ok("StopStreamEncryption", named(key)).await;
    let about = local.ok("DescribeStream", named(json!({}))).await;
    assert_eq!(about["StreamDescription"]["EncryptionType"], "NONE");
}

#[tokio::test]
async fn delete_stream_with_consumers_needs_enforce_consumer_deletion() {
    let (local, arn) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let register = |name: &str| json!({ "StreamARN": arn, "ConsumerName": name });
    let consumer = local.ok("RegisterStreamConsumer", register("one")).await;
    assert_eq!(local.refused("RegisterStreamConsumer", register("one")).await.0, "ResourceInUseException");
    local.ok("RegisterStreamConsumer", register("two")).await;
    let listed = local.ok("ListStreamConsumers", json!({ "StreamARN": arn, "MaxResults": 1 })).await;
    assert_eq!(listed["Consumers"][0]["ConsumerName"], "one");
    let next = json!({ "StreamARN": arn, "NextToken": listed["NextToken"] });
    assert_eq!(local.ok("ListStreamConsumers", next).await["Consumers"][0]["ConsumerName"], "two");
    let by_arn = json!({ "ConsumerARN": consumer["Consumer"]["ConsumerARN"] });
    let about = local.ok("DescribeStreamConsumer", by_arn.clone()).await;
    assert_eq!(about["ConsumerDescription"]["StreamARN"], json!(arn));
    local.ok("DeregisterStreamConsumer", by_arn).await;
    let delete = json!({ "StreamName": STREAM });
    assert_eq!(local.refused("DeleteStream", delete).await.0, "ResourceInUseException");
    local.ok("DeleteStream", json!({ "StreamName": STREAM, "EnforceConsumerDeletion": true })).await;
    let (code, message) = local.refused("DescribeStream", json!({ "StreamName": STREAM })).await;
    assert_eq!(code, "ResourceNotFoundException");
    assert_eq!(message, "Stream readings under account 000000000000 not found.");
}

#[tokio::test]
async fn stream_recreated_with_same_name_is_empty() {
    let (local, arn) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let put = json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": "AAAA" });
    local.ok("PutRecord", put).await;
    assert_eq!(
        local.refused("CreateStream", json!({ "StreamName": STREAM, "ShardCount": 1 })).await,
        ("ResourceInUseException".into(), "Stream readings under account 000000000000 already exists.".into())
    );
    local.ok("DeleteStream", json!({ "StreamARN": arn })).await;
    assert_eq!(local.ok("ListStreams", json!({})).await["StreamNames"], json!([]));
    local.ok("CreateStream", json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let local = local.reopened();
    assert_eq!(records(&local, "shardId-000000000000").await["Records"], json!([]));
    let directories = std::fs::read_dir(local.directory.path()).unwrap().count();
    assert_eq!(directories, 1, "the files of the deleted stream are gone");
}

#[tokio::test]
async fn stream_recreated_within_a_second_rejects_old_iterators_and_sequence_numbers() {
    let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let put = json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": "AAAA" });
    let shard = json!({ "StreamName": STREAM, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON" });
    for _ in 0..3 {
        let old = local.ok("PutRecord", put.clone()).await;
        let iterator = local.ok("GetShardIterator", shard.clone()).await;
        local.ok("DeleteStream", json!({ "StreamName": STREAM })).await;
        local.ok("CreateStream", json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
        assert!(text(&local.ok("PutRecord", put.clone()).await["SequenceNumber"]) > text(&old["SequenceNumber"]));
        let (code, _) = local.refused("GetRecords", json!({ "ShardIterator": iterator["ShardIterator"] })).await;
        assert_eq!(code, "ExpiredIteratorException");
        let after = json!({
            "StreamName": STREAM, "ShardId": "shardId-000000000000", "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
            "StartingSequenceNumber": old["SequenceNumber"],
        });
        let (code, message) = local.refused("GetShardIterator", after).await;
        assert!(code == "InvalidArgumentException" && message.contains("did not come from this stream"), "{message}");
    }
}

#[tokio::test]
async fn list_streams_returns_pages() {
    let local = Local::new(StreamOptions::default());
    for name in ["c", "a", "b"] {
        local.ok("CreateStream", json!({ "StreamName": name, "ShardCount": 1 })).await;
    }
    let first = local.ok("ListStreams", json!({ "Limit": 2 })).await;
    assert_eq!((&first["StreamNames"], &first["HasMoreStreams"]), (&json!(["a", "b"]), &json!(true)));
    let rest = local.ok("ListStreams", json!({ "NextToken": first["NextToken"] })).await;
    assert_eq!(rest["StreamSummaries"][0]["StreamARN"], "arn:aws:kinesis:us-east-1:000000000000:stream/c");
    let limits = local.ok("DescribeLimits", json!({})).await;
    assert_eq!(limits["OpenShardCount"], 3);
    let (code, message) = local.refused("CreateStream", json!({ "StreamName": "d", "ShardCount": 498 })).await;
    assert!(code == "LimitExceededException" && message.contains("Current shard count"), "{message}");
}

/// Long enough for the slowest machine: a change of this duration does not end while a test checks it.
const LONG: Duration = Duration::from_hours(1);

async fn status(local: &Local) -> String {
    let about = local.ok("DescribeStreamSummary", json!({ "StreamName": STREAM })).await;
    text(&about["StreamDescriptionSummary"]["StreamStatus"]).to_owned()
}

#[tokio::test]
async fn stream_while_updating_reports_status_and_rejects_changes() {
    let create = json!({ "StreamName": STREAM, "ShardCount": 1 });
    let put = json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": "AAAA" });
    let named = json!({ "StreamName": STREAM });
    let hours = json!({ "StreamName": STREAM, "RetentionPeriodHours": 48 });

    let local = Local::new(StreamOptions { create_delay: LONG, ..StreamOptions::default() });
    local.ok("CreateStream", create.clone()).await;
    assert_eq!(status(&local).await, "CREATING");
    assert_eq!(local.refused("PutRecord", put.clone()).await.0, "ResourceNotFoundException");
    assert_eq!(local.refused("DeleteStream", named.clone()).await.0, "ResourceInUseException");

    let local = Local::new(StreamOptions { update_delay: LONG, delete_delay: LONG, ..StreamOptions::default() });
    local.ok("CreateStream", create.clone()).await;
    assert_eq!(status(&local).await, "ACTIVE");
    local.ok("IncreaseStreamRetentionPeriod", hours.clone()).await;
    assert_eq!(status(&local).await, "UPDATING");
    local.ok("PutRecord", put).await;
    let (code, message) = local.refused("IncreaseStreamRetentionPeriod", hours).await;
    assert_eq!(code, "ResourceInUseException");
    assert!(message.ends_with("not ACTIVE, instead in state UPDATING"), "{message}");
    local.ok("DeleteStream", named.clone()).await;
    assert_eq!(status(&local).await, "DELETING");
    assert_eq!(local.refused("CreateStream", create).await.0, "ResourceInUseException");
    assert_eq!(local.refused("DeleteStream", named).await.0, "ResourceInUseException");
}

#[tokio::test]
async fn stream_pending_changes_complete_after_their_delay() {
    let wait = Duration::from_millis(50);
    let options =
        StreamOptions { create_delay: wait, update_delay: wait, delete_delay: wait, ..StreamOptions::default() };
    let local = Local::new(options);
    let named = json!({ "StreamName": STREAM });
    let until = async |operation: &str, input: &Value| {
        let try_call = async || call(&local, operation, input).await;
        eventually(&format!("{operation} is accepted"), try_call, |(status, _)| *status == 200).await;
    };
    for _ in 0..2 {
        until("CreateStream", &json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
        until("PutRecord", &json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": "AAAA" })).await;
        until("IncreaseStreamRetentionPeriod", &json!({ "StreamName": STREAM, "RetentionPeriodHours": 48 })).await;
        until("DecreaseStreamRetentionPeriod", &json!({ "StreamName": STREAM, "RetentionPeriodHours": 24 })).await;
        until("DeleteStream", &named).await;
    }
    let describe = async || call(&local, "DescribeStreamSummary", &named).await;
    eventually("the stream is deleted", describe, |(status, _)| *status != 200).await;
    local.kinesis.tidy();
    assert_eq!(std::fs::read_dir(local.directory.path()).unwrap().count(), 0, "the files go in the background");
}
