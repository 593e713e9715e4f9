//! Tests of failed batches: partial batch responses, retries, bisecting, discarding.

use serde_json::{Value, json};

use super::numbers;
use super::support::TestLambda;
use crate::tests::next_millisecond;

const PARTIAL: &str = "ReportBatchItemFailures";
const FAILED: &str = "PROBLEM: Function call failed";

#[tokio::test]
async fn partial_failure_is_retried_from_the_failed_record_and_blocks_the_shard() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.tell("bad", "");
    bench.function("Fn", "consume").await;
    let mut put = Vec::new();
    for data in ["one", "two", "bad", "three"] {
        put.push(bench.put("key", data).await);
    }
    let uuid = bench.mapping("Fn", json!({"FunctionResponseTypes": [PARTIAL]})).await;
    // Two attempts of the failed records are over when the third one comes.
    let tries = || bench.batches().iter().filter(|(_, numbers)| numbers[0] == put[2]).count();
    bench.until(async || tries() >= 3).await;
    assert_eq!(bench.handled(), put[..2], "what failed blocks what comes after it");
    assert_eq!(bench.result(&uuid, "PROBLEM").await, FAILED);
    bench.untell("bad");
    assert_eq!(bench.handled_all(4).await, put, "nothing twice, nothing lost");
    assert_eq!(bench.result(&uuid, "OK").await, "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn response_without_report_batch_item_failures_is_a_success() {
    let bench = TestLambda::new(1).await;
    bench.tell("bad", "");
    bench.function("Fn", "consume").await;
    let first = bench.put("key", "one").await;
    bench.put("key", "bad").await;
    bench.mapping("Fn", json!({})).await;
    bench.handled_all(1).await;
    let last = bench.put("key", "three").await;
    assert_eq!(bench.handled_all(2).await, [first, last], "the failed record is lost, as in the service");
}

#[tokio::test]
async fn retry_without_limit_blocks_its_shard_only() {
    let bench = TestLambda::new(2).await.lapsing();
    bench.tell("fail", "");
    bench.function("Fn", "consume").await;
    // Two keys in different shards.
    let put = bench.put_many(6, 6).await;
    bench.mapping("Fn", json!({})).await;
    bench.batches_come(8).await;
    let firsts: std::collections::BTreeSet<String> =
        bench.batches().iter().map(|(_, numbers)| numbers[0].clone()).collect();
    assert_eq!(firsts.len(), 2, "each shard tries its own first record again and again");
    assert!(bench.log("Fn").await.iter().all(|line| !line.contains("discarded")));
    bench.untell("fail");
    super::assert_in_order(&bench.handled_all(6).await, &put);
}

