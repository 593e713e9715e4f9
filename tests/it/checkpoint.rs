//! `put --checkpoint`: the same command goes on where an earlier run ended, and what does not fit is refused.

use std::io::Write as _;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{ApiClient, Run, TestEnv, eventually, send_signal};

const PUT: [&str; 6] = ["put", "--local", "-o", "json", "--checkpoint", "c"];

fn lines(sensor: &str, from: usize, to: usize) -> String {
    (from..to).map(|n| format!("{{\"sensor_id\":\"{sensor}\",\"temperature\":1,\"current_time\":{n}}}\n")).collect()
}

fn put(env: &TestEnv, arguments: &[&str]) -> Run {
    env.run(PUT.into_iter().chain(arguments.iter().copied()))
}

/// Returns what a put read, what the stream took, and what earlier runs settled.
fn counts(run: &Run) -> [u64; 3] {
    let report: Value = run.json();
    ["read", "accepted", "settled_before"].map(|key| report[key].as_u64().unwrap())
}

#[track_caller]
fn holds(env: &TestEnv, rows: usize) {
    let count = || {
        let scan = env.run(["scan", "--local", "-o", "ndjson", "--consistent"]).assert_success();
        scan.stdout.lines().count()
    };
    eventually(&format!("the table holds {rows} rows"), count, |count| *count == rows);
}

#[test]
fn put_checkpoint_of_grown_files_sends_what_was_added() {
    let env = TestEnv::with_pipeline();
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let csv = "sensor_id,temperature,current_time\ncsv,1,1\ncsv,1,2";
    let members = [gzip(&lines("gz", 0, 300)), gzip(&lines("gz", 300, 500))];
    env.write("a.csv", csv);
    env.write("b.gz", &members[0]);
    let files = ["--file", "a.csv", "--file", "b.gz"];
    assert_eq!(counts(&put(&env, &files).assert_success()), [302, 302, 0]);
    env.write("a.csv", format!("{csv}7\ncsv,1,28\n"));
    env.write("b.gz", members.concat());
    env.write("c.ndjson", lines("new", 0, 5));
    let all = [files.as_slice(), &["--file", "c.ndjson"]].concat();
    // The last line of the CSV had no end: it was another.
    assert_eq!(counts(&put(&env, &all).assert_success()), [2 + 200 + 5, 2 + 200 + 5, 301]);
    assert_eq!(counts(&put(&env, &all).assert_success())[..2], [0, 0]);
    holds(&env, 4 + 500 + 5);
}

#[test]
fn put_checkpoint_that_does_not_fit_is_refused_and_sends_nothing() {
    let env = TestEnv::with_pipeline();
    let cloud = ApiClient::new(&env);
    env.write("one.ndjson", lines("one", 0, 50));
    assert_eq!(counts(&put(&env, &["--file", "one.ndjson"]).assert_success()), [50, 50, 0]);
    let checkpoint = std::fs::read(env.path("c")).unwrap();
    let requests = || cloud.recorded_calls().iter().filter(|recorded| recorded.call == "kinesis:PutRecords").count();
    let calls = requests();
    let refused = |arguments: &[&str], reason: &str| {
        let run = put(&env, arguments).assert_code(2).assert_stderr_contains(&[reason]);
        assert_eq!(std::fs::read(env.path("c")).unwrap(), checkpoint, "{reason}");
        assert_eq!(requests(), calls, "{reason}");
        run
    };
    let file = ["--file", "one.ndjson"];
    refused(&["--file", "one.ndjson", "--coerce"], "checkpoint c was made without `--coerce`");
    refused(&["--file", "-"], "standard input cannot be read again");
    refused(&["--file", "/dev/stdin"], "/dev/stdin cannot be read again");
    refused(&["--file", "one.ndjson", "--dry-run"], "cannot be used with");
    refused(&["--file", "one.ndjson", "--failed", "f"], "cannot be used with");
    refused(&["--file", "one.ndjson", "--rejects", "c"], "c is named twice");
    env.write("two.ndjson", lines("two", 0, 50));
    refused(&["--file", "two.ndjson"], "checkpoint c is also of ");
    env.write("one.ndjson", lines("one", 0, 49));
    refused(&file, "one.ndjson has ");
    env.write("one.ndjson", lines("oNe", 0, 60));
    refused(&file, "one.ndjson does not begin as it did").assert_stderr_contains(&["`rm c` puts everything again"]);
    env.write("one.ndjson", lines("one", 0, 50));
    env.run(["up", "--local", "--stage", "blue"]).assert_success();
    refused(&["--file", "one.ndjson", "--stage", "blue"], "checkpoint c is for stage default, not blue");
    // A stream that was created again is empty.
    env.run(["down", "--local", "--yes"]).assert_success();
    env.run(["up", "--local"]).assert_success();
    refused(&file, "a stream temperature-sensor-data that was deleted");
    std::fs::remove_file(env.path("c")).unwrap();
    assert_eq!(counts(&put(&env, &file).assert_success()), [50, 50, 0]);
    let other = PUT[..5].iter().chain(&["one.ndjson", "--file", "one.ndjson"]).copied();
    env.run(other).assert_code(2).assert_stderr_contains(&["one.ndjson is not a checkpoint"]);
}

