//! Tests of `SubscribeToShard`, in process.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::subscriber::{
    Received, SHARD, data, input, put, refused, register, subscribe, subscribe_with, with_consumer,
};
use super::{Local, STREAM, text};
use crate::identity::Identity;
use crate::kinesis::StreamOptions;
use crate::kinesis::fan_out::{EXCLUSIVE, LIFETIME};
use crate::protocol::aws_json::now_seconds;
use crate::tests::next_millisecond;

fn oldest() -> Value {
    json!({ "Type": "TRIM_HORIZON" })
}

fn latest() -> Value {
    json!({ "Type": "LATEST" })
}

#[tokio::test]
async fn subscription_gets_old_and_new_records_and_the_members_of_the_service() {
    let (local, consumer) = with_consumer().await;
    let number = put(&local, "one").await;
    put(&local, "two").await;
    let mut subscribed = subscribe(&local, &consumer, oldest()).await;
    let first = subscribed.event().await;
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&first), ["ContinuationSequenceNumber", "MillisBehindLatest", "Records"]);
    let record = &first["Records"][0];
    assert_eq!(names(record), ["ApproximateArrivalTimestamp", "Data", "PartitionKey", "SequenceNumber"]);
    assert_eq!((&record["SequenceNumber"], &record["PartitionKey"]), (&json!(number), &json!("k")));
    assert!((now_seconds() - record["ApproximateArrivalTimestamp"].as_f64().unwrap()).abs() < 60.0);
    assert_eq!((data(&first), &first["MillisBehindLatest"]), (vec!["one".into(), "two".into()], &json!(0)));
    put(&local, "three").await;
    assert_eq!(data(&subscribed.records().await), ["three"]);
}

