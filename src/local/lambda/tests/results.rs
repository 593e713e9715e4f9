//! Tests of an event source mapping's last processing result, and of failures that do not count as an attempt.

use serde_json::{Value, json};

use super::numbers;
use super::support::{CONCURRENCY, MAPPINGS, TestLambda};

#[tokio::test(flavor = "multi_thread")]
async fn mapping_is_returned_in_the_services_format() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let uuid = bench.mapping("Fn", json!({"Tags": {"a": "b"}})).await;
    let mut shown = bench.shown(&uuid).await;
    assert!(shown["LastModified"].as_f64().unwrap() > 1.7e9);
    shown.as_object_mut().unwrap().remove("LastModified");
    let wanted = json!({"UUID": uuid, "EventSourceArn": bench.stream_arn(),
        "EventSourceMappingArn":
            format!("arn:aws:lambda:eu-central-1:000000000000:event-source-mapping:{uuid}"),
        "FunctionArn": bench.deps.identity.function_arn("Fn"), "StartingPosition": "TRIM_HORIZON", "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0, "ParallelizationFactor": 1, "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1, "BisectBatchOnFunctionError": false, "TumblingWindowInSeconds": 0,
        "FunctionResponseTypes": [], "DestinationConfig": {"OnFailure": {}}, "State": "Enabled",
        "StateTransitionReason": "User action", "LastProcessingResult": "No records processed"});
    assert_eq!(shown, wanted);
}

#[tokio::test]
async fn last_result_missing_function_is_reported_and_the_batch_waits() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.function("Fn", "consume").await;
    let uuid = bench.mapping("Fn", json!({"MaximumRetryAttempts": 0})).await;
    bench.call("DELETE", "/2015-03-31/functions/Fn", Value::Null).await;
    let put = bench.put_many(3, 1).await;
    assert_eq!(bench.result(&uuid, "PROBLEM").await, "PROBLEM: Function not found");
    bench.function("Fn", "consume").await;
    assert_eq!(bench.handled_all(3).await, numbers(&put));
}

#[tokio::test]
async fn last_result_throttled_batch_waits_without_counting_an_attempt() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.function("Fn", "consume").await;
    bench.call("PUT", CONCURRENCY, json!({"ReservedConcurrentExecutions": 0})).await;
    let uuid = bench.mapping("Fn", json!({"MaximumRetryAttempts": 0})).await;
    let put = bench.put_many(3, 1).await;
    assert_eq!(bench.result(&uuid, "PROBLEM").await, "PROBLEM: Function call throttled");
    bench.call("DELETE", CONCURRENCY, Value::Null).await;
    assert_eq!(bench.handled_all(3).await, numbers(&put));
    assert_eq!(bench.result(&uuid, "OK").await, "OK");
}

#[tokio::test]
async fn last_result_unassumable_role_is_reported_and_batches_wait() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.function("Fn", "consume").await;
    let uuid = bench.mapping("Fn", json!({"MaximumRetryAttempts": 0})).await;
    let trust = |service: &str| {
        let document = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": service}}})
        .to_string();
        percent_encoding::utf8_percent_encode(&document, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let form = |service| format!("Action=UpdateAssumeRolePolicy&RoleName=lambda&PolicyDocument={}", trust(service));
    bench.iam(&form("ec2.amazonaws.com")).await;
    let put = bench.put_many(3, 1).await;
    let result = bench.result(&uuid, "PROBLEM").await;
    assert_eq!(result, "PROBLEM: The role defined for the function cannot be assumed by Lambda.");
    let answer = bench.invoke("Fn", json!({})).await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (403, Some("AccessDeniedException")));
    bench.iam(&form("lambda.amazonaws.com")).await;
    assert_eq!(bench.handled_all(3).await, numbers(&put));
}

