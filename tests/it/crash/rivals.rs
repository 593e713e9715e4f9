//! Two `up` with different settings at the same time: each resource ends as one of the two wants it, no data is lost, and
//! the next `up` brings everything in line.

use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ground::Ground;

const ONE: &str = "[function]\nmemory_mb = 256\n[log_group]\nretention_days = 14\n[mapping]\nbatch_size = 500\n";
const OTHER: &str = "[stream]\nretention_hours = 48\n[table]\npoint_in_time_recovery = true\n\
                     [function]\nmemory_mb = 512\n[log_group]\nretention_days = 30\n[mapping]\nbatch_size = 700\n";

/// The kinds that differ from the settings in a file.
fn drift(ground: &Ground, file: &str) -> Vec<String> {
    let run = ground.home.run(["--config", file, "plan", "--local", "-o", "json"]).succeeded().json();
    let resources = run["resources"].as_array().unwrap().iter();
    let kind = |resource: &Value| resource["kind"].as_str().unwrap().to_owned();
    resources.filter(|resource| resource["action"] != "none").map(kind).collect()
}

#[test]
fn two_runs_that_want_different_things_lose_nothing_and_leave_nothing_in_between() {
    let ground = Ground::new();
    ground.home.write("one.toml", ONE);
    ground.home.write("other.toml", OTHER);
    for round in 0..6 {
        let both: Vec<Child> = ["one.toml", "other.toml"]
            .iter()
            .map(|file| ground.home.spawn(["--config", *file, "up", "--local", "--yes", "-o", "json"]))
            .collect();
        for child in both {
            let output = child.wait_with_output().unwrap();
            // One that sees the other's hand all the time may say so.
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() || said.contains("at the same time"), "round {round}: {said}");
        }
        let (one, other) = (drift(&ground, "one.toml"), drift(&ground, "other.toml"));
        assert!(one.iter().all(|kind| !other.contains(kind)), "round {round}: {one:?}, {other:?}");
        let file = if round % 2 == 0 { "one.toml" } else { "other.toml" };
        ground.home.run(["--config", file, "up", "--local", "--yes"]).succeeded();
        assert!(drift(&ground, file).is_empty(), "round {round}");
        let time = round.to_string();
        ground.home.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", &time, "--wait"]).succeeded();
        assert_eq!(ground.home.rows(round + 1).len(), round + 1);
    }
    assert_eq!(ground.mappings().len(), 1);
}

#[test]
fn a_stream_that_another_run_makes_while_this_one_looks_is_known_as_ours() {
    let ground = Ground::new();
    ground.cloud.set_faults("kinesis:DescribeStreamSummary=delay(2s)@#1");
    let up = ground.home.spawn(["up", "--local", "-o", "json"]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ground.cloud.seen().iter().any(|seen| seen.call == "kinesis:ListTagsForStream") {
        assert!(Instant::now() < deadline, "it does not look");
        std::thread::sleep(Duration::from_millis(5));
    }
    let tags = json!({
        "sensorctl:stage": "default", "sensorctl:region": "us-east-1", "sensorctl:version": env!("CARGO_PKG_VERSION"),
    });
    let stream = json!({"StreamName": ground.somebody.stream, "ShardCount": 1, "Tags": tags});
    ground.by_hand("Kinesis_20131202.CreateStream", &stream);
    let output = up.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_mapping_of_ours_that_goes_while_this_run_looks_is_not_taken_for_one_of_others() {
    let ground = Ground::with_pipeline();
    let mapping = ground.mapping_path();
    // The second look at its tags is for whose it is.
    ground.cloud.set_faults("lambda:ListTags=delay(2s)");
    let down = ground.home.spawn(["down", "--local", "--yes", "-o", "json"]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ground.cloud.seen().iter().any(|seen| seen.call == "lambda:ListTags" && seen.n == 2) {
        assert!(Instant::now() < deadline, "it does not look");
        std::thread::sleep(Duration::from_millis(5));
    }
    ground.lambda(&format!("DELETE {mapping}"), &Value::Null);
    let output = down.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
