//! Tests that injected faults affect the internal calls of event source mappings.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::numbers;
use super::support::TestLambda;

fn set_faults(bench: &TestLambda, spec: &str) {
    let body = Bytes::from(spec.to_owned());
    assert!(bench.deps.faults.control(&Method::PUT, "/_sensorctl/faults", &body).status().is_success());
}

#[tokio::test]
async fn fault_throttled_reader_reports_it_and_resumes() {
    let bench = TestLambda::new(1).await.lapsing();
    set_faults(&bench, "kinesis:GetRecords=throttle");
    bench.function("Fn", "consume").await;
    let put = numbers(&bench.put_many(3, 1).await);
    let uuid = bench.mapping("Fn", json!({})).await;
    let wanted = "PROBLEM: ProvisionedThroughputExceededException: Rate exceeded for shard.";
    assert_eq!(bench.result(&uuid, "PROBLEM").await, wanted);
    assert_eq!(bench.handled(), [""; 0]);
    set_faults(&bench, "");
    assert_eq!(bench.handled_all(3).await, put);
}

#[tokio::test]
async fn fault_rejected_invoke_is_retried_and_lost_response_delivers_again() {
    let bench = TestLambda::new(1).await.lapsing();
    bench.function("Fn", "consume").await;
    let uuid = bench.mapping("Fn", json!({"BatchSize": 1})).await;
    set_faults(&bench, "lambda:Invoke=throttle");
    let first = bench.put("key", "one").await;
    assert_eq!(bench.result(&uuid, "PROBLEM").await, "PROBLEM: Function call throttled");
    set_faults(&bench, "lambda:Invoke=error");
    let result = bench.result(&uuid, "PROBLEM: ServiceException").await;
    assert!(result.ends_with("Service encountered an internal error."), "{result}");
    assert_eq!(bench.handled(), [""; 0]);
    set_faults(&bench, "");
    assert_eq!(bench.handled_all(1).await, std::slice::from_ref(&first));
    set_faults(&bench, "lambda:Invoke=lost@#1");
    let second = bench.put("key", "two").await;
    assert_eq!(bench.handled_all(3).await, [first, second.clone(), second], "it is brought again");
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_wildcard_rule_does_not_affect_mapping_calls() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    set_faults(&bench, "kinesis:PutRecords=throttle;*:*=error");
    bench.mapping("Fn", json!({})).await;
    bench.put_many(1, 1).await;
    bench.handled_all(1).await;
    let calls = bench.deps.faults.control(&Method::GET, "/_sensorctl/calls", &Bytes::new());
    assert_eq!(calls.body(), r#"{"calls":[],"left_out":0}"#);
}
