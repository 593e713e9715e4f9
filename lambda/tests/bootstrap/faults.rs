//! Tests of the compiled function when something cannot be stored.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    Function, PARTIAL, REJECTS, Scripted, Tables, event, failure, plain, reading, record, sent_times, sequence, stored,
    throttled,
};

#[tokio::test]
async fn reject_without_rejects_table_fails_the_invocation() {
    let tables = Tables::start().await;
    let mut function = Function::start(&tables.address, &[]).await;
    let answer = function.invoke(&event([plain(1), record(2, b"hunter2")])).await;
    assert!(answer.error().contains("not-json") && answer.error().contains(&sequence(2)), "{answer:?}");
    assert!(!answer.error().contains("hunter2"));
    assert_eq!(tables.rows("SensorData").len(), 1);
}

#[tokio::test]
async fn event_not_from_kinesis_fails_the_invocation() {
    let tables = Tables::start().await;
    let mut function = Function::start(&tables.address, &[PARTIAL]).await;
    for foreign in
        [json!({"key": "hunter2"}), json!({"Records": [{"eventSource": "aws:sqs", "body": "hunter2"}]}), json!(null)]
    {
        let answer = function.invoke(&foreign).await;
        assert!(answer.error().contains("not an event of Kinesis"), "{answer:?}");
        assert!(!answer.error().contains("hunter2"), "{answer:?}");
    }
    assert_eq!(function.invoke(&event([])).await.failures(), [""; 0]);
}

