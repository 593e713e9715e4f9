//! Taking over what somebody made without sensorctl: only on request, changed in place, and never deleted unless named.

use serde_json::Value;

use crate::support::{Home, Neighbour};

fn by_kind<'a>(report: &'a Value, kind: &str) -> &'a Value {
    report["resources"].as_array().unwrap().iter().find(|resource| resource["kind"] == kind).unwrap()
}

#[test]
fn a_pipeline_typed_by_hand_is_taken_over_works_and_outlives_down() {
    let home = Home::with_local_cloud();
    let somebody = Neighbour::with_our_names(&home);
    somebody.makes_everything(&home);
    let before = somebody.described();
    home.run(["up", "--local"]).exited(1).says(&["the table `SensorData`", "the mapping", "--adopt"]);
    let plan = home.run(["plan", "--local", "--adopt", "--exit-code", "-o", "json"]).exited(3).json();
    for resource in plan["resources"].as_array().unwrap() {
        assert_eq!(
            (&resource["action"], resource["reason"].as_str().unwrap().starts_with("adopted")),
            (&"update".into(), true)
        );
    }
    assert_eq!(somebody.described(), before, "a plan changes nothing");

    home.run(["up", "--local", "--adopt"]).succeeded();
    let again = home.run(["up", "--local", "-o", "json"]).succeeded().json();
    assert_eq!(again["changed"], 0, "{again}");
    home.becomes_healthy();
    home.run(["put", "--local", "--sensor", "a", "--temp", "1", "--wait"]).succeeded();
    let policies = somebody.cloud.iam("Action=ListRolePolicies&RoleName=kinesis-lambda-dynamodb");
    assert!(policies.contains("own") && policies.contains("sensorctl"), "somebody's policy stays: {policies}");

    let down = home.run(["down", "--local", "--yes", "-o", "json"]).succeeded().json();
    assert_eq!(down["changed"], 0, "{down}");
    assert!(by_kind(&down, "table")["reason"].as_str().unwrap().contains("--delete-adopted table"));
    home.run(["status", "--local"]).succeeded();

    home.run(["down", "--local", "--yes", "--delete-adopted", "bucket"]).exited(2).says(&["bucket", "stream"]);
    let all = "table,rejects-table,temperature-sensor-data,role,log-group,function,mapping";
    let down = home.run(["down", "--local", "--yes", "--delete-adopted", all, "-o", "json"]).succeeded().json();
    assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &serde_json::json!([])));
}

