//! The operations as clients meet them: limits, refusals, states, and both forms of the wire.

use ciborium::Value as Cbor;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{Local, STREAM, call, with_stream};
use super::*;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// All that a shard gives from its beginning, by the API.
async fn records(local: &Local, shard: &str) -> Value {
    let input = json!({ "StreamName": STREAM, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = local.ok("GetShardIterator", input).await;
    local.ok("GetRecords", json!({ "ShardIterator": iterator["ShardIterator"] })).await
}

async fn ids(local: &Local, filter: Value) -> Vec<String> {
    let listed = local.ok("ListShards", json!({ "StreamName": STREAM, "ShardFilter": filter })).await;
    let id = |shard: &Value| text(&shard["ShardId"]).trim_start_matches("shardId-0000000000").to_owned();
    listed["Shards"].as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn put_records_answers_in_order_and_keeps_the_services_limits() {
    let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 2 })).await;
    let low = json!({ "PartitionKey": "k", "Data": "AA==", "ExplicitHashKey": "0" });
    let high = json!({ "PartitionKey": "k", "Data": "AA==", "ExplicitHashKey": u128::MAX.to_string() });
    let put = |records: Vec<Value>| json!({ "StreamName": STREAM, "Records": records });
    let answer = local.ok("PutRecords", put(vec![high.clone(), low.clone(), high.clone()])).await;
    let shards: Vec<&str> = answer["Records"].as_array().unwrap().iter().map(|one| text(&one["ShardId"])).collect();
    assert_eq!(shards, ["shardId-000000000001", "shardId-000000000000", "shardId-000000000001"]);

    let data = |bytes: usize| BASE64.encode(vec![0; bytes]);
    let record = |key: &str, bytes: usize| json!({ "PartitionKey": key, "Data": data(bytes) });
    for (records, code, words) in [
        (vec![], "ValidationException", "greater than or equal to 1"),
        (vec![low.clone(); 501], "ValidationException", "less than or equal to 500"),
        (vec![record("", 1)], "ValidationException", "'records.1.member.partitionKey'"),
        (vec![record(&"ü".repeat(257), 1)], "ValidationException", "less than or equal to 256"),
        (vec![low.clone(), record("k", 1 << 20)], "ValidationException", "'records.2.member.data'"),
        (vec![record("k", (1 << 20) - 1); 11], "InvalidArgumentException", "exceeds 10485760 bytes"),
        (vec![json!({ "PartitionKey": "k" })], "ValidationException", "must not be null"),
        (vec![json!({ "PartitionKey": "k", "Data": "?" })], "SerializationException", "byte"),
        (vec![json!({ "PartitionKey": 1, "Data": "" })], "SerializationException", "byte"),
        (
            vec![
                json!({ "PartitionKey": "k", "Data": "", "ExplicitHashKey": "340282366920938463463374607431768211456" }),
            ],
            "InvalidArgumentException",
            "[0, 2^128-1]",
        ),
    ] {
        let (found, message) = local.refused("PutRecords", put(records)).await;
        assert_eq!(found, code, "{message}");
        assert!(message.contains(words), "{message}");
    }
    local.ok("PutRecords", put(vec![record(&"ü".repeat(256), 0); 500])).await;
    local.ok("PutRecords", put(vec![record("k", (1 << 20) - 1); 10])).await;
    let arn = local.ok("DescribeStreamSummary", json!({ "StreamName": STREAM })).await;
    let arn = &arn["StreamDescriptionSummary"]["StreamARN"];
    local.ok("UpdateMaxRecordSize", json!({ "StreamARN": arn, "MaxRecordSizeInKiB": 2048 })).await;
    local.ok("PutRecords", put(vec![record("k", (2 << 20) - 1)])).await;
}