#[tokio::test]
async fn retry_limit_reached_discards_and_logs_the_batch() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.tell("fail", "");
    bench.function("Fn", "consume").await;
    let put = numbers(&bench.put_many(3, 1).await);
    let uuid = bench
        .mapping(
            "Fn",
            json!({"MaximumRetryAttempts": 2, "MaximumBatchingWindowInSeconds": 300,
        "BatchSize": 3}),
        )
        .await;
    let said = bench.discarded("Fn").await;
    let told = bench.result(&uuid, "PROBLEM: 3 records of shardId-000000000000 were discarded").await;
    assert!(told.contains("(RetryAttemptsExhausted)") && told.contains("/aws/lambda/Fn"), "{told}");
    let batches: Vec<Vec<String>> = bench.batches().into_iter().map(|(_, numbers)| numbers).collect();
    assert_eq!(batches, vec![put.clone(); 3], "the first try and two more");
    assert_eq!(said.len(), 1);
    let (said, record) = (&said[0], &said[0]["record"]);
    assert_eq!((&said["delivered"], &said["destination"]), (&json!(false), &Value::Null));
    let context = &record["requestContext"];
    assert_eq!(context["condition"], "RetryAttemptsExhausted");
    assert_eq!(context["approximateInvokeCount"], 3);
    assert_eq!(context["functionArn"], bench.deps.identity.function_arn("Fn"));
    let log = bench.log("Fn").await;
    let last = format!("START RequestId: {} Version: $LATEST", context["requestId"].as_str().unwrap());
    assert_eq!(log.iter().rfind(|line| line.starts_with("START")), Some(&last), "the last try");
    let response = json!({"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"});
    assert_eq!(record["responseContext"], response);
    let info = &record["KinesisBatchInfo"];
    assert_eq!((&info["startSequenceNumber"], &info["endSequenceNumber"]), (&json!(put[0]), &json!(put[2])));
    assert_eq!((&info["batchSize"], &info["shardId"]), (&json!(3), &json!("shardId-000000000000")));
    assert_eq!(info["streamArn"], bench.stream_arn());
    assert!(info["approximateArrivalOfFirstRecord"].as_str().unwrap().ends_with('Z'));
    // The shard continues after it.
    bench.untell("fail");
    let next = numbers(&bench.put_many(3, 1).await);
    assert_eq!(bench.handled_all(3).await, next);
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_failure_discarded_is_not_logged_as_function_error() {
    let bench = TestLambda::new(1).await;
    bench.tell("bad", "");
    bench.function("Fn", "consume").await;
    let mut put = Vec::new();
    for data in ["one", "bad", "three"] {
        put.push(bench.put("key", data).await);
    }
    bench
        .mapping(
            "Fn",
            json!({"FunctionResponseTypes": [PARTIAL], "MaximumRetryAttempts": 1, "BatchSize": 3,
            "MaximumBatchingWindowInSeconds": 300}),
        )
        .await;
    let said = bench.discarded("Fn").await;
    assert_eq!(bench.handled(), put[..1]);
    let record = &said[0]["record"];
    assert_eq!(record["responseContext"]["functionError"], Value::Null);
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 2);
    let info = &record["KinesisBatchInfo"];
    assert_eq!((&info["startSequenceNumber"], &info["endSequenceNumber"]), (&json!(put[1]), &json!(put[2])));
}

#[tokio::test(flavor = "multi_thread")]
async fn record_over_maximum_age_is_discarded_without_an_attempt() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let old = numbers(&bench.put_many(3, 1).await);
    let uuid = bench.mapping("Fn", json!({"Enabled": false})).await;
    // The API accepts no less than a minute; with a limit of 0, every record is too old when it is read.
    let changed = bench.lambda.change_mappings(|mappings| {
        mappings.get_mut(&uuid).unwrap().settings.max_record_age = 0;
        Ok(())
    });
    changed.unwrap();
    next_millisecond().await;
    bench.update(&uuid, json!({"Enabled": true})).await;
    let said = bench.discarded("Fn").await;
    let all: u64 = said.iter().map(|said| said["record"]["KinesisBatchInfo"]["batchSize"].as_u64().unwrap()).sum();
    assert_eq!(all, 3);
    let record = &said[0]["record"];
    assert_eq!(record["requestContext"]["condition"], "RecordAgeExceeded");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(record["KinesisBatchInfo"]["startSequenceNumber"], old[0]);
    assert_eq!(record.get("responseContext"), None);
    bench.mapping_state(&uuid, "Enabled").await;
    bench.update(&uuid, json!({"MaximumRecordAgeInSeconds": -1})).await;
    bench.mapping_state(&uuid, "Enabled").await;
    let new = numbers(&bench.put_many(3, 1).await);
    assert_eq!(bench.handled_all(3).await, new, "and it is passed for good");
    assert_eq!(bench.batches().iter().flat_map(|(_, numbers)| numbers.clone()).collect::<Vec<_>>(), new);
}

#[tokio::test(flavor = "multi_thread")]
async fn bisect_isolates_a_poison_record() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let (mut good, mut poison) = (Vec::new(), String::new());
    for number in 0..7 {
        if number == 4 {
            poison = bench.put("key", "poison").await;
        } else {
            good.push(bench.put("key", "good").await);
        }
    }
    bench.mapping("Fn", json!({"BisectBatchOnFunctionError": true, "MaximumRetryAttempts": 1})).await;
    let said = bench.discarded("Fn").await;
    let last = bench.put("key", "good").await;
    bench.until(async || bench.handled().contains(&last)).await;
    good.push(last);
    let mut handled = bench.handled();
    // Records before the bad one in a failing batch are delivered again: the guarantee is at least once.
    handled.sort();
    handled.dedup();
    assert_eq!(handled, good);
    let info = &said[0]["record"]["KinesisBatchInfo"];
    assert_eq!((said.len(), &info["batchSize"], &info["startSequenceNumber"]), (1, &json!(1), &json!(poison)));
    let alone = bench.batches().iter().filter(|(_, numbers)| *numbers == [poison.clone()]).count();
    assert_eq!(alone, 2, "halving is not a retry, and one retry was allowed");
}

