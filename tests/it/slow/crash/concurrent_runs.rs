//! Two `up` with different settings at the same time: each resource ends as one of the two configures it, no data is
//! lost, and the next `up` reconciles everything.

use std::process::Child;

use serde_json::{Value, json};

use super::ProcessCrashEnv;
use crate::support::Run;

const ONE: &str = "[function]\nmemory_mb = 256\n[log_group]\nretention_days = 14\n[mapping]\nbatch_size = 500\n";
const OTHER: &str = "[stream]\nretention_hours = 48\n[table]\npoint_in_time_recovery = true\n\
                     [function]\nmemory_mb = 512\n[log_group]\nretention_days = 30\n[mapping]\nbatch_size = 700\n";

/// Returns the kinds of resources that differ from the settings in `file`.
fn drift(setup: &ProcessCrashEnv, file: &str) -> Vec<String> {
    let run = setup.env.run(["--config", file, "plan", "--local", "-o", "json"]).assert_success().json();
    let resources = run["resources"].as_array().unwrap().iter();
    let kind = |resource: &Value| resource["kind"].as_str().unwrap().to_owned();
    resources.filter(|resource| resource["action"] != "none").map(kind).collect()
}

#[test]
fn up_concurrent_runs_with_different_settings_lose_no_data_and_leave_no_mixture() {
    let setup = ProcessCrashEnv::new();
    setup.env.write("one.toml", ONE);
    setup.env.write("other.toml", OTHER);
    for round in 0..6 {
        let both: Vec<Child> = ["one.toml", "other.toml"]
            .iter()
            .map(|file| setup.env.spawn(["--config", *file, "up", "--local", "--yes", "-o", "json"]))
            .collect();
        for child in both {
            let run = Run::of_child(child);
            // A run that repeatedly sees the other one's changes may fail with a reason.
            assert!(run.code == 0 || run.stderr.contains("at the same time"), "round {round}: {}", run.stderr);
        }
        let (one, other) = (drift(&setup, "one.toml"), drift(&setup, "other.toml"));
        assert!(one.iter().all(|kind| !other.contains(kind)), "round {round}: {one:?}, {other:?}");
        let file = if round % 2 == 0 { "one.toml" } else { "other.toml" };
        setup.env.run(["--config", file, "up", "--local", "--yes"]).assert_success();
        assert!(drift(&setup, file).is_empty(), "round {round}");
        let time = round.to_string();
        setup.env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", &time, "--wait"]).assert_success();
        assert_eq!(setup.env.rows(round + 1).len(), round + 1);
    }
    assert_eq!(setup.api.event_source_mappings().len(), 1);
}

#[test]
fn up_stream_created_by_concurrent_run_is_recognized_as_ours() {
    let setup = ProcessCrashEnv::new();
    setup.api.set_faults("kinesis:DescribeStreamSummary=delay(2s)@#1");
    let up = setup.env.spawn(["up", "--local", "-o", "json"]);
    setup.api.wait_for_call("kinesis:DescribeStreamSummary", 1);
    let tags = json!({
        "sensorctl:stage": "default", "sensorctl:region": "us-east-1", "sensorctl:version": env!("CARGO_PKG_VERSION"),
    });
    let stream = json!({"StreamName": setup.foreign.stream, "ShardCount": 1, "Tags": tags});
    setup.api.json_when_accepted("Kinesis_20131202.CreateStream", &stream);
    Run::of_child(up).assert_success();
}

#[test]
fn down_own_mapping_deleted_while_its_tags_are_read_is_not_reported_as_unmanaged() {
    let setup = ProcessCrashEnv::with_pipeline();
    let mapping = setup.api.event_source_mapping_path();
    // The second call reads the tags of the mapping.
    setup.api.set_faults("lambda:ListTags=delay(2s)");
    let down = setup.env.spawn(["down", "--local", "--yes", "-o", "json"]);
    setup.api.wait_for_call("lambda:ListTags", 2);
    setup.api.lambda_when_accepted(&format!("DELETE {mapping}"), &Value::Null);
    Run::of_child(down).assert_success();
}
