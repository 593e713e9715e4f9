//! Readings that only the service refuses, and the time that they take from the rest.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Function, PARTIAL, REJECTS, Said, Scripted, event, failure, plain, record, sent_items, sent_times, sequence, stored,
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

/// A request for each reading does not fit into the time: as far as it came, they are kept as rejects, and the next
/// delivery begins after them.
#[tokio::test]
async fn readings_that_the_service_refuses_one_by_one_come_to_an_end_in_a_short_time() {
    let dynamodb = refusing_readings(Duration::from_millis(8)).await;
    let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
    let records: Vec<_> = (1..=2000).map(plain).collect();
    let (mut from, mut in_vain) = (0, 0);
    while from < records.len() {
        let rest = event(records[from..].iter().cloned());
        let answer = function.invoke_within(&rest, Duration::from_secs(3)).await;
        let first = answer.failures().first().map(|number| (*number).to_owned());
        let next =
            first.map_or(records.len(), |first| (1..=2000).position(|number| sequence(number) == first).unwrap());
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
