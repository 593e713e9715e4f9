//! Deletion of resources that other clients use or extended: `down` reports this first, and deletes blockers only on
//! request.

use serde_json::{Value, json};

use crate::support::{ForeignStack, Run, TestEnv};

#[test]
fn policies_added_to_own_role_are_kept_until_role_is_deleted() {
    let env = TestEnv::with_pipeline();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.put_policy("theirs", "Allow", "s3:GetObject");
    foreign.api.iam(
        "Action=AttachRolePolicy&RoleName=kinesis-lambda-dynamodb&\
         PolicyArn=arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    );
    assert_eq!(env.planned_changes(), []);
    env.run(["up", "--local", "--set", "function.memory_mb=512"]).assert_success();
    let policies = foreign.api.iam("Action=ListRolePolicies&RoleName=kinesis-lambda-dynamodb");
    assert!(policies.contains("theirs"), "{policies}");
    let down = env
        .run(["down", "--local", "--yes", "-o", "json"])
        .assert_success()
        .assert_stderr_contains(&["with what others added: the policy `theirs`", "AWSLambdaBasicExecutionRole"]);
    assert!(!down.stderr.contains("the policy `sensorctl`"), "{}", down.stderr);
    assert_eq!(down.json()["remaining"], json!([]));
}

#[test]
fn down_stream_with_other_consumers_deletes_nothing() {
    let env = TestEnv::with_pipeline();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.register_consumer("temperature-sensor-data", "analytics");
    foreign.register_consumer("temperature-sensor-data", "archive");
    env.run(["down", "--local", "--yes"]).assert_code(1).assert_stderr_contains(&[
        "the stream `temperature-sensor-data`",
        "analytics, archive",
        "--delete-consumers",
    ]);
    env.run(["status", "--local"]).assert_success();
    let down = env.run(["down", "--local", "--yes", "--delete-consumers", "-o", "json"]).assert_success().json();
    assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &json!([])));
}

#[test]
fn down_stream_with_unmanaged_mapping_deletes_nothing() {
    let env = TestEnv::with_pipeline();
    let foreign =
        ForeignStack { function: "theirs".into(), role: "theirs".into(), ..ForeignStack::with_default_names(&env) };
    foreign.create_role();
    foreign.create_function(&env);
    foreign.create_mapping("temperature-sensor-data", "theirs");
    env.run(["down", "--local", "--yes"]).assert_code(1).assert_stderr_contains(&[
        "the stream `temperature-sensor-data` is read by unmanaged event source mappings to the function theirs",
        "--delete-consumers",
    ]);
    env.run(["status", "--local"]).assert_success();
    let down = env.run(["down", "--local", "--yes", "--delete-consumers", "-o", "json"]).assert_success().json();
    assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &json!([])));
    let mappings = foreign.api.lambda("GET /2015-03-31/event-source-mappings", &Value::Null);
    assert!(mappings["EventSourceMappings"][0]["FunctionArn"].as_str().unwrap().ends_with(":theirs"), "{mappings}");
}

#[test]
fn down_function_with_unmanaged_mapping_deletes_nothing() {
    let env = TestEnv::with_pipeline();
    let foreign = ForeignStack { stream: "other".into(), ..ForeignStack::with_default_names(&env) };
    foreign.create_stream();
    foreign.put_policy("own", "Allow", "kinesis:*");
    foreign.create_mapping("other", "ProcessKinesisRecords");
    env.run(["down", "--local", "--yes"]).assert_code(1).assert_stderr_contains(&[
        "the function `ProcessKinesisRecords` is invoked by unmanaged event source mappings: stream/other (",
        "delete these mappings",
        "--delete-consumers",
    ]);
    assert_eq!(env.planned_changes(), [], "nothing was deleted");
    // A function that is recreated under the same name keeps its unmanaged mapping.
    for policy in ["own", "sensorctl"] {
        foreign.api.iam(&format!("Action=DeleteRolePolicy&RoleName={}&PolicyName={policy}", foreign.role));
    }
    foreign.api.iam(&format!("Action=DeleteRole&RoleName={}", foreign.role));
    env.run(["up", "--local", "--yes"]).assert_success();
    let down = env.run(["down", "--local", "--yes", "--delete-consumers", "-o", "json"]).assert_success().json();
    assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &json!([])));
}

#[test]
fn down_resource_with_new_owner_after_plan_is_kept() {
    let env = TestEnv::with_pipeline();
    let foreign = ForeignStack::with_default_names(&env);
    // Everything else waits for the mapping, so nothing is deleted while this fault lasts.
    foreign.api.set_faults("lambda:DeleteEventSourceMapping=throttle");
    let down = env.spawn(["down", "--local", "--yes"]);
    foreign.api.wait_for_call("lambda:DeleteEventSourceMapping", 1);
    let theirs = json!({"StreamName": "temperature-sensor-data", "Tags": {"sensorctl:stage": "blue"}});
    foreign.api.json_when_accepted("Kinesis_20131202.AddTagsToStream", &theirs);
    foreign.api.set_faults("");
    let run = Run::of_child(down).assert_code(1);
    run.assert_stderr_contains(&[
        "the stream `temperature-sensor-data` is no longer managed by this pipeline",
        "the sensorctl stage `blue`",
        "hint:",
    ]);
    assert!(foreign.api.list_all()[0].contains("temperature-sensor-data"));
}