#[tokio::test(start_paused = true)]
async fn continuation_neither_repeats_nor_skips_whether_used_at_or_after() {
    let (local, consumer) = with_consumer().await;
    put(&local, "before").await;
    for kind in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] {
        for start in [latest(), oldest()] {
            let mut subscribed = subscribe(&local, &consumer, start.clone()).await;
            let event = subscribed.event().await;
            assert_eq!(event["Records"] == json!([]), start == latest());
            put(&local, kind).await;
            tokio::time::sleep(EXCLUSIVE).await;
            let position = json!({ "Type": kind, "SequenceNumber": event["ContinuationSequenceNumber"] });
            let mut next = subscribe(&local, &consumer, position).await;
            assert_eq!(data(&next.records().await), [kind], "{start}");
            // The number also fits GetShardIterator.
            let iterator = json!({ "StreamName": STREAM, "ShardId": SHARD, "ShardIteratorType": kind,
                "StartingSequenceNumber": event["ContinuationSequenceNumber"] });
            let iterator = local.ok("GetShardIterator", iterator).await;
            let page = local.ok("GetRecords", json!({ "ShardIterator": iterator["ShardIterator"] })).await;
            assert_eq!(data(&page), [kind], "{start}");
            tokio::time::sleep(EXCLUSIVE).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn starting_positions_of_every_kind_begin_where_they_say() {
    let (local, consumer) = with_consumer().await;
    put(&local, "one").await;
    next_millisecond().await;
    let time = now_seconds();
    let two = put(&local, "two").await;
    put(&local, "three").await;
    for (position, expected) in [
        (oldest(), vec!["one", "two", "three"]),
        (json!({ "Type": "AT_TIMESTAMP", "Timestamp": time }), vec!["two", "three"]),
        (json!({ "Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": two }), vec!["two", "three"]),
        (json!({ "Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": two }), vec!["three"]),
        (latest(), vec![]),
    ] {
        let event = subscribe(&local, &consumer, position.clone()).await.event().await;
        assert_eq!(data(&event), expected, "{position}");
        tokio::time::sleep(EXCLUSIVE).await;
    }
    let shards = local.ok("ListShards", json!({ "StreamName": STREAM })).await;
    let start = &shards["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"];
    let position = json!({ "Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": start });
    assert_eq!(data(&subscribe(&local, &consumer, position).await.event().await).len(), 3);
}

#[tokio::test]
async fn request_that_is_wrong_is_refused_by_name_and_takes_no_place() {
    let (local, consumer) = with_consumer().await;
    let with = |name: &str, value: Value| {
        let mut input = input(&consumer, &latest());
        input[name] = value;
        input
    };
    let at = |position: Value| with("StartingPosition", position);
    let nobody = consumer.replace("/c:", "/d:");
    let elsewhere = consumer.replace("us-east-1", "us-west-2");
    for (input, code, words) in [
        (json!({}), "ValidationException", "'consumerARN'"),
        (with("ShardId", Value::Null), "ValidationException", "'shardId'"),
        (at(Value::Null), "ValidationException", "'startingPosition'"),
        (at(json!({})), "ValidationException", "'startingPosition.type'"),
        (at(json!({ "Type": "latest" })), "ValidationException", "enum value set"),
        (at(json!({ "Type": "AT_SEQUENCE_NUMBER" })), "InvalidArgumentException", "and no"),
        (at(json!({ "Type": "LATEST", "SequenceNumber": "1" })), "InvalidArgumentException", "also a"),
        (at(json!({ "Type": "AT_TIMESTAMP" })), "InvalidArgumentException", "timestamp"),
        (at(json!({ "Type": "AT_TIMESTAMP", "Timestamp": 4e9 })), "InvalidArgumentException", "greater than"),
        (
            at(json!({ "Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": "1" })),
            "InvalidArgumentException",
            "used in SubscribeToShard",
        ),
        (with("ShardId", json!("shardId-000000000001")), "ResourceNotFoundException", "does not exist"),
        (with("ConsumerARN", json!(nobody)), "ResourceNotFoundException", "not found"),
        (with("ConsumerARN", json!(elsewhere)), "ResourceNotFoundException", "not found"),
    ] {
        let (found, message) = refused(&local, &input).await;
        assert_eq!(found, code, "{input}: {message}");
        assert!(message.contains(words), "{input}: {message}");
    }
    subscribe(&local, &consumer, latest()).await;
}

#[tokio::test(start_paused = true)]
async fn idle_subscription_shows_life_every_two_seconds_and_ends_after_five_minutes() {
    let (local, consumer) = with_consumer().await;
    let began = Instant::now();
    let mut subscribed = subscribe(&local, &consumer, latest()).await;
    let mut events = Vec::new();
    let mut last = began;
    while let Received::Event(event) = subscribed.next().await {
        assert!(last.elapsed() <= Duration::from_millis(2100), "{:?}", last.elapsed());
        last = Instant::now();
        events.push(event);
    }
    let lasted = began.elapsed();
    assert!(lasted >= LIFETIME && lasted < LIFETIME + Duration::from_secs(1), "{lasted:?}");
    assert!((149..=151).contains(&events.len()), "{}", events.len());
    assert!(events.iter().all(|event| event["Records"] == json!([]) && event["MillisBehindLatest"] == 0));
    // The next subscription begins at once.
    subscribe(&local, &consumer, latest()).await;
}

#[tokio::test(start_paused = true)]
async fn second_subscription_is_refused_for_five_seconds_and_then_ends_the_first() {
    let (local, consumer) = with_consumer().await;
    let other = register(&local, "d").await;
    let mut first = subscribe(&local, &consumer, latest()).await;
    let (code, message) = refused(&local, &input(&consumer, &latest())).await;
    assert_eq!(code, "ResourceInUseException");
    assert!(message.starts_with("Another active subscription exists for this consumer"), "{message}");
    let mut of_other = subscribe(&local, &other, latest()).await;
    tokio::time::sleep(EXCLUSIVE).await;
    let mut second = subscribe(&local, &consumer, latest()).await;
    assert_eq!(first.last().await, Received::Exception("ResourceInUseException".into(), message));
    assert_eq!(first.next().await, Received::End);
    put(&local, "x").await;
    assert_eq!(data(&second.records().await), ["x"]);
    assert_eq!(data(&of_other.records().await), ["x"]);
}

#[tokio::test]
async fn closed_shard_ends_with_its_children_after_its_last_record() {
    let (local, consumer) = with_consumer().await;
    let mut subscribed = subscribe(&local, &consumer, oldest()).await;
    put(&local, "last").await;
    let split = json!({ "StreamName": STREAM, "ShardToSplit": SHARD, "NewStartingHashKey": "1000" });
    local.ok("SplitShard", split).await;
    let event = subscribed.records().await;
    assert_eq!((data(&event), event.get("ChildShards")), (vec!["last".to_owned()], None));
    let event = subscribed.records().await;
    assert_eq!((&event["Records"], event.get("ContinuationSequenceNumber")), (&json!([]), None));
    let children = event["ChildShards"].as_array().unwrap();
    let ids: Vec<&str> = children.iter().map(|child| text(&child["ShardId"])).collect();
    assert_eq!(ids, ["shardId-000000000001", "shardId-000000000002"]);
    assert!(children.iter().all(|child| child["ParentShards"] == json!([SHARD])));
    assert_eq!(children[1]["HashKeyRange"]["StartingHashKey"], "1000");
    assert_eq!(event["MillisBehindLatest"], 0);
    assert_eq!(subscribed.next().await, Received::End);
    put(&local, "on").await;
    let mut input = input(&consumer, &oldest());
    let mut found = Vec::new();
    for id in ids {
        input["ShardId"] = id.into();
        found.extend(data(&subscribe_with(&local, &input).await.unwrap().event().await));
    }
    assert_eq!(found, ["on"]);
}

#[tokio::test(start_paused = true)]
async fn deleted_consumer_or_stream_ends_its_subscriptions_by_an_exception() {
    let (local, consumer) = with_consumer().await;
    let other = register(&local, "d").await;
    let mut subscribed = subscribe(&local, &consumer, latest()).await;
    let mut of_other = subscribe(&local, &other, latest()).await;
    assert_eq!(of_other.event().await["Records"], json!([]));
    local.ok("DeregisterStreamConsumer", json!({ "ConsumerARN": consumer })).await;
    let Received::Exception(code, message) = subscribed.last().await else { panic!("not an exception") };
    assert_eq!((code.as_str(), subscribed.next().await), ("ResourceNotFoundException", Received::End));
    assert!(message.contains(&consumer), "{message}");
    // A stream of the same name with a consumer of the same name is another one.
    local.ok("DeleteStream", json!({ "StreamName": STREAM, "EnforceConsumerDeletion": true })).await;
    local.ok("CreateStream", json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    register(&local, "d").await;
    put(&local, "of the new stream").await;
    let Received::Exception(code, _) = of_other.last().await else { panic!("not an exception") };
    assert_eq!((code.as_str(), of_other.next().await), ("ResourceNotFoundException", Received::End));
}

#[tokio::test]
async fn consumer_that_is_not_active_cannot_subscribe() {
    let options = StreamOptions { update_delay: Duration::from_millis(200), ..StreamOptions::default() };
    let local = Local::new(options);
    local.ok("CreateStream", json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let consumer = register(&local, "c").await;
    let (code, message) = refused(&local, &input(&consumer, &latest())).await;
    assert_eq!(code, "ResourceInUseException");
    assert!(message.ends_with("is not in ACTIVE status."), "{message}");
    let describe = async || local.ok("DescribeStreamConsumer", json!({ "ConsumerARN": consumer })).await;
    let is_active = |about: &Value| about["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE";
    crate::tests::eventually("the consumer is ACTIVE", describe, is_active).await;
    let mut subscribed = subscribe(&local, &consumer, latest()).await;
    local.ok("DeregisterStreamConsumer", json!({ "ConsumerARN": consumer })).await;
    let Received::Exception(code, _) = subscribed.last().await else { panic!("not an exception") };
    assert_eq!(code, "ResourceNotFoundException", "it is DELETING, and will not be ACTIVE again");
}

#[tokio::test(start_paused = true)]
async fn limited_subscription_gets_two_mebibytes_a_second_and_shows_life_meanwhile() {
    let (local, consumer) = with_consumer().await;
    let half = "x".repeat(512 << 10);
    for _ in 0..24 {
        put(&local, &half).await;
    }
    let arn = Identity::new("us-east-1").stream_arn(STREAM);
    local.ok("UpdateMaxRecordSize", json!({ "StreamARN": arn, "MaxRecordSizeInKiB": 10_240 })).await;
    put(&local, &"y".repeat(10 << 20 >> 1)).await;
    put(&local, "last").await;
    let limited = StreamOptions { throttle: true, ..StreamOptions::default() };
    for (options, least, most) in [(limited, 8.0, 9.0), (StreamOptions::default(), 0.0, 0.5)] {
        let kinesis = super::open(local.directory.path(), options);
        let mut subscribed = subscribe(&kinesis, &consumer, oldest()).await;
        let (began, mut last) = (Instant::now(), Instant::now());
        let mut bytes = 0;
        loop {
            let event = subscribed.event().await;
            assert!(last.elapsed() <= Duration::from_millis(2100), "{:?}", last.elapsed());
            last = Instant::now();
            let data = data(&event);
            bytes += data.iter().map(String::len).sum::<usize>();
            assert_eq!(event["MillisBehindLatest"] == 0, data.last().is_some_and(|data| data == "last"));
            if event["MillisBehindLatest"] == 0 {
                break;
            }
        }
        assert_eq!(bytes, 17 * (1 << 20) + 4);
        let took = began.elapsed().as_secs_f64();
        assert!((least..most).contains(&took), "{took}");
    }
}

#[tokio::test(start_paused = true)]
async fn client_that_is_gone_or_reads_nothing_holds_up_no_one() {
    let (local, consumer) = with_consumer().await;
    let gone = subscribe(&local, &consumer, latest()).await;
    let work = gone.work.clone();
    drop(gone);
    work.close();
    work.wait().await;
    tokio::time::sleep(EXCLUSIVE).await;
    let idle = subscribe(&local, &consumer, latest()).await;
    for _ in 0..10 {
        put(&local, "x").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let mut second = subscribe(&local, &consumer, oldest()).await;
    assert_eq!(data(&second.records().await).len(), 10);
    idle.work.close();
    idle.work.wait().await;
}
