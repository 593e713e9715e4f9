//! `rejects from-destination` lists, exports and replays batches that Lambda gave up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::rejects_replay::{LEDGER, SHARD, counts, letters, reading, rows, store};
use crate::support::{ApiClient, Interposed, Run, TestEnv, eventually, send_signal};

#[test]
fn rejects_from_destination_replays_what_the_stream_still_has() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let put = |time: &str| {
        let put = ["put", "--local", "--sensor", "kitchen", "--temp", "1", "--time", time, "--wait", "-o", "json"];
        env.run(put).assert_success().json()["sequence_number"].as_str().unwrap().to_owned()
    };
    let numbers = ["1", "2", "3", "4"].map(put);
    // Those of the batch were not stored, but the last of them.
    for time in ["2", "3"] {
        let key = json!({"SensorId": {"S": "kitchen"}, "CurrentTime": {"N": time}});
        api.json("DynamoDB_20120810.DeleteItem", &json!({"TableName": "SensorData", "Key": key}));
    }
    let batch = json!({"shardId": SHARD, "startSequenceNumber": numbers[1], "endSequenceNumber": numbers[3],
        "approximateArrivalOfFirstRecord": jiff::Timestamp::now().to_string(), "batchSize": 3,
        "streamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/temperature-sensor-data"});
    let mut document = json!({"version": "1.0", "requestContext": {"condition": "RetryAttemptsExhausted"},
        "KinesisBatchInfo": batch});
    let path = env.write("failed.json", json!({"Messages": [{"Body": document.to_string()}]}).to_string());
    let from = ["rejects", "from-destination", "--local", "--file", path.to_str().unwrap()];
    let row = env.run(from).assert_success().json();
    assert_eq!((&row["records"], &row["reason"]), (&json!(3), &json!("RetryAttemptsExhausted")));
    assert!((23.0..=24.0).contains(&row["hours_left"].as_f64().unwrap()), "{row}");
    let target = env.path("records.ndjson");
    env.run(from.into_iter().chain(["--to", target.to_str().unwrap()])).assert_success();
    let exported = std::fs::read_to_string(&target).unwrap();
    assert_eq!(exported.lines().count(), 3, "{exported}");
    env.run(from.into_iter().chain(["--replay"])).assert_code(2).assert_stderr_contains(&["--yes"]);
    for flag in [&["--overwrite"][..], &["--timeout", "1s"], &["--yes"]] {
        let run = env.run(from.into_iter().chain(flag.iter().copied())).assert_code(2);
        run.assert_stderr_contains(&[&format!("`{}` is for `--replay`", flag[0])]);
    }
    env.run(from.into_iter().chain(["--to", "-"])).assert_code(2).assert_stderr_contains(&["standard output"]);
    // The replay of records took longer than their iterator lives.
    let is_first = AtomicBool::new(true);
    let cloud = Interposed::new(&env, move |request, _| {
        let is_due = request.operation() == "GetRecords" && is_first.swap(false, Ordering::Relaxed);
        is_due.then(|| request.failure(400, "ExpiredIteratorException", "Iterator expired."))
    });
    let again = env.path("again.ndjson");
    let slow = ["rejects", "from-destination", "--file", path.to_str().unwrap(), "--to", again.to_str().unwrap()];
    cloud.run(&env, slow).assert_success();
    assert_eq!(std::fs::read_to_string(&again).unwrap(), exported);
    let report = env.run(from.into_iter().chain(["--replay", "--yes"])).assert_success().json();
    assert_eq!(counts(&report, ["found", "replayed", "already_stored"]), [3, 3, 1], "{report}");
    assert_eq!(rows(&env).len(), 4);
    // More than the stream has.
    document["KinesisBatchInfo"]["batchSize"] = 5.into();
    let path = env.write("more.json", document.to_string());
    env.run(["rejects", "from-destination", "--local", "--replay", "--yes", "--file", path.to_str().unwrap()])
        .assert_code(3)
        .assert_stderr_contains(&["2 records are lost"]);
    // One that is a dead letter is left to `rejects replay`, which deletes it.
    let key = json!({"SensorId": {"S": "kitchen"}, "CurrentTime": {"N": "3"}});
    api.json("DynamoDB_20120810.DeleteItem", &json!({"TableName": "SensorData", "Key": key}));
    store(&api, &numbers[2], &reading(3, "1"));
    let run =
        env.run(["rejects", "from-destination", "--local", "--replay", "--yes", "--file", path.to_str().unwrap()]);
    let report = run.assert_code(3);
    assert_eq!(report.json()["reasons"], json!({"dead-letter": 1}));
    report.assert_stderr_contains(&["not all of 3 dead letters were replayed", "2 records are lost"]);
    assert_eq!((letters(&api).len(), rows(&env).len()), (1, 3));
    for (place, part) in [
        ("us-east-1:000000000000:stream/other", "is about stream other"),
        ("us-east-1:123456789012:stream/temperature-sensor-data", "a stream of account 123456789012, not 000000000000"),
        ("eu-west-1:000000000000:stream/temperature-sensor-data", "a stream in eu-west-1, not us-east-1"),
    ] {
        document["KinesisBatchInfo"]["streamArn"] = format!("arn:aws:kinesis:{place}").into();
        let path = env.write("other.json", document.to_string());
        let from = ["rejects", "from-destination", "--local", "--file", path.to_str().unwrap()];
        env.run(from).assert_code(2).assert_stderr_contains(&[part]);
    }
}

