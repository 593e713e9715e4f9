//! Tests of the CloudWatch Logs service, in process.

use super::*;
use crate::tests::eventually;

fn logs(directory: &Path) -> Logs {
    Logs::open(directory, Identity::new("us-east-1"), Durability::Full, Diagnostics::default()).unwrap()
}

async fn call(logs: &Logs, operation: &str, input: Value) -> (u16, Value) {
    let request = http::Request::post("/")
        .header("x-amz-target", format!("Logs_20140328.{operation}"))
        .body(input.to_string().into())
        .unwrap();
    let response = logs.handle(request).await;
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

async fn ok(logs: &Logs, operation: &str, input: Value) -> Value {
    let (status, body) = call(logs, operation, input).await;
    assert_eq!(status, 200, "{operation}: {body}");
    body
}

fn messages(body: &Value) -> Vec<&str> {
    body["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn log_groups_events_and_tags_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let first = logs(dir.path());
    let now = aws_json::now_ms();
    let group = "/aws/lambda/f";
    ok(&first, "CreateLogGroup", json!({ "logGroupName": group, "tags": { "a": "1" } })).await;
    ok(&first, "PutRetentionPolicy", json!({ "logGroupName": group, "retentionInDays": 14 })).await;
    first.append(group, "2026/11/23/[$LATEST]x", vec![(now, "one".into()), (now + 1, "two".into())], false).await;
    drop(first);
    let again = logs(dir.path());
    let body = ok(&again, "DescribeLogGroups", json!({ "logGroupNamePrefix": "/aws/" })).await;
    assert_eq!(body["logGroups"][0]["retentionInDays"], 14);
    assert_eq!(body["logGroups"][0]["arn"], format!("{}:*", body["logGroups"][0]["logGroupArn"].as_str().unwrap()));
    let arn = &body["logGroups"][0]["arn"];
    assert_eq!(ok(&again, "ListTagsForResource", json!({ "resourceArn": arn })).await["tags"]["a"], "1");
    let body = ok(&again, "FilterLogEvents", json!({ "logGroupName": group })).await;
    assert_eq!(messages(&body), ["one", "two"]);
}

#[tokio::test]
async fn log_events_for_missing_group_are_dropped_unless_role_may_create_it() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    logs.append("g", "s", vec![(1, "x".into())], false).await;
    assert_eq!(call(&logs, "DescribeLogStreams", json!({ "logGroupName": "g" })).await.0, 400);
    logs.append("g", "s", vec![(1, "x".into())], true).await;
    let body = ok(&logs, "DescribeLogStreams", json!({ "logGroupName": "g" })).await;
    assert_eq!(body["logStreams"][0]["lastEventTimestamp"], 1);
}

#[tokio::test]
async fn get_log_events_forward_paging_returns_every_event_once_and_stays_at_end() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    logs.append("g", "s", (0..5).map(|n| (n, format!("m{n}"))).collect(), true).await;
    let mut token = Value::Null;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let body = ok(
            &logs,
            "GetLogEvents",
            json!({
                "logGroupName": "g", "logStreamName": "s", "limit": 2, "startFromHead": true, "nextToken": token,
            }),
        )
        .await;
        seen.extend(messages(&body).into_iter().map(str::to_owned));
        token = body["nextForwardToken"].clone();
    }
    assert_eq!(seen, ["m0", "m1", "m2", "m3", "m4"]);
    let end = ok(&logs, "GetLogEvents", json!({ "logGroupName": "g", "logStreamName": "s", "nextToken": token })).await;
    assert_eq!(end["nextForwardToken"], token);
    let newest = ok(&logs, "GetLogEvents", json!({ "logGroupName": "g", "logStreamName": "s", "limit": 2 })).await;
    assert_eq!(messages(&newest), ["m3", "m4"]);
}

#[tokio::test]
async fn filter_log_events_merges_streams_by_time_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    logs.append("g", "a", vec![(1, "ERROR a1".into()), (4, "ERROR a4".into())], true).await;
    logs.append("g", "b", vec![(2, "ERROR b2".into()), (3, "info b3".into())], true).await;
    let input = json!({ "logGroupName": "g", "filterPattern": "ERROR", "limit": 2 });
    let first = ok(&logs, "FilterLogEvents", input.clone()).await;
    assert_eq!(messages(&first), ["ERROR a1", "ERROR b2"]);
    let mut input = input;
    input["nextToken"] = first["nextToken"].clone();
    let second = ok(&logs, "FilterLogEvents", input).await;
    assert_eq!(messages(&second), ["ERROR a4"]);
    assert!(second.get("nextToken").is_none());
}

