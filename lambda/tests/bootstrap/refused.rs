//! Readings that only the service refuses, and the time that they take from the rest.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Function, PARTIAL, REJECTS, Said, Scripted, event, failure, plain, reading, record, sent_items, sent_times,
    sequence, stored,
};

/// Refuses every reading, so that each of them needs a request of its own, and takes every reject.
async fn refusing_readings(after: Duration) -> Scripted {
    Scripted::start(move |request: &Value| {
        let said = if sent_items(request, "SensorData").is_empty() {
            stored()
        } else {
            failure(
                "ValidationException",
                "One or more parameter values were invalid: Type mismatch for Index Key site",
            )
        };
        Said { after, ..Said::from(said) }
    })
    .await
}

/// Delivers records until they are done with, in a time that is too short for a request for each of them; all of them are
/// rejects then.
async fn deliver(records: &[Value]) {
    let dynamodb = refusing_readings(Duration::from_millis(8)).await;
    let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
    let (mut from, mut in_vain) = (0, 0);
    while from < records.len() {
        let rest = event(records[from..].iter().cloned());
        let answer = function.invoke_within(&rest, Duration::from_secs(3)).await;
        let failures = answer.failures();
        let is_first =
            |record: &Value| failures.first().is_some_and(|first| record["kinesis"]["sequenceNumber"] == *first);
        let next = records.iter().position(is_first).unwrap_or(records.len());
        // A machine that is too busy does nothing in the time.
        in_vain = if next > from { 0 } else { in_vain + 1 };
        assert!(in_vain < 5, "no step further than record {from}");
        from = next;
    }
    let requests = dynamodb.requests();
    let kept: HashSet<_> = requests
        .iter()
        .flat_map(|request| sent_items(request, "SensorDataRejects"))
        .map(|item| item["RejectId"]["S"].to_string())
        .collect();
    assert_eq!(kept.len(), records.len());
}

/// As far as it came, they are kept as rejects, and the next delivery begins after them.
#[tokio::test]
async fn readings_that_the_service_refuses_one_by_one_come_to_an_end_in_a_short_time() {
    deliver(&(1..=2000).map(plain).collect::<Vec<_>>()).await;
}

/// The first of them is the last to be tried, so that the whole window is in vain; smaller ones are not.
#[tokio::test]
async fn refused_readings_of_one_key_come_to_an_end_in_a_short_time() {
    let of_one_key = |number| record(number, reading("s", 1, "20.5").as_bytes());
    deliver(&(1..=500).map(of_one_key).collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn a_batch_that_is_refused_item_by_item_is_not_halved_to_the_end() {
    let dynamodb = refusing_readings(Duration::ZERO).await;
    let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
    assert_eq!(function.invoke(&event((1..=25).map(plain))).await.failures(), [""; 0]);
    let sent: Vec<_> = dynamodb.requests().iter().map(|request| sent_times(request).len()).collect();
    // The last one is that of the rejects.
    assert_eq!(sent, [&[25, 13][..], &[1; 13], &[12], &[1; 12], &[0]].concat());
}

/// And what is answered and logged is why the reading is not stored.
#[tokio::test]
async fn a_reject_before_readings_that_get_no_answer_is_kept() {
    let dynamodb = Scripted::start(|request: &Value| {
        let is_silent = !sent_items(request, "SensorData").is_empty();
        Said { after: Duration::from_secs(if is_silent { 600 } else { 0 }), ..Said::from(stored()) }
    })
    .await;
    let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
    let answer = function.invoke_within(&event([record(1, b"x"), plain(2)]), Duration::from_secs(9)).await;
    assert_eq!(answer.failures(), [sequence(2)]);
    let log = function.log_line().await;
    assert_eq!((&log["ErrorCode"], &log["Rejected"], &log["Failed"]), (&json!("Connection"), &json!(1), &json!(1)));
    assert!(log["Error"].as_str().unwrap().contains("no answer in time"), "{log}");
}
