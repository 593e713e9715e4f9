//! The local cloud as a process: found by other processes, pointed at by `env`, closed to strangers.

use std::process::Command;

use crate::support::{Home, Stranger};

#[test]
fn it_starts_tells_where_it_is_and_stops() {
    let home = Home::new();
    let stopped = home.run(["local", "status", "-o", "json"]).succeeded().json();
    assert_eq!(stopped["running"], false);
    let started = home.run(["local", "start", "--port", "0", "-o", "json"]).succeeded().json();
    let status = home.run(["local", "status", "-o", "json"]).succeeded().json();
    assert_eq!((&status["running"], &status["endpoint"]), (&true.into(), &started["endpoint"]));
    home.run(["local", "stop"]).succeeded();
    assert_eq!(home.run(["local", "status", "-o", "json"]).succeeded().json()["running"], false);
    home.run(["local", "stop"]).succeeded();
}

#[test]
fn a_reset_asks_and_without_a_terminal_refuses() {
    let home = Home::with_local_cloud();
    let cloud = Stranger::of(&home);
    cloud.call("Kinesis_20131202.CreateStream", r#"{"StreamName":"mine","ShardCount":1}"#);
    home.run(["local", "reset"]).exited(2).says(&["cannot ask here", "--yes"]);
    assert!(cloud.describe("mine").contains("ACTIVE"), "it runs as before");
    home.run(["local", "reset", "--yes"]).succeeded().says(&["stopped", "is empty"]);
    home.run(["local", "start", "--port", "0"]).succeeded();
    assert!(Stranger::of(&home).describe("mine").contains("ResourceNotFoundException"));
}

#[test]
fn env_points_any_tool_at_it_and_at_nothing_else() {
    let home = Home::with_local_cloud();
    let lines = home.run(["local", "env"]).succeeded().stdout;
    let shell = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{lines}\necho \"$AWS_ENDPOINT_URL|$AWS_REGION|$AWS_PROFILE|$AWS_SESSION_TOKEN|$AWS_ACCESS_KEY_ID\""
        ))
        .env("AWS_PROFILE", "production")
        .env("AWS_SESSION_TOKEN", "secret")
        .output()
        .unwrap();
    let about = home.endpoint();
    let expected =
        format!("{}|us-east-1|||{}\n", about["endpoint"].as_str().unwrap(), about["access_key_id"].as_str().unwrap());
    assert_eq!(String::from_utf8_lossy(&shell.stdout), expected);
}

#[test]
fn strangers_and_web_pages_are_turned_away() {
    let home = Home::with_local_cloud();
    let stranger = Stranger::of(&home);
    let list = "Kinesis_20131202.ListStreams";
    assert_eq!(stranger.call(list, "{}").0, 200);
    assert_eq!(stranger.with_header("Origin: http://evil.example").call(list, "{}").0, 403);
    assert_eq!(stranger.with_key("AKIAIOSFODNN7EXAMPLE").call(list, "{}").0, 400);
}