#[tokio::test]
async fn event_file_line_cut_by_a_crash_loses_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let first = logs(dir.path());
    first.append("g", "s", vec![(1, "one".into())], true).await;
    let file = dir.path().join("g/s.ndjson");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str(r#"{"t":2,"i":2,"m":"cut"#);
    std::fs::write(&file, text).unwrap();
    first.append("g", "s", vec![(3, "three".into())], false).await;
    let body = ok(&first, "FilterLogEvents", json!({ "logGroupName": "g" })).await;
    assert_eq!(messages(&body), ["one", "three"]);
}

#[tokio::test]
async fn event_file_damaged_line_is_reported_with_its_file_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    logs.append("g", "s", vec![(1, "one".into()), (2, "two".into())], true).await;
    let file = dir.path().join("g/s.ndjson");
    let text = std::fs::read_to_string(&file).unwrap().replacen("{\"t\"", "{#t\"", 1);
    std::fs::write(&file, &text).unwrap();
    let (status, body) = call(&logs, "FilterLogEvents", json!({ "logGroupName": "g" })).await;
    let message = body["message"].as_str().unwrap();
    assert!(status == 500 && message.contains("g/s.ndjson: it is damaged in line 1"), "{message}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn log_events_past_retention_are_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    let now = aws_json::now_ms();
    logs.append("g", "s", vec![(now - 2 * 24 * 3_600_000, "old".into()), (now, "new".into())], true).await;
    let shown = async || ok(&logs, "FilterLogEvents", json!({ "logGroupName": "g" })).await;
    assert_eq!(messages(&shown().await), ["old", "new"]);
    ok(&logs, "PutRetentionPolicy", json!({ "logGroupName": "g", "retentionInDays": 1 })).await;
    assert_eq!(messages(&shown().await), ["new"]);
    logs.expire();
    assert!(dir.path().join("g/s.ndjson").exists());
    logs.store().expire(now + 2 * 24 * 3_600_000).unwrap();
    assert!(!dir.path().join("g/s.ndjson").exists());
    assert_eq!(messages(&shown().await), [""; 0]);
}

#[tokio::test]
async fn log_append_failure_is_reported_in_diagnostics() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    std::fs::write(dir.path().join("g"), "no directory").unwrap();
    logs.append("g", "s", vec![(1, "one".into())], true).await;
    let notices = logs.0.notices.all();
    assert!(notices[0].contains("g/s.ndjson"), "{notices:?}");
}

#[tokio::test]
async fn logs_invalid_input_gets_the_services_errors() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    ok(&logs, "CreateLogGroup", json!({ "logGroupName": "g" })).await;
    for (operation, input, code) in [
        ("CreateLogGroup", json!({ "logGroupName": "g" }), "ResourceAlreadyExistsException"),
        ("CreateLogGroup", json!({ "logGroupName": "a b" }), "InvalidParameterException"),
        ("CreateLogGroup", json!({}), "InvalidParameterException"),
        ("DeleteLogGroup", json!({ "logGroupName": "none" }), "ResourceNotFoundException"),
        ("PutRetentionPolicy", json!({ "logGroupName": "g", "retentionInDays": 2 }), "InvalidParameterException"),
        ("GetLogEvents", json!({ "logGroupName": "g", "logStreamName": "s" }), "ResourceNotFoundException"),
        ("Nonsense", json!({}), "UnknownOperationException"),
    ] {
        let (status, body) = call(&logs, operation, input).await;
        assert_eq!((status, body["__type"].as_str()), (400, Some(code)), "{operation}: {body}");
    }
}

