//! up, up again, status, down: on a local cloud that runs as a process of its own.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::support::Home;

fn actions(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let resources = report["resources"].as_array().unwrap().iter();
    resources.map(|resource| (text(&resource["kind"]), text(&resource["action"]))).collect()
}

#[test]
fn up_makes_everything_once_and_down_leaves_nothing() {
    let home = Home::with_local_cloud();
    let plan = home.run(["plan", "--local", "--exit-code", "-o", "json"]).exited(3).json();
    assert_eq!(plan["changed"], 7);

    let up = home.run(["up", "--local", "-o", "json"]).succeeded().json();
    assert_eq!(up["changed"], 7);
    for (kind, action) in actions(&up) {
        assert_eq!(action, "create", "{kind}");
    }
    for resource in up["resources"].as_array().unwrap() {
        assert!(resource["arn"].as_str().unwrap().starts_with("arn:aws:"), "{resource}");
    }

    let again = home.run(["up", "--local", "-o", "json"]).succeeded().says(&["Nothing to do"]).json();
    assert_eq!(again["changed"], 0);
    let status = home.run(["status", "--local", "-o", "json"]).succeeded().json();
    assert_eq!(status["healthy"], true, "{status}");
    assert_eq!(status["mapping"]["state"], "Enabled");

    let down = home.run(["down", "--local", "--yes", "-o", "json"]).succeeded().json();
    assert_eq!(down["remaining"], serde_json::json!([]));
    assert_eq!(down["changed"], 7);
    let nothing = home.run(["down", "--local", "--yes", "-o", "json"]).succeeded().says(&["Nothing to delete"]).json();
    assert_eq!(nothing["changed"], 0);
    home.run(["status", "--local"]).exited(3).says(&["there is no pipeline", "hint: `sensorctl up`"]);
}

#[test]
fn a_killed_up_is_finished_by_the_next_one() {
    let home = Home::with_local_cloud();
    for milliseconds in [5, 15, 30, 60, 120, 250] {
        let mut child = home.command(["up", "--local"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    home.run(["up", "--local"]).succeeded();
    let again = home.run(["up", "--local", "-o", "json"]).succeeded().json();
    assert_eq!(again["changed"], 0, "{again}");
    let down = home.run(["down", "--local", "--yes", "-o", "json"]).succeeded().json();
    assert_eq!(down["remaining"], serde_json::json!([]));
}

#[test]
fn stages_live_side_by_side_and_down_takes_only_its_own() {
    let home = Home::with_local_cloud();
    home.run(["up", "--local"]).succeeded();
    home.run(["up", "--local", "--stage", "blue"]).succeeded();
    home.run(["down", "--local", "--yes"]).succeeded();
    let blue = home.run(["status", "--local", "--stage", "blue", "-o", "json"]).succeeded().json();
    assert_eq!(blue["healthy"], true, "{blue}");
    assert!(blue["resources"].as_array().unwrap().iter().all(|r| r["name"].as_str().unwrap().contains("-blue")));
}

#[test]
fn down_refuses_without_a_terminal_and_without_yes() {
    let home = Home::with_pipeline();
    home.run(["down", "--local"]).exited(2).says(&["no terminal", "--yes"]);
    home.run(["status", "--local"]).succeeded();
}

#[test]
fn the_data_outlives_a_stop_of_the_local_cloud() {
    let home = Home::with_pipeline();
    home.run(["put", "--local", "--sensor", "s", "--temp", "1.10", "--time", "7", "--wait"]).succeeded();
    home.run(["local", "stop"]).succeeded();
    home.run(["local", "start", "--port", "0"]).succeeded();
    let rows = home.rows(1);
    assert_eq!((rows[0]["temperature"].to_string(), rows[0]["current_time"].to_string()), ("1.1".into(), "7".into()));
}