#[tokio::test]
async fn missing_table_returns_first_failure_or_fails_without_partial_batch() {
    let tables = Tables::start().await;
    let settings = [("SENSORCTL_TABLE", "Missing"), PARTIAL];
    let records = || event((1..=60).map(plain));
    let answer = Function::start(&tables.address, &settings).await.invoke(&records()).await;
    assert_eq!(answer.failures(), [sequence(1)]);
    let answer = Function::start(&tables.address, &settings[..1]).await.invoke(&records()).await;
    assert!(
        answer.error().contains("60 of the 60") && answer.error().contains("ResourceNotFoundException"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn unprocessed_items_are_retried_alone() {
    let dynamodb = Scripted::start(|request| {
        let mut left = request["RequestItems"].clone();
        let puts = left["SensorData"].as_array_mut().unwrap();
        // Store one item of each request.
        puts.remove(0);
        if puts.is_empty() { stored() } else { (200, json!({"UnprocessedItems": left})) }
    })
    .await;
    let mut function = Function::start(&dynamodb.address, &[PARTIAL]).await;
    assert_eq!(function.invoke(&event((1..=4).map(plain))).await.failures(), [""; 0]);
    let sent: Vec<_> = dynamodb.requests().iter().map(sent_times).collect();
    assert_eq!(sent, [vec![1, 2, 3, 4], vec![2, 3, 4], vec![3, 4], vec![4]]);
    let log = function.log_line().await;
    assert_eq!((&log["Stored"], &log["Retries"]), (&json!(4), &json!(3)));
}

#[tokio::test]
async fn throttles_and_server_errors_are_retried() {
    let calls = AtomicUsize::new(0);
    let dynamodb = Scripted::start(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => throttled(),
        1 => failure("ThrottlingException", "Rate exceeded"),
        2 => (500, json!("no JSON object")),
        3 => (503, json!({})),
        4 => failure("RequestLimitExceeded", "Throughput exceeds the current throughput limit for your account"),
        _ => stored(),
    })
    .await;
    let mut function = Function::start(&dynamodb.address, &[]).await;
    assert_eq!(function.invoke(&event([plain(1)])).await.failures(), [""; 0]);
    assert_eq!(dynamodb.requests().len(), 6);
}

#[tokio::test]
async fn partial_batch_response_names_lowest_unstored_record() {
    // 60 readings are three requests. The second one never succeeds.
    let dynamodb =
        Scripted::start(|request| if sent_times(request).contains(&30) { throttled() } else { stored() }).await;
    let mut function = Function::start(&dynamodb.address, &[PARTIAL]).await;
    let limit = Duration::from_secs(4);
    let began = Instant::now();
    let answer = function.invoke_within(&event((1..=60).map(plain)), limit).await;
    assert_eq!(answer.failures(), [sequence(26)]);
    assert!(began.elapsed() < limit, "answered after its deadline");
    let log = function.log_line().await;
    assert_eq!((&log["Stored"], &log["Failed"]), (&json!(35), &json!(25)));
    assert!(log["Error"].as_str().unwrap().contains("ProvisionedThroughputExceededException"), "{log}");
}

#[tokio::test]
async fn connection_without_response_is_given_up_before_the_deadline() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut function = Function::start(&silent.local_addr().unwrap().to_string(), &[PARTIAL]).await;
    let limit = Duration::from_secs(3);
    let began = Instant::now();
    assert_eq!(function.invoke_within(&event([plain(1)]), limit).await.failures(), [sequence(1)]);
    assert!(began.elapsed() < limit, "answered after its deadline");
}

#[tokio::test]
async fn refused_item_is_isolated_and_previous_reading_is_stored() {
    let refuses = |request: &Value| request["RequestItems"]["SensorData"].to_string().contains(r#""N":"666""#);
    let dynamodb = Scripted::start(move |request| {
        if refuses(request) { failure("ValidationException", "this item is not welcome") } else { stored() }
    })
    .await;
    let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
    let mut records: Vec<_> = (1..=25).map(plain).collect();
    records.push(record(26, reading("s", 13, "666").as_bytes()));
    assert_eq!(function.invoke(&event(records)).await.failures(), [""; 0]);

    let accepted: Vec<_> = dynamodb.requests().into_iter().filter(|request| !refuses(request)).collect();
    let mut times: Vec<_> = accepted.iter().flat_map(sent_times).collect();
    times.sort_unstable();
    assert_eq!(times, (1..=25).collect::<Vec<_>>());
    let rejects: Vec<_> =
        accepted.iter().filter_map(|request| request["RequestItems"]["SensorDataRejects"].as_array()).collect();
    assert_eq!(rejects.len(), 1);
    let reject = &rejects[0][0]["PutRequest"]["Item"];
    assert_eq!(reject["Code"]["S"], "ValidationException");
    assert_eq!(reject["Reason"]["S"], "this item is not welcome");
    assert_eq!(reject["SequenceNumber"]["S"], json!(sequence(26)));
    let log = function.log_line().await;
    assert_eq!((&log["Stored"], &log["Rejected"], &log["Replaced"]), (&json!(25), &json!(1), &json!(0)));
}

#[tokio::test]
async fn unstored_reject_is_a_failure_of_its_record() {
    let dynamodb = Scripted::start(|request| {
        if request["RequestItems"].get("SensorDataRejects").is_some() {
            failure("AccessDeniedException", "User is not authorized to perform: dynamodb:BatchWriteItem")
        } else {
            stored()
        }
    })
    .await;
    let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
    let answer = function.invoke(&event([plain(1), record(2, b"x"), plain(3)])).await;
    assert_eq!(answer.failures(), [sequence(2)]);
    assert_eq!(function.log_line().await["Stored"], 2);
}

#[tokio::test]
async fn table_and_request_errors_do_not_reject_readings() {
    for message in [
        "The provided key element does not match the schema",
        "One or more parameter values were invalid: Missing the key Id in the item",
        "One or more parameter values were invalid: Type mismatch for key CurrentTime expected: S actual: N",
        "1 validation error detected: Value '{arn:x=[WriteRequest(putRequest=hunter2)]}' at 'requestItems' failed to \
         satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: .*]",
        "2 validation errors detected: Value 'x' at 'requestItems' failed to satisfy constraint; Value 'hunter2' at \
         'returnConsumedCapacity' failed to satisfy constraint",
        "TableName must be at least 3 characters long and at most 255 characters long",
        "Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain only the \
         characters a-z, A-Z, 0-9, '_', '-', and '.'",
    ] {
        let dynamodb = Scripted::start(move |_| failure("ValidationException", message)).await;
        let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
        assert_eq!(function.invoke(&event((1..=3).map(plain))).await.failures(), [sequence(1)], "{message}");
        assert_eq!(dynamodb.requests().len(), 1, "{message}");
        let log = function.log_line().await;
        assert_eq!(log["ErrorCode"], "ValidationException");
        assert!(!log.to_string().contains("hunter2"), "{log}");
    }
}

/// With the sensor alone as its key, the table would overwrite readings and report them as stored. A batch of the
/// function holds no two equal keys, so the service's error here means that its key is another one.
#[tokio::test]
async fn table_with_another_key_is_reported() {
    let dynamodb = Scripted::start(|request: &Value| {
        let many = sent_times(request).len() > 1;
        if many { failure("ValidationException", "Provided list of item keys contains duplicates") } else { stored() }
    })
    .await;
    let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
    assert_eq!(function.invoke(&event((1..=3).map(plain))).await.failures(), [sequence(1)]);
    assert_eq!(dynamodb.requests().len(), 1);
}

/// A message that quotes an item can contain any words.
#[tokio::test]
async fn item_text_is_not_mistaken_for_a_table_error() {
    for message in [
        "The parameter cannot be converted to a numeric value: Missing the key",
        "1 validation error detected: Value 'x' at 'requestItems.SensorData.member.1.member.putRequest.item' failed to \
         satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 65535]",
        "Supplied AttributeValue is empty: ' at 'requestItems' failed",
    ] {
        let dynamodb = Scripted::start(move |request| {
            if sent_times(request).contains(&2) { failure("ValidationException", message) } else { stored() }
        })
        .await;
        let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
        assert_eq!(function.invoke(&event((1..=3).map(plain))).await.failures(), [""; 0], "{message}");
        assert_eq!(function.log_line().await["Rejected"], 1, "{message}");
    }
}