#[tokio::test]
async fn log_reads_of_large_group_do_not_block_writes() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    logs.append("g", "s", vec![(1, "one".into())], true).await;
    ok(&logs, "CreateLogStream", json!({ "logGroupName": "g", "logStreamName": "endless" })).await;
    // Opening the pipe blocks until a writer opens it: it stands for a file that takes long to read.
    let pipe = dir.path().join("g/endless.ndjson");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let readers = [
        ("FilterLogEvents", json!({ "logGroupName": "g" })),
        ("GetLogEvents", json!({ "logGroupName": "g", "logStreamName": "endless" })),
        ("DescribeLogStreams", json!({ "logGroupName": "g" })),
    ]
    .map(|(operation, input)| {
        let logs = logs.clone();
        tokio::spawn(async move { ok(&logs, operation, input).await })
    });
    let written = logs.append("g", "s", vec![(2, "two".into())], false);
    assert!(tokio::time::timeout(std::time::Duration::from_secs(60), written).await.expect("not kept waiting"));
    for reader in readers {
        // Each reader sees the end of the file.
        let write_end_of_file = async || {
            let pipe = pipe.clone();
            tokio::task::spawn_blocking(move || drop(std::fs::OpenOptions::new().read(true).write(true).open(pipe)))
                .await
                .unwrap();
            reader.is_finished()
        };
        eventually("the reader ends", write_end_of_file, |is_finished| *is_finished).await;
        reader.await.unwrap();
    }
}

#[tokio::test]
async fn log_append_after_close_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    assert!(logs.append("g", "s", vec![(1, "one".into())], true).await);
    logs.close();
    assert!(!logs.append("g", "s", vec![(2, "two".into())], true).await);
    assert_eq!(messages(&ok(&logs, "FilterLogEvents", json!({ "logGroupName": "g" })).await), ["one"]);
}

#[tokio::test]
async fn get_log_events_backward_paging_returns_every_event_once() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    logs.append("g", "s", [1, 1, 1, 2, 0].into_iter().enumerate().map(|(n, t)| (t, format!("m{n}"))).collect(), true)
        .await;
    let mut token = Value::Null;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let input = json!({ "logGroupName": "g", "logStreamName": "s", "limit": 2, "nextToken": token });
        let body = ok(&logs, "GetLogEvents", input).await;
        seen.extend(messages(&body).into_iter().rev().map(str::to_owned));
        token = body["nextBackwardToken"].clone();
    }
    assert_eq!(seen, ["m3", "m2", "m1", "m0", "m4"]);
    for wrong in ["", "f", "f/1", "x/1/1", "f/1/x", "b/1/1/1"] {
        let input = json!({ "logGroupName": "g", "logStreamName": "s", "nextToken": wrong });
        assert_eq!(call(&logs, "GetLogEvents", input).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn get_log_events_after_empty_page_returns_later_events() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    ok(&logs, "CreateLogGroup", json!({ "logGroupName": "g" })).await;
    ok(&logs, "CreateLogStream", json!({ "logGroupName": "g", "logStreamName": "s" })).await;
    let empty = ok(&logs, "GetLogEvents", json!({ "logGroupName": "g", "logStreamName": "s" })).await;
    logs.append("g", "s", vec![(1, "one".into())], false).await;
    let input = json!({ "logGroupName": "g", "logStreamName": "s", "nextToken": empty["nextForwardToken"] });
    assert_eq!(messages(&ok(&logs, "GetLogEvents", input).await), ["one"]);
}

#[tokio::test]
async fn log_group_full_drops_events_reports_once_and_accepts_again_with_room() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    logs.store().group_limit = 2 << 20;
    let line = || vec![(aws_json::now_ms(), "x".repeat(256 << 10))];
    let mut kept = 0;
    while logs.append("g", "old", line(), true).await {
        kept += 1;
    }
    assert_eq!(kept, 8);
    for _ in 0..3 {
        assert!(!logs.append("g", "new", line(), true).await);
    }
    let notices = logs.0.notices.all();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].starts_with("the log group g holds 2 MiB"), "{notices:?}");
    // Callers of `PutLogEvents` get the error in the response.
    let event =
        json!({ "logGroupName": "g", "logStreamName": "old", "logEvents": [{ "timestamp": 1, "message": "x" }] });
    let (status, body) = call(&logs, "PutLogEvents", event).await;
    assert_eq!((status, &body["__type"]), (500, &json!("ServiceUnavailableException")));
    // Other groups have their own limit, and deleting a stream makes room.
    assert!(logs.append("other", "s", line(), true).await);
    ok(&logs, "DeleteLogStream", json!({ "logGroupName": "g", "logStreamName": "old" })).await;
    assert!(logs.append("g", "new", line(), true).await);
    let body = ok(&logs, "DescribeLogGroups", json!({ "logGroupNamePrefix": "g" })).await;
    assert!(body["logGroups"][0]["storedBytes"].as_u64().unwrap() < 1 << 20);
    // Data that exists at the start counts.
    drop(logs);
    let again = super::tests::logs(dir.path());
    again.store().group_limit = 1000;
    assert!(!again.append("g", "new", line(), true).await);
}

