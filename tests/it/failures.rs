//! Failures outside of `sensorctl`: a clear error, a hint, the documented exit code, and unmanaged resources unchanged.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{ApiClient, ForeignStack, Run, TestEnv, send_signal};

#[test]
fn missing_credentials_error_mentions_local_cloud() {
    let env = TestEnv::new();
    for command in ["up", "plan", "status", "scan"] {
        env.run([command, "--region", "eu-west-1"]).assert_code(1).assert_stderr_contains(&["credentials", "--local"]);
    }
    env.run(["status"]).assert_code(2).assert_stderr_contains(&["no AWS region", "--region", "--local"]);
}

#[test]
fn stopped_local_cloud_error_says_how_to_start_it() {
    let env = TestEnv::new();
    for command in ["status", "scan", "plan", "invoke"] {
        env.run([command, "--local"]).assert_code(1).assert_stderr_contains(&["not running", "sensorctl local start"]);
    }
}

#[test]
fn refused_connection_fails_at_once_with_endpoint() {
    let env = TestEnv::new();
    // Nothing listens on port 1. A port that was free just now may belong to another test already.
    let url = "http://127.0.0.1:1";
    let keys = [("AWS_ACCESS_KEY_ID", "nobody"), ("AWS_SECRET_ACCESS_KEY", "nothing")];
    env.run_with_env(["status", "--region", "eu-west-1", "--endpoint-url", url], &keys)
        .assert_code(1)
        .assert_stderr_contains(&[url, "hint:"]);
}

#[test]
fn local_start_port_or_data_directory_in_use_is_reported() {
    let env = TestEnv::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    env.run(["local", "start", "--port", &port]).assert_code(1).assert_stderr_contains(&[&port, "hint:", "--port"]);

    let env = TestEnv::with_local_cloud();
    env.run(["local", "run", "--port", "0"])
        .assert_code(1)
        .assert_stderr_contains(&["already uses the data directory", "hint:"]);
    env.run(["local", "start", "--port", "0"]).assert_success().assert_stderr_contains(&["already runs"]);
}

