//! Tests of `SubscribeToShard` over the network: HTTP/1.1 through the SDK, and HTTP/2 without TLS.

use std::time::Duration;

use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::StreamStatus::Active;
use aws_sdk_kinesis::types::{ShardIteratorType, StartingPosition, SubscribeToShardEvent};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::start;
use crate::auth::signature::testing::sign;
use crate::tests::clients::Clients;
use crate::tests::eventually;
use crate::{Limits, LocalCloud, LocalOptions};

/// Longer than any step takes on a busy machine.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Creates a stream with a consumer; returns the consumer's ARN.
async fn consumer(clients: &Clients, shards: i32) -> String {
    clients.kinesis.create_stream().stream_name("s").shard_count(shards).send().await.unwrap();
    let about = clients.kinesis.describe_stream_summary().stream_name("s").send().await.unwrap();
    let arn = about.stream_description_summary.unwrap().stream_arn;
    let register = clients.kinesis.register_stream_consumer().stream_arn(arn).consumer_name("c");
    register.send().await.unwrap().consumer.unwrap().consumer_arn
}

async fn subscribe(clients: &Clients, consumer: &str, shard: &str, from: ShardIteratorType) -> SubscribeToShardOutput {
    let position = StartingPosition::builder().r#type(from).build().unwrap();
    let call = clients.kinesis.subscribe_to_shard().consumer_arn(consumer).shard_id(shard).starting_position(position);
    timeout(WAIT_TIMEOUT, call.send()).await.unwrap().unwrap()
}

async fn next(subscribed: &mut SubscribeToShardOutput) -> Option<SubscribeToShardEvent> {
    let next = timeout(WAIT_TIMEOUT, subscribed.event_stream.recv()).await.unwrap().unwrap()?;
    Some(next.as_subscribe_to_shard_event().unwrap().clone())
}

async fn put(clients: &Clients, data: &str) {
    let put = clients.kinesis.put_record().stream_name("s").partition_key("k").data(Blob::new(data));
    put.send().await.unwrap();
}

