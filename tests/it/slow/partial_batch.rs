//! `up` enables partial batch responses of the function only once its event source mapping certainly supports them.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{ApiClient, ForeignStack, Run, TestEnv, eventually};

const FUNCTION: &str = "/2015-03-31/functions/ProcessKinesisRecords";

/// Time that clients wait after a mapping's last change in a [`slow_cloud`], in seconds, minus rounding.
const IN_FORCE_AFTER: f64 = 2.9;

/// Starts a local cloud sixty times as fast as AWS, with mappings that use their old settings for two seconds after
/// they are Enabled.
fn slow_cloud() -> TestEnv {
    let env = TestEnv::new();
    env.run(["local", "start", "--port", "0", "--timing", "aws/60"]).assert_success();
    env
}

fn mapping(api: &ApiClient) -> Value {
    api.event_source_mappings()[0].clone()
}

fn function(api: &ApiClient) -> Value {
    api.lambda(&format!("GET {FUNCTION}"), &Value::Null)["Configuration"].clone()
}

fn has_variable(api: &ApiClient, name: &str) -> bool {
    function(api)["Environment"]["Variables"].get(name).is_some()
}

fn function_sends_partial_responses(api: &ApiClient) -> bool {
    has_variable(api, "SENSORCTL_PARTIAL_BATCH")
}

fn mapping_takes_partial_responses(api: &ApiClient) -> bool {
    mapping(api)["FunctionResponseTypes"] == json!(["ReportBatchItemFailures"])
}

/// Asserts that both sides have them, the function not too early.
#[track_caller]
fn assert_enabled_in_time(api: &ApiClient) {
    assert!(function_sends_partial_responses(api) && mapping_takes_partial_responses(api));
    let changed = function(api)["LastModified"].as_str().unwrap().replace("+0000", "Z");
    let changed: jiff::Timestamp = changed.parse().unwrap();
    let seconds = changed.as_duration().as_secs_f64() - mapping(api)["LastModified"].as_f64().unwrap();
    assert!(seconds >= IN_FORCE_AFTER, "{seconds} s after the mapping");
}

/// Switches partial batch responses off in the function and in the mapping, by hand.
fn disable_partial_responses(api: &ApiClient) {
    api.lambda(&format!("PUT {FUNCTION}/configuration"), &json!({"Environment": {"Variables": {"OTHER": "1"}}}));
    disable_in_mapping(api);
}

fn disable_in_mapping(api: &ApiClient) {
    api.lambda(&format!("PUT {}", api.event_source_mapping_path()), &json!({"FunctionResponseTypes": []}));
    eventually("the event source mapping is Enabled", || mapping(api), |mapping| mapping["State"] == "Enabled");
}

/// Returns the position of each operation's last call among all calls.
#[track_caller]
fn positions(api: &ApiClient, operations: &[&str]) -> Vec<usize> {
    let calls = api.recorded_calls();
    let position = |operation: &&str| calls.iter().rposition(|recorded| recorded.call == *operation);
    operations.iter().map(|operation| position(operation).unwrap_or_else(|| panic!("no {operation}"))).collect()
}

#[test]
fn new_pipeline_has_partial_responses_from_its_first_batch() {
    let env = slow_cloud();
    let api = ApiClient::new(&env);
    env.run(["up", "--local"]).assert_success();
    assert!(function_sends_partial_responses(&api) && mapping_takes_partial_responses(&api));
    let count = |operation: &str| api.recorded_calls().iter().filter(|recorded| recorded.call == operation).count();
    assert_eq!(count("lambda:UpdateEventSourceMapping"), 0, "nothing is changed afterwards");
    assert_eq!(count("lambda:UpdateFunctionConfiguration"), 0, "nothing is changed afterwards");
    // A change of another setting does not revert it.
    env.run(["up", "--local", "--set", "mapping.batch_size=10"]).assert_success();
    env.run(["up", "--local", "--set", "mapping.batch_size=11"]).assert_success();
    assert_eq!(count("lambda:UpdateFunctionConfiguration"), 0);
}

