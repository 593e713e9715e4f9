//! Tests of `GetMetricData` in its three wire forms: CBOR through the SDK, JSON and query by hand.

use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::error::SdkError;
use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataError;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use aws_sdk_kinesis::primitives::Blob;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Value, json};

use super::wire::raw;
use super::{clients::Clients, start};
use crate::auth::signature::testing::signed_lines;
use crate::protocol::aws_json::now_ms;
use crate::{FaultPlan, LocalCloud, LocalOptions};

const TARGET: &str = "GraniteServiceVersion20100801.GetMetricData";

/// Returns the sum of a stream's newest point over an hour.
pub(super) async fn newest(
    clients: &Clients,
    stream: &str,
    name: &str,
) -> Result<Option<f64>, SdkError<GetMetricDataError>> {
    let dimension = Dimension::builder().name("StreamName").value(stream).build();
    let metric = Metric::builder().namespace("AWS/Kinesis").metric_name(name).dimensions(dimension).build();
    let stat = MetricStat::builder().metric(metric).period(3600).stat("Sum").build();
    let now = SystemTime::now();
    let asked = clients
        .cloudwatch
        .get_metric_data()
        .metric_data_queries(MetricDataQuery::builder().id("a").metric_stat(stat).build())
        .start_time((now - Duration::from_secs(3600)).into())
        .end_time((now + Duration::from_secs(1)).into());
    let answer = asked.send().await?;
    let result = &answer.metric_data_results()[0];
    assert_eq!(result.timestamps().len(), result.values().len());
    Ok(result.values().first().copied())
}

async fn put(clients: &Clients, stream: &str, text: &str) {
    let put = clients.kinesis.put_record().stream_name(stream).partition_key("k").data(Blob::new(text));
    put.send().await.unwrap();
}

/// Returns status, head and body of a hand-written request.
async fn by_hand(cloud: &LocalCloud, target: &str, content_type: &str, body: &str) -> (u16, String, String) {
    let lines = signed_lines(&cloud.connection_info().access_key, "monitoring", target, "POST /", body.as_bytes());
    raw(cloud, &format!("POST / HTTP/1.1\r\n{lines}\r\ncontent-type: {content_type}"), body).await
}

fn form(stat: &str) -> String {
    let query = "MetricDataQueries.member.1";
    let metric = format!("{query}.MetricStat.Metric");
    format!(
        "Action=GetMetricData&Version=2010-08-01&{query}.Id=a&{metric}.Namespace=AWS%2FKinesis\
         &{metric}.MetricName=IncomingRecords&{metric}.Dimensions.member.1.Name=StreamName\
         &{metric}.Dimensions.member.1.Value=s&{query}.MetricStat.Period=3600&{query}.MetricStat.Stat={stat}\
         &StartTime=2026-01-01T00%3A00%3A00Z&EndTime=2099-01-01T00%3A00%3A00Z"
    )
}

#[tokio::test]
async fn get_metric_data_counts_puts_in_all_wire_forms() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    clients.kinesis.create_stream().stream_name("s").shard_count(1).send().await.unwrap();
    assert_eq!(newest(&clients, "s", "IncomingRecords").await.unwrap(), None, "no put is no point, and not zero");
    put(&clients, "s", "12345").await;
    put(&clients, "s", "1").await;
    assert_eq!(newest(&clients, "s", "IncomingRecords").await.unwrap(), Some(2.0));
    assert_eq!(newest(&clients, "s", "IncomingBytes").await.unwrap(), Some(8.0), "with the keys");
    assert_eq!(newest(&clients, "s", "WriteProvisionedThroughputExceeded").await.unwrap(), Some(0.0));
    assert_eq!(newest(&clients, "other", "IncomingRecords").await.unwrap(), None);

    let query = json!({"Id": "a", "MetricStat": {"Period": 3600, "Stat": "Sum", "Metric": {"Namespace": "AWS/Kinesis",
        "MetricName": "IncomingRecords", "Dimensions": [{"Name": "StreamName", "Value": "s"}]}}});
    let now = now_ms() / 1000;
    let input = json!({"MetricDataQueries": [query], "StartTime": now - 3600, "EndTime": now + 1}).to_string();
    let (status, _, body) = by_hand(&cloud, TARGET, "application/x-amz-json-1.0", &input).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let result = &body["MetricDataResults"][0];
    assert_eq!((status, &result["Label"], &result["Values"]), (200, &json!("IncomingRecords"), &json!([2.0])));
    assert_eq!(result["Timestamps"][0].as_u64().unwrap() % 3600, 0);

    let (status, _, body) = by_hand(&cloud, "x", "application/x-www-form-urlencoded", &form("Sum")).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.starts_with("<GetMetricDataResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">"));
    assert!(body.contains("<Values><member>2</member></Values><StatusCode>Complete</StatusCode>"), "{body}");
}

#[tokio::test]
async fn get_metric_data_refusals_have_the_codes_of_the_query_protocol() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    let refused = newest(&clients, "s", "OutgoingRecords").await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationError"));
    assert!(
        refused.message().unwrap().contains("does not count the metric AWS/Kinesis OutgoingRecords"),
        "{refused:?}"
    );
    let json = "application/x-amz-json-1.0";
    let (status, head, body) = by_hand(&cloud, TARGET, json, r#"{"MaxDatapoints":5}"#).await;
    assert!(status == 400 && body.contains("no MaxDatapoints in cloudwatch:GetMetricData"), "{body}");
    assert!(head.contains("x-amzn-query-error: ValidationError;Sender"), "{head}");
    let (status, _, body) = by_hand(&cloud, "x", "application/x-www-form-urlencoded", &form("p99")).await;
    assert!(status == 400 && body.contains("<Code>ValidationError</Code>") && body.contains("p99"), "{body}");
    let listed = clients.cloudwatch.list_metrics().send().await.unwrap_err();
    assert_eq!(listed.code(), Some("UnknownOperationException"));
}

#[tokio::test]
async fn injected_throttles_are_counted_as_the_services_count_theirs() {
    let dir = tempfile::tempdir().unwrap();
    let faults = "kinesis:PutRecord=throttle@#1";
    let options = LocalOptions {
        data_dir: dir.path().to_owned(),
        faults: faults.parse::<FaultPlan>().unwrap(),
        ..LocalOptions::default()
    };
    let cloud = LocalCloud::start(options).await.unwrap();
    let clients = super::connect(&cloud.connection_info()).await;
    clients.kinesis.create_stream().stream_name("s").shard_count(1).send().await.unwrap();
    put(&clients, "s", "again after the throttle").await;
    assert_eq!(newest(&clients, "s", "WriteProvisionedThroughputExceeded").await.unwrap(), Some(1.0));
}
