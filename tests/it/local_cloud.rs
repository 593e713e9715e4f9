//! The local cloud as a process: other commands find it, `env` points tools at it, and it rejects strangers.

use std::process::Command;

use crate::support::{ApiClient, TestEnv};

#[test]
fn local_start_status_stop_agree_on_state_and_endpoint() {
    let env = TestEnv::new();
    let stopped = env.run(["local", "status", "-o", "json"]).assert_success().json();
    assert_eq!(stopped["running"], false);
    let started = env.run(["local", "start", "--port", "0", "-o", "json"]).assert_success().json();
    let status = env.run(["local", "status", "-o", "json"]).assert_success().json();
    assert_eq!((&status["running"], &status["endpoint"]), (&true.into(), &started["endpoint"]));
    env.run(["local", "stop"]).assert_success();
    assert_eq!(env.run(["local", "status", "-o", "json"]).assert_success().json()["running"], false);
    env.run(["local", "stop"]).assert_success();
}

#[test]
fn local_reset_without_terminal_needs_yes() {
    let env = TestEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    api.call("Kinesis_20131202.CreateStream", r#"{"StreamName":"mine","ShardCount":1}"#);
    env.run(["local", "reset"]).assert_code(2).assert_stderr_contains(&["cannot ask here", "--yes"]);
    assert!(api.describe_stream("mine").contains("ACTIVE"), "it still runs");
    env.run(["local", "reset", "--yes"]).assert_success().assert_stderr_contains(&["stopped", "is empty"]);
    env.run(["local", "start", "--port", "0"]).assert_success();
    assert!(ApiClient::new(&env).describe_stream("mine").contains("ResourceNotFoundException"));
}

#[test]
fn local_env_points_tools_only_at_local_cloud() {
    let env = TestEnv::with_local_cloud();
    let lines = env.run(["local", "env"]).assert_success().stdout;
    let shell = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{lines}\necho \"$AWS_ENDPOINT_URL|$AWS_REGION|$AWS_PROFILE|$AWS_SESSION_TOKEN|$AWS_ACCESS_KEY_ID\""
        ))
        .env("AWS_PROFILE", "production")
        .env("AWS_SESSION_TOKEN", "secret")
        .output()
        .unwrap();
    let about = env.endpoint();
    let expected =
        format!("{}|us-east-1|||{}\n", about["endpoint"].as_str().unwrap(), about["access_key_id"].as_str().unwrap());
    assert_eq!(String::from_utf8_lossy(&shell.stdout), expected);
}

#[test]
fn requests_with_unknown_key_or_browser_origin_are_rejected() {
    let env = TestEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    let list = "Kinesis_20131202.ListStreams";
    assert_eq!(api.call(list, "{}").0, 200);
    assert_eq!(api.with_header("Origin: http://evil.example").call(list, "{}").0, 403);
    assert_eq!(api.with_key("AKIAIOSFODNN7EXAMPLE").call(list, "{}").0, 400);
}
