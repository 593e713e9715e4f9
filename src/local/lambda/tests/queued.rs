//! Asynchronous invocations: what is accepted is done, whatever happens to the local cloud.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::support::{CONCURRENCY, TestLambda};

/// Hands an event over; gives its request id.
async fn hand_over(bench: &TestLambda, event: &str) -> String {
    let request = Request::post("/2015-03-31/functions/Fn/invocations")
        .header("x-amz-invocation-type", "Event")
        .body(Bytes::from(event.to_owned()))
        .unwrap();
    let response = crate::lambda::handle(&bench.lambda, request).await;
    assert_eq!(response.status(), 202, "{:?}", response.body());
    response.headers()["x-amzn-requestid"].to_str().unwrap().to_owned()
}

fn kept(bench: &TestLambda) -> usize {
    std::fs::read_dir(bench.deps.dir.join("events")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_event_is_brought_after_a_restart_and_then_forgotten() {
    let mut bench = TestLambda::new(1).await;
    bench.function("Fn", "echo").await;
    bench.call("PUT", CONCURRENCY, json!({"ReservedConcurrentExecutions": 0})).await;
    let id = hand_over(&bench, r#"{"a":1}"#).await;
    bench.restart().await;
    // What a kill left of one that was never answered for.
    std::fs::write(bench.deps.dir.join("events/other.json.new"), "{").unwrap();
    bench.restart().await;
    assert_eq!(kept(&bench), 1);
    bench.call("DELETE", CONCURRENCY, Value::Null).await;
    let has_run = async || bench.log("Fn").await.iter().any(|line| line.starts_with(&format!("END RequestId: {id}")));
    bench.until(has_run).await;
    bench.until(async || kept(&bench) == 0).await;
    bench.restart().await;
    assert_eq!(bench.log("Fn").await.iter().filter(|line| line.starts_with("START")).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_event_is_told_with_its_file_and_stays() {
    let mut bench = TestLambda::new(1).await;
    bench.function("Fn", "echo").await;
    let file = bench.deps.dir.join("events/x.json");
    let no_base64 =
        r#"{"request_id":"x","function":"Fn","payload":"?","client_context":null,"accepted":1,"failures":0}"#;
    for (content, told) in [("{", "events/x.json is damaged"), (no_base64, "events/x.json: its event is damaged")] {
        std::fs::write(&file, content).unwrap();
        bench.restart().await;
        bench.until(async || bench.deps.notices.all().iter().any(|notice| notice.contains(told))).await;
        assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_function_is_gone_is_forgotten() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "echo").await;
    bench.call("PUT", CONCURRENCY, json!({"ReservedConcurrentExecutions": 0})).await;
    hand_over(&bench, "{}").await;
    assert_eq!(kept(&bench), 1);
    bench.call("DELETE", "/2015-03-31/functions/Fn", Value::Null).await;
    bench.until(async || kept(&bench) == 0).await;
}
