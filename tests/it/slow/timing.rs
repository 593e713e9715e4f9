//! The AWS latency profile, ten times as fast: `up`, `put` and `down` wait for eventual consistency.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{ApiClient, Run, TestEnv, eventually};

fn env_with_latency() -> TestEnv {
    env_with_timing("aws/10")
}

fn env_with_timing(timing: &str) -> TestEnv {
    let env = TestEnv::new();
    env.run(["local", "start", "--port", "0", "--timing", timing]).assert_success();
    env
}

#[test]
fn up_put_and_down_with_aws_latency_succeed() {
    let env = env_with_latency();
    let began = Instant::now();
    env.run(["up", "--local"]).assert_success();
    // The critical path: a role 0.8 s, a function 0.3 s beside it, a mapping 1 s Creating and 1 s Enabling.
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(2800), "it did not wait: {took:?}");
    let status = env.run(["status", "--local", "-o", "json"]).assert_success().json();
    assert_eq!(status["healthy"], true, "{status}");
    assert_eq!(env.run(["up", "--local", "-o", "json"]).assert_success().json()["changed"], 0);
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1"]).assert_success();
    assert_eq!(env.rows(1).len(), 1);
    let down = env.run(["down", "--local", "--yes", "-o", "json"]).assert_success().json();
    assert_eq!(down["remaining"], serde_json::json!([]));
    // Again at once: `up` waits for the deletions in progress.
    env.run(["up", "--local"]).assert_success();
}

#[test]
fn up_no_wait_returns_before_mapping_is_enabled() {
    let env = env_with_latency();
    let run = env.run(["up", "--local", "--no-wait"]).assert_success().assert_stderr_contains(&["Requested: "]);
    assert!(!run.stderr.contains("The pipeline works"));
    let status = env.run(["status", "--local", "-o", "json"]).assert_code(3).json();
    assert_ne!(status["mapping"]["state"], "Enabled", "{status}");
    // The next run only waits.
    env.run(["up", "--local"]).assert_success();
    assert_eq!(env.run(["status", "--local", "-o", "json"]).assert_success().json()["healthy"], true);
}

#[test]
fn up_two_concurrent_runs_with_aws_latency_end_like_one() {
    let env = env_with_latency();
    let both: Vec<_> = (0..2).map(|_| env.spawn(["up", "--local"])).collect();
    for child in both {
        Run::of_child(child).assert_success();
    }
    assert_eq!(env.run(["up", "--local", "-o", "json"]).assert_success().json()["changed"], 0);
}

#[test]
fn up_two_concurrent_runs_recreating_stream_both_succeed() {
    let env = env_with_latency();
    env.run(["up", "--local"]).assert_success();
    let stream = r#"{"StreamName":"temperature-sensor-data"}"#;
    assert_eq!(ApiClient::new(&env).call("Kinesis_20131202.DeleteStream", stream).0, 200);
    let both: Vec<_> = (0..2).map(|_| env.spawn(["up", "--local", "--yes", "--timeout", "120s"])).collect();
    for child in both {
        Run::of_child(child).assert_success();
    }
    assert_eq!(env.run(["up", "--local", "-o", "json"]).assert_success().json()["changed"], 0);
}

#[test]
fn table_before_it_is_active_has_service_error_codes() {
    // As slow as AWS: this test sees every state before it ends.
    let env = env_with_timing("aws");
    let api = ApiClient::new(&env);
    let table = r#"{"TableName":"things","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"k","KeyType":"HASH"}],
        "AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"Tags":[{"Key":"a","Value":"b"}]}"#;
    let dynamodb = |operation: &str, body: &str| api.call(&format!("DynamoDB_20120810.{operation}"), body).1;
    assert!(dynamodb("CreateTable", table).contains("\"CREATING\""));
    assert!(dynamodb("DescribeTable", r#"{"TableName":"things"}"#).contains("ResourceNotFoundException"));
    assert!(dynamodb("Scan", r#"{"TableName":"things"}"#).contains("ResourceNotFoundException"));
    assert!(dynamodb("DeleteTable", r#"{"TableName":"things"}"#).contains("ResourceInUseException"));
    let status = |expected: &str| {
        let describe = || dynamodb("DescribeTable", r#"{"TableName":"things"}"#);
        eventually(&format!("the table's description has {expected}"), describe, |said| said.contains(expected));
    };
    status("\"CREATING\"");
    status("\"ACTIVE\"");
    assert!(dynamodb("DeleteTable", r#"{"TableName":"things"}"#).contains("\"DELETING\""));
    assert!(dynamodb("DescribeTable", r#"{"TableName":"things"}"#).contains("\"DELETING\""));
    assert!(dynamodb("CreateTable", table).contains("Table is being deleted"));
    status("ResourceNotFoundException");
}

#[test]
fn new_function_and_mapping_pass_through_pending_states() {
    let env = env_with_latency();
    let api = ApiClient::new(&env);
    let mut up = env.spawn(["up", "--local"]);
    let mut states: Vec<String> = Vec::new();
    // Its states are null until `up` has created the resource.
    let get = |path: &str| -> Value {
        serde_json::from_str(&api.send_lambda(&format!("GET {path}"), &Value::Null).1).unwrap_or_default()
    };
    let observe = || {
        let has_ended = up.try_wait().unwrap().is_some();
        let function = get("/2015-03-31/functions/ProcessKinesisRecords");
        let mappings = get("/2015-03-31/event-source-mappings");
        let current = [&function["Configuration"]["State"], &mappings["EventSourceMappings"][0]["State"]];
        for state in current.into_iter().filter_map(Value::as_str) {
            if !states.iter().any(|known| known == state) {
                states.push(state.to_owned());
            }
        }
        has_ended
    };
    eventually("`up` ends", observe, |has_ended| *has_ended);
    for state in ["Pending", "Active", "Creating", "Enabling", "Enabled"] {
        assert!(states.iter().any(|seen| seen == state), "{state}: {states:?}");
    }
    let line = format!("PUT {}", api.event_source_mapping_path());
    let update = || api.send_lambda(&line, &json!({"BatchSize": 10}));
    assert_eq!(update().0, 202);
    let (code, said) = update();
    assert!(code == 400 && said.contains("in use"), "{said}");
    let memory = "PUT /2015-03-31/functions/ProcessKinesisRecords/configuration";
    let update = || api.send_lambda(memory, &json!({"MemorySize": 256}));
    assert_eq!(update().0, 200);
    let (code, said) = update();
    assert!(code == 409 && said.contains("An update is in progress for resource: arn:aws:lambda"), "{said}");
}
