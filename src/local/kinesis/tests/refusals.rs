//! Tests of the service's error codes and messages, which consumers and producers depend on.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::{Local, STREAM, text, with_stream};
use crate::kinesis::StreamOptions;

const SHARD: &str = "shardId-000000000000";

fn iterator(kind: &str, number: &Value) -> Value {
    json!({ "StreamName": STREAM, "ShardId": SHARD, "ShardIteratorType": kind, "StartingSequenceNumber": number })
}

#[tokio::test]
async fn iterator_at_and_after_sequence_number_start_there_and_fail_at_the_end_of_a_closed_shard() {
    let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let put = local.ok("PutRecord", json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": "AAAA" })).await;
        numbers.push(put["SequenceNumber"].clone());
    }
    for (kind, wanted) in [("AT_SEQUENCE_NUMBER", &numbers[1..]), ("AFTER_SEQUENCE_NUMBER", &numbers[2..])] {
        let start = local.ok("GetShardIterator", iterator(kind, &numbers[1])).await;
        let page = local.ok("GetRecords", json!({ "ShardIterator": start["ShardIterator"] })).await;
        let found: Vec<&Value> =
            page["Records"].as_array().unwrap().iter().map(|record| &record["SequenceNumber"]).collect();
        assert_eq!(found, wanted.iter().collect::<Vec<_>>(), "{kind}");
    }
    let middle = (1_u128 << 127).to_string();
    local.ok("SplitShard", json!({ "StreamName": STREAM, "ShardToSplit": SHARD, "NewStartingHashKey": middle })).await;
    let listed = local.ok("ListShards", json!({ "StreamName": STREAM })).await;
    let ending = &listed["Shards"][0]["SequenceNumberRange"]["EndingSequenceNumber"];
    for kind in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] {
        let (code, message) = local.refused("GetShardIterator", iterator(kind, ending)).await;
        assert_eq!(code, "InvalidArgumentException");
        let wanted = format!(
            "Invalid SequenceNumber for ShardIteratorType {kind}, SequenceNumber has reached max possible value for the shard."
        );
        assert_eq!(message, wanted);
    }
}

#[tokio::test]
async fn put_record_invalid_base64_and_oversized_record_name_the_constraint() {
    let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let put = |key: &str, data: &str| json!({ "StreamName": STREAM, "PartitionKey": key, "Data": data });
    let (code, message) = local.refused("PutRecord", put("k", "string")).await;
    assert_eq!(code, "SerializationException");
    assert!(
        message.contains("can not be converted to a Blob: Base64 encoded length is expected a multiple of 4"),
        "{message}"
    );
    assert!(message.contains("found: 6") && !message.contains("string"), "{message}");
    let (code, message) = local.refused("PutRecord", put("k", &BASE64.encode(vec![0; 1 << 20]))).await;
    assert_eq!(code, "ValidationException");
    assert!(message.contains("partition key together") && message.contains("1048577"), "{message}");
    let (_, message) = local.refused("PutRecord", json!({ "StreamName": STREAM, "PartitionKey": 5, "Data": "" })).await;
    assert!(message.contains("NUMBER_VALUE cannot be converted to String"), "{message}");
    for (operation, member, rest) in [
        ("PutRecord", "ExplicitHashKey", put("k", "")),
        ("SplitShard", "NewStartingHashKey", json!({ "StreamName": STREAM, "ShardToSplit": SHARD })),
    ] {
        for wrong in ["sth", "", "01", "-1", &"9".repeat(40)] {
            let mut input = rest.clone();
            input[member] = wrong.into();
            let (code, message) = local.refused(operation, input).await;
            assert!(code == "ValidationException" && message.contains("0|([1-9]"), "{wrong}: {message}");
        }
    }
}

#[tokio::test]
async fn shard_id_short_forms_name_the_same_shard() {
    let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    for id in [SHARD, "shardId-0", "0"] {
        let start = json!({ "StreamName": STREAM, "ShardId": id, "ShardIteratorType": "LATEST" });
        local.ok("GetShardIterator", start).await;
    }
    let start = json!({ "StreamName": STREAM, "ShardId": "shardId-1", "ShardIteratorType": "LATEST" });
    assert_eq!(local.refused("GetShardIterator", start).await.0, "ResourceNotFoundException");
}