#[test]
fn adoption_loses_no_failed_readings() {
    let env = slow_cloud();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.create_all(&env);
    let api = &foreign.api;
    api.set_faults("dynamodb:BatchWriteItem=throttle");
    let mut up = env.command(["up", "--local", "--adopt", "--yes"]);
    let mut up = up.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut put = 0;
    while up.try_wait().unwrap().is_none() {
        let time = put.to_string();
        env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", &time]).assert_success();
        put += 1;
    }
    let run = Run::of_child(up).assert_success();
    api.set_faults("");
    assert_eq!(env.rows(put).len(), put, "every batch that failed was delivered again");
    let run = run.assert_stderr_contains(&["until the mapping's ReportBatchItemFailures has been in force"]);
    let is_updated = |line: &str| line.starts_with("  updated ") && line.contains("  function ");
    assert!(run.stderr.lines().any(is_updated), "{}", run.stderr);
    assert_enabled_in_time(api);
}

#[test]
fn up_killed_while_waiting_is_completed_by_next_run_after_same_time() {
    let env = slow_cloud();
    env.run(["up", "--local"]).assert_success();
    let api = ApiClient::new(&env);
    disable_partial_responses(&api);
    let mut child = env.command(["up", "--local"]).stderr(Stdio::null()).spawn().unwrap();
    // By then every other setting of the function is as configured.
    let waits = || {
        mapping_takes_partial_responses(&api)
            && mapping(&api)["State"] == "Enabled"
            && has_variable(&api, "SENSORCTL_TABLE")
    };
    eventually("`up` waits for the mapping", waits, |waits| *waits);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!function_sends_partial_responses(&api), "it did not wait");
    env.run(["status", "--local"])
        .assert_code(3)
        .assert_stderr_contains(&["function environment differs from the settings"]);
    env.run(["up", "--local"]).assert_success();
    assert_enabled_in_time(&api);
    assert_eq!(env.run(["up", "--local", "-o", "json"]).assert_success().json()["changed"], 0);
}

#[test]
fn up_no_wait_leaves_partial_responses_to_next_run() {
    let env = slow_cloud();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.create_all(&env);
    let said = ["fails whole batches", "`sensorctl up --local` turns partial batch responses on"];
    env.run(["up", "--local", "--adopt", "--yes", "--no-wait"]).assert_success().assert_stderr_contains(&said);
    assert!(!function_sends_partial_responses(&foreign.api));
    env.run(["up", "--local"]).assert_success();
    assert_enabled_in_time(&foreign.api);
}

#[test]
fn function_stops_partial_responses_before_its_mapping() {
    let env = slow_cloud();
    env.run(["up", "--local"]).assert_success();
    let api = ApiClient::new(&env);
    disable_in_mapping(&api);
    api.set_faults("lambda:UpdateEventSourceMapping=denied");
    env.run(["up", "--local"]).assert_code(1).assert_stderr_contains(&["lambda:UpdateEventSourceMapping"]);
    assert!(!function_sends_partial_responses(&api));
    api.set_faults("");
    env.run(["up", "--local"]).assert_success();
    let order = positions(&api, &["lambda:UpdateEventSourceMapping", "lambda:UpdateFunctionConfiguration"]);
    assert!(order.is_sorted(), "{order:?}");
    assert_enabled_in_time(&api);
}

#[test]
fn recreated_function_with_old_mapping_enables_partial_responses_later() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    disable_partial_responses(&api);
    api.lambda(&format!("DELETE {FUNCTION}"), &Value::Null);
    assert!(env.kill_at_call(["up", "--local"].to_vec(), &api, "lambda:CreateFunction", 1), "it was not called");
    assert!(
        !function_sends_partial_responses(&api) && !mapping_takes_partial_responses(&api),
        "the mapping delivers to it from now on"
    );
    env.run(["up", "--local"]).assert_success();
    assert!(function_sends_partial_responses(&api) && mapping_takes_partial_responses(&api));
}
