//! Wrong uses and broken surroundings: a clear error, a hint, the exit code of the contract, nothing of others touched.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Home, Neighbour, Run, Stranger};

#[test]
fn without_credentials_the_local_cloud_is_named() {
    let home = Home::new();
    for command in ["up", "plan", "status", "scan"] {
        home.run([command, "--region", "eu-west-1"]).exited(1).says(&["credentials", "--local"]);
    }
    home.run(["status"]).exited(2).says(&["no AWS region", "--region", "--local"]);
}

#[test]
fn a_local_cloud_that_does_not_run_is_said_with_how_to_start_it() {
    let home = Home::new();
    for command in ["status", "scan", "plan", "invoke"] {
        home.run([command, "--local"]).exited(1).says(&["not running", "sensorctl local start"]);
    }
}

#[test]
fn nobody_listening_is_unreachable_and_not_a_hang() {
    let home = Home::new();
    // Port 1 is nobody's; a port that was free a moment ago may be another test's by now.
    let url = "http://127.0.0.1:1";
    let run = home
        .command(["status", "--region", "eu-west-1", "--endpoint-url", url])
        .env("AWS_ACCESS_KEY_ID", "nobody")
        .env("AWS_SECRET_ACCESS_KEY", "nothing")
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(stderr.contains(url) && stderr.contains("hint:"), "{stderr}");
}

#[test]
fn a_taken_port_and_a_taken_data_directory_are_named() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    home.run(["local", "start", "--port", &port]).exited(1).says(&[&port, "hint:", "--port"]);

    let home = Home::with_local_cloud();
    home.run(["local", "run", "--port", "0"]).exited(1).says(&["already uses the data directory", "hint:"]);
    home.run(["local", "start", "--port", "0"]).succeeded().says(&["already runs"]);
}

#[test]
fn what_is_not_ours_is_refused_and_survives() {
    let home = Home::with_local_cloud();
    let stranger = Stranger::of(&home);
    let own =
        stranger.call("Kinesis_20131202.CreateStream", r#"{"StreamName":"temperature-sensor-data","ShardCount":1}"#);
    assert_eq!(own.0, 200);
    let before = stranger.describe("temperature-sensor-data");
    home.run(["up", "--local"]).exited(1).says(&[
        "stream",
        "temperature-sensor-data",
        "not made by sensorctl",
        "--stage",
    ]);
    let down = home.run(["down", "--local", "--yes", "-o", "json"]).succeeded().json();
    assert_eq!(down["changed"], 0, "{down}");
    assert_eq!(stranger.describe("temperature-sensor-data"), before);
    let status = home.run(["status", "--local", "-o", "json"]).exited(3).json();
    let stream = status["resources"].as_array().unwrap().iter().find(|r| r["kind"] == "stream").unwrap();
    assert_eq!(stream["state"], "foreign");
}

#[test]
fn bad_numbers_and_names_are_wrong_usage() {
    let home = Home::new();
    let put = |arguments: &[&'static str]| {
        let all = ["put", "--local"].iter().chain(arguments).copied().collect::<Vec<_>>();
        home.run(all)
    };
    put(&["--sensor", "a", "--temp", "warm"]).exited(2).says(&["--temp"]);
    put(&["--sensor", "a", "--temp", "NaN"]).exited(2).says(&["--temp"]);
    put(&["--sensor", "", "--temp", "1"]).exited(2).says(&["sensor_id"]);
    put(&["--sensor", "a"]).exited(2).says(&["--temp"]);
    put(&["--file", "no-such-file.ndjson"]).exited(1).says(&["no-such-file.ndjson"]);
    home.run(["status", "--stage", "a b"]).exited(2).says(&["stage"]);
    home.run(["scan", "--local", "--limit", "many"]).exited(2).says(&["--limit"]);
    home.run(["fly"]).exited(2).says(&["fly"]);
}

#[test]
fn errors_are_json_where_json_is_asked_for() {
    let home = Home::new();
    let run = home.run(["scan", "--local", "-o", "json"]).exited(1);
    let error: Value = serde_json::from_str(run.stderr.trim()).unwrap();
    assert_eq!(error["error"]["kind"], "failed");
    assert!(error["error"]["message"].as_str().unwrap().contains("not running"));
    assert!(!error["error"]["hints"].as_array().unwrap().is_empty());
}

#[test]
fn ctrl_c_ends_whatever_is_under_way_with_130_and_says_how_to_go_on() {
    let home = Home::new();
    for (command, said) in [("up", "sensorctl down"), ("plan", "interrupted"), ("status", "interrupted")] {
        // A service that never answers: the call is under way when the signal comes.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let child = home
            .command([command, "--region", "eu-west-1", "--endpoint-url", &url])
            .env("AWS_ACCESS_KEY_ID", "nobody")
            .env("AWS_SECRET_ACCESS_KEY", "nothing")
            .spawn()
            .unwrap();
        // The first connection shows that the signal handler is in place.
        let began = Instant::now();
        let _connection = silent.accept().unwrap();
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(),
            rustix::process::Signal::INT,
        )
        .unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{command}: {stderr}");
        assert!(began.elapsed() < Duration::from_secs(10), "{command}");
        assert!(stderr.contains("interrupted") && stderr.contains(said), "{command}: {stderr}");
    }
}