#[tokio::test]
async fn tags_invalid_characters_are_rejected() {
    let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let tags = |key: &str, value: &str| json!({ "StreamName": STREAM, "Tags": { key: value } });
    local.ok("AddTagsToStream", tags("Größe %", "a_.:/=+-@ b")).await;
    for (key, value) in [("a,b", ""), ("a\tb", ""), ("a", "x\ny"), ("a*", "")] {
        let (code, message) = local.refused("AddTagsToStream", tags(key, value)).await;
        assert!(code == "InvalidArgumentException" && message.contains("invalid characters"), "{message}");
    }
    let (_, message) = local.refused("RemoveTagsFromStream", json!({ "StreamName": STREAM, "TagKeys": ["a,b"] })).await;
    assert!(message.contains("invalid characters"), "{message}");
}

#[tokio::test]
async fn page_token_expires_after_five_minutes() {
    let (local, arn) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 2 })).await;
    for name in ["a", "b"] {
        local.ok("RegisterStreamConsumer", json!({ "StreamARN": arn, "ConsumerName": name })).await;
    }
    let old = |token: &Value, made: usize| {
        let token: Value = serde_json::from_slice(&BASE64.decode(text(token)).unwrap()).unwrap();
        let mut old = token.to_string();
        let time = if made == 1 { token[1].to_string() } else { token["made"].to_string() };
        old = old.replace(&time, &(time.parse::<u64>().unwrap() - 300_001).to_string());
        BASE64.encode(old)
    };
    let page = local.ok("ListShards", json!({ "StreamName": STREAM, "MaxResults": 1 })).await;
    local.ok("ListShards", json!({ "NextToken": page["NextToken"] })).await;
    let (code, _) = local.refused("ListShards", json!({ "NextToken": old(&page["NextToken"], 0) })).await;
    assert_eq!(code, "ExpiredNextTokenException");
    let page = local.ok("ListStreamConsumers", json!({ "StreamARN": arn, "MaxResults": 1 })).await;
    let next = |token: Value| json!({ "StreamARN": arn, "NextToken": token });
    let rest = local.ok("ListStreamConsumers", next(page["NextToken"].clone())).await;
    assert_eq!(rest["Consumers"][0]["ConsumerName"], "b");
    let (code, _) = local.refused("ListStreamConsumers", next(old(&page["NextToken"], 1).into())).await;
    assert_eq!(code, "ExpiredNextTokenException");
    assert_eq!(local.refused("ListStreamConsumers", next("b".into())).await.0, "InvalidArgumentException");
}

#[tokio::test]
async fn register_stream_consumer_limit_is_twenty() {
    let (local, arn) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let register = |name: usize| json!({ "StreamARN": arn, "ConsumerName": format!("c{name:02}") });
    for name in 0..20 {
        local.ok("RegisterStreamConsumer", register(name)).await;
    }
    assert_eq!(local.refused("RegisterStreamConsumer", register(20)).await.0, "LimitExceededException");
    let (code, _) = local.refused("RegisterStreamConsumer", register(7)).await;
    assert_eq!(code, "ResourceInUseException");
    let listed = local.ok("ListStreamConsumers", json!({ "StreamARN": arn })).await;
    assert_eq!(listed["Consumers"].as_array().unwrap().len(), 20);
    local.ok("DeregisterStreamConsumer", register(7)).await;
    local.ok("RegisterStreamConsumer", register(20)).await;
}