#[test]
fn up_and_down_unmanaged_stream_is_refused_and_kept() {
    let env = TestEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    let own = api.call("Kinesis_20131202.CreateStream", r#"{"StreamName":"temperature-sensor-data","ShardCount":1}"#);
    assert_eq!(own.0, 200);
    let before = api.describe_stream("temperature-sensor-data");
    env.run(["up", "--local"]).assert_code(1).assert_stderr_contains(&[
        "stream",
        "temperature-sensor-data",
        "not managed by sensorctl",
        "--stage",
    ]);
    let down = env.run(["down", "--local", "--yes", "-o", "json"]).assert_success().json();
    assert_eq!(down["changed"], 0, "{down}");
    assert_eq!(api.describe_stream("temperature-sensor-data"), before);
    let status = env.run(["status", "--local", "-o", "json"]).assert_code(3).json();
    let stream = status["resources"].as_array().unwrap().iter().find(|r| r["kind"] == "stream").unwrap();
    assert_eq!(stream["state"], "foreign");
}

#[test]
fn invalid_numbers_and_names_are_usage_errors() {
    let env = TestEnv::new();
    let put = |arguments: &[&'static str]| {
        let all = ["put", "--local"].iter().chain(arguments).copied().collect::<Vec<_>>();
        env.run(all)
    };
    put(&["--sensor", "a", "--temp", "warm"]).assert_code(2).assert_stderr_contains(&["--temp"]);
    put(&["--sensor", "a", "--temp", "NaN"]).assert_code(2).assert_stderr_contains(&["--temp"]);
    put(&["--sensor", "", "--temp", "1"]).assert_code(2).assert_stderr_contains(&["sensor_id"]);
    put(&["--sensor", "a"]).assert_code(2).assert_stderr_contains(&["--temp"]);
    put(&["--file", "no-such-file.ndjson"]).assert_code(1).assert_stderr_contains(&["no-such-file.ndjson"]);
    env.run(["status", "--stage", "a b"]).assert_code(2).assert_stderr_contains(&["stage"]);
    env.run(["scan", "--local", "--limit", "many"]).assert_code(2).assert_stderr_contains(&["--limit"]);
    env.run(["fly"]).assert_code(2).assert_stderr_contains(&["fly"]);
}

#[test]
fn error_with_json_output_is_json() {
    let env = TestEnv::new();
    let run = env.run(["scan", "--local", "-o", "json"]).assert_code(1);
    let error: Value = serde_json::from_str(run.stderr.trim()).unwrap();
    assert_eq!(error["error"]["kind"], "failed");
    assert!(error["error"]["message"].as_str().unwrap().contains("not running"));
    assert!(!error["error"]["hints"].as_array().unwrap().is_empty());
}

#[test]
fn ctrl_c_exits_130_and_says_how_to_continue() {
    let env = TestEnv::new();
    for (command, said) in [("up", "sensorctl down"), ("plan", "interrupted"), ("status", "interrupted")] {
        // A service that never responds: a call is in progress when the signal comes.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let child = env
            .command([command, "--region", "eu-west-1", "--endpoint-url", &url])
            .env("AWS_ACCESS_KEY_ID", "nobody")
            .env("AWS_SECRET_ACCESS_KEY", "nothing")
            .spawn()
            .unwrap();
        // The first connection shows that the signal handler is in place.
        let began = Instant::now();
        let _connection = silent.accept().unwrap();
        send_signal(&child, Signal::INT);
        let run = Run::of_child(child);
        assert_eq!(run.code, 130, "{command}: {}", run.stderr);
        assert!(began.elapsed() < Duration::from_secs(10), "{command}");
        assert!(run.stderr.contains("interrupted") && run.stderr.contains(said), "{command}: {}", run.stderr);
    }
}

#[test]
fn put_unwritable_rejects_file_still_reports_counts_and_keeps_failed_readings() {
    let env = TestEnv::with_local_cloud();
    let good = "{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":2}\n";
    env.write("mixed.ndjson", format!("{good}no reading\n"));
    // Nothing is accepted, because there is no stream.
    let arguments = ["put", "--local", "--file", "mixed.ndjson", "--rejects", "/dev/full", "--failed", "failed.ndjson"];
    let run = env
        .run(arguments)
        .assert_code(1)
        .assert_stderr_contains(&["ResourceNotFoundException", "could not write /dev/full"]);
    let ledger = run.json();
    let counts = ["read", "accepted", "rejected", "failed"].map(|key| ledger[key].as_u64().unwrap());
    assert_eq!(counts, [2, 0, 1, 1]);
    assert_eq!(std::fs::read_to_string(env.path("failed.ndjson")).unwrap(), good);
}

