//! Variables and filters that the caller may not decrypt count as unknown, never as absent: an adoption would delete
//! them.

use serde_json::{Value, json};

use crate::support::{ApiClient, ForeignStack, TestEnv};

const FUNCTION: &str = "/2015-03-31/functions/ProcessKinesisRecords";
const DENIED: [&str; 3] = [
    "KMS Decrypt of the variables of function ProcessKinesisRecords",
    "AccessDeniedException",
    "permission for kms:Decrypt",
];

fn variables(api: &ApiClient) -> Value {
    api.lambda(&format!("GET {FUNCTION}"), &Value::Null)["Configuration"]["Environment"]["Variables"].clone()
}

#[test]
fn adoption_of_function_with_unreadable_variables_is_refused_before_any_change() {
    let env = TestEnv::with_local_cloud();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.create_all(&env);
    let before = foreign.describe_all();
    foreign.api.set_faults("lambda:GetFunction=undecryptable");
    for command in
        [&["plan", "--local", "--adopt"] as &[_], &["up", "--local", "--adopt", "--yes"], &["status", "--local"]]
    {
        env.run(command.iter().copied()).assert_code(1).assert_stderr_contains(&DENIED);
    }
    foreign.api.set_faults("");
    assert_eq!(foreign.describe_all(), before);
}

#[test]
fn variables_that_become_unreadable_before_the_update_are_not_replaced() {
    let env = TestEnv::with_local_cloud();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.create_all(&env);
    // The plan still sees them.
    foreign.api.set_faults("lambda:GetFunction=undecryptable@#2-99");
    env.run(["up", "--local", "--adopt", "--yes"]).assert_code(1).assert_stderr_contains(&DENIED);
    foreign.api.set_faults("");
    assert_eq!(variables(&foreign.api)["THEIR"], "own");
    env.run(["up", "--local", "--adopt", "--yes"]).assert_success();
    let variables = variables(&foreign.api);
    assert_eq!((&variables["THEIR"], &variables["SENSORCTL_TABLE"]), (&"own".into(), &"SensorData".into()));
}

#[test]
fn unreadable_variables_of_own_function_are_not_drift_and_do_not_block_down() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    api.set_faults("lambda:*=undecryptable");
    for command in ["plan", "up", "status"] {
        let run = env.run([command, "--local"]).assert_code(1).assert_stderr_contains(&DENIED);
        assert!(!run.stderr.contains("differs"), "{}", run.stderr);
    }
    let down = env.run(["down", "--local", "--yes", "-o", "json"]).assert_success().json();
    assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &json!([])));
}

#[test]
fn filters_missing_in_a_list_are_read_one_by_one_and_never_taken_as_absent() {
    let pattern = r#"{"data":{"temperature":[{"numeric":["<",1000]}]}}"#;
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let list = api.lambda("GET /2015-03-31/event-source-mappings", &Value::Null);
    let path =
        format!("/2015-03-31/event-source-mappings/{}", list["EventSourceMappings"][0]["UUID"].as_str().unwrap());
    let key = "arn:aws:kms:us-east-1:000000000000:key/1";
    let filters = json!({"FilterCriteria": {"Filters": [{"Pattern": pattern}]}, "KMSKeyArn": key});
    api.lambda(&format!("PUT {path}"), &filters);
    // The settings configure them, although the list does not show them.
    let set = format!("mapping.filters=['{pattern}']");
    env.run(["plan", "--local", "--exit-code", "--set", &set]).assert_success();
    let plan = env.run(["plan", "--local", "-o", "json"]).assert_success().json();
    assert_eq!(plan["resources"][6]["changes"][0]["property"], "filters", "{plan}");
    api.set_faults("lambda:GetEventSourceMapping=undecryptable");
    for command in ["plan", "up", "status"] {
        env.run([command, "--local", "--set", &set]).assert_code(1).assert_stderr_contains(&[
            "KMS Decrypt of the filters of mapping temperature-sensor-data → ProcessKinesisRecords",
            key,
            "permission for kms:Decrypt",
        ]);
    }
    assert_eq!(api.lambda(&format!("GET {path}"), &Value::Null)["FilterCriteria"], Value::Null, "the fault hides them");
    env.run(["down", "--local", "--yes"]).assert_success();
}
