//! `logs` shows the function's log by kinds, and follows it without losing or repeating a line.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{ApiClient, TestEnv, eventually, send_signal};

const GROUP: &str = "/aws/lambda/ProcessKinesisRecords";

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

fn kinds(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["kind"].as_str().unwrap()).collect()
}

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Writes an event into a log stream of the function's log group.
fn write(api: &ApiClient, stream: &str, time: u64, message: &str) {
    let input = json!({"logGroupName": GROUP, "logStreamName": stream});
    // It may be there already.
    api.call("Logs_20140328.CreateLogStream", &input.to_string());
    let event = json!({"timestamp": time, "message": message});
    let input = json!({"logGroupName": GROUP, "logStreamName": stream, "logEvents": [event]});
    api.json("Logs_20140328.PutLogEvents", &input);
}

/// A running `logs --follow`, and its lines.
struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    fn start(env: &TestEnv, more: &[&str]) -> Self {
        let arguments = ["logs", "--local", "--follow", "-o", "ndjson"].iter().chain(more);
        let mut child = env.command(arguments.copied()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Following { child, lines }
    }

    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(Duration::from_secs(30)).expect("a line within 30 s");
        serde_json::from_str(&line).unwrap()
    }

    /// Ends it by a signal. Returns the exit code and the lines that came until then.
    fn interrupt(mut self) -> (Option<i32>, Vec<String>) {
        send_signal(&self.child, Signal::INT);
        let code = self.child.wait().unwrap().code();
        (code, self.lines.iter().collect())
    }
}

#[test]
fn logs_have_kinds_and_messages_as_they_are() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    env.run(["invoke", "--local"]).assert_success();
    env.run(["invoke", "--local", "--reading", "{\"temperature\":\"hot\"}"]).assert_code(3);
    let rows = lines(&env.run(["logs", "--local"]).assert_success().stdout);
    for kind in ["start", "metrics", "end", "report", "rejected"] {
        assert!(kinds(&rows).contains(&kind), "{kind}: {rows:?}");
    }
    assert_eq!(kinds(&rows).iter().filter(|kind| **kind == "rejected").count(), 1);
    let events = api.json("Logs_20140328.FilterLogEvents", &json!({"logGroupName": GROUP}));
    let messages = |rows: &[Value]| rows.iter().map(|row| row["message"].clone()).collect::<Vec<_>>();
    assert_eq!(messages(&rows), messages(events["events"].as_array().unwrap()));
    let report = rows.iter().find(|row| row["kind"] == "report").unwrap();
    let id = report["request_id"].as_str().unwrap();
    assert!(report["message"].as_str().unwrap().starts_with(&format!("REPORT RequestId: {id}\t")), "{report}");
    // Starts and ends are left out for a person, and reports are summed up.
    let table = env.run(["logs", "--local", "-o", "table"]).assert_success().stdout;
    assert!(table.contains("  report      ") && table.contains(" MB, "), "{table}");
    assert!(table.contains("  rejected    1 record, 1 reading, 0 stored, 1 rejected"), "{table}");
    assert!(!table.contains("  start ") && !table.contains("END RequestId"), "{table}");
    let metrics = env.run(["logs", "--local", "--metrics", "-o", "csv"]).assert_success().stdout;
    // `up` invoked the function once, too.
    assert_eq!(metrics.lines().count(), 1 + 1 + 2, "{metrics}");
    assert!(metrics.starts_with("time,request_id,shard_id,records,readings,stored,"), "{metrics}");
    let asked = env.run(["logs", "--local", "--kind", "rejected", "--kind", "end"]).assert_success();
    assert!(kinds(&lines(&asked.stdout)).iter().all(|kind| ["rejected", "end"].contains(kind)), "{}", asked.stdout);
    assert_eq!(lines(&env.run(["logs", "--local", "--limit", "2"]).assert_success().stdout).len(), 2);
    env.run(["logs", "--local", "--since", "5s", "--filter", "no-such-word"])
        .assert_success()
        .assert_stderr_contains(&["No lines in log group", "in this time"]);
}

