//! The logs below the wire.

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
async fn groups_events_and_tags_survive_a_restart() {
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
async fn events_for_a_missing_group_are_dropped_unless_the_role_may_create_it() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    logs.append("g", "s", vec![(1, "x".into())], false).await;
    assert_eq!(call(&logs, "DescribeLogStreams", json!({ "logGroupName": "g" })).await.0, 400);
    logs.append("g", "s", vec![(1, "x".into())], true).await;
    let body = ok(&logs, "DescribeLogStreams", json!({ "logGroupName": "g" })).await;
    assert_eq!(body["logStreams"][0]["lastEventTimestamp"], 1);
}

#[tokio::test]
async fn paging_forwards_gives_every_event_once_and_stays_at_the_end() {
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
async fn filtering_goes_over_streams_in_order_of_time_and_pages() {
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
async fn a_line_that_a_crash_cut_short_costs_only_itself() {
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
async fn a_damaged_line_is_told_with_its_file_and_stays() {
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
async fn events_past_their_retention_go() {
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
async fn output_that_cannot_be_kept_is_told_to_the_owner() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    std::fs::write(dir.path().join("g"), "no directory").unwrap();
    logs.append("g", "s", vec![(1, "one".into())], true).await;
    let notices = logs.0.notices.all();
    assert!(notices[0].contains("g/s.ndjson"), "{notices:?}");
}

#[tokio::test]
async fn bad_input_is_refused_in_the_services_words() {
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
async fn whoever_reads_a_large_group_keeps_nobody_from_writing() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    logs.append("g", "s", vec![(1, "one".into())], true).await;
    ok(&logs, "CreateLogStream", json!({ "logGroupName": "g", "logStreamName": "endless" })).await;
    // To open it takes until somebody writes into it: a file that takes long to read.
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
        // Each of them sees its end.
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
async fn nothing_is_written_once_the_logs_are_closed() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(dir.path());
    assert!(logs.append("g", "s", vec![(1, "one".into())], true).await);
    logs.close();
    assert!(!logs.append("g", "s", vec![(2, "two".into())], true).await);
    assert_eq!(messages(&ok(&logs, "FilterLogEvents", json!({ "logGroupName": "g" })).await), ["one"]);
}

#[tokio::test]
async fn paging_backwards_gives_every_event_once() {
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
async fn events_after_an_empty_answer_are_not_passed_over() {
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
async fn full_log_group_takes_no_more_says_so_once_and_takes_more_when_it_has_room() {
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
    // Whoever puts events is told by the answer.
    let event =
        json!({ "logGroupName": "g", "logStreamName": "old", "logEvents": [{ "timestamp": 1, "message": "x" }] });
    let (status, body) = call(&logs, "PutLogEvents", event).await;
    assert_eq!((status, &body["__type"]), (500, &json!("ServiceUnavailableException")));
    // Other groups have their own room, and deletion makes some.
    assert!(logs.append("other", "s", line(), true).await);
    ok(&logs, "DeleteLogStream", json!({ "logGroupName": "g", "logStreamName": "old" })).await;
    assert!(logs.append("g", "new", line(), true).await);
    let body = ok(&logs, "DescribeLogGroups", json!({ "logGroupNamePrefix": "g" })).await;
    assert!(body["logGroups"][0]["storedBytes"].as_u64().unwrap() < 1 << 20);
    // What is there at a start counts.
    drop(logs);
    let again = super::tests::logs(dir.path());
    again.store().group_limit = 1000;
    assert!(!again.append("g", "new", line(), true).await);
}

/// Returns all messages, from page to page.
async fn all(logs: &Logs, operation: &str, mut input: Value, token: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let body = ok(logs, operation, input.clone()).await;
        pages.push(messages(&body).into_iter().map(str::to_owned).collect::<Vec<_>>());
        // FilterLogEvents ends without a token; GetLogEvents goes on for ever, with nothing.
        if body.get(token).is_none() || pages.last().is_some_and(Vec::is_empty) {
            return pages;
        }
        input["nextToken"] = body[token].clone();
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 16, ..Default::default() })]

    #[test]
    fn pages_over_many_parts_of_large_files_hold_every_event_once_and_in_order(
        // Events that come out of order, and many of one time.
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
            // What is there already is read before more comes.
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
