//! `doctor`: each check of a run, its result, and what it says about it.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::{Run, TestEnv};

/// Returns the finding of a check.
#[track_caller]
fn finding(run: &Run, name: &str) -> Value {
    let report = run.json();
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}")).clone()
}

/// Asserts the result of a check and a part of its evidence. Returns its remedy.
#[track_caller]
fn assert_finding(run: &Run, name: &str, result: &str, evidence: &str) -> String {
    let found = finding(run, name);
    assert_eq!(found["result"], result, "{found:#}");
    assert!(found["evidence"].as_str().unwrap().contains(evidence), "{found:#}");
    assert!(found["ms"].is_u64(), "{found:#}");
    found["remedy"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn artifact_is_tested_without_credentials_and_network() {
    let env = TestEnv::new();
    std::fs::write(env.path("function.zip"), env.bundled_function_zip()).unwrap();
    let run = env.run(["doctor", "--artifact", "function.zip", "-o", "json"]).assert_success();
    for check in run.json()["checks"].as_array().unwrap() {
        assert_eq!(check["result"], "ok", "{check:#}");
    }
    env.write("other.zip", "no zip");
    let run = env.run(["doctor", "--artifact", "other.zip", "-o", "json"]).assert_code(3);
    assert_finding(&run, "artifact-bootstrap", "failed", "other.zip is not a zip file");
    assert_finding(&run, "artifact-glibc", "unknown", "not checked");
    assert!(run.stderr.contains("artifact-bootstrap") && run.stderr.contains("incomplete"), "{}", run.stderr);
}

#[test]
fn settings_that_lose_readings_are_warnings() {
    let env = TestEnv::new();
    let run = env.run(["doctor", "--local", "-o", "json", "--set", "mapping.retry_attempts=3"]).assert_code(3);
    assert_finding(&run, "retention-retries", "warning", "retried 3 times; then its readings are lost");
    assert_finding(&run, "retention-dead-letters", "ok", "30 days");
}

#[test]
fn local_cloud_that_does_not_run_is_a_failed_check_with_the_command_that_starts_it() {
    let env = TestEnv::new();
    let run = env.run(["doctor", "--local", "-o", "json"]).assert_code(3);
    let remedy = assert_finding(&run, "local-process", "failed", "is not running");
    assert!(remedy.contains("`sensorctl local start`"), "{remedy}");
    assert_finding(&run, "local-data-dir", "ok", "does not exist yet");
    assert_finding(&run, "local-version", "unknown", "is not running");
    assert!(!env.path("data").exists(), "nothing was created");
}

#[test]
fn local_cloud_with_open_directory_and_faults_is_warned_about() {
    let env = TestEnv::new();
    env.run(["local", "start", "--port", "0", "--faults", "logs:PutLogEvents=throttle@1%"]).assert_success();
    std::fs::set_permissions(env.path("data"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = env.run(["doctor", "--local", "-o", "json"]).assert_code(3);
    let remedy = assert_finding(&run, "local-data-dir", "warning", "mode 0755");
    assert!(remedy.starts_with("chmod 700 "), "{remedy}");
    assert_finding(&run, "local-faults", "warning", "logs:PutLogEvents=throttle@1%");
    for name in ["local-process", "local-port", "local-version", "local-notices"] {
        assert_finding(&run, name, "ok", "");
    }
}
