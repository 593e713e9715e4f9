//! Tests of the deadline when something cannot be stored.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::support::{
    Answer, Function, GARBAGE, PARTIAL, Said, Scripted, When, event, plain, reading, record, sent_times, sequence,
    stored, throttled, two_windows, until,
};

const LIMIT: Duration = Duration::from_secs(8);

/// Starts a service that throttles every request with this reading.
async fn throttling(text: &'static str) -> Scripted {
    Scripted::start(move |request| if request.to_string().contains(text) { throttled() } else { stored() }).await
}

#[tokio::test(start_paused = true)]
async fn throttled_first_window_is_answered_and_no_later_window_is_put() {
    let dynamodb = throttling("only-first").await;
    let mut function = Function::start(&dynamodb.address, &[PARTIAL]);
    assert_eq!(function.invoke_within(&two_windows(), LIMIT).await.failures(), [sequence(1)]);
    let requests = dynamodb.requests();
    assert!(requests.len() > 1 && requests.iter().all(|request| request.to_string().contains("only-first")));
    let mut function = Function::start(&dynamodb.address, &[]);
    assert!(function.invoke_within(&two_windows(), LIMIT).await.error().contains(&sequence(1)));
}

#[tokio::test(start_paused = true)]
async fn throttled_later_window_is_answered_and_the_windows_before_it_are_kept() {
    let dynamodb = throttling("only-second").await;
    let mut function = Function::start(&dynamodb.address, &[PARTIAL]);
    assert_eq!(function.invoke_within(&two_windows(), LIMIT).await.failures(), [sequence(3)]);
    let log = function.log_line();
    assert_eq!((&log["Readings"], &log["Stored"], &log["Failed"]), (&json!(4), &json!(2), &json!(2)));
    assert!(!dynamodb.requests().iter().any(|request| request.to_string().contains("only-third")));
    let mut function = Function::start(&dynamodb.address, &[]);
    let answer = function.invoke_within(&two_windows(), LIMIT).await;
    // There is a fifth one, which was not tried.
    assert!(answer.error().contains("2 of the 4 readings looked at are not stored"), "{answer:?}");
    assert!(answer.error().contains(&sequence(3)), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn throttled_request_without_partial_answers_fails_the_invocation() {
    let dynamodb =
        Scripted::start(|request| if sent_times(request).contains(&30) { throttled() } else { stored() }).await;
    let mut function = Function::start(&dynamodb.address, &[]);
    let answer = function.invoke_within(&event((1..=60).map(plain)), LIMIT).await;
    let Answer::Error { kind, message } = &answer else { panic!("{answer:?}") };
    assert_eq!(kind, "NotStored");
    assert!(message.contains("25 of the 60") && message.contains(&sequence(26)), "{message}");
}

#[tokio::test(start_paused = true)]
async fn throttled_last_reading_of_a_key_retries_the_earlier_ones_with_it() {
    let dynamodb =
        Scripted::start(|request| if sent_times(request).contains(&1) { throttled() } else { stored() }).await;
    let mut function = Function::start(&dynamodb.address, &[PARTIAL]);
    // The earlier one must be in that batch, in case the service refuses the later one at the next attempt.
    let records = [plain(1), plain(2), record(3, reading("s", 1, "30").as_bytes())];
    let answer = function.invoke_within(&event(records), LIMIT).await;
    assert_eq!(answer.failures(), [sequence(1)]);
}

#[tokio::test(start_paused = true)]
async fn service_that_is_down_is_retried_until_the_time_is_over() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut function = Function::start(&address, &[PARTIAL]);
    let answer = function.invoke_within(&event((1..=60).map(plain)), LIMIT).await;
    assert_eq!(answer.failures(), [sequence(1)]);
    let log = function.log_line();
    assert_eq!((&log["ErrorCode"], &log["Failed"]), (&json!("Connection"), &json!(60)));
    assert!(log["Retries"].as_u64().unwrap() > 0, "{log}");
}

#[tokio::test(start_paused = true)]
async fn time_that_runs_out_in_a_pause_reports_the_failure_before_it() {
    let dynamodb = Scripted::start(|_| throttled()).await;
    let mut function = Function::start(&dynamodb.address, &[PARTIAL]);
    function.step = LIMIT;
    assert_eq!(function.invoke_within(&event([plain(1)]), LIMIT).await.failures(), [sequence(1)]);
    assert_eq!(dynamodb.requests().len(), 1);
    assert_eq!(function.log_line()["ErrorCode"], "ProvisionedThroughputExceededException");
}

#[tokio::test(start_paused = true)]
async fn slow_service_is_waited_for() {
    let slow = When::After(Duration::from_millis(1500));
    let dynamodb = Scripted::start(move |_| Said { when: slow, ..Said::from(stored()) }).await;
    let mut function = Function::start(&dynamodb.address, &[]);
    assert_eq!(function.invoke(&event((1..=60).map(plain))).await.failures(), [""; 0]);
    assert_eq!(dynamodb.requests().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn request_that_is_never_answered_is_sent_again_after_ten_seconds() {
    let calls = AtomicUsize::new(0);
    let dynamodb = Scripted::start(move |_| {
        let is_lost = calls.fetch_add(1, Ordering::Relaxed) == 0;
        Said { when: if is_lost { When::Never } else { When::Now }, ..Said::from(stored()) }
    })
    .await;
    let mut function = Function::start(&dynamodb.address, &[]);
    let batch = event([plain(1)]);
    let (answer, ()) = tokio::join!(function.invoke_within(&batch, Duration::from_secs(60)), async {
        until(|| dynamodb.requests().len() == 1).await;
        tokio::time::advance(Duration::from_millis(9_900)).await;
        assert_eq!(dynamodb.requests().len(), 1);
        tokio::time::advance(Duration::from_millis(101)).await;
    });
    assert_eq!(answer.failures(), [""; 0]);
    assert_eq!(dynamodb.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn garbage_to_the_end_is_a_failure_and_its_content_is_not_logged() {
    for garbage in GARBAGE {
        let dynamodb = Scripted::start(move |_: &Value| Said::text(garbage.0, garbage.1)).await;
        let mut function = Function::start(&dynamodb.address, &[PARTIAL]);
        let answer = function.invoke_within(&event([plain(1)]), LIMIT).await;
        assert_eq!(answer.failures(), [sequence(1)], "{garbage:?}");
        let log = function.log_line();
        assert!(log["Error"].is_string() && !log.to_string().contains("hunter2"), "{log}");
    }
}