#[test]
fn put_checkpoint_of_a_file_changed_behind_its_first_mib_is_refused() {
    let env = TestEnv::with_pipeline();
    let text = lines("one", 0, 20_000);
    env.write("one.ndjson", &text);
    put(&env, &["--file", "one.ndjson"]).assert_success();
    env.write(
        "one.ndjson",
        text.replacen("\"current_time\":19000}", "\"current_time\":19001}", 1) + &lines("two", 0, 9),
    );
    put(&env, &["--file", "one.ndjson"]).assert_code(2).assert_stderr_contains(&[
        "one.ndjson is not as it was: its lines up to 20000 were put with other content",
        "`rm c` puts everything again",
    ]);
}

mod slow {
    use super::{ApiClient, PUT, Run, Signal, TestEnv, Value, counts, holds, lines, put, send_signal};

    #[test]
    fn put_checkpoint_after_interrupt_hint_sends_the_rest_and_a_complete_put_nothing() {
        let env = TestEnv::with_pipeline();
        let cloud = ApiClient::new(&env);
        let text = lines("one", 0, 5000).replace("\"current_time\":1}", "\"current_time\":false}");
        env.write("one.ndjson", text.replace("\"current_time\":4999}", "\"current_time\":}"));
        env.write("two.ndjson", lines("two", 0, 100));
        let files = ["--file", "one.ndjson", "--file", "two.ndjson", "--rate", "2000", "--rejects", "bad"];
        let child = env.spawn(PUT.into_iter().chain(files));
        cloud.wait_for_call("kinesis:PutRecords", 3);
        send_signal(&child, Signal::INT);
        let stopped = Run::of_child(child).assert_code(130);
        let [read, accepted, before] = counts(&stopped);
        assert!(0 < accepted && accepted < read && before == 0, "{}", stopped.stdout);
        let again = "put --local --file one.ndjson --file two.ndjson --rate 2000 --rejects bad --checkpoint c";
        let stopped = stopped.assert_stderr_contains(&[&format!("`sensorctl {again}` goes on where this run ended")]);
        assert!(!stopped.stderr.contains("put the same input again"), "{}", stopped.stderr);

        let rest = env.run(again.split(' ').chain(["-o", "json"])).assert_code(3);
        let [read, rest_accepted, before] = counts(&rest);
        // Readings that were accepted behind one that was not are sent again.
        assert!(before > 0 && read + before == 5100, "{}", rest.stdout);
        assert_eq!(rest_accepted, read - 1, "one line is rejected");
        rest.assert_stderr_contains(&[&format!("note: going on behind {} readings and 1 rejected lines", before - 1)]);
        holds(&env, 5098);
        let bad = std::fs::read_to_string(env.path("bad")).unwrap();
        let rejected: Vec<_> =
            bad.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["line"].clone()).collect();
        assert_eq!(rejected, [2, 5000], "the second run appended to the file");

        let nothing = put(&env, &files).assert_success().assert_stderr_contains(&["Nothing is left to put."]);
        assert_eq!(counts(&nothing), [0, 0, 5100]);
    }

    #[test]
    fn put_checkpoint_of_one_quantity_a_row_continues_in_sorted_order() {
        let env = TestEnv::with_pipeline();
        let rows: String =
            (0..3000).rev().map(|n| format!("s{},{n},temperature,{n}\ns{},{n},humidity,5\n", n % 7, n % 7)).collect();
        env.write("long.csv", format!("sensor,time,name,value\n{rows}"));
        let options =
            ["--quantity", "name", "--value", "value", "--map", "sensor_id=sensor", "--map", "current_time=time"];
        let files = [&["--file", "long.csv"][..], &options, &["--rate", "1500"]].concat();
        let child = env.spawn(PUT.into_iter().chain(files.iter().copied()));
        ApiClient::new(&env).wait_for_call("kinesis:PutRecords", 3);
        send_signal(&child, Signal::INT);
        Run::of_child(child).assert_code(130);
        let [read, _, before] = counts(&put(&env, &files).assert_success());
        assert!(before > 0 && read > 0 && read + before == 3000, "{read} {before}");
        holds(&env, 3000);
    }

    #[test]
    fn put_checkpoint_is_used_by_one_process_at_a_time() {
        let env = TestEnv::with_pipeline();
        env.write("one.ndjson", lines("one", 0, 500));
        let files = ["--file", "one.ndjson", "--rate", "200"];
        let child = env.spawn(PUT.into_iter().chain(files));
        ApiClient::new(&env).wait_for_call("kinesis:PutRecords", 1);
        put(&env, &files).assert_code(1).assert_stderr_contains(&["another `put` uses checkpoint"]);
        assert_eq!(counts(&Run::of_child(child).assert_success()), [500, 500, 0]);
        assert_eq!(counts(&put(&env, &files).assert_success()), [0, 0, 500]);
    }
}