#[tokio::test]
async fn a_split_shard_ends_with_its_children_and_filters_tell_the_two_apart() {
    let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let put = json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": "AAAA" });
    let first = local.ok("PutRecord", put.clone()).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let before = seconds(now_ms());
    tokio::time::sleep(Duration::from_millis(5)).await;
    let middle = (1_u128 << 127).to_string();
    let split = json!({ "StreamName": STREAM, "ShardToSplit": first["ShardId"], "NewStartingHashKey": middle });
    local.ok("SplitShard", split.clone()).await;
    let (code, message) = local.refused("SplitShard", split).await;
    assert!(code == "InvalidArgumentException" && message.contains("is closed"), "{message}");
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
async fn a_stream_keeps_its_settings_across_a_restart() {
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
async fn consumers_hold_a_stream_unless_their_deletion_is_enforced() {
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
async fn a_new_stream_of_an_old_name_has_nothing_of_the_old_one() {
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
async fn places_in_a_stream_mean_nothing_in_the_next_of_its_name_even_within_a_second() {
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
async fn a_child_goes_on_after_its_parents_even_within_a_second() {
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

#[tokio::test]
async fn streams_are_listed_in_pages() {
    let local = Local::new(Options::default());
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

/// Long enough for the slowest machine: what lasts so long is not over while a test looks.
const LONG: Duration = Duration::from_hours(1);

async fn status(local: &Local) -> String {
    let about = local.ok("DescribeStreamSummary", json!({ "StreamName": STREAM })).await;
    text(&about["StreamDescriptionSummary"]["StreamStatus"]).to_owned()
}

#[tokio::test]
async fn while_a_stream_changes_it_says_so_and_refuses_what_the_service_refuses() {
    let create = json!({ "StreamName": STREAM, "ShardCount": 1 });
    let put = json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": "AAAA" });
    let named = json!({ "StreamName": STREAM });
    let hours = json!({ "StreamName": STREAM, "RetentionPeriodHours": 48 });

    let local = Local::new(Options { create_delay: LONG, ..Options::default() });
    local.ok("CreateStream", create.clone()).await;
    assert_eq!(status(&local).await, "CREATING");
    assert_eq!(local.refused("PutRecord", put.clone()).await.0, "ResourceNotFoundException");
    assert_eq!(local.refused("DeleteStream", named.clone()).await.0, "ResourceInUseException");

    let local = Local::new(Options { update_delay: LONG, delete_delay: LONG, ..Options::default() });
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
async fn what_takes_its_time_is_done_by_itself() {
    let wait = Duration::from_millis(50);
    let options = Options { create_delay: wait, update_delay: wait, delete_delay: wait, ..Options::default() };
    let local = Local::new(options);
    let named = json!({ "StreamName": STREAM });
    let until = async |operation: &str, input: &Value| {
        // Until it is taken; each try says what it would have to say otherwise.
        while call(&local, operation, input).await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    for _ in 0..2 {
        until("CreateStream", &json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
        until("PutRecord", &json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": "AAAA" })).await;
        until("IncreaseStreamRetentionPeriod", &json!({ "StreamName": STREAM, "RetentionPeriodHours": 48 })).await;
        until("DecreaseStreamRetentionPeriod", &json!({ "StreamName": STREAM, "RetentionPeriodHours": 24 })).await;
        until("DeleteStream", &named).await;
    }
    while call(&local, "DescribeStreamSummary", &named).await.0 == 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    local.kinesis.tidy();
    assert_eq!(std::fs::read_dir(local.directory.path()).unwrap().count(), 0, "the files go in the background");
}

#[tokio::test]
async fn a_throttled_shard_takes_a_thousand_records_and_says_what_it_did_not_take() {
    let local = Local::new(Options { throttle: true, ..Options::default() });
    local.ok("CreateStream", json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let records = vec![json!({ "PartitionKey": "k", "Data": "" }); 500];
    // The bucket fills while this runs, but not as fast as it is emptied.
    let last = loop {
        let answer = local.ok("PutRecords", json!({ "StreamName": STREAM, "Records": records })).await;
        if answer["FailedRecordCount"] != 0 {
            break answer["Records"][499].clone();
        }
    };
    assert_eq!(last["ErrorCode"], "ProvisionedThroughputExceededException");
    assert_eq!(
        last["ErrorMessage"],
        "Rate exceeded for shard shardId-000000000000 in stream readings under account 000000000000."
    );
}

#[tokio::test]
async fn a_throttled_shard_is_read_five_times_a_second() {
    let local = Local::new(Options { throttle: true, ..Options::default() });
    local.ok("CreateStream", json!({ "StreamName": STREAM, "ShardCount": 2 })).await;
    let iterator = async |shard: &str| {
        let input = json!({ "StreamName": STREAM, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
        local.ok("GetShardIterator", input).await["ShardIterator"].clone()
    };
    let (first, second) = (iterator("shardId-000000000000").await, iterator("shardId-000000000001").await);
    let (code, message) = loop {
        let (status, body) = call(&local, "GetRecords", &json!({ "ShardIterator": first })).await;
        if status != 200 {
            break (text(&body["__type"]).to_owned(), text(&body["message"]).to_owned());
        }
    };
    assert_eq!(code, "ProvisionedThroughputExceededException");
    assert_eq!(message, "Rate exceeded for shard shardId-000000000000 in stream readings under account 000000000000.");
    local.ok("GetRecords", json!({ "ShardIterator": second })).await;
    // An event source mapping waits where others are refused.
    for _ in 0..7 {
        assert!(local.records(text(&first), 10).await.is_ok());
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_not_acknowledged() {
    let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 2 })).await;
    let directory = std::fs::read_dir(local.directory.path()).unwrap().next().unwrap().unwrap().path();
    let blocked = directory.join("shardId-000000000001");
    std::fs::write(&blocked, "").unwrap();
    let record = |hash: u128| json!({ "PartitionKey": "k", "Data": "", "ExplicitHashKey": hash.to_string() });
    let put = |records: Value| json!({ "StreamName": STREAM, "Records": records });
    let (status, body) = call(&local, "PutRecords", &put(json!([record(u128::MAX)]))).await;
    assert_eq!((status, text(&body["__type"])), (500, "InternalFailure"));
    let answer = local.ok("PutRecords", put(json!([record(u128::MAX), record(0)]))).await;
    assert_eq!(answer["FailedRecordCount"], 1);
    assert_eq!(answer["Records"][0]["ErrorCode"], "InternalFailure");
    let notices = local.kinesis.0.notices.all();
    assert!(notices[0].contains(&blocked.display().to_string()), "the reason is told: {notices:?}");
    std::fs::remove_file(blocked).unwrap();
    local.ok("PutRecords", put(json!([record(u128::MAX)]))).await;
    assert_eq!(records(&local, "shardId-000000000001").await["Records"].as_array().unwrap().len(), 1);
}

async fn call_cbor(kinesis: &Kinesis, operation: &str, input: &Cbor) -> (u16, Vec<(Cbor, Cbor)>) {
    let mut body = Vec::new();
    ciborium::into_writer(input, &mut body).unwrap();
    let request = axum::http::Request::post("/")
        .header("content-type", "application/x-amz-cbor-1.1")
        .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
        .body(body.into())
        .unwrap();
    let response = kinesis.handle(request).await;
    assert_eq!(response.headers()["content-type"], "application/x-amz-cbor-1.1");
    let body = response.body();
    let answer = if body.is_empty() {
        Vec::new()
    } else {
        ciborium::from_reader::<Cbor, _>(&body[..]).unwrap().into_map().unwrap()
    };
    (response.status().as_u16(), answer)
}

fn map(members: Vec<(&str, Cbor)>) -> Cbor {
    Cbor::Map(members.into_iter().map(|(name, value)| (Cbor::from(name), value)).collect())
}

fn member(members: &[(Cbor, Cbor)], name: &str) -> Cbor {
    let found = members.iter().find(|(member, _)| *member == Cbor::from(name));
    found.unwrap_or_else(|| panic!("no {name} in {members:?}")).1.clone()
}

#[tokio::test]
async fn java_is_answered_in_cbor_with_times_in_milliseconds() {
    let local = Local::new(Options::default());
    let stream = || ("StreamName", Cbor::from(STREAM));
    let start = now_ms();
    let (status, answer) = call_cbor(&local, "CreateStream", &map(vec![stream(), ("ShardCount", Cbor::from(1))])).await;
    assert_eq!((status, answer.len()), (200, 0));
    let put = map(vec![stream(), ("PartitionKey", Cbor::from("k")), ("Data", Cbor::Bytes(vec![0, 255]))]);
    assert_eq!(call_cbor(&local, "PutRecord", &put).await.0, 200);
    let entry = map(vec![("PartitionKey", Cbor::from("k")), ("Data", Cbor::Bytes(vec![7]))]);
    let (_, answer) =
        call_cbor(&local, "PutRecords", &map(vec![stream(), ("Records", Cbor::Array(vec![entry]))])).await;
    assert_eq!(member(&answer, "FailedRecordCount"), Cbor::from(0));

    let at = |time: Cbor| {
        map(vec![
            stream(),
            ("ShardId", Cbor::from("shardId-000000000000")),
            ("ShardIteratorType", Cbor::from("AT_TIMESTAMP")),
            ("Timestamp", time),
        ])
    };
    for time in [Cbor::from(start), Cbor::Tag(1, Box::new(Cbor::from(start)))] {
        let (status, answer) = call_cbor(&local, "GetShardIterator", &at(time)).await;
        assert_eq!(status, 200, "{answer:?}");
        let iterator = map(vec![("ShardIterator", member(&answer, "ShardIterator"))]);
        let (_, answer) = call_cbor(&local, "GetRecords", &iterator).await;
        let records = member(&answer, "Records").into_array().unwrap();
        assert_eq!(records.len(), 2);
        let record = records[0].clone().into_map().unwrap();
        assert_eq!(member(&record, "Data"), Cbor::Bytes(vec![0, 255]));
        let Cbor::Tag(1, arrival) = member(&record, "ApproximateArrivalTimestamp") else { panic!("no time") };
        let arrival = u64::try_from(arrival.into_integer().unwrap()).unwrap();
        assert!((start..=now_ms()).contains(&arrival), "{arrival}");
    }
    let (_, answer) = call_cbor(&local, "DescribeStreamSummary", &map(vec![stream()])).await;
    let about = member(&answer, "StreamDescriptionSummary").into_map().unwrap();
    let Cbor::Tag(1, created) = member(&about, "StreamCreationTimestamp") else { panic!("no time") };
    assert!(u64::try_from(created.into_integer().unwrap()).unwrap() >= start);

    let (status, answer) = call_cbor(&local, "DescribeStream", &map(vec![("StreamName", Cbor::from("none"))])).await;
    assert_eq!((status, member(&answer, "__type")), (400, Cbor::from("ResourceNotFoundException")));
}

const OPERATIONS: [&str; 12] = [
    "CreateStream",
    "PutRecord",
    "PutRecords",
    "GetRecords",
    "GetShardIterator",
    "ListShards",
    "DescribeStream",
    "ListStreams",
    "UpdateShardCount",
    "SplitShard",
    "AddTagsToStream",
    "DescribeStreamConsumer",
];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!(STREAM)),
        "shardId-[0-9]{12}|[0-9]{1,60}|.{0,20}".prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "StreamName",
        "StreamARN",
        "ShardId",
        "Data",
        "PartitionKey",
        "Records",
        "ShardIterator",
        "ShardCount",
        "Limit",
        "ShardIteratorType",
        "StartingSequenceNumber",
        "Timestamp",
        "ShardFilter",
        "Type",
        "Tags",
        "NextToken",
    ]);
    leaf.prop_recursive(3, 20, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_request_is_answered_and_never_by_a_failure(
        operation in prop::sample::select(OPERATIONS.as_slice()), input in any_value(), raw: Vec<u8>, is_raw: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (local, _) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
            let body = if is_raw { raw } else { input.to_string().into_bytes() };
            for form in ["application/x-amz-json-1.1", "application/x-amz-cbor-1.1"] {
                let request = axum::http::Request::post("/")
                    .header("content-type", form)
                    .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
                    .body(body.clone().into())
                    .unwrap();
                let status = local.handle(request).await.status().as_u16();
                assert!(status < 500, "{status}");
            }
        });
    }
}
