//! Resources in every unusual state: unmanaged, of another stage or region, deleted or changed behind the back of
//! `sensorctl`, protected. Each gives the right plan, or a message that names the resource, its owner and the remedy.

use serde_json::{Value, json};

use super::in_process_runner::InProcessEnv;
use super::support::{ApiClient, ForeignStack, eventually, percent_encode};

#[test]
fn unmanaged_mapping_between_own_resources_is_refused_and_kept() {
    let env = InProcessEnv::with_pipeline();
    let foreign = ForeignStack::with_default_names(&env);
    let path = foreign.api.event_source_mapping_path();
    foreign.api.lambda(&format!("DELETE {path}"), &Value::Null);
    let get = || foreign.api.send_lambda(&format!("GET {path}"), &Value::Null);
    eventually("the mapping is deleted", get, |(status, _)| *status == 404);
    foreign.create_mapping(&foreign.stream, &foreign.function);
    let path = foreign.api.event_source_mapping_path();
    env.run(["up", "--local"]).assert_code(1).assert_stderr_contains(&[
        "mapping        temperature-sensor-data → ProcessKinesisRecords",
        "not managed by sensorctl",
    ]);
    env.run(["down", "--local", "--yes"]).assert_code(1).assert_stderr_contains(&["unmanaged event source mappings"]);
    env.run(["down", "--local", "--yes", "--delete-consumers"]).assert_success();
    let mapping = foreign.api.lambda(&format!("GET {path}"), &Value::Null);
    assert_eq!(mapping["State"], "Enabled");
}

#[test]
fn unmanaged_mapping_of_own_stream_to_other_function_is_ignored() {
    let env = InProcessEnv::with_pipeline();
    let foreign =
        ForeignStack { function: "theirs".into(), role: "theirs".into(), ..ForeignStack::with_default_names(&env) };
    foreign.create_role();
    foreign.create_function(&env);
    foreign.create_mapping("temperature-sensor-data", "theirs");
    assert!(env.planned_changes().is_empty());
    env.run(["up", "--local"]).assert_success().assert_stderr_contains(&["Nothing to do"]);
}

#[test]
fn unmanaged_log_group_is_used_unchanged_and_kept() {
    let env = InProcessEnv::with_local_cloud();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.create_log_group();
    assert_eq!(env.run(["up", "--local", "-o", "json"]).assert_success().json()["changed"], 6);
    assert!(env.planned_changes().is_empty());
    let status = env.run(["status", "--local", "-o", "json"]).assert_success().json();
    assert_eq!(status["healthy"], true, "what `up` does not manage is not drift: {status}");
    env.run(["down", "--local", "--yes"])
        .assert_success()
        .assert_stderr_contains(&["was not created by sensorctl and is kept"]);
    assert!(foreign.api.list_all()[2].contains("/aws/lambda/ProcessKinesisRecords"));
}

#[test]
fn resource_of_other_stage_or_region_is_reported_with_its_owner() {
    let env = InProcessEnv::with_local_cloud();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.create_stream();
    foreign.create_role();
    let tags = json!({"sensorctl:stage": "blue", "sensorctl:region": "us-east-1"});
    foreign.api.json_when_accepted(
        "Kinesis_20131202.AddTagsToStream",
        &json!({"StreamName": "temperature-sensor-data", "Tags": tags}),
    );
    foreign.api.iam(
        "Action=TagRole&RoleName=kinesis-lambda-dynamodb&Tags.member.1.Key=sensorctl:stage&Tags.member.1.Value=default&\
         Tags.member.2.Key=sensorctl:region&Tags.member.2.Value=eu-west-1",
    );
    for command in [&["up", "--local"][..], &["up", "--local", "--adopt"]] {
        let run = env.run(command.to_vec()).assert_code(1).assert_stderr_contains(&[
            "stream         temperature-sensor-data in us-east-1: belongs to the sensorctl stage `blue`",
            "role           kinesis-lambda-dynamodb: belongs to a sensorctl pipeline in eu-west-1",
            "`role.name` sets another one",
        ]);
        assert!(!run.stderr.contains("hint: or adopt"), "{}", run.stderr);
    }
    let down = env.run(["down", "--local", "--yes", "-o", "json"]).assert_success().json();
    assert_eq!(down["changed"], 0, "{down}");
}

