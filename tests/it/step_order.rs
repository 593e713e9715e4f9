//! The order of the steps of `up`: no state in between loses a reading, even if the run ends there.

use serde_json::{Value, json};

use crate::support::{ApiClient, ForeignStack, TestEnv, delete_by_hand, eventually};

const FUNCTION: &str = "/2015-03-31/functions/ProcessKinesisRecords";
const VARIABLE: &str = "SENSORCTL_PARTIAL_BATCH";

/// Returns the only event source mapping.
fn mapping(api: &ApiClient) -> Value {
    api.event_source_mappings()[0].clone()
}

fn function_sends_partial_responses(api: &ApiClient) -> bool {
    let function = api.lambda(&format!("GET {FUNCTION}"), &Value::Null);
    function["Configuration"]["Environment"]["Variables"].get(VARIABLE).is_some()
}

fn mapping_takes_partial_responses(api: &ApiClient) -> bool {
    mapping(api)["FunctionResponseTypes"] == json!(["ReportBatchItemFailures"])
}

/// Switches partial batch responses off in the function and in the mapping, by hand.
fn disable_partial_responses(api: &ApiClient) {
    api.lambda(&format!("PUT {FUNCTION}/configuration"), &json!({"Environment": {"Variables": {"OTHER": "1"}}}));
    api.lambda(&format!("PUT {}", api.event_source_mapping_path()), &json!({"FunctionResponseTypes": []}));
    eventually("the event source mapping is Enabled", || mapping(api), |mapping| mapping["State"] == "Enabled");
}

/// Runs `up` until a call took effect, and kills it there.
#[track_caller]
fn kill_up_at(env: &TestEnv, api: &ApiClient, call: &str, up: &[&'static str]) {
    assert!(env.kill_at_call(up.to_vec(), api, call, 1), "{call} was not called");
}

#[test]
fn up_enables_partial_responses_in_mapping_before_function() {
    let up = ["up", "--local", "--adopt", "--yes"];
    let adopted = TestEnv::with_local_cloud();
    let foreign = ForeignStack::with_default_names(&adopted);
    foreign.create_all(&adopted);
    let drifted = TestEnv::with_pipeline();
    disable_partial_responses(&ApiClient::new(&drifted));
    for env in [adopted, drifted] {
        let api = ApiClient::new(&env);
        api.set_faults("lambda:UpdateEventSourceMapping=denied");
        env.run(up).assert_code(1).assert_stderr_contains(&["lambda:UpdateEventSourceMapping"]);
        assert!(
            !function_sends_partial_responses(&api) && !mapping_takes_partial_responses(&api),
            "neither is changed"
        );
        api.set_faults("lambda:UpdateFunctionConfiguration=denied");
        env.run(up).assert_code(1).assert_stderr_contains(&["lambda:UpdateFunctionConfiguration"]);
        assert!(
            !function_sends_partial_responses(&api) && mapping_takes_partial_responses(&api),
            "until then the function fails whole batches"
        );
        api.set_faults("");
        env.run(up).assert_success();
        assert!(function_sends_partial_responses(&api) && mapping_takes_partial_responses(&api));
        env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--wait"]).assert_success();
    }
}

#[test]
fn up_killed_between_mapping_and_function_update_loses_no_readings() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    for call in ["lambda:UpdateEventSourceMapping", "lambda:UpdateFunctionConfiguration"] {
        disable_partial_responses(&api);
        kill_up_at(&env, &api, call, &["up", "--local", "--no-wait"]);
        assert!(mapping_takes_partial_responses(&api), "killed at {call}");
        env.run(["up", "--local"]).assert_success();
        assert!(function_sends_partial_responses(&api) && mapping_takes_partial_responses(&api));
    }
}

#[test]
fn other_mapping_without_partial_responses_is_reported() {
    let env = TestEnv::with_pipeline();
    env.wait_until_healthy();
    let foreign = ForeignStack { stream: "theirs".into(), ..ForeignStack::with_default_names(&env) };
    foreign.create_stream();
    foreign.put_policy("own", "Allow", "kinesis:*");
    foreign.create_mapping("theirs", "ProcessKinesisRecords");
    let said = ["theirs → ProcessKinesisRecords", "ReportBatchItemFailures"];
    let status = env.run(["status", "--local", "-o", "json"]).assert_code(3).assert_stderr_contains(&said);
    assert!(
        !status.stderr.contains("mapping the mapping") && !status.stderr.contains("sensorctl plan"),
        "`up` cannot mend it"
    );
    let status = status.json();
    let of_mapping = |report: &Value| report["resources"][6]["dangers"][0].as_str().unwrap_or_default().to_owned();
    assert!(of_mapping(&status).contains(said[0]) && status["healthy"] == false, "{status}");
    let plan = env.run(["plan", "--local", "-o", "json"]).assert_success().assert_stderr_contains(&said).json();
    assert!(of_mapping(&plan).contains(said[0]) && plan["changed"] == 0, "{plan}");
    env.run(["up", "--local"]).assert_success().assert_stderr_contains(&said);
}

#[test]
fn recreated_stream_never_keeps_old_event_source_mapping() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let put = |time: &str| {
        env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", time, "--wait"]).assert_success();
    };
    put("1");
    for (n, call) in ["lambda:DeleteEventSourceMapping", "kinesis:CreateStream"].into_iter().enumerate() {
        let before = mapping(&api)["UUID"].clone();
        delete_by_hand(&api, "stream");
        api.set_faults(&format!("{call}=denied"));
        env.run(["up", "--local", "--yes"]).assert_code(1).assert_stderr_contains(&[call]);
        api.set_faults("");
        env.run(["up", "--local", "--yes"]).assert_success();
        assert_ne!(mapping(&api)["UUID"], before, "it has a checkpoint in the deleted stream");
        put(&format!("1{n}"));
    }
    delete_by_hand(&api, "stream");
    kill_up_at(&env, &api, "lambda:DeleteEventSourceMapping", &["up", "--local", "--yes"]);
    env.run(["up", "--local", "--yes"]).assert_success();
    put("20");
}

#[test]
fn function_is_recreated_with_its_recreated_role() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    for (time, fault) in ["", "iam:CreateRole=denied", "lambda:DeleteFunction=denied"].into_iter().enumerate() {
        delete_by_hand(&api, "role");
        // Ends the execution environments, so that none is reused.
        api.lambda(&format!("PUT {FUNCTION}/configuration"), &json!({"MemorySize": 300}));
        if !fault.is_empty() {
            api.set_faults(fault);
            env.run(["up", "--local", "--yes"])
                .assert_code(1)
                .assert_stderr_contains(&[fault.split('=').next().unwrap()]);
            api.set_faults("");
        }
        env.run(["up", "--local", "--yes"]).assert_success();
        let time = time.to_string();
        env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", &time, "--wait"]).assert_success();
        env.run(["invoke", "--local"]).assert_success();
    }
}

#[test]
fn invoke_role_recreated_by_hand_reports_kms_access_denied() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    delete_by_hand(&api, "role");
    ForeignStack::with_default_names(&env).create_role();
    api.lambda(&format!("PUT {FUNCTION}/configuration"), &json!({"MemorySize": 300}));
    env.run(["invoke", "--local"])
        .assert_code(1)
        .assert_stderr_contains(&["KMSAccessDeniedException", "created again under the same name"]);
}
