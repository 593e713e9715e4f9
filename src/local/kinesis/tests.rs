//! Kinesis below the wire.

use super::*;

const STREAM: &str = "readings";

async fn call(kinesis: &Kinesis, operation: &str, input: &Value) -> (u16, Value) {
    let request = axum::http::Request::post("/")
        .header("content-type", AMZ_JSON_1_1)
        .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
        .header("x-amz-date", "20261123T000000Z")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=K/1/r/kinesis/aws4_request, SignedHeaders=h, Signature=0")
        .body(input.to_string().into())
        .unwrap();
    let response = kinesis.handle(request).await;
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or(Value::Null))
}

async fn with_stream(input: Value) -> (Kinesis, String) {
    let identity = Identity::new("us-east-1");
    let arn = identity.stream_arn(STREAM);
    let kinesis = Kinesis::start(identity);
    let (status, body) = call(&kinesis, "CreateStream", &input).await;
    assert_eq!(status, 200, "{body}");
    while kinesis.shards(&arn).await.unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    (kinesis, arn)
}

async fn put(kinesis: &Kinesis, data: &str) {
    let input = serde_json::json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": data });
    let (status, body) = call(kinesis, "PutRecord", &input).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn a_stream_without_a_shard_count_is_on_demand() {
    let (kinesis, arn) = with_stream(serde_json::json!({ "StreamName": STREAM })).await;
    assert_eq!(kinesis.shards(&arn).await.unwrap().len(), 4);
    let (_, body) = call(&kinesis, "DescribeStreamSummary", &serde_json::json!({ "StreamARN": arn })).await;
    assert_eq!(body["StreamDescriptionSummary"]["StreamModeDetails"]["StreamMode"], "ON_DEMAND");
}

#[tokio::test]
async fn list_shards_pages_by_arn() {
    let (kinesis, arn) = with_stream(serde_json::json!({ "StreamName": STREAM, "ShardCount": 3 })).await;
    let (_, first) = call(&kinesis, "ListShards", &serde_json::json!({ "StreamARN": arn, "MaxResults": 2 })).await;
    assert_eq!(first["Shards"].as_array().unwrap().len(), 2);
    let (_, second) = call(&kinesis, "ListShards", &serde_json::json!({ "NextToken": first["NextToken"] })).await;
    assert_eq!(second["Shards"][0]["ShardId"], "shardId-000000000002");
    assert!(second.get("NextToken").is_none());
}

#[tokio::test]
async fn a_put_wakes_who_waits_and_a_full_page_says_how_far_it_is_behind() {
    let (kinesis, arn) = with_stream(serde_json::json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let shard = kinesis.shards(&arn).await.unwrap().remove(0);
    assert!(shard.open);
    let mut puts = kinesis.puts();
    for data in ["AAAA", "BBBB", "CCCC"] {
        put(&kinesis, data).await;
    }
    assert!(puts.has_changed().unwrap());
    assert_eq!(*puts.borrow_and_update(), 3);
    let iterator = kinesis.iterator(&arn, &shard.id, &StartAt::TrimHorizon).await.unwrap();
    let page = kinesis.records(&iterator, 2).await.unwrap();
    assert_eq!(page.records.iter().map(|record| record.data.as_str()).collect::<Vec<_>>(), ["AAAA", "BBBB"]);
    assert!(page.millis_behind > 0);
    let rest = kinesis.records(&page.next.unwrap(), 2).await.unwrap();
    assert_eq!((rest.records.len(), rest.millis_behind), (1, 0));
    let after = StartAt::AfterSequence(page.records[0].sequence_number.clone());
    let iterator = kinesis.iterator(&arn, &shard.id, &after).await.unwrap();
    assert_eq!(kinesis.records(&iterator, 10).await.unwrap().records[0].data, "BBBB");
}

#[tokio::test]
async fn a_time_after_the_last_record_reads_nothing_old_and_a_time_in_its_second_reads_it() {
    let (kinesis, arn) = with_stream(serde_json::json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let shard = kinesis.shards(&arn).await.unwrap().remove(0);
    let before = wire::now_seconds();
    put(&kinesis, "AAAA").await;
    let iterator = kinesis.iterator(&arn, &shard.id, &StartAt::AtTimestamp(before)).await.unwrap();
    assert_eq!(kinesis.records(&iterator, 10).await.unwrap().records.len(), 1);
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let iterator = kinesis.iterator(&arn, &shard.id, &StartAt::AtTimestamp(wire::now_seconds())).await.unwrap();
    assert!(kinesis.records(&iterator, 10).await.unwrap().records.is_empty());
    put(&kinesis, "BBBB").await;
    assert_eq!(kinesis.records(&iterator, 10).await.unwrap().records[0].data, "BBBB");
}

#[tokio::test]
async fn large_pages_are_cut_at_ten_mebibytes_without_losing_a_record() {
    let (kinesis, arn) = with_stream(serde_json::json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let shard = kinesis.shards(&arn).await.unwrap().remove(0);
    let data = "A".repeat(1_000_000 / 3 * 4);
    for _ in 0..12 {
        put(&kinesis, &data).await;
    }
    let mut next = Some(kinesis.iterator(&arn, &shard.id, &StartAt::TrimHorizon).await.unwrap());
    let mut sizes = Vec::new();
    while sizes.iter().sum::<usize>() < 12 {
        let page = kinesis.records(&next.unwrap(), 10_000).await.unwrap();
        sizes.push(page.records.len());
        next = page.next;
    }
    assert_eq!(sizes, [10, 2]);
}

#[tokio::test]
async fn a_missing_stream_is_not_found() {
    let kinesis = Kinesis::start(Identity::new("us-east-1"));
    let error = kinesis.shards(&Identity::new("us-east-1").stream_arn("none")).await.unwrap_err();
    assert_eq!(error.code, "ResourceNotFoundException");
    let (status, body) = call(&kinesis, "NoSuchOperation", &serde_json::json!({})).await;
    assert_eq!((status, body["__type"].as_str()), (400, Some("UnknownOperationException")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_at_the_tip_gets_every_record_of_many_writers_once() {
    const WRITERS: usize = 8;
    const PUTS: usize = 60;
    let (kinesis, arn) = with_stream(serde_json::json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let shard = kinesis.shards(&arn).await.unwrap().remove(0);
    let mut next = kinesis.iterator(&arn, &shard.id, &StartAt::TrimHorizon).await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let kinesis = kinesis.clone();
            tokio::spawn(async move {
                for _ in 0..PUTS {
                    put(&kinesis, "AAAA").await;
                }
            })
        })
        .collect();
    let mut puts = kinesis.puts();
    let mut seen = std::collections::HashSet::new();
    let mut read = 0;
    while read < WRITERS * PUTS {
        let page = kinesis.records(&next, 100).await.unwrap();
        if page.records.is_empty() {
            // Where a record is lost, this wait ends the test.
            tokio::time::timeout(std::time::Duration::from_secs(5), puts.changed()).await.unwrap().unwrap();
        }
        read += page.records.len();
        seen.extend(page.records.into_iter().map(|record| record.sequence_number));
        next = page.next.unwrap();
    }
    assert_eq!(seen.len(), WRITERS * PUTS);
    for writer in writers {
        writer.await.unwrap();
    }
}
