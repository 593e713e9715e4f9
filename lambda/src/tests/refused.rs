//! Tests of readings that only the service refuses, and of the time that they take from other readings.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{
    Function, PARTIAL, REJECTS, Said, Scripted, When, event, failure, plain, reading, record, sent_items, sent_times,
    sequence, stored, until,
};

/// Starts a service that refuses every reading, so that each needs its own request, and takes every reject.
async fn refusing_readings(when: When) -> Scripted {
    Scripted::start(move |request: &Value| {
        let said = if sent_items(request, "SensorData").is_empty() {
            stored()
        } else {
            failure(
                "ValidationException",
                "One or more parameter values were invalid: Type mismatch for Index Key site",
            )
        };
        Said { when, ..Said::from(said) }
    })
    .await
}

/// Delivers records until all are rejects, with a time limit too short for one request for each. At most
/// `in_vain_at_most` deliveries in a row may make no progress.
async fn deliver(records: &[Value], in_vain_at_most: u32) {
    let dynamodb = refusing_readings(When::After(Duration::from_millis(8))).await;
    let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]);
    let (mut from, mut in_vain) = (0, 0);
    while from < records.len() {
        let rest = event(records[from..].iter().cloned());
        let answer = function.invoke_within(&rest, Duration::from_secs(3)).await;
        let failures = answer.failures();
        let is_first =
            |record: &Value| failures.first().is_some_and(|first| record["kinesis"]["sequenceNumber"] == *first);
        let next = records.iter().position(is_first).unwrap_or(records.len());
        in_vain = if next > from { 0 } else { in_vain + 1 };
        assert!(in_vain <= in_vain_at_most, "no step further than record {from}");
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

/// The first reading is tried last, so the whole first chunk makes no progress. Smaller chunks do.
#[tokio::test(start_paused = true)]
async fn refused_readings_of_one_key_become_rejects_within_short_invocations() {
    let of_one_key = |number| record(number, reading("s", 1, "20.5").as_bytes());
    deliver(&(1..=500).map(of_one_key).collect::<Vec<_>>(), 1).await;
}

#[tokio::test(start_paused = true)]
async fn batch_refused_item_by_item_is_not_halved_to_the_end() {
    let dynamodb = refusing_readings(When::Now).await;
    let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]);
    assert_eq!(function.invoke(&event((1..=25).map(plain))).await.failures(), [""; 0]);
    let sent: Vec<_> = dynamodb.requests().iter().map(|request| sent_times(request).len()).collect();
    // The last one is the request for the rejects.
    assert_eq!(sent, [&[25, 13][..], &[1; 13], &[12], &[1; 12], &[0]].concat());
}

/// The response and the log must give the reason for the unstored reading.
#[tokio::test(start_paused = true)]
async fn reject_before_readings_that_get_no_answer_is_kept() {
    let dynamodb = Scripted::start(|request: &Value| {
        let is_silent = !sent_items(request, "SensorData").is_empty();
        Said { when: if is_silent { When::Never } else { When::Now }, ..Said::from(stored()) }
    })
    .await;
    let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]);
    let batch = event([record(1, b"x"), plain(2)]);
    // Of seven seconds for work, readings have three quarters.
    let (answer, ()) = tokio::join!(function.invoke_within(&batch, Duration::from_secs(9)), async {
        until(|| !dynamodb.requests().is_empty()).await;
        tokio::time::advance(Duration::from_millis(5250)).await;
    });
    assert_eq!(answer.failures(), [sequence(2)]);
    let log = function.log_line();
    assert_eq!((&log["ErrorCode"], &log["Rejected"], &log["Failed"]), (&json!("Connection"), &json!(1), &json!(1)));
    assert!(log["Error"].as_str().unwrap().contains("no answer in time"), "{log}");
}

mod slow {
    use super::*;

    /// Readings are rejected as far as they were tried. The next delivery begins after them.
    #[tokio::test(start_paused = true)]
    async fn refused_readings_of_many_keys_become_rejects_within_short_invocations() {
        deliver(&(1..=2000).map(plain).collect::<Vec<_>>(), 0).await;
    }
}
