//! Tests of the service's limits and of failed writes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::{Local, STREAM, call, records, text, with_stream};
use crate::kinesis::StreamOptions;

#[tokio::test]
async fn put_records_responds_in_order_and_enforces_service_limits() {
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
async fn put_records_throttled_shard_accepts_a_thousand_records_and_reports_the_rest() {
    let local = Local::new(StreamOptions { throttle: true, ..StreamOptions::default() });
    local.ok("CreateStream", json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let records = vec![json!({ "PartitionKey": "k", "Data": "" }); 500];
    // The bucket refills while this runs, but slower than it is emptied.
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
async fn get_records_throttled_shard_allows_five_reads_a_second() {
    let local = Local::new(StreamOptions { throttle: true, ..StreamOptions::default() });
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
    // An event source mapping waits where API callers are throttled.
    for _ in 0..7 {
        assert!(local.records(text(&first), 10).await.is_ok());
    }
}

#[tokio::test]
async fn put_records_failed_write_is_not_acknowledged() {
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
    assert!(notices[0].contains(&blocked.display().to_string()), "the notice gives the reason: {notices:?}");
    std::fs::remove_file(blocked).unwrap();
    local.ok("PutRecords", put(json!([record(u128::MAX)]))).await;
    assert_eq!(records(&local, "shardId-000000000001").await["Records"].as_array().unwrap().len(), 1);
}