#[test]
fn put_interrupted_while_reading_pipe_sends_or_keeps_every_line() {
    const LINES: usize = 3000;
    let env = TestEnv::with_pipeline();
    let text: String =
        (0..LINES).map(|time| format!("{{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":{time}}}\n")).collect();
    let mut put = env
        .command(["put", "--local", "--file", "-", "--rate", "200", "--failed", "failed.ndjson"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    // The pipe stays open: more lines could come.
    let mut pipe = put.stdin.take().unwrap();
    pipe.write_all(text.as_bytes()).unwrap();
    env.rows(1);
    send_signal(&put, Signal::INT);
    let run = Run::of_child(put).assert_code(130).assert_stderr_contains(&["interrupted", "failed.ndjson"]);
    let ledger = run.json();
    let [read, accepted, failed] =
        ["read", "accepted", "failed"].map(|key| usize::try_from(ledger[key].as_u64().unwrap()).unwrap());
    // The counts cover exactly the lines that were read from the pipe.
    assert_eq!(read, accepted + failed);
    let kept = std::fs::read_to_string(env.path("failed.ndjson")).unwrap();
    assert_eq!(kept.lines().count(), failed);
    assert!(accepted > 0 && read > LINES / 2, "{ledger}");
    let expected: String = text.split_inclusive('\n').take(read).skip(accepted).collect();
    assert_eq!(kept, expected);
}

#[test]
fn put_ended_by_two_signals_or_hangup_reports_and_keeps_whole_lines() {
    const LINES: usize = 3000;
    let env = TestEnv::with_pipeline();
    let cases = [&[Signal::INT, Signal::INT][..], &[Signal::TERM, Signal::INT], &[Signal::HUP]];
    for (sensor, signals) in cases.into_iter().enumerate() {
        let line = |time| format!("{{\"sensor_id\":\"{sensor}\",\"temperature\":1,\"current_time\":{time}}}\n");
        env.write("many.ndjson", (0..LINES).map(line).collect::<String>());
        let put = env.spawn(["put", "--local", "--file", "many.ndjson", "--rate", "200", "--failed", "f", "--force"]);
        // Until it listens for signals, one ends it without a word.
        let sensor = sensor.to_string();
        env.rows_with(|rows| rows.iter().any(|row| row["sensor_id"] == *sensor));
        for signal in signals {
            send_signal(&put, *signal);
        }
        let ledger = Run::of_child(put).assert_code(130).assert_stderr_contains(&["interrupted", "many.ndjson"]).json();
        let kept = std::fs::read_to_string(env.path("f")).unwrap();
        assert_eq!(kept.lines().count() as u64, ledger["failed"].as_u64().unwrap(), "{signals:?}");
        assert!(kept.is_empty() || kept.ends_with('\n'));
    }
}

#[test]
fn put_ignores_hangup_under_nohup() {
    let env = TestEnv::with_pipeline();
    let text: String =
        (0..200).map(|time| format!("{{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":{time}}}\n")).collect();
    env.write("some.ndjson", text);
    let put = env.command(["put", "--local", "--file", "some.ndjson", "--rate", "200"]);
    let mut shell = Command::new("sh");
    // As `nohup` does.
    shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(put.get_program()).args(put.get_args()).env_clear();
    shell.envs(put.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(env.path("")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = shell.spawn().unwrap();
    env.rows(1);
    send_signal(&child, Signal::HUP);
    assert_eq!(Run::of_child(child).assert_success().json()["accepted"], 200);
}

#[test]
fn put_rejects_to_stdout_keeps_report_on_stderr() {
    let env = TestEnv::new();
    env.write("mixed.ndjson", "{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":1}\nnot json\n");
    let put = env
        .run(["put", "--file", "mixed.ndjson", "--dry-run", "--rejects", "-"])
        .assert_code(3)
        .assert_stderr_contains(&["standard output has the rejected lines", "accepted"]);
    let lines: Vec<_> = put.stdout.lines().collect();
    assert!(lines.len() == 1 && lines[0].contains("\"raw\":\"not json\""), "{lines:?}");
    assert!(!env.path("-").exists());
}

#[test]
fn invoke_test_event_not_stored_exits_3() {
    let env = TestEnv::with_pipeline();
    env.run(["invoke", "--local"]).assert_success();
    ForeignStack::with_default_names(&env).put_policy("theirs", "Deny", "dynamodb:*");
    let run = env
        .run(["invoke", "--local", "-o", "json"])
        .assert_code(3)
        .assert_stderr_contains(&["could not store everything"]);
    assert!(run.json()["answer"]["batchItemFailures"][0]["itemIdentifier"].is_string(), "{}", run.stdout);
}

#[test]
fn scan_closed_stdout_pipe_is_success() {
    let env = TestEnv::with_pipeline();
    let many: String =
        (0..5000).map(|time| format!("{{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":{time}}}\n")).collect();
    env.run_with_input(["put", "--local", "--file", "-"], many.as_bytes()).assert_success();
    assert_eq!(env.rows(5000).len(), 5000);
    let mut scan = env.spawn(["scan", "--local", "-o", "ndjson"]);
    drop(scan.stdout.take());
    assert_eq!(scan.wait().unwrap().code(), Some(0));
}
