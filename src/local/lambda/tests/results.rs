//! What the last result of a mapping says, and what is no try of a batch.

use serde_json::{Value, json};

use super::numbers;
use crate::local::lambda::testing::{Bench, MAPPINGS};

const CONCURRENCY: &str = "/2017-10-31/functions/Fn/concurrency";

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_is_shown_as_the_service_shows_it() {
    let bench = Bench::new(1).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_without_its_function_says_so_and_waits() {
    let bench = Bench::new(1).await;
    bench.function("Fn", "consume").await;
    let uuid = bench.mapping("Fn", json!({"MaximumRetryAttempts": 0})).await;
    bench.call("DELETE", "/2015-03-31/functions/Fn", Value::Null).await;
    let put = bench.put_many(3, 1).await;
    assert_eq!(bench.result(&uuid, "PROBLEM").await, "PROBLEM: Function not found");
    bench.function("Fn", "consume").await;
    assert_eq!(bench.handled_all(3).await, numbers(&put));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_batch_waits_and_has_not_been_tried() {
    let bench = Bench::new(1).await;
    bench.function("Fn", "consume").await;
    bench.call("PUT", CONCURRENCY, json!({"ReservedConcurrentExecutions": 0})).await;
    let uuid = bench.mapping("Fn", json!({"MaximumRetryAttempts": 0})).await;
    let put = bench.put_many(3, 1).await;
    assert_eq!(bench.result(&uuid, "PROBLEM").await, "PROBLEM: Function call throttled");
    bench.call("DELETE", CONCURRENCY, Value::Null).await;
    assert_eq!(bench.handled_all(3).await, numbers(&put));
    assert_eq!(bench.result(&uuid, "OK").await, "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_cannot_be_assumed_any_more_holds_batches_back() {
    let bench = Bench::new(1).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_may_not_be_read_says_what_is_missing() {
    let bench = Bench::new(1).await;
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
async fn a_destination_needs_its_permission_and_is_shown_back() {
    let bench = Bench::new(1).await;
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
