//! Tests of event source mappings on a consumer (enhanced fan-out).

use serde_json::{Value, json};

use super::support::{MAPPINGS, TestLambda};
use super::{assert_in_order, numbers};
use crate::kinesis::StartAt;
use crate::latency_profile::LatencyProfile;

async fn register(bench: &TestLambda, name: &str) -> String {
    let input = json!({"StreamARN": bench.stream_arn(), "ConsumerName": name});
    let answer = bench.kinesis("RegisterStreamConsumer", input).await;
    answer["Consumer"]["ConsumerARN"].as_str().unwrap().to_owned()
}

/// Returns the message of a refused creation.
async fn refused(bench: &TestLambda, source: &str) -> String {
    let input = json!({"EventSourceArn": source, "FunctionName": "Fn", "StartingPosition": "TRIM_HORIZON"});
    let answer = bench.call("POST", MAPPINGS, input).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert_eq!(answer.header("x-amzn-errortype"), Some("InvalidParameterValueException"));
    answer.body["Message"].as_str().or(answer.body["message"].as_str()).unwrap().to_owned()
}

async fn put_policy(bench: &TestLambda, document: &Value) {
    let document = document.to_string();
    let document = percent_encoding::utf8_percent_encode(&document, percent_encoding::NON_ALPHANUMERIC);
    bench.iam(&format!("Action=PutRolePolicy&RoleName=lambda&PolicyName=p&PolicyDocument={document}")).await;
}

#[tokio::test]
async fn mapping_on_a_consumer_delivers_across_a_reshard_and_shows_the_consumer() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.function("Fn", "consume").await;
    let consumer = register(&bench, "c").await;
    let mut put = bench.put_many(10, 3).await;
    let uuid = bench.mapping("Fn", json!({"EventSourceArn": consumer})).await;
    assert_eq!(bench.shown(&uuid).await["EventSourceArn"], json!(consumer));
    let count = async |source: &str| {
        let path = format!("{MAPPINGS}?EventSourceArn={}", source.replace(':', "%3A").replace('/', "%2F"));
        bench.call("GET", &path, Value::Null).await.body["EventSourceMappings"].as_array().unwrap().len()
    };
    assert_eq!((count(&consumer).await, count(&bench.stream_arn()).await), (1, 0));
    let split = json!({"StreamName": "readings", "ShardToSplit": "shardId-000000000000",
        "NewStartingHashKey": (1_u128 << 127).to_string()});
    bench.kinesis("SplitShard", split).await;
    put.extend(bench.put_many(10, 3).await);
    assert_in_order(&bench.handled_all(20).await, &put);
    assert_eq!(bench.shown(&uuid).await["LastProcessingResult"], "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn mapping_on_a_consumer_does_not_wait_for_the_shards_other_readers() {
    let mut timing = LatencyProfile::default();
    timing.stream_throttle = true;
    let bench = TestLambda::in_time(1, &timing).await;
    bench.function("Fn", "consume").await;
    let consumer = register(&bench, "c").await;
    bench.deps.kinesis.exhaust_reads("readings", 3600);
    let put = bench.put_many(3, 1).await;
    bench.mapping("Fn", json!({"EventSourceArn": consumer})).await;
    assert_eq!(bench.handled_all(3).await, numbers(&put));
}

#[tokio::test]
async fn mapping_on_a_consumer_needs_the_consumer_and_permission_to_subscribe() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let consumer = register(&bench, "c").await;
    let other = consumer.replace("/c:", "/d:");
    assert_eq!(refused(&bench, &other).await, format!("Stream consumer not found: {other}"));
    let elsewhere = consumer.replace("eu-central-1", "us-east-1");
    assert_eq!(refused(&bench, &elsewhere).await, format!("Stream not found: {elsewhere}"));
    for source in
        [format!("{}/consumer/", bench.stream_arn()), format!("{consumer}/x"), format!("{consumer}/consumer/d:1")]
    {
        assert_eq!(refused(&bench, &source).await, "Unrecognized event source.", "{source}");
    }
    let deny = json!({"Effect": "Deny", "Action": "kinesis:SubscribeToShard", "Resource": consumer});
    put_policy(&bench, &json!({"Version": "2012-10-17", "Statement": deny})).await;
    let message = refused(&bench, &consumer).await;
    assert!(message.starts_with(&format!("Cannot access stream consumer {consumer}.")), "{message}");
    assert!(message.contains("SubscribeToShard"), "{message}");
    bench.mapping("Fn", json!({"Enabled": false})).await;
}

#[tokio::test]
async fn mapping_on_a_consumer_reports_lost_permission_and_a_deregistered_consumer() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.function("Fn", "consume").await;
    let consumer = register(&bench, "c").await;
    let uuid = bench.mapping("Fn", json!({"EventSourceArn": consumer})).await;
    let deny = json!({"Effect": "Deny", "Action": "kinesis:SubscribeToShard", "Resource": consumer});
    put_policy(&bench, &json!({"Version": "2012-10-17", "Statement": deny})).await;
    let result = bench.result(&uuid, "PROBLEM: AccessDenied").await;
    assert!(result.contains(&format!("kinesis:SubscribeToShard on resource: {consumer}")), "{result}");
    bench.iam("Action=DeleteRolePolicy&RoleName=lambda&PolicyName=p").await;
    let put = bench.put_many(3, 1).await;
    assert_eq!(bench.handled_all(3).await, numbers(&put));
    bench.kinesis("DeregisterStreamConsumer", json!({"ConsumerARN": consumer})).await;
    bench.put_many(3, 1).await;
    let gone = format!("PROBLEM: Stream not found: {consumer}");
    assert_eq!(bench.result(&uuid, "PROBLEM: Stream").await, gone);
    assert_eq!(bench.handled().len(), 3);
}

#[tokio::test]
async fn subscription_of_another_client_takes_a_mappings_shard_over_and_loses_it_again() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.function("Fn", "consume").await;
    let consumer = register(&bench, "c").await;
    let uuid = bench.mapping("Fn", json!({"EventSourceArn": consumer})).await;
    let first = bench.put_many(2, 1).await;
    bench.handled_all(2).await;
    let kinesis = &bench.deps.kinesis;
    let iterator = kinesis.iterator(&bench.stream_arn(), "shardId-000000000000", &StartAt::TrimHorizon).await.unwrap();
    let taken = std::cell::RefCell::new(None);
    bench
        .until(async || {
            *taken.borrow_mut() = kinesis.begin_subscription_at(&consumer, &iterator).ok();
            taken.borrow().is_some()
        })
        .await;
    let result = bench.result(&uuid, "PROBLEM: ResourceInUse").await;
    assert!(result.contains("Another active subscription exists"), "{result}");
    let taken = taken.into_inner().unwrap();
    bench.until(async || taken.is_taken_over()).await;
    let mut put = numbers(&first);
    put.extend(numbers(&bench.put_many(2, 1).await));
    assert_eq!(bench.handled_all(4).await, put);
    assert_eq!(bench.shown(&uuid).await["LastProcessingResult"], "OK");
}