#[test]
fn logs_without_log_group_or_with_wrong_times_fail() {
    let env = TestEnv::with_local_cloud();
    env.run(["logs", "--local"]).assert_code(1).assert_stderr_contains(&[
        GROUP,
        "does not exist",
        "`sensorctl up --local`",
    ]);
    env.run(["logs", "--local", "--since", "1m", "--until", "2m"])
        .assert_code(2)
        .assert_stderr_contains(&["later than"]);
    env.run(["logs", "--local", "--follow", "--until", "1m"]).assert_code(2);
    env.run(["logs", "--local", "--since", "soon"])
        .assert_code(2)
        .assert_stderr_contains(&["neither a time nor an age"]);
}

#[test]
fn logs_follow_shows_late_lines_once_and_ends_with_130() {
    let env = TestEnv::with_local_cloud();
    let following = Following::start(&env, &["--kind", "message"]);
    // The log group does not exist yet: it is waited for.
    env.run(["up", "--local"]).assert_success();
    let api = ApiClient::new(&env);
    let now = now_ms();
    write(&api, "a", now, "first");
    assert_eq!(following.next()["message"], "first");
    write(&api, "b", now - 20_000, "late");
    assert_eq!(following.next()["message"], "late");
    write(&api, "a", now, "of the same millisecond");
    assert_eq!(following.next()["message"], "of the same millisecond");
    // Two more polls have read the same events again.
    let polls = || api.recorded_calls().iter().filter(|call| call.call == "logs:FilterLogEvents").count();
    let before = polls();
    eventually("two more polls", polls, |count| *count > before + 2);
    let (code, rest) = following.interrupt();
    assert_eq!((code, rest), (Some(130), Vec::new()), "each line once");
}

#[test]
fn logs_follow_survives_throttles_and_a_deleted_group() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let following = Following::start(&env, &["--kind", "message"]);
    write(&api, "a", now_ms(), "before");
    assert_eq!(following.next()["message"], "before");
    api.set_faults("logs:FilterLogEvents=throttle@100%");
    let is_throttled = || api.recorded_calls().iter().filter(|call| call.call == "logs:FilterLogEvents").count();
    let before = is_throttled();
    eventually("the poll is retried", is_throttled, |count| *count > before + 4);
    api.set_faults("");
    api.json("Logs_20140328.DeleteLogGroup", &json!({"logGroupName": GROUP}));
    api.json("Logs_20140328.CreateLogGroup", &json!({"logGroupName": GROUP}));
    write(&api, "a", now_ms(), "after");
    assert_eq!(following.next()["message"], "after");
    assert_eq!(following.interrupt(), (Some(130), Vec::new()));
}

#[test]
fn invoke_passes_a_reading_or_a_record_of_the_stream() {
    let env = TestEnv::with_pipeline();
    let reading = r#"{"sensor_id":"invoked","temperature":21.50,"current_time":1700000000,"site":"lab"}"#;
    let run = env.run(["invoke", "--local", "--reading", reading, "-o", "json"]).assert_success();
    let report = run.json();
    assert!(report["usage"]["duration_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{report}");
    assert_eq!(report["usage"]["memory_mb"], 256);
    let rows = env.rows(1);
    assert_eq!((&rows[0]["temperature"], &rows[0]["site"]), (&json!(21.5), &json!("lab")));
    // A record that was stored already is stored again, from the stream.
    let put = ["put", "--local", "--sensor", "sent", "--temp", "7", "--time", "1", "--wait", "-o", "json"];
    let put = env.run(put).assert_success().json();
    let place = format!("{}:{}", put["shard_id"].as_str().unwrap(), put["sequence_number"].as_str().unwrap());
    let again = env.run(["invoke", "--local", "--from-stream", &place, "-o", "table"]).assert_success();
    assert!(
        again.stdout.contains("1 record, 1 reading, 1 stored") && again.stdout.contains("warm"),
        "{}",
        again.stdout
    );
    let short = place.replace("shardId-000000000000", "0");
    env.run(["invoke", "--local", "--from-stream", &short]).assert_success();
    let next = format!("{place}9");
    env.run(["invoke", "--local", "--from-stream", &next]).assert_code(1);
    env.run(["invoke", "--local", "--from-stream", "0"]).assert_code(2).assert_stderr_contains(&["SHARD:SEQUENCE"]);
    env.run(["invoke", "--local", "--reading", "{}", "--event", "x"]).assert_code(2);
    env.run(["invoke", "--local", "--reading", "{\"sensor_id\":1}"])
        .assert_code(3)
        .assert_stderr_contains(&["note: it is not a reading", "rejected 1 reading"]);
}
