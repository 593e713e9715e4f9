//! A bulk put that ends early has unread input. Its hints name the rest, and their commands complete the table.

use std::process::{Child, Command};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{ApiClient, Run, TestEnv, eventually, send_signal};

const LINES: usize = 20_000;
/// Readings a second: all lines would fit into the memory of a put that waits for its stream.
const RATE: &str = "5000";
const GLOBAL: [&str; 5] = ["--local", "--stage", "blue", "--config", "my.toml"];

/// Starts the pipeline of a stage with a slow stream.
fn slow_stream() -> (TestEnv, ApiClient) {
    let env = TestEnv::with_local_cloud();
    env.write("my.toml", "[stream]\nretention_hours = 48\n");
    env.run(GLOBAL.into_iter().chain(["up"])).assert_success();
    let cloud = ApiClient::new(&env);
    cloud.set_faults("kinesis:PutRecords=delay(300ms)");
    (env, cloud)
}

fn lines(sensor: &str, count: usize) -> String {
    (0..count).map(|n| format!("{{\"sensor_id\":\"{sensor}\",\"temperature\":1,\"current_time\":{n}}}\n")).collect()
}

/// Starts a put, and waits for its first request to the stream.
fn put(env: &TestEnv, cloud: &ApiClient, arguments: &[&'static str]) -> Child {
    let child = env.spawn(["put"].into_iter().chain(GLOBAL).chain(arguments.iter().copied()));
    cloud.wait_for_call("kinesis:PutRecords", 2);
    child
}

fn interrupt(child: &Child) {
    send_signal(child, Signal::INT);
}

fn ended(child: Child) -> Run {
    Run::of_child(child)
}

/// Returns the `put` commands of the hints, each as its words.
fn commands(run: &Run) -> Vec<Vec<String>> {
    let hints = run.stderr.lines().filter_map(|line| line.strip_prefix("hint: "));
    let quoted = hints.filter_map(|hint| Some(hint.split_once("`sensorctl put ")?.1.split_once('`')?.0));
    quoted.map(|command| ["put"].into_iter().chain(command.split(' ')).map(str::to_owned).collect()).collect()
}

fn follow(env: &TestEnv, run: &Run) {
    let commands = commands(run);
    assert!(!commands.is_empty(), "{}", run.stderr);
    for command in commands {
        env.run(command.iter().map(String::as_str)).assert_success();
    }
}

#[track_caller]
fn holds(env: &TestEnv, rows: usize) {
    let count = || {
        let scan = env.run(["scan", "-o", "ndjson", "--consistent"].into_iter().chain(GLOBAL)).assert_success();
        scan.stdout.lines().count()
    };
    eventually(&format!("the table holds {rows} rows"), count, |count| *count == rows);
}

#[test]
fn put_interrupted_names_unread_lines_and_hint_completes_the_table() {
    let (env, cloud) = slow_stream();
    env.write("one.ndjson", lines("one", LINES));
    env.write("two.ndjson", lines("two", 100));
    let files = ["--file", "one.ndjson", "--file", "two.ndjson", "--rate", RATE, "--rejects", "bad.ndjson"];
    let files: Vec<_> = files.into_iter().chain(["--failed", "failed.ndjson"]).collect();
    let child = put(&env, &cloud, &files);
    interrupt(&child);
    let run = ended(child).assert_code(130);
    let read = usize::try_from(run.json()["read"].as_u64().unwrap()).unwrap();
    assert!(read < LINES, "the interrupt came too late: {}", run.stdout);
    let left = grouped(LINES - read);
    let run = run.assert_stderr_contains(&[
        &format!("{left} lines of one.ndjson were not read"),
        "100 lines of two.ndjson were not read",
    ]);
    // The file of failed readings is overwritten, because all of it is put again.
    let is_kept = std::fs::metadata(env.path("failed.ndjson")).unwrap().len() > 0;
    let again: Vec<_> = ["put", "--local", "--config", "my.toml", "--stage", "blue"]
        .into_iter()
        .chain(files)
        .chain(is_kept.then_some("--force"))
        .collect();
    assert_eq!(commands(&run), [again]);
    cloud.set_faults("");
    follow(&env, &run);
    holds(&env, LINES + 100);
}

#[test]
fn put_stream_deleted_meanwhile_hint_completes_the_table() {
    let (env, cloud) = slow_stream();
    env.write("one.ndjson", lines("one", LINES));
    let child = put(&env, &cloud, &["--file", "one.ndjson", "--rate", RATE, "--failed", "failed.ndjson"]);
    let stream = r#"{"StreamName":"temperature-sensor-data-blue"}"#;
    assert_eq!(cloud.call("Kinesis_20131202.DeleteStream", stream).0, 200);
    let run = ended(child)
        .assert_code(1)
        .assert_stderr_contains(&["ResourceNotFoundException", "lines of one.ndjson were not read"]);
    cloud.set_faults("");
    env.run(["up", "--yes"].into_iter().chain(GLOBAL)).assert_success();
    follow(&env, &run);
    holds(&env, LINES);
}

#[test]
fn put_interrupted_reading_named_pipe_does_not_hint_to_read_it_again() {
    let (env, cloud) = slow_stream();
    assert!(Command::new("mkfifo").arg(env.path("pipe")).status().unwrap().success());
    env.write("late.ndjson", lines("late", 3));
    let text = lines("piped", LINES);
    let path = env.path("pipe");
    // Ends when its reader does.
    let writer = std::thread::spawn(move || std::fs::write(path, text).is_ok());
    let files = ["--file", "pipe", "--file", "late.ndjson", "--rate", RATE, "--failed", "failed.ndjson"];
    let child = put(&env, &cloud, &files);
    interrupt(&child);
    let run = ended(child)
        .assert_code(130)
        .assert_stderr_contains(&["pipe was read up to line ", "3 lines of late.ndjson were not read"]);
    assert!(!run.stderr.contains("the same input"), "{}", run.stderr);
    let ledger: Value = run.json();
    let read = usize::try_from(ledger["read"].as_u64().unwrap()).unwrap();
    assert!(run.stderr.contains(&format!("up to line {}", grouped(read))), "{}", run.stderr);
    assert!(!writer.join().unwrap(), "the pipe held more");
    cloud.set_faults("");
    // The hints cover the failed readings and the unopened file. The writer of the pipe has to put the rest of it
    // again.
    follow(&env, &run);
    holds(&env, read + 3);
}

fn grouped(count: usize) -> String {
    let digits = count.to_string();
    match digits.len() {
        0..=3 => digits,
        length => format!("{},{}", &digits[..length - 3], &digits[length - 3..]),
    }
}
