//! Services that accept a request and never answer.

use std::time::Instant;

use crate::support::{ApiClient, TestEnv};

#[test]
fn status_without_an_answer_about_a_resource_names_it_in_seconds() {
    let env = TestEnv::with_pipeline();
    ApiClient::new(&env).set_faults("lambda:GetFunction=hang");
    let began = Instant::now();
    let run = env.run(["status", "--local", "-o", "json"]).assert_code(1);
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    let error: serde_json::Value = serde_json::from_str(run.stderr.lines().last().unwrap()).unwrap();
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("Lambda reads of function ProcessKinesisRecords failed in "), "{message}");
    assert!(message.contains("no answer in 25 s"), "{message}");
}

#[test]
fn status_without_an_answer_about_tags_falls_back_in_seconds() {
    let env = TestEnv::with_pipeline();
    ApiClient::new(&env).set_faults("tag:GetResources=hang");
    let began = Instant::now();
    let report = env.run(["status", "--local", "-o", "json"]).assert_success().json();
    assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    assert_eq!(report["healthy"], true, "{report}");
}

#[test]
fn why_without_any_answer_is_a_failure() {
    let env = TestEnv::with_pipeline();
    ApiClient::new(&env).set_faults("*:*=hang");
    let began = Instant::now();
    let run = env.run(["why", "--local", "-o", "json"]).assert_code(1);
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    let report = run.assert_stderr_contains(&["nothing could be diagnosed", "sensorctl doctor --local"]).json();
    assert_eq!((&report["causes"], &report["excluded"]), (&serde_json::json!([]), &serde_json::json!([])), "{report}");
}