fn data(event: &SubscribeToShardEvent) -> Vec<String> {
    event.records().iter().map(|record| String::from_utf8(record.data().as_ref().to_vec()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_sdk_reads_records_past_a_reshard_over_http1() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    let consumer = consumer(&clients, 1).await;
    put(&clients, "one").await;
    let mut subscribed = subscribe(&clients, &consumer, "shardId-000000000000", ShardIteratorType::TrimHorizon).await;
    assert_eq!(data(&next(&mut subscribed).await.unwrap()), ["one"]);
    put(&clients, "two").await;
    let split = clients.kinesis.split_shard().stream_name("s").shard_to_split("shardId-000000000000");
    split.new_starting_hash_key("1000").send().await.unwrap();
    put(&clients, "three").await;
    let (mut found, mut children) = (Vec::new(), Vec::new());
    while let Some(event) = next(&mut subscribed).await {
        found.extend(data(&event));
        assert_eq!(event.continuation_sequence_number.is_empty(), !event.child_shards().is_empty());
        children.extend(event.child_shards().to_vec());
    }
    assert_eq!((found, children.len()), (vec!["two".to_owned()], 2));
    let mut found = Vec::new();
    for child in &children {
        let mut subscribed = subscribe(&clients, &consumer, &child.shard_id, ShardIteratorType::TrimHorizon).await;
        found.extend(data(&next(&mut subscribed).await.unwrap()));
    }
    assert_eq!(found, ["three"]);
    cloud.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_sdk_continues_after_each_subscription_ends_without_gap_or_repeat() {
    const RECORDS: usize = 100;
    let dir = tempfile::tempdir().unwrap();
    let options = LocalOptions {
        data_dir: dir.path().to_owned(),
        // Subscriptions last 0.3 seconds.
        timing: "aws/1000".parse().unwrap(),
        ..LocalOptions::default()
    };
    let cloud = LocalCloud::start(options).await.unwrap();
    let clients = crate::tests::clients::connect(&cloud.connection_info()).await;
    clients.kinesis.create_stream().stream_name("s").shard_count(1).send().await.unwrap();
    let describe = async || clients.kinesis.describe_stream_summary().stream_name("s").send().await;
    let about = eventually("the stream is there", describe, |about| {
        about.as_ref().is_ok_and(|about| about.stream_description_summary().unwrap().stream_status == Active)
    });
    let arn = about.await.unwrap().stream_description_summary.unwrap().stream_arn;
    let register = clients.kinesis.register_stream_consumer().stream_arn(arn).consumer_name("c");
    let consumer = register.send().await.unwrap().consumer.unwrap().consumer_arn;
    let subscribe = async |position: StartingPosition| {
        // Refused while the consumer is CREATING.
        let call = clients.kinesis.subscribe_to_shard().consumer_arn(&consumer).shard_id("shardId-000000000000");
        let call = async || call.clone().starting_position(position.clone()).send().await;
        eventually("it is subscribed", call, Result::is_ok).await.unwrap()
    };
    let position = StartingPosition::builder();
    let mut subscribed = subscribe(position.clone().r#type(ShardIteratorType::TrimHorizon).build().unwrap()).await;
    let (mut found, mut subscriptions, mut last) = (Vec::new(), 1, String::new());
    let puts = async {
        for at in 0..RECORDS {
            put(&clients, &at.to_string()).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let reads = async {
        while found.len() < RECORDS {
            while let Some(event) = next(&mut subscribed).await {
                found.extend(data(&event));
                last = event.continuation_sequence_number;
            }
            let after = position.clone().r#type(ShardIteratorType::AfterSequenceNumber).sequence_number(&last);
            subscribed = subscribe(after.build().unwrap()).await;
            subscriptions += 1;
        }
    };
    tokio::join!(puts, reads);
    assert_eq!(found, (0..RECORDS).map(|at| at.to_string()).collect::<Vec<_>>());
    assert!(subscriptions > 2, "{subscriptions}");
    drop(subscribed);
    cloud.shutdown().await.unwrap();
}

/// A connection over HTTP/2, whose client may keep as many requests open as the server allows.
struct Http2<'a> {
    cloud: &'a LocalCloud,
    client: SendRequest<Full<Bytes>>,
}

impl<'a> Http2<'a> {
    async fn connect(cloud: &'a LocalCloud) -> Self {
        let stream = TcpStream::connect(cloud.endpoint().strip_prefix("http://").unwrap()).await.unwrap();
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (client, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        Http2 { cloud, client }
    }

    async fn send(
        &self,
        operation: &str,
        body: &serde_json::Value,
        header: (&'static str, &str),
    ) -> hyper::Result<http::Response<Incoming>> {
        let body = Bytes::from(body.to_string());
        let mut request = http::Request::post("http://127.0.0.1/")
            .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
            .header("content-type", "application/x-amz-json-1.1")
            .header(header.0, header.1)
            .body(())
            .unwrap();
        sign(&mut request, &self.cloud.connection_info().access_key, "kinesis", &body);
        let send = self.client.clone().send_request(request.map(|()| Full::new(body)));
        timeout(WAIT_TIMEOUT, send).await.unwrap()
    }

    async fn subscribe(&self, consumer: &str, shard: usize) -> http::Response<Incoming> {
        let input = json!({ "ConsumerARN": consumer, "ShardId": format!("shardId-{shard:012}"),
            "StartingPosition": { "Type": "LATEST" } });
        self.send("SubscribeToShard", &input, ("accept", "*/*")).await.unwrap()
    }
}

async fn frame(response: &mut http::Response<Incoming>) -> Option<Bytes> {
    let frame = timeout(WAIT_TIMEOUT, response.frame()).await.unwrap()?;
    Some(frame.unwrap().into_data().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_connection_holds_a_subscription_for_each_of_many_shards_and_other_requests() {
    const SHARDS: usize = 300;
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    let consumer = consumer(&clients, i32::try_from(SHARDS).unwrap()).await;
    let connection = Http2::connect(&cloud).await;
    let mut subscribed = Vec::new();
    for shard in 0..SHARDS {
        let mut response = connection.subscribe(&consumer, shard).await;
        assert_eq!(response.status(), 200);
        assert!(response.headers().contains_key("x-amzn-requestid"));
        assert!(frame(&mut response).await.is_some());
        subscribed.push(response);
    }
    assert_eq!(connection.send("ListStreams", &json!({}), ("accept", "*/*")).await.unwrap().status(), 200);
    drop(subscribed);
    cloud.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_ends_subscriptions_of_both_protocols_cleanly() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    let consumer = consumer(&clients, 2).await;
    let mut over_http1 = subscribe(&clients, &consumer, "shardId-000000000000", ShardIteratorType::Latest).await;
    let connection = Http2::connect(&cloud).await;
    let mut over_http2 = connection.subscribe(&consumer, 1).await;
    assert!(next(&mut over_http1).await.is_some());
    assert!(frame(&mut over_http2).await.is_some());
    let rest = tokio::spawn(async move {
        while frame(&mut over_http2).await.is_some() {}
        while next(&mut over_http1).await.is_some() {}
    });
    let began = std::time::Instant::now();
    cloud.shutdown().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "the connections were given up: {:?}", began.elapsed());
    rest.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_with_a_subscription_is_not_idle() {
    let dir = tempfile::tempdir().unwrap();
    let idle = Some(Duration::from_millis(100));
    let options = LocalOptions {
        data_dir: dir.path().to_owned(),
        region: Some("eu-central-1".into()),
        limits: Limits { idle, ..Limits::default() },
        ..LocalOptions::default()
    };
    let cloud = LocalCloud::start(options).await.unwrap();
    let clients = crate::tests::clients::connect(&cloud.connection_info()).await;
    let consumer = consumer(&clients, 2).await;
    let mut over_http1 = subscribe(&clients, &consumer, "shardId-000000000000", ShardIteratorType::Latest).await;
    let connection = Http2::connect(&cloud).await;
    let mut over_http2 = connection.subscribe(&consumer, 1).await;
    // Two signs of life: seconds.
    for _ in 0..2 {
        assert!(next(&mut over_http1).await.is_some());
        assert!(frame(&mut over_http2).await.is_some());
    }
    cloud.shutdown().await.unwrap();
}

mod slow {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn rust_sdk_with_its_stalled_stream_protection_keeps_an_idle_subscription() {
        let dir = tempfile::tempdir().unwrap();
        let (cloud, clients) = start(dir.path()).await;
        let consumer = consumer(&clients, 1).await;
        let mut subscribed = subscribe(&clients, &consumer, "shardId-000000000000", ShardIteratorType::Latest).await;
        let began = std::time::Instant::now();
        // The protection acts within six seconds.
        while began.elapsed() < Duration::from_secs(12) {
            assert!(next(&mut subscribed).await.unwrap().records().is_empty());
        }
        cloud.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_web_pages_and_oversized_headers_are_refused_over_http2_as_over_http1() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    let consumer = consumer(&clients, 1).await;
    let input = json!({ "ConsumerARN": consumer, "ShardId": "shardId-000000000000",
        "StartingPosition": { "Type": "LATEST" } });
    let large = "x".repeat(64 << 10);
    let fits = "x".repeat(16 << 10);
    for (header, status) in [
        (("origin", "https://evil.example"), 403),
        (("sec-fetch-site", "cross-site"), 403),
        (("x-large", large.as_str()), 431),
        (("x-large", fits.as_str()), 200),
    ] {
        let connection = Http2::connect(&cloud).await;
        let response = connection.send("SubscribeToShard", &input, header).await.unwrap();
        assert_eq!(response.status(), status, "{}", header.0);
    }
    cloud.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn injected_faults_refuse_break_and_hide_a_subscription() {
    let dir = tempfile::tempdir().unwrap();
    let faults = "kinesis:SubscribeToShard=throttle@#1;kinesis:SubscribeToShard=lost@#2".parse().unwrap();
    let options = LocalOptions {
        data_dir: dir.path().to_owned(),
        region: Some("eu-central-1".into()),
        faults,
        ..LocalOptions::default()
    };
    let cloud = LocalCloud::start(options).await.unwrap();
    let clients = crate::tests::clients::connect(&cloud.connection_info()).await;
    let consumer = consumer(&clients, 1).await;
    let connection = Http2::connect(&cloud).await;
    let input = json!({ "ConsumerARN": consumer, "ShardId": "shardId-000000000000",
        "StartingPosition": { "Type": "LATEST" } });
    let sent = async || connection.send("SubscribeToShard", &input, ("accept", "*/*")).await;
    let throttled = sent().await.unwrap();
    assert_eq!(throttled.status(), 400);
    let body = throttled.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("LimitExceededException"));
    assert!(sent().await.is_err(), "the stream is reset");
    // The call was carried out all the same.
    let taken = sent().await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&taken).contains("ResourceInUseException"));
    let position = StartingPosition::builder().r#type(ShardIteratorType::Latest).build().unwrap();
    let call = clients.kinesis.subscribe_to_shard().consumer_arn(&consumer).shard_id("shardId-000000000000");
    let error = call.starting_position(position).send().await.err().unwrap();
    assert_eq!(error.code(), Some("ResourceInUseException"));
    cloud.shutdown().await.unwrap();
}
