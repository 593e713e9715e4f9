//! Tests of the metrics of functions and event source mappings.

use serde_json::{Value, json};

use super::support::{CONCURRENCY, TestLambda};
use crate::metrics::{Metric, Samples};

/// Returns all samples of a metric.
fn samples(bench: &TestLambda, metric: Metric, resource: &str) -> Option<Samples> {
    let points = bench.lambda.metrics().points(metric, resource, 0, u64::MAX);
    points.into_iter().map(|(_, samples)| samples).reduce(|mut all, next| {
        all.add(&next);
        all
    })
}

fn sum(bench: &TestLambda, metric: Metric, resource: &str) -> Option<f64> {
    samples(bench, metric, resource).map(|samples| samples.sum)
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_of_a_mapping_are_counted_when_its_settings_ask() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    let counting = json!({"MetricsConfig": {"Metrics": ["EventCount"]}});
    let uuid = bench.mapping("Fn", counting).await;
    bench.put_many(5, 1).await;
    bench.handled_all(5).await;
    bench.result(&uuid, "OK").await;
    assert_eq!(sum(&bench, Metric::PolledEvents, &uuid), Some(5.0));
    assert_eq!(sum(&bench, Metric::InvokedEvents, &uuid), Some(5.0));
    assert_eq!(sum(&bench, Metric::FailedInvokeEvents, &uuid), Some(0.0));
    assert_eq!(sum(&bench, Metric::FilteredOutEvents, &uuid), None, "there is no filter");
    assert_eq!(sum(&bench, Metric::DroppedEvents, &uuid), None);
    let calls = sum(&bench, Metric::Invocations, "Fn").unwrap();
    assert!((1.0..=5.0).contains(&calls), "{calls}");
    assert_eq!(sum(&bench, Metric::Errors, "Fn"), Some(0.0));
    let looks = |metric| samples(&bench, metric, "Fn").map(|samples| samples.count);
    assert_eq!(looks(Metric::Errors), Some(calls));
    let age = samples(&bench, Metric::IteratorAge, "Fn").unwrap();
    assert_eq!(looks(Metric::IteratorAge), Some(calls));
    assert!(age.minimum >= 0.0 && age.maximum < 60_000.0, "{age:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_of_a_failing_function_are_errors_and_dropped_records() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "fail").await;
    let settings = json!({"MetricsConfig": {"Metrics": ["EventCount"]}, "MaximumRetryAttempts": 0});
    let uuid = bench.mapping("Fn", settings).await;
    bench.put_many(1, 1).await;
    bench.result(&uuid, "PROBLEM: 1 records").await;
    assert_eq!(sum(&bench, Metric::Errors, "Fn"), Some(1.0));
    assert_eq!(sum(&bench, Metric::FailedInvokeEvents, &uuid), Some(1.0));
    assert_eq!(sum(&bench, Metric::DroppedEvents, &uuid), Some(1.0));
    assert_eq!(sum(&bench, Metric::DestinationDeliveryFailures, "Fn"), None, "there is no destination");
}

#[tokio::test]
async fn metrics_of_a_throttled_call_are_no_invocation() {
    let bench = TestLambda::new(1).await;
    bench.function("Fn", "consume").await;
    bench.call("PUT", CONCURRENCY, json!({"ReservedConcurrentExecutions": 0})).await;
    assert_eq!(bench.invoke("Fn", Value::Null).await.status, 429);
    assert_eq!(sum(&bench, Metric::Throttles, "Fn"), Some(1.0));
    assert_eq!(sum(&bench, Metric::Invocations, "Fn"), None);
}