#[test]
fn one_adopted_stream_stays_when_the_rest_goes() {
    let home = Home::with_local_cloud();
    let somebody = Neighbour::with_our_names(&home);
    somebody.makes_stream();
    home.run(["up", "--local", "--adopt"]).succeeded();
    let status = home.run(["status", "--local", "-o", "json"]).succeeded().json();
    assert_eq!(status["healthy"], true, "{status}");
    let down = home.run(["down", "--local", "--yes", "-o", "json"]).succeeded().json();
    assert_eq!((&down["changed"], &by_kind(&down, "stream")["action"]), (&6.into(), &"keep".into()), "{down}");
    let tags =
        somebody.cloud.call("Kinesis_20131202.ListTagsForStream", r#"{"StreamName":"temperature-sensor-data"}"#).1;
    assert!(tags.contains("somebody") && tags.contains("sensorctl:adopted"), "{tags}");
}

#[test]
fn what_would_have_to_be_replaced_is_not_taken_over() {
    let home = Home::with_local_cloud();
    let somebody = Neighbour::with_our_names(&home);
    somebody.makes_table("SensorData", "Id", "Time", "N");
    home.run(["up", "--local", "--adopt", "--yes", "--replace"]).exited(1).says(&[
        "the table `SensorData`",
        "no update can change its key",
        "hint:",
    ]);
    assert_eq!(home.run(["plan", "--local", "--adopt"]).code, 1);
}

#[test]
fn nothing_is_taken_over_from_another_stage() {
    let home = Home::with_local_cloud();
    home.run(["--stage", "blue", "up", "--local"]).succeeded();
    home.write("sensorctl.toml", "[stream]\nname = \"temperature-sensor-data-blue\"\n");
    home.run(["up", "--local", "--adopt"]).exited(1).says(&["belongs to the sensorctl stage `blue`"]);
    home.run(["--config", "/dev/null", "--stage", "blue", "status", "--local"]).succeeded();
}

#[test]
fn an_adoption_that_failed_halfway_is_finished_by_the_next_up() {
    for call in
        ["kinesis:AddTagsToStream", "dynamodb:TagResource", "iam:TagRole", "lambda:TagResource", "logs:TagResource"]
    {
        let home = Home::with_local_cloud();
        let somebody = Neighbour::with_our_names(&home);
        somebody.makes_everything(&home);
        somebody.cloud.set_faults(&format!("{call}=denied"));
        home.run(["up", "--local", "--adopt"]).exited(1).says(&[call]);
        somebody.cloud.set_faults("");
        home.run(["up", "--local"]).exited(1).says(&["not made by sensorctl"]);
        home.run(["up", "--local", "--adopt"]).succeeded();
        assert_eq!(home.run(["up", "--local", "-o", "json"]).succeeded().json()["changed"], 0, "{call}");
    }
}

/// What Lambda says at a path.
fn lambda(somebody: &Neighbour, path: &str) -> Value {
    let (status, said) = somebody.cloud.send(&format!("GET {path}"), "lambda", "X-Nothing: 2", "");
    assert_eq!(status, 200, "{said}");
    serde_json::from_str(&said).unwrap()
}

#[test]
fn a_default_changes_nothing_of_what_is_taken_over_and_a_setting_does() {
    let home = Home::with_local_cloud();
    let somebody = Neighbour::with_our_names(&home);
    somebody.makes_everything(&home);
    let does = |target: &str, body: &str| assert_eq!(somebody.cloud.call(target, body).0, 200, "{target}");
    let stream = "temperature-sensor-data";
    does(
        "Kinesis_20131202.IncreaseStreamRetentionPeriod",
        &format!("{{\"StreamName\":\"{stream}\",\"RetentionPeriodHours\":48}}"),
    );
    does("DynamoDB_20120810.UpdateTable", r#"{"TableName":"SensorData","DeletionProtectionEnabled":true}"#);
    // Nothing is lost by it, so nobody is asked.
    home.run(["up", "--local", "--adopt"]).succeeded();

    let function = || lambda(&somebody, "/2015-03-31/functions/ProcessKinesisRecords")["Configuration"].clone();
    let is_kept = || {
        let function = function();
        let variables = &function["Environment"]["Variables"];
        assert_eq!((&variables["THEIR"], &variables["SENSORCTL_PARTIAL_BATCH"]), (&"own".into(), &"1".into()));
        assert_eq!((&function["MemorySize"], &function["Timeout"]), (&128.into(), &3.into()));
        let mappings = lambda(&somebody, "/2015-03-31/event-source-mappings");
        let mapping = &mappings["EventSourceMappings"][0];
        assert_eq!(mapping["FunctionResponseTypes"], serde_json::json!(["ReportBatchItemFailures"]));
        assert_eq!((&mapping["BatchSize"], &mapping["BisectBatchOnFunctionError"]), (&100.into(), &false.into()));
        let groups = somebody.cloud.call("Logs_20140328.DescribeLogGroups", "{}").1;
        assert!(!groups.contains("retentionInDays"), "{groups}");
        assert!(somebody.cloud.describe(stream).contains("\"RetentionPeriodHours\":48"));
        let policies = somebody.cloud.iam("Action=ListAttachedRolePolicies&RoleName=kinesis-lambda-dynamodb");
        assert!(policies.contains("AWSLambdaKinesisExecutionRole"), "{policies}");
        let expiry =
            somebody.cloud.call("DynamoDB_20120810.DescribeTimeToLive", r#"{"TableName":"SensorDataRejects"}"#).1;
        assert!(expiry.contains("DISABLED"), "{expiry}");
    };
    is_kept();
    let again = home.run(["up", "--local", "-o", "json"]).succeeded().json();
    assert_eq!(again["changed"], 0, "what stays is no drift: {again}");
    is_kept();
    home.becomes_healthy();
    home.run(["put", "--local", "--sensor", "a", "--temp", "1", "--wait"]).succeeded();

    let asked = ["--set", "stream.retention_hours=24", "--set", "function.memory_mb=512", "up", "--local"];
    home.run(asked).exited(2).says(&["retention_hours: 48 → 24  loses data", "memory_mb: 128 → 512", "--yes"]);
    home.run(asked.into_iter().chain(["--yes"])).succeeded();
    assert_eq!((&function()["MemorySize"], &function()["Timeout"]), (&512.into(), &3.into()));
    assert!(somebody.cloud.describe(stream).contains("\"RetentionPeriodHours\":24"));
}

#[test]
fn what_somebody_keeps_for_ever_is_not_let_expire_unasked() {
    let home = Home::with_local_cloud();
    let somebody = Neighbour::with_our_names(&home);
    somebody.makes_everything(&home);
    let asked =
        ["--set", "log_group.retention_days=14", "--set", "rejects.retention_days=7", "up", "--local", "--adopt"];
    home.run(asked).exited(2).says(&[
        "retention_days: \"never\" → 14  loses data",
        "ttl_attribute: null → \"ExpiresAt\"  loses data",
        "--yes",
    ]);
    home.run(asked.into_iter().chain(["--yes"])).succeeded();
}

#[test]
fn a_log_of_ours_that_is_kept_for_ever_and_not_empty_is_not_let_expire_unasked() {
    let home = Home::with_local_cloud();
    let asked = ["--set", "log_group.retention_days=never", "up", "--local"];
    home.run(asked).succeeded();
    home.run(["up", "--local"]).succeeded();
    home.run(asked).succeeded();
    home.run(["invoke", "--local"]).succeeded();
    home.run(["up", "--local"]).exited(2).says(&["retention_days: \"never\" → 14  loses data"]);
}

#[test]
fn a_role_that_an_adopted_function_cannot_do_without_is_not_made_anew() {
    let home = Home::with_pipeline();
    let somebody = Neighbour::with_our_names(&home);
    let tag = |path: &str, body: &str| somebody.cloud.send(path, "lambda", "Content-Type: application/json", body).0;
    let arn = crate::support::form("arn:aws:lambda:us-east-1:000000000000:function:ProcessKinesisRecords");
    assert_eq!(tag(&format!("POST /2017-03-31/tags/{arn}"), r#"{"Tags":{"sensorctl:adopted":"true"}}"#), 204);
    somebody.cloud.iam("Action=DeleteRolePolicy&RoleName=kinesis-lambda-dynamodb&PolicyName=sensorctl");
    somebody.cloud.iam("Action=DeleteRole&RoleName=kinesis-lambda-dynamodb");
    for command in ["plan", "up"] {
        home.run([command, "--local"]).exited(1).says(&["KMSAccessDeniedException", "`role.name`"]);
    }
    assert!(!somebody.cloud.everything()[5].contains("kinesis-lambda-dynamodb"), "nothing is changed");
    home.run(["up", "--local", "--set", "role.name=another"]).succeeded();
    home.run(["invoke", "--local"]).succeeded();
}