#[tokio::test]
async fn last_result_denied_get_records_names_the_missing_permission() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.function("Fn", "consume").await;
    let uuid = bench.mapping("Fn", json!({})).await;
    let managed = "arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2Fservice-role%2FAWSLambdaKinesisExecutionRole";
    let form = |action| format!("Action={action}RolePolicy&RoleName=lambda&PolicyArn={managed}");
    bench.iam(&form("Detach")).await;
    let result = bench.result(&uuid, "PROBLEM").await;
    let wanted = format!(
        "PROBLEM: AccessDeniedException: User: arn:aws:sts::000000000000:assumed-role/lambda/Fn is not authorized to \
         perform: kinesis:GetRecords on resource: {} because no identity-based policy allows the kinesis:GetRecords \
         action",
        bench.stream_arn()
    );
    assert_eq!(result, wanted);
    let put = bench.put_many(3, 1).await;
    bench.iam(&form("Attach")).await;
    assert_eq!(bench.handled_all(3).await, numbers(&put));
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_destination_needs_permission_and_is_returned() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let queue = "arn:aws:sqs:eu-central-1:000000000000:failed";
    let destination = json!({"OnFailure": {"Destination": queue}});
    let input = json!({"EventSourceArn": bench.stream_arn(), "FunctionName": "Fn", "StartingPosition": "TRIM_HORIZON",
        "DestinationConfig": destination, "MaximumRetryAttempts": 0});
    let refused = bench.call("POST", MAPPINGS, input).await;
    let text = "The provided execution role does not have permissions to call SendMessage on SQS";
    assert_eq!((refused.status, &refused.body["Message"]), (400, &json!(text)));
    let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sqs:SendMessage",
        "Resource": queue}})
    .to_string();
    let policy = percent_encoding::utf8_percent_encode(&policy, percent_encoding::NON_ALPHANUMERIC);
    bench.iam(&format!("Action=PutRolePolicy&RoleName=lambda&PolicyName=p&PolicyDocument={policy}")).await;
    bench.tell("fail", "");
    let uuid = bench.mapping("Fn", json!({"DestinationConfig": destination, "MaximumRetryAttempts": 0})).await;
    assert_eq!(bench.shown(&uuid).await["DestinationConfig"], destination);
    bench.put_many(1, 1).await;
    let result = bench.result(&uuid, "PROBLEM: 1 records").await;
    assert!(result.contains(&format!("the local cloud does not deliver to {queue}")), "{result}");
    let said = bench.discarded("Fn").await;
    assert_eq!((&said[0]["destination"], &said[0]["delivered"]), (&json!(queue), &json!(false)));
    bench.untell("fail");
    bench.mapping_state(&uuid, "Enabled").await;
    bench.update(&uuid, json!({"DestinationConfig": {"OnFailure": {}}})).await;
    assert_eq!(bench.shown(&uuid).await["DestinationConfig"], json!({"OnFailure": {}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn discarded_batch_without_log_is_reported_in_diagnostics() {
    let bench = TestLambda::new(1).await;
    bench.tell("fail", "");
    bench.function("Fn", "consume").await;
    let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*",
        "Action": ["kinesis:*", "logs:CreateLogStream", "logs:PutLogEvents"]}})
    .to_string();
    let policy = percent_encoding::utf8_percent_encode(&policy, percent_encoding::NON_ALPHANUMERIC);
    bench.iam(&format!("Action=PutRolePolicy&RoleName=lambda&PolicyName=p&PolicyDocument={policy}")).await;
    let managed = "arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2Fservice-role%2FAWSLambdaKinesisExecutionRole";
    bench.iam(&format!("Action=DetachRolePolicy&RoleName=lambda&PolicyArn={managed}")).await;
    let uuid = bench.mapping("Fn", json!({"MaximumRetryAttempts": 0})).await;
    bench.put_many(1, 1).await;
    let result = bench.result(&uuid, "PROBLEM: 1 records").await;
    assert!(result.ends_with("nowhere else, since the log group /aws/lambda/Fn does not take it"), "{result}");
    let notices = bench.deps.notices.all();
    assert!(notices.iter().any(|notice| result.ends_with(notice)), "{notices:?}");
}

#[tokio::test]
async fn last_result_problem_of_the_whole_mapping_is_cleared_when_resolved() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.function("Fn", "consume").await;
    let uuid = bench.mapping("Fn", json!({})).await;
    let nothing = async || bench.result(&uuid, "No records processed").await;
    bench.kinesis("DeleteStream", json!({"StreamName": "readings"})).await;
    bench.result(&uuid, "PROBLEM: Stream not found").await;
    bench.kinesis("CreateStream", json!({"StreamName": "readings", "ShardCount": 1})).await;
    nothing().await;
    // The checkpoints cannot be written.
    let in_the_way = bench.deps.dir.join("checkpoints").join(format!("{uuid}.json.new"));
    std::fs::create_dir(&in_the_way).unwrap();
    bench.put_many(1, 1).await;
    let result = bench.result(&uuid, "PROBLEM").await;
    assert!(result.contains("could not write"), "{result}");
    std::fs::remove_dir(&in_the_way).unwrap();
    nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_position_latest_is_stored_as_a_sequence_number() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let before = bench.put("key", "before").await;
    let uuid = bench.mapping("Fn", json!({"StartingPosition": "LATEST", "Enabled": false})).await;
    let after = bench.put("key", "after").await;
    let file = bench.deps.dir.join("checkpoints").join(format!("{uuid}.json"));
    let marks: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let from = marks["shardId-000000000000"]["position"]["From"].as_str().unwrap();
    assert!(before.as_str() < from && from <= after.as_str(), "{before} {from} {after}");
    bench.update(&uuid, json!({"Enabled": true})).await;
    assert_eq!(bench.handled_all(1).await, [after]);
}

#[tokio::test(flavor = "multi_thread")]
async fn recreated_stream_after_restart_is_read_even_without_earlier_reads() {
    let mut bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let uuid = bench.mapping("Fn", json!({})).await;
    let old = numbers(&bench.put_many(2, 1).await);
    assert_eq!(bench.handled_all(2).await, old);
    bench.result(&uuid, "OK").await;
    // Its reader continues from a checkpoint, and has read nothing itself.
    bench.restart().await;
    bench.mapping_state(&uuid, "Enabled").await;
    bench.until(async || bench.counts().all_polls() > 0).await;
    bench.kinesis("DeleteStream", json!({"StreamName": "readings"})).await;
    bench.kinesis("CreateStream", json!({"StreamName": "readings", "ShardCount": 1})).await;
    let new = numbers(&bench.put_many(2, 1).await);
    assert_eq!(bench.handled_all(4).await, [old, new].concat());
    assert_eq!(bench.result(&uuid, "OK").await, "OK");
}