#[test]
fn the_ledger_is_told_and_what_was_not_sent_is_kept_whatever_else_cannot_be_written() {
    let home = Home::with_local_cloud();
    let good = "{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":2}\n";
    home.write("mixed.ndjson", format!("{good}no reading\n"));
    // There is no stream, so that nothing is accepted.
    let arguments = ["put", "--local", "--file", "mixed.ndjson", "--rejects", "/dev/full", "--failed", "failed.ndjson"];
    let run = home.run(arguments).exited(1).says(&["ResourceNotFoundException", "could not write /dev/full"]);
    let ledger = run.json();
    let counts = ["read", "accepted", "rejected", "failed"].map(|key| ledger[key].as_u64().unwrap());
    assert_eq!(counts, [2, 0, 1, 1]);
    assert_eq!(std::fs::read_to_string(home.path("failed.ndjson")).unwrap(), good);
}

#[test]
fn what_was_read_from_a_pipe_is_sent_or_kept_when_it_is_interrupted() {
    const LINES: usize = 3000;
    let home = Home::with_pipeline();
    let text: String =
        (0..LINES).map(|time| format!("{{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":{time}}}\n")).collect();
    let mut put = home
        .command(["put", "--local", "--file", "-", "--rate", "200", "--failed", "failed.ndjson"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    // Held open: more could come at any time.
    let mut pipe = put.stdin.take().unwrap();
    pipe.write_all(text.as_bytes()).unwrap();
    home.rows(1);
    let pid = rustix::process::Pid::from_raw(i32::try_from(put.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let run = Run::of(&put.wait_with_output().unwrap()).exited(130).says(&["interrupted", "failed.ndjson"]);
    let ledger = run.json();
    let [read, accepted, failed] =
        ["read", "accepted", "failed"].map(|key| usize::try_from(ledger[key].as_u64().unwrap()).unwrap());
    // Whatever the program had taken out of the pipe, and only that, is in the ledger; the rest died with the pipe.
    assert_eq!(read, accepted + failed);
    let kept = std::fs::read_to_string(home.path("failed.ndjson")).unwrap();
    assert_eq!(kept.lines().count(), failed);
    assert!(accepted > 0 && read > LINES / 2, "{ledger}");
    let expected: String = text.split_inclusive('\n').take(read).skip(accepted).collect();
    assert_eq!(kept, expected);
}

#[test]
fn a_test_event_that_was_not_stored_is_not_all_well() {
    let home = Home::with_pipeline();
    home.run(["invoke", "--local"]).succeeded();
    Neighbour::with_our_names(&home).puts_policy("theirs", "Deny", "dynamodb:*");
    let run = home.run(["invoke", "--local", "-o", "json"]).exited(3).says(&["could not store everything"]);
    assert!(run.json()["answer"]["batchItemFailures"][0]["itemIdentifier"].is_string(), "{}", run.stdout);
}

#[test]
fn a_closed_pipe_is_success() {
    let home = Home::with_pipeline();
    let many: String =
        (0..5000).map(|time| format!("{{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":{time}}}\n")).collect();
    home.run_with_input(["put", "--local", "--file", "-"], many.as_bytes()).succeeded();
    assert_eq!(home.rows(5000).len(), 5000);
    let mut scan = home.spawn(["scan", "--local", "-o", "ndjson"]);
    drop(scan.stdout.take());
    assert_eq!(scan.wait().unwrap().code(), Some(0));
}
