//! Adoption of resources that were created without sensorctl: only on request, updated in place, and never deleted
//! unless named.

use serde_json::{Value, json};

use super::in_process_runner::InProcessEnv;
use super::support::{ApiClient, ForeignStack, delete_by_hand, percent_encode};

fn by_kind<'a>(report: &'a Value, kind: &str) -> &'a Value {
    report["resources"].as_array().unwrap().iter().find(|resource| resource["kind"] == kind).unwrap()
}

#[test]
fn unmanaged_pipeline_is_adopted_works_and_survives_down() {
    let env = InProcessEnv::with_local_cloud();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.create_all(&env);
    let before = foreign.describe_all();
    env.run(["up", "--local"]).assert_code(1).assert_stderr_contains(&[
        "table          SensorData in us-east-1: not managed by sensorctl",
        "mapping        temperature-sensor-data",
        "--adopt",
    ]);
    let plan = env.run(["plan", "--local", "--adopt", "--exit-code", "-o", "json"]).assert_code(3).json();
    for resource in plan["resources"].as_array().unwrap() {
        assert_eq!(
            (&resource["action"], resource["reason"].as_str().unwrap().starts_with("created outside sensorctl")),
            (&"update".into(), true)
        );
    }
    assert_eq!(foreign.describe_all(), before, "a plan changes nothing");

    env.run(["up", "--local", "--adopt"]).assert_success();
    let again = env.run(["up", "--local", "-o", "json"]).assert_success().json();
    assert_eq!(again["changed"], 0, "{again}");
    env.wait_until_healthy();
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--wait"]).assert_success();
    let policies = foreign.api.iam("Action=ListRolePolicies&RoleName=kinesis-lambda-dynamodb");
    assert!(policies.contains("own") && policies.contains("sensorctl"), "the owner's policy stays: {policies}");

    let down = env.run(["down", "--local", "--yes", "-o", "json"]).assert_success().json();
    assert_eq!(down["changed"], 0, "{down}");
    assert!(by_kind(&down, "table")["reason"].as_str().unwrap().contains("--delete-adopted table"));
    env.run(["status", "--local"]).assert_success();

    env.run(["down", "--local", "--yes", "--delete-adopted", "bucket"])
        .assert_code(2)
        .assert_stderr_contains(&["bucket", "stream"]);
    let all = "table,rejects-table,temperature-sensor-data,role,log-group,function,mapping";
    let down = env.run(["down", "--local", "--yes", "--delete-adopted", all, "-o", "json"]).assert_success().json();
    assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &json!([])));
}