#[test]
fn up_newer_function_code_is_replaced_only_with_consent() {
    let env = InProcessEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let arn = percent_encode("arn:aws:lambda:us-east-1:000000000000:function:ProcessKinesisRecords");
    api.lambda(&format!("POST /2017-03-31/tags/{arn}"), &json!({"Tags": {"sensorctl:version": "99.1.0"}}));
    env.run(["up", "--local"]).assert_success().assert_stderr_contains(&["Nothing to do"]);
    let other = env.write("other.zip", env.rebuilt_function_zip());
    let other = format!("function.zip={}", other.display());
    env.run(["up", "--local", "--set", &other])
        .assert_code(2)
        .assert_stderr_contains(&["newer sensorctl 99.1.0", "--yes"]);
    assert_eq!(env.planned_changes(), []);
    env.run(["up", "--local", "--set", &other, "--yes"]).assert_success();
    env.run(["up", "--local"]).assert_success().assert_stderr_contains(&["code_sha256: "]);
}

#[test]
fn plan_refuses_the_same_states_as_up() {
    let env = InProcessEnv::with_local_cloud();
    let tags = [("sensorctl:stage", "default"), ("sensorctl:region", "us-east-1")];
    let tags: Vec<_> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    ApiClient::new(&env).json(
        "DynamoDB_20120810.CreateTable",
        &json!({
            "TableName": "SensorData",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "Other", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "Other", "KeyType": "HASH"}],
            "DeletionProtectionEnabled": true,
            "Tags": tags,
        }),
    );
    for command in [&["plan", "--local"][..], &["up", "--local", "--yes", "--replace"]] {
        env.run(command.to_vec())
            .assert_code(1)
            .assert_stderr_contains(&["the table `SensorData` is protected against deletion"]);
    }
}

mod slow {
    use super::*;

    #[test]
    fn up_single_unmanaged_resource_fails_before_any_change() {
        type Make = fn(&ForeignStack, &InProcessEnv);
        let makes: [(&str, &str, Make); 5] = [
            ("table", "SensorData", |foreign, _| foreign.create_table("SensorData", "SensorId", "CurrentTime", "N")),
            ("rejects-table", "SensorDataRejects", |foreign, _| {
                foreign.create_table("SensorDataRejects", "ShardId", "RejectId", "S");
            }),
            ("stream", "temperature-sensor-data", |foreign, _| foreign.create_stream()),
            ("role", "kinesis-lambda-dynamodb", |foreign, _| foreign.create_role()),
            ("function", "ProcessKinesisRecords", |foreign, env| {
                let other = ForeignStack { role: "their-role".into(), ..foreign.clone() };
                other.create_role();
                other.create_function(env);
            }),
        ];
        for (kind, name, make) in makes {
            let env = InProcessEnv::with_local_cloud();
            let foreign = ForeignStack::with_default_names(&env);
            make(&foreign, &env);
            let before = foreign.api.list_all();
            let refusal = match kind {
                "role" => format!("{kind:<13}  {name}: not managed by sensorctl"),
                _ => format!("{kind:<13}  {name} in us-east-1: not managed by sensorctl"),
            };
            env.run(["up", "--local"])
                .assert_code(1)
                .assert_stderr_contains(&[&refusal, "hint: ", "--stage", "--adopt"]);
            env.run(["plan", "--local"]).assert_code(1).assert_stderr_contains(&[&refusal]);
            let status = env.run(["status", "--local", "-o", "json"]).assert_code(3).json();
            let state =
                status["resources"].as_array().unwrap().iter().find(|resource| resource["kind"] == kind).unwrap();
            assert_eq!(state["state"], "foreign");
            let down = env.run(["down", "--local", "--yes", "-o", "json"]).assert_success().json();
            assert_eq!(down["changed"], 0, "{down}");
            assert_eq!(foreign.api.list_all(), before, "{kind}");
        }
    }
}
