//! `sensorctl demo`.

use std::io::{BufRead, BufReader};

use rustix::process::Signal;

use crate::support::{TestEnv, send_signal};

#[test]
fn demo_prints_walkthrough_rows_and_deletes_everything() {
    let env = TestEnv::new();
    let demo = env
        .run(["demo", "-o", "json"])
        .assert_success()
        .assert_stderr_contains(&["start a local cloud", "nothing is left"])
        .json();
    let rows = demo["rows"].as_array().unwrap();
    let of = |row: &serde_json::Value| {
        (row["sensor_id"].clone(), row["temperature"].to_string(), row["current_time"].to_string())
    };
    assert_eq!(of(&rows[0]), ("sensor-1".into(), "99.9".into(), "123456789".into()));
    assert_eq!(of(&rows[1]), ("sensor-2".into(), "88.8".into(), "987654321".into()));
    for row in rows {
        assert!(row["shard_id"].as_str().unwrap().starts_with("shardId-"), "{row}");
        assert!(row["sequence_number"].as_str().unwrap().bytes().all(|byte| byte.is_ascii_digit()), "{row}");
    }
    assert!(demo["seconds"].as_f64().unwrap() < 30.0, "{demo}");
    assert!(!env.path("data").exists(), "the demo does not use the data directory");
}

#[test]
fn demo_interrupted_deletes_its_temporary_files() {
    let env = TestEnv::new();
    let temporary = env.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    for (after, signal) in [("start a local cloud", Signal::INT), ("create tables", Signal::TERM)] {
        let mut child = env.command(["demo"]).env("TMPDIR", &temporary).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        // A step is printed when it is done, so the next one is in progress.
        said.find(|line| line.contains(after)).unwrap();
        send_signal(&child, signal);
        let rest: Vec<_> = said.collect();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
        assert!(rest.iter().any(|line| line.contains("the throw-away local cloud is deleted")), "{rest:?}");
        let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
