//! Tests of reading a stream, as the pollers in this process do.

use serde_json::json;

use super::{Local, STREAM, call, with_stream};
use crate::identity::Identity;
use crate::kinesis::api::stream_of_token;
use crate::kinesis::{Kinesis, StartAt, StreamOptions};
use crate::protocol::aws_json;
use crate::tests::next_millisecond;

async fn put(kinesis: &Kinesis, data: &str) {
    let input = json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": data });
    let (status, body) = call(kinesis, "PutRecord", &input).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn create_stream_without_shard_count_is_on_demand() {
    let (kinesis, arn) = with_stream(json!({ "StreamName": STREAM })).await;
    assert_eq!(kinesis.shards(&arn).await.unwrap().len(), 4);
    let (_, body) = call(&kinesis, "DescribeStreamSummary", &json!({ "StreamARN": arn })).await;
    assert_eq!(body["StreamDescriptionSummary"]["StreamModeDetails"]["StreamMode"], "ON_DEMAND");
}

#[tokio::test]
async fn list_shards_pages_by_arn() {
    let (kinesis, arn) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 3 })).await;
    let (_, first) = call(&kinesis, "ListShards", &json!({ "StreamARN": arn, "MaxResults": 2 })).await;
    assert_eq!(first["Shards"].as_array().unwrap().len(), 2);
    let token = first["NextToken"].as_str().unwrap();
    assert_eq!(stream_of_token(token).as_deref(), Some(STREAM), "who may see the stream may go on");
    let (_, second) = call(&kinesis, "ListShards", &json!({ "NextToken": token })).await;
    assert_eq!(second["Shards"][0]["ShardId"], "shardId-000000000002");
    assert!(second.get("NextToken").is_none());
}

#[tokio::test]
async fn put_wakes_waiting_readers_and_full_page_reports_millis_behind() {
    let (kinesis, arn) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let shard = kinesis.shards(&arn).await.unwrap().remove(0);
    let mut puts = kinesis.puts();
    let before = *puts.borrow_and_update();
    for data in ["AAAA", "BBBB", "CCCC"] {
        put(&kinesis, data).await;
    }
    assert!(puts.has_changed().unwrap());
    assert_eq!(*puts.borrow_and_update(), before + 3);
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
async fn iterator_at_timestamp_skips_older_records_and_reads_later_ones() {
    let (kinesis, arn) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let shard = kinesis.shards(&arn).await.unwrap().remove(0);
    let before = aws_json::now_seconds();
    put(&kinesis, "AAAA").await;
    let iterator = kinesis.iterator(&arn, &shard.id, &StartAt::AtTimestamp(before)).await.unwrap();
    assert_eq!(kinesis.records(&iterator, 10).await.unwrap().records.len(), 1);
    next_millisecond().await;
    let iterator = kinesis.iterator(&arn, &shard.id, &StartAt::AtTimestamp(aws_json::now_seconds())).await.unwrap();
    assert!(kinesis.records(&iterator, 10).await.unwrap().records.is_empty());
    put(&kinesis, "BBBB").await;
    assert_eq!(kinesis.records(&iterator, 10).await.unwrap().records[0].data, "BBBB");
}

#[tokio::test]
async fn get_records_page_is_cut_at_ten_mebibytes_without_losing_a_record() {
    let (kinesis, arn) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
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
async fn missing_stream_is_resource_not_found() {
    let kinesis = Local::new(StreamOptions::default());
    let error = kinesis.shards(&Identity::new("us-east-1").stream_arn("none")).await.unwrap_err();
    assert_eq!(error.code, "ResourceNotFoundException");
    let (status, body) = call(&kinesis, "NoSuchOperation", &json!({})).await;
    assert_eq!((status, body["__type"].as_str()), (400, Some("UnknownOperationException")));
}