/// Returns all messages, page by page.
async fn all(logs: &Logs, operation: &str, mut input: Value, token: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let body = ok(logs, operation, input.clone()).await;
        pages.push(messages(&body).into_iter().map(str::to_owned).collect::<Vec<_>>());
        // FilterLogEvents ends without a token; GetLogEvents continues with empty pages.
        if body.get(token).is_none() || pages.last().is_some_and(Vec::is_empty) {
            return pages;
        }
        input["nextToken"] = body[token].clone();
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 16, ..Default::default() })]

    #[test]
    fn log_pages_of_large_files_return_every_event_once_in_order(
        // Events out of order, and many at the same time.
        times in proptest::collection::vec(0_u64..40, 1..150), limit in 1_usize..60, cut in proptest::prelude::any::<proptest::sample::Index>()
    ) {
        let dir = tempfile::tempdir().unwrap();
        let logs = logs(dir.path());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let text = |stream: &str, ordinal: usize, time: u64| format!("{time:04} {stream} {ordinal:04} {}", "x".repeat(3000));
        let mut expected = Vec::new();
        for stream in ["a", "b"] {
            let mut events: Vec<_> = times.iter().enumerate().map(|(ordinal, time)| (*time, text(stream, ordinal, *time))).collect();
            expected.extend(events.iter().map(|(_, text)| text.clone()));
            let later = events.split_off(cut.index(times.len()));
            runtime.block_on(logs.append("g", stream, events, true));
            // The existing events are indexed before others follow.
            runtime.block_on(ok(&logs, "FilterLogEvents", json!({ "logGroupName": "g" })));
            runtime.block_on(logs.append("g", stream, later, true));
        }
        expected.sort();
        let input = json!({ "logGroupName": "g", "limit": limit });
        let found = runtime.block_on(all(&logs, "FilterLogEvents", input, "nextToken"));
        assert_eq!(found.concat(), expected);
        let expected: Vec<_> = expected.into_iter().filter(|text| text.contains(" a ")).collect();
        let mut input = json!({ "logGroupName": "g", "logStreamName": "a", "limit": limit });
        let backward = runtime.block_on(all(&logs, "GetLogEvents", input.clone(), "nextBackwardToken"));
        assert_eq!(backward.into_iter().rev().collect::<Vec<_>>().concat(), expected);
        input["startFromHead"] = json!(true);
        let forward = runtime.block_on(all(&logs, "GetLogEvents", input.clone(), "nextForwardToken"));
        assert_eq!(forward.concat(), expected);
        input["startTime"] = json!(10);
        input["endTime"] = json!(20);
        let some = runtime.block_on(all(&logs, "GetLogEvents", input, "nextForwardToken"));
        let is_asked = |text: &&String| text[..4].parse::<u64>().is_ok_and(|time| (10..20).contains(&time));
        assert_eq!(some.concat(), expected.iter().filter(is_asked).cloned().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn subscription_filters_are_those_of_an_existing_group() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    let describe = |input| call(&logs, "DescribeSubscriptionFilters", input);
    let (status, body) = describe(json!({})).await;
    assert_eq!((status, &body["__type"]), (400, &"InvalidParameterException".into()), "{body}");
    let (status, body) = describe(json!({ "logGroupName": "none" })).await;
    assert_eq!((status, &body["__type"]), (400, &"ResourceNotFoundException".into()), "{body}");
    ok(&logs, "CreateLogGroup", json!({ "logGroupName": "none" })).await;
    assert_eq!(describe(json!({ "logGroupName": "none" })).await.1, json!({ "subscriptionFilters": [] }));
}