#[tokio::test]
async fn bisect_with_partial_failure_splits_at_the_failed_record() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.tell("bad", "");
    bench.function("Fn", "consume").await;
    let mut put = Vec::new();
    for data in ["0", "1", "2", "3", "4", "bad", "6", "7"] {
        put.push(bench.put("key", data).await);
    }
    bench
        .mapping(
            "Fn",
            json!({"FunctionResponseTypes": [PARTIAL], "BisectBatchOnFunctionError": true,
            "MaximumRetryAttempts": 0, "BatchSize": 8, "MaximumBatchingWindowInSeconds": 300}),
        )
        .await;
    let bad = put.remove(5);
    assert_eq!(bench.handled_all(7).await, put, "each good record once");
    let second = &bench.batches()[1].1;
    assert_eq!((&second[0], second.len()), (&bad, 3));
    let said = bench.discarded("Fn").await;
    assert_eq!(said[0]["record"]["KinesisBatchInfo"]["startSequenceNumber"], bad);
    assert_eq!(said[0]["record"]["KinesisBatchInfo"]["batchSize"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn discarded_batch_without_log_permission_is_reported_in_diagnostics() {
    let bench = TestLambda::new(1).await;
    bench.tell("fail", "");
    bench.function("Fn", "consume").await;
    let policy = json!({"Statement": {"Effect": "Deny", "Action": "logs:*", "Resource": "*"}}).to_string();
    let policy = percent_encoding::utf8_percent_encode(&policy, percent_encoding::NON_ALPHANUMERIC);
    bench.iam(&format!("Action=PutRolePolicy&RoleName=lambda&PolicyName=p&PolicyDocument={policy}")).await;
    let put = numbers(&bench.put_many(1, 1).await);
    let uuid = bench.mapping("Fn", json!({"MaximumRetryAttempts": 0})).await;
    let result = bench.result(&uuid, "PROBLEM: 1 records").await;
    assert!(result.ends_with("the function's role may not write its log"), "{result}");
    assert!(result.contains(&format!("sequence numbers {0} to {0} are written down nowhere else", put[0])), "{result}");
    assert_eq!(bench.deps.notices.all(), [result.strip_prefix("PROBLEM: ").unwrap()]);
}

mod slow {
    use super::*;

    #[tokio::test]
    async fn partial_batch_response_forms_are_interpreted_as_in_the_service() {
        let bench = TestLambda::new(1).await.lapsing();
        bench.function("Fn", "consume").await;
        let item = |item: Value| json!({"batchItemFailures": [item]}).to_string();
        let successes =
            ["", "[]", "null", "{}", "\"\"", r#"{"batchItemFailures":[]}"#, r#"{"batchItemFailures":null}"#];
        let failures = [
            item(json!({"itemIdentifier": ""})),
            item(json!({"itemIdentifier": null})),
            item(json!({"itemIdentifier": "123"})),
            item(json!({"item": "1"})),
            "no JSON".to_owned(),
        ];
        let uuid = bench.mapping("Fn", json!({"FunctionResponseTypes": [PARTIAL]})).await;
        let mut tries = 0;
        for answer in successes {
            bench.tell("answer", answer);
            bench.put("key", "x").await;
            tries += 1;
            bench.batches_come(tries).await;
            assert_eq!(bench.result(&uuid, "OK").await, "OK", "{answer}");
        }
        bench.settled().await;
        assert_eq!(bench.batches().len(), tries, "none comes twice");
        for answer in failures {
            bench.tell("answer", &answer);
            let record = bench.put("key", "x").await;
            bench.batches_come(tries + 2).await;
            assert_eq!(
                bench.batches()[tries..][..2].iter().map(|(_, numbers)| numbers).collect::<Vec<_>>(),
                [std::slice::from_ref(&record); 2],
                "{answer}"
            );
            assert_eq!(bench.result(&uuid, "PROBLEM").await, FAILED, "{answer}");
            bench.tell("answer", "{}");
            bench.result(&uuid, "OK").await;
            tries = bench.batches().len();
        }
    }
}
