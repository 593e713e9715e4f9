//! `up`, `status` and `down` on a local cloud that runs as its own process.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::support::TestEnv;

fn actions(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let resources = report["resources"].as_array().unwrap().iter();
    resources.map(|resource| (text(&resource["kind"]), text(&resource["action"]))).collect()
}

#[test]
fn up_creates_everything_once_and_down_deletes_it() {
    let env = TestEnv::with_local_cloud();
    let plan = env.run(["plan", "--local", "--exit-code", "-o", "json"]).assert_code(3).json();
    assert_eq!(plan["changed"], 7);

    let up = env.run(["up", "--local", "-o", "json"]).assert_success().json();
    assert_eq!(up["changed"], 7);
    for (kind, action) in actions(&up) {
        assert_eq!(action, "create", "{kind}");
    }
    for resource in up["resources"].as_array().unwrap() {
        assert!(resource["arn"].as_str().unwrap().starts_with("arn:aws:"), "{resource}");
    }

    let again =
        env.run(["up", "--local", "-o", "json"]).assert_success().assert_stderr_contains(&["Nothing to do"]).json();
    assert_eq!(again["changed"], 0);
    let status = env.run(["status", "--local", "-o", "json"]).assert_success().json();
    assert_eq!(status["healthy"], true, "{status}");
    assert_eq!(status["mapping"]["state"], "Enabled");

    let down = env.run(["down", "--local", "--yes", "-o", "json"]).assert_success().json();
    assert_eq!(down["remaining"], serde_json::json!([]));
    assert_eq!(down["changed"], 7);
    let nothing = env
        .run(["down", "--local", "--yes", "-o", "json"])
        .assert_success()
        .assert_stderr_contains(&["Nothing to delete"])
        .json();
    assert_eq!(nothing["changed"], 0);
    env.run(["status", "--local"])
        .assert_code(3)
        .assert_stderr_contains(&["there is no pipeline", "hint: `sensorctl up --local`"]);
}

#[test]
fn up_killed_at_various_times_is_completed_by_next_run() {
    let env = TestEnv::with_local_cloud();
    for milliseconds in [5, 15, 30, 60, 120, 250] {
        let mut child = env.command(["up", "--local"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    env.run(["up", "--local"]).assert_success();
    let again = env.run(["up", "--local", "-o", "json"]).assert_success().json();
    assert_eq!(again["changed"], 0, "{again}");
    let down = env.run(["down", "--local", "--yes", "-o", "json"]).assert_success().json();
    assert_eq!(down["remaining"], serde_json::json!([]));
}

#[test]
fn stages_coexist_and_down_deletes_only_its_own() {
    let env = TestEnv::with_local_cloud();
    env.run(["up", "--local"]).assert_success();
    env.run(["up", "--local", "--stage", "blue"]).assert_success();
    env.run(["down", "--local", "--yes"]).assert_success();
    let blue = env.run(["status", "--local", "--stage", "blue", "-o", "json"]).assert_success().json();
    assert_eq!(blue["healthy"], true, "{blue}");
    assert!(blue["resources"].as_array().unwrap().iter().all(|r| r["name"].as_str().unwrap().contains("-blue")));
}

#[test]
fn down_without_terminal_needs_yes() {
    let env = TestEnv::with_pipeline();
    env.run(["down", "--local"]).assert_code(2).assert_stderr_contains(&["no terminal", "--yes"]);
    env.run(["status", "--local"]).assert_success();
}

#[test]
fn data_survives_restart_of_local_cloud() {
    let env = TestEnv::with_pipeline();
    env.run(["put", "--local", "--sensor", "s", "--temp", "1.10", "--time", "7", "--wait"]).assert_success();
    env.run(["local", "stop"]).assert_success();
    env.run(["local", "start", "--port", "0"]).assert_success();
    let rows = env.rows(1);
    assert_eq!((rows[0]["temperature"].to_string(), rows[0]["current_time"].to_string()), ("1.1".into(), "7".into()));
}