#[tokio::test]
async fn consumer_status_with_latency_profile_is_creating_then_deleting() {
    let slow = StreamOptions { update_delay: std::time::Duration::from_secs(3600), ..StreamOptions::default() };
    let local = Local::new(slow);
    local.ok("CreateStream", json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let arn = crate::identity::Identity::new("us-east-1").stream_arn(STREAM);
    let consumer = json!({ "StreamARN": arn, "ConsumerName": "c" });
    let made = local.ok("RegisterStreamConsumer", consumer.clone()).await;
    assert_eq!(made["Consumer"]["ConsumerStatus"], "CREATING");
    let (code, message) = local.refused("DeregisterStreamConsumer", consumer.clone()).await;
    assert!(code == "ResourceInUseException" && message.contains("CREATING"), "{message}");
    let settle = |deleting: bool| {
        let stream = local.kinesis.stream(STREAM).unwrap();
        stream
            .change(|state| {
                for consumer in state.consumers.values_mut() {
                    assert_eq!(consumer.deleting, deleting);
                    consumer.settles = 1;
                }
                Ok(())
            })
            .unwrap();
    };
    settle(false);
    let described = local.ok("DescribeStreamConsumer", consumer.clone()).await;
    assert_eq!(described["ConsumerDescription"]["ConsumerStatus"], "ACTIVE");
    local.ok("DeregisterStreamConsumer", consumer.clone()).await;
    let described = local.ok("DescribeStreamConsumer", consumer.clone()).await;
    assert_eq!(described["ConsumerDescription"]["ConsumerStatus"], "DELETING");
    settle(true);
    assert_eq!(local.refused("DescribeStreamConsumer", consumer.clone()).await.0, "ResourceNotFoundException");
    assert_eq!(local.ok("ListStreamConsumers", json!({ "StreamARN": arn })).await["Consumers"], json!([]));
    local.ok("RegisterStreamConsumer", consumer).await;
}

#[tokio::test]
async fn closed_shard_after_retention_is_unlisted_and_its_files_deleted() {
    let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    local.ok("PutRecord", json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": "AAAA" })).await;
    let middle = (1_u128 << 127).to_string();
    local.ok("SplitShard", json!({ "StreamName": STREAM, "ShardToSplit": SHARD, "NewStartingHashKey": middle })).await;
    local.ok("PutRecord", json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": "AAAA" })).await;
    let folders = || {
        let stream = local.kinesis.stream(STREAM).unwrap();
        let found = std::fs::read_dir(stream.directory()).unwrap().map(|found| found.unwrap().path());
        found.filter(|path| path.is_dir()).count()
    };
    local.kinesis.tidy();
    assert_eq!(folders(), 2, "the closed shard still has a record");
    let stream = local.kinesis.stream(STREAM).unwrap();
    stream
        .change(|state| {
            state.shards[0].closed = Some(1);
            Ok(())
        })
        .unwrap();
    local.kinesis.tidy();
    local.kinesis.tidy();
    assert_eq!(folders(), 1);
    let start = json!({ "StreamName": STREAM, "ShardId": SHARD, "ShardIteratorType": "TRIM_HORIZON" });
    assert_eq!(local.refused("GetShardIterator", start).await.0, "ResourceNotFoundException");
}

#[tokio::test]
async fn resharding_latest_and_at_timestamp_iterators_start_in_the_children() {
    let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let put = |data: &str| json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": BASE64.encode(data) });
    local.ok("PutRecord", put("before")).await;
    crate::tests::next_millisecond().await;
    let between = crate::protocol::aws_json::now_seconds();
    local
        .ok(
            "UpdateShardCount",
            json!({ "StreamName": STREAM, "TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING" }),
        )
        .await;
    let after = local.ok("PutRecord", put("after")).await;
    let child = after["ShardId"].clone();
    let start = async |kind: &str, shard: &Value| {
        let mut input = json!({ "StreamName": STREAM, "ShardId": shard, "ShardIteratorType": kind });
        if kind == "AT_TIMESTAMP" {
            input["Timestamp"] = between.into();
        }
        local.ok("GetShardIterator", input).await["ShardIterator"].clone()
    };
    let read = async |iterator: Value| {
        let page = local.ok("GetRecords", json!({ "ShardIterator": iterator })).await;
        let data = page["Records"].as_array().unwrap().iter();
        let data: Vec<String> =
            data.map(|one| String::from_utf8(BASE64.decode(text(&one["Data"])).unwrap()).unwrap()).collect();
        (data, page["NextShardIterator"].is_null())
    };
    let parent = json!(SHARD);
    assert_eq!(read(start("AT_TIMESTAMP", &parent).await).await, (vec![], true), "the parent ends before that time");
    assert_eq!(read(start("LATEST", &parent).await).await, (vec![], true), "the end of a closed shard");
    assert_eq!(read(start("TRIM_HORIZON", &parent).await).await, (vec!["before".to_owned()], true));
    let latest = start("LATEST", &child).await;
    assert_eq!(read(start("AT_TIMESTAMP", &child).await).await, (vec!["after".to_owned()], false));
    assert_eq!(read(latest.clone()).await, (vec![], false));
    local.ok("PutRecord", put("later")).await;
    assert_eq!(read(latest).await, (vec!["later".to_owned()], false));
}