#[test]
fn adopted_stream_is_kept_by_down() {
    let env = InProcessEnv::with_local_cloud();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.create_stream();
    env.run(["up", "--local", "--adopt"]).assert_success();
    let status = env.run(["status", "--local", "-o", "json"]).assert_success().json();
    assert_eq!(status["healthy"], true, "{status}");
    let down = env.run(["down", "--local", "--yes", "-o", "json"]).assert_success().json();
    assert_eq!((&down["changed"], &by_kind(&down, "stream")["action"]), (&6.into(), &"keep".into()), "{down}");
    let tags = foreign.api.call("Kinesis_20131202.ListTagsForStream", r#"{"StreamName":"temperature-sensor-data"}"#).1;
    assert!(tags.contains("other-team") && tags.contains("sensorctl:adopted"), "{tags}");
}

#[test]
fn adoption_that_needs_replacement_is_refused() {
    let env = InProcessEnv::with_local_cloud();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.create_table("SensorData", "Id", "Time", "N");
    env.run(["up", "--local", "--adopt", "--yes", "--replace"]).assert_code(1).assert_stderr_contains(&[
        "the table `SensorData`",
        "no update can change its key",
        "hint:",
    ]);
    assert_eq!(env.run(["plan", "--local", "--adopt"]).code, 1);
}

#[test]
fn resource_of_other_stage_is_not_adopted() {
    let env = InProcessEnv::with_local_cloud();
    env.run(["--stage", "blue", "up", "--local"]).assert_success();
    env.write("sensorctl.toml", "[stream]\nname = \"temperature-sensor-data-blue\"\n");
    env.run(["up", "--local", "--adopt"])
        .assert_code(1)
        .assert_stderr_contains(&["belongs to the sensorctl stage `blue`"]);
    env.run(["--config", "/dev/null", "--stage", "blue", "status", "--local"]).assert_success();
}

#[test]
fn adopted_resource_keeps_its_values_unless_a_setting_changes_them() {
    let env = InProcessEnv::with_local_cloud();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.create_all(&env);
    let stream = "temperature-sensor-data";
    let input = json!({"StreamName": stream, "RetentionPeriodHours": 48});
    foreign.api.json("Kinesis_20131202.IncreaseStreamRetentionPeriod", &input);
    let input = json!({"TableName": "SensorData", "DeletionProtectionEnabled": true});
    foreign.api.json("DynamoDB_20120810.UpdateTable", &input);
    // No consent is needed, because nothing is lost.
    env.run(["up", "--local", "--adopt"]).assert_success();

    let function =
        || foreign.api.lambda("GET /2015-03-31/functions/ProcessKinesisRecords", &Value::Null)["Configuration"].clone();
    let is_kept = || {
        let function = function();
        let variables = &function["Environment"]["Variables"];
        assert_eq!((&variables["THEIR"], &variables["SENSORCTL_PARTIAL_BATCH"]), (&"own".into(), &"1".into()));
        assert_eq!((&function["MemorySize"], &function["Timeout"]), (&128.into(), &3.into()));
        let mappings = foreign.api.lambda("GET /2015-03-31/event-source-mappings", &Value::Null);
        let mapping = &mappings["EventSourceMappings"][0];
        assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
        assert_eq!((&mapping["BatchSize"], &mapping["BisectBatchOnFunctionError"]), (&100.into(), &false.into()));
        let groups = foreign.api.call("Logs_20140328.DescribeLogGroups", "{}").1;
        assert!(!groups.contains("retentionInDays"), "{groups}");
        assert!(foreign.api.describe_stream(stream).contains("\"RetentionPeriodHours\":48"));
        let policies = foreign.api.iam("Action=ListAttachedRolePolicies&RoleName=kinesis-lambda-dynamodb");
        assert!(policies.contains("AWSLambdaKinesisExecutionRole"), "{policies}");
        let expiry = foreign.api.call("DynamoDB_20120810.DescribeTimeToLive", r#"{"TableName":"SensorDataRejects"}"#).1;
        assert!(expiry.contains("DISABLED"), "{expiry}");
    };
    is_kept();
    let again = env.run(["up", "--local", "-o", "json"]).assert_success().json();
    assert_eq!(again["changed"], 0, "kept values are not drift: {again}");
    is_kept();
    env.wait_until_healthy();
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--wait"]).assert_success();

    let asked = ["--set", "stream.retention_hours=24", "--set", "function.memory_mb=512", "up", "--local"];
    env.run(asked).assert_code(2).assert_stderr_contains(&[
        "retention_hours: 48 → 24 (can delete data)",
        "memory_mb: 128 → 512",
        "--yes",
    ]);
    env.run(asked.into_iter().chain(["--yes"])).assert_success();
    assert_eq!((&function()["MemorySize"], &function()["Timeout"]), (&512.into(), &3.into()));
    assert!(foreign.api.describe_stream(stream).contains("\"RetentionPeriodHours\":24"));
}

#[test]
fn adopted_data_without_expiry_gets_one_only_with_consent() {
    let env = InProcessEnv::with_local_cloud();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.create_all(&env);
    let asked =
        ["--set", "log_group.retention_days=14", "--set", "rejects.retention_days=7", "up", "--local", "--adopt"];
    env.run(asked).assert_code(2).assert_stderr_contains(&[
        "retention_days: never → 14 (can delete data)",
        "ttl_attribute: none → ExpiresAt (can delete data)",
        "--yes",
    ]);
    env.run(asked.into_iter().chain(["--yes"])).assert_success();
}

#[test]
fn log_group_without_expiry_gets_one_only_with_consent() {
    let env = InProcessEnv::with_local_cloud();
    let asked = ["--set", "log_group.retention_days=never", "up", "--local"];
    // The test invocation of a new function by `up` writes to the log.
    ApiClient::new(&env).set_faults("lambda:Invoke=denied");
    env.run(asked).assert_success();
    env.run(["up", "--local"]).assert_success();
    env.run(asked).assert_success();
    ApiClient::new(&env).set_faults("");
    env.run(["invoke", "--local"]).assert_success();
    env.run(["up", "--local"]).assert_code(2).assert_stderr_contains(&["retention_days: never → 14 (can delete data)"]);
}

#[test]
fn deleted_role_of_adopted_function_is_not_recreated() {
    let env = InProcessEnv::with_pipeline();
    let foreign = ForeignStack::with_default_names(&env);
    let arn = percent_encode("arn:aws:lambda:us-east-1:000000000000:function:ProcessKinesisRecords");
    let tags = json!({"Tags": {"sensorctl:adopted": "true"}});
    assert_eq!(foreign.api.send_lambda(&format!("POST /2017-03-31/tags/{arn}"), &tags).0, 204);
    delete_by_hand(&foreign.api, "role");
    for command in ["plan", "up"] {
        env.run([command, "--local"])
            .assert_code(1)
            .assert_stderr_contains(&["KMSAccessDeniedException", "`role.name`"]);
    }
    assert!(!foreign.api.list_all()[5].contains("kinesis-lambda-dynamodb"), "nothing was changed");
    env.run(["up", "--local", "--set", "role.name=another"]).assert_success();
    env.run(["invoke", "--local"]).assert_success();
}

mod slow {
    use super::*;

    #[test]
    fn partly_failed_adoption_is_completed_by_next_run() {
        for call in
            ["kinesis:AddTagsToStream", "dynamodb:TagResource", "iam:TagRole", "lambda:TagResource", "logs:TagResource"]
        {
            let env = InProcessEnv::with_local_cloud();
            let foreign = ForeignStack::with_default_names(&env);
            foreign.create_all(&env);
            foreign.api.set_faults(&format!("{call}=denied"));
            env.run(["up", "--local", "--adopt"]).assert_code(1).assert_stderr_contains(&[call]);
            foreign.api.set_faults("");
            env.run(["up", "--local"]).assert_code(1).assert_stderr_contains(&["not managed by sensorctl"]);
            env.run(["up", "--local", "--adopt"]).assert_success();
            assert_eq!(env.run(["up", "--local", "-o", "json"]).assert_success().json()["changed"], 0, "{call}");
        }
    }
}
