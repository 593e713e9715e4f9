//! Tests of batches of several chunks: one chunk must not lose, hide or undo the rows of another.

use serde_json::{Value, json};

use crate::support::{
    Answer, Function, PARTIAL, REJECTS, Scripted, Tables, event, failure, last_of_window, reading, record, sent_items,
    sequence, stored, two_windows,
};

/// Returns the sequence numbers of the items that a service received, request by request.
fn taken(requests: &[Value], table: &str) -> Vec<Vec<String>> {
    let sequence_number = |item: &Value| item["SequenceNumber"]["S"].as_str().unwrap().to_owned();
    let of = |request| sent_items(request, table).into_iter().map(sequence_number).collect::<Vec<_>>();
    requests.iter().map(of).filter(|sent| !sent.is_empty()).collect()
}

fn is_about(request: &Value, text: &str) -> bool {
    request.to_string().contains(text)
}

/// Starts a service that permanently denies every request with this reading.
async fn denying(text: &'static str) -> Scripted {
    Scripted::start(
        move |request| {
            if is_about(request, text) { failure("AccessDeniedException", "no") } else { stored() }
        },
    )
    .await
}

#[tokio::test]
async fn chunks_are_stored_in_sequence_and_last_reading_of_a_key_wins() {
    let dynamodb = Scripted::start(|_| stored()).await;
    let mut function = Function::start(&dynamodb.address, &[PARTIAL]).await;
    assert_eq!(function.invoke(&two_windows()).await.failures(), [""; 0]);
    let expected = [vec![sequence(1), sequence(2)], vec![sequence(3), sequence(4)], vec![sequence(5)]];
    assert_eq!(taken(&dynamodb.requests(), "SensorData"), expected);
    let log = function.log_line().await;
    assert_eq!((&log["Readings"], &log["Stored"], &log["Replaced"]), (&json!(5), &json!(5), &json!(0)));
}

#[tokio::test]
async fn failure_in_first_chunk_is_reported_and_later_chunks_are_not_written() {
    let dynamodb = denying("only-first").await;
    let mut function = Function::start(&dynamodb.address, &[PARTIAL]).await;
    assert_eq!(function.invoke(&two_windows()).await.failures(), [sequence(1)]);
    assert!(dynamodb.requests().iter().all(|request| is_about(request, "only-first")));
    let mut function = Function::start(&dynamodb.address, &[]).await;
    assert!(function.invoke(&two_windows()).await.error().contains(&sequence(1)));
}

#[tokio::test]
async fn failure_in_later_chunk_is_reported_and_earlier_chunks_are_kept() {
    let dynamodb = denying("only-second").await;
    let mut function = Function::start(&dynamodb.address, &[PARTIAL]).await;
    assert_eq!(function.invoke(&two_windows()).await.failures(), [sequence(3)]);
    let log = function.log_line().await;
    assert_eq!((&log["Readings"], &log["Stored"], &log["Failed"]), (&json!(4), &json!(2), &json!(2)));
    assert!(!dynamodb.requests().iter().any(|request| is_about(request, "only-third")));
    let mut function = Function::start(&dynamodb.address, &[]).await;
    let answer = function.invoke(&two_windows()).await;
    // There is a fifth one, which was not tried.
    assert!(answer.error().contains("2 of the 4 readings looked at are not stored"), "{answer:?}");
    assert!(answer.error().contains(&sequence(3)), "{answer:?}");
}

#[tokio::test]
async fn refused_reading_does_not_undo_the_one_of_the_previous_chunk() {
    let dynamodb = Scripted::start(|request| {
        let refuses = sent_items(request, "SensorData").iter().any(|item| item["Temperature"]["N"] == "3");
        if refuses { failure("ValidationException", "not this one") } else { stored() }
    })
    .await;
    let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
    assert_eq!(function.invoke(&two_windows()).await.failures(), [""; 0]);
    let requests = dynamodb.requests();
    assert_eq!(taken(&requests, "SensorData")[0], [sequence(1), sequence(2)]);
    assert_eq!(taken(&requests, "SensorData").last().unwrap(), &[sequence(5)]);
    assert_eq!(taken(&requests, "SensorDataRejects"), [[sequence(3)]]);
    let log = function.log_line().await;
    assert_eq!((&log["Stored"], &log["Rejected"], &log["Replaced"]), (&json!(4), &json!(1), &json!(0)));
}

fn with_rejects() -> Value {
    event([
        record(1, b"no reading 1"),
        last_of_window(2, &reading("s", 1, "2")),
        record(3, b"no reading 3"),
        last_of_window(4, &reading("s", 1, "4")),
    ])
}

#[tokio::test]
async fn every_chunk_stores_its_rejects() {
    let tables = Tables::start().await;
    let mut function = Function::start(&tables.address, &[REJECTS, PARTIAL]).await;
    assert_eq!(function.invoke(&with_rejects()).await.failures(), [""; 0]);
    let kept: Vec<_> = tables.rows("SensorDataRejects").iter().map(|row| row["SequenceNumber"]["S"].clone()).collect();
    assert_eq!(kept, [json!(sequence(1)), json!(sequence(3))]);
    let rows = tables.rows("SensorData");
    assert_eq!((rows.len(), &rows[0]["Temperature"]["N"]), (1, &json!("4")));
}

#[tokio::test]
async fn unstored_reject_ends_the_batch_with_its_chunk() {
    for (lost, answered, rows) in [("#0000000#000", 1, 1), (&*format!("{}#", sequence(3)), 3, 2)] {
        let lost = lost.to_owned();
        let dynamodb = Scripted::start(move |request| {
            let is_lost = sent_items(request, "SensorDataRejects")
                .iter()
                .any(|item| item["RejectId"]["S"].as_str().unwrap().contains(&lost));
            if is_lost { failure("AccessDeniedException", "no") } else { stored() }
        })
        .await;
        let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
        let answer = function.invoke(&with_rejects()).await;
        assert_eq!(answer.failures(), [sequence(answered)]);
        assert_eq!(taken(&dynamodb.requests(), "SensorData").len(), rows);
    }
}

#[tokio::test]
async fn reject_without_rejects_table_fails_the_invocation_in_any_chunk() {
    for (settings, second) in [(&[PARTIAL][..], true), (&[], true), (&[PARTIAL], false)] {
        let dynamodb = Scripted::start(|_| stored()).await;
        let records = [
            last_of_window(1, &reading("s", 1, "1")),
            if second { record(2, b"hunter2") } else { record(2, reading("s", 1, "2").as_bytes()) },
        ];
        let mut function = Function::start(&dynamodb.address, settings).await;
        match function.invoke(&event(records)).await {
            Answer::Error { message, .. } => assert!(message.contains(&sequence(2)), "{message}"),
            answer @ Answer::Response(_) => {
                assert_eq!(answer.failures(), if second { vec![sequence(2)] } else { vec![] });
            }
        }
    }
}