#[test]
fn rejects_from_destination_reads_what_the_local_cloud_logs_of_a_batch_that_was_given_up() {
    let env = TestEnv::with_local_cloud();
    env.run(["up", "--local", "--set", "mapping.retry_attempts=0", "--set", "mapping.bisect=false"]).assert_success();
    let api = ApiClient::new(&env);
    api.set_faults("dynamodb:BatchWriteItem=denied");
    env.run(["put", "--local", "--sensor", "kitchen", "--temp", "21.5", "--time", "1"]).assert_success();
    let log = || env.run(["logs", "--local", "--filter", "discarded", "-o", "ndjson"]).assert_success().stdout;
    let log = eventually("the batch is given up", log, |log| !log.is_empty());
    api.set_faults("");
    let from = ["rejects", "from-destination", "--local", "--file", "-"];
    let row = env.run_with_input(from, log.as_bytes()).assert_success().json();
    assert_eq!((&row["records"], &row["has_records"]), (&json!(1), &json!(false)));
    let run = env.run_with_input(from.into_iter().chain(["--replay", "--yes"]), log.as_bytes()).assert_success();
    assert_eq!(counts(&run.json(), LEDGER), [1, 1, 0, 0, 0]);
    assert_eq!(rows(&env), [("1".to_owned(), "21.5".to_owned())]);
}

#[test]
fn interrupt_ends_the_reading_of_a_pipe_that_stays_quiet() {
    let env = TestEnv::new();
    let pipe = env.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let file = pipe.to_str().unwrap();
    let commands: [&[&str]; 2] = [&["doctor", "--artifact", file], &["rejects", "from-destination", "--file", file]];
    for (command, has_writer) in commands.into_iter().flat_map(|command| [(command, true), (command, false)]) {
        let child = env.spawn(command.iter().copied());
        let handles = || handles_interrupt(child.id());
        eventually("it handles the signal", handles, |handles| *handles);
        // Opening waits until the command has opened the pipe, too. Without a writer, the command waits to open it.
        let writer = has_writer.then(|| std::fs::OpenOptions::new().write(true).open(&pipe).unwrap());
        let began = Instant::now();
        send_signal(&child, Signal::INT);
        Run::of_child(child).assert_code(130);
        assert!(began.elapsed() < Duration::from_secs(5), "{command:?}");
        drop(writer);
    }
}

/// Returns whether a process has a handler of SIGINT, the second bit of the mask.
fn handles_interrupt(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & 2 != 0
}
