//! `why` with a caller who may only read, and with answers that the local cloud does not give.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{ApiClient, Interposed, TestEnv, an_hour_ahead, eventually, role_session, with_body};

/// The read actions that `why` uses, on everything.
const READS: [&str; 16] = [
    "cloudwatch:GetMetricData",
    "dynamodb:DescribeTable",
    "dynamodb:Scan",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
    "lambda:GetFunction",
    "lambda:ListEventSourceMappings",
    "logs:FilterLogEvents",
];

fn env_with_reading() -> TestEnv {
    let env = TestEnv::with_pipeline();
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1", "--wait"]).assert_success();
    env
}

#[test]
fn diagnosis_needs_no_more_than_read_actions() {
    let env = env_with_reading();
    let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": READS, "Resource": "*"}});
    let api = ApiClient::new(&env);
    let cloud = Interposed::new(&env, |_, _| None).with_keys(role_session(&api, "reader", &policy.to_string()));
    let report = cloud.run(&env, ["why", "-o", "json"]).assert_success().json();
    assert_eq!((&report["healthy"], &report["unknown"]), (&true.into(), &json!([])), "{report}");
    // Without a dead-letter table, a record that is no reading blocks its shard. The search for it only reads, too.
    let variables = json!({"SENSORCTL_TABLE": "SensorData", "SENSORCTL_PARTIAL_BATCH": "1"});
    let path = "PUT /2015-03-31/functions/ProcessKinesisRecords/configuration";
    api.lambda_when_accepted(path, &json!({"Environment": {"Variables": variables}}));
    let record = json!({"StreamName": "temperature-sensor-data", "PartitionKey": "k", "Data": "bm8="});
    let put = api.json("Kinesis_20131202.PutRecord", &record);
    let look = || cloud.run(&env, ["why", "-o", "json"]).json();
    let report = eventually("the record is found", look, |report| report["causes"][0]["records"].is_array());
    assert_eq!(report["causes"][0]["records"][0]["sequence_number"], put["SequenceNumber"], "{report}");
}

#[test]
fn stream_with_service_managed_distribution_is_a_cause() {
    let env = env_with_reading();
    let cloud = Interposed::new(&env, |request, forward| {
        let with_strategy = |body: &str| {
            let mut answer: Value = serde_json::from_str(body).unwrap();
            answer["StreamDescriptionSummary"]["RecordDistributionStrategy"] = "AUTO".into();
            answer.to_string()
        };
        (request.operation() == "DescribeStreamSummary").then(|| with_body(&forward(), with_strategy))
    });
    let report = cloud.run(&env, ["why", "-o", "json"]).assert_code(3).json();
    assert_eq!(report["causes"][0]["name"], "auto-distribution", "{report}");
}

#[test]
fn service_that_the_endpoint_does_not_have_leaves_its_causes_open() {
    let env = env_with_reading();
    let cloud = Interposed::new(&env, |request, _| {
        let is_gone = request.operation() == "FilterLogEvents";
        is_gone.then(|| request.failure(404, "UnknownOperationException", "no such service"))
    });
    let run = cloud.run(&env, ["why", "-o", "json"]).assert_success();
    let report = run.json();
    let names: Vec<_> = report["unknown"].as_array().unwrap().iter().map(|open| &open["name"]).collect();
    assert_eq!((names[0], &report["healthy"]), (&json!("log-group-missing"), &json!(false)), "{report}");
    assert!(run.stderr.contains("causes could not be excluded"), "{}", run.stderr);
}

#[test]
fn log_is_read_by_the_clock_of_the_service() {
    let env = env_with_reading();
    let starts: Arc<Mutex<Vec<i64>>> = Arc::default();
    let asked = Arc::clone(&starts);
    let cloud = Interposed::new(&env, move |request, forward| {
        if request.operation() == "FilterLogEvents" {
            let query: Value = serde_json::from_str(&request.body).unwrap();
            asked.lock().unwrap().push(query["startTime"].as_i64().unwrap());
        }
        (request.operation() == "DescribeStreamSummary").then(|| an_hour_ahead(&forward()))
    });
    let _ = cloud.run(&env, ["why", "-o", "json"]);
    // The service's clock is an hour ahead: batches of 15 minutes are read, and records given up in 3 hours.
    let now = Timestamp::now().as_millisecond();
    for expected in [now + 45 * 60_000, now - 2 * 60 * 60_000] {
        let is_read = starts.lock().unwrap().iter().any(|start| start.abs_diff(expected) < 60_000);
        assert!(is_read, "{starts:?}, {expected}");
    }
    assert_eq!(starts.lock().unwrap().len(), 2);
}

#[test]
fn stream_that_is_being_created_is_a_cause() {
    let env = TestEnv::new();
    env.run(["local", "start", "--port", "0", "--timing", "aws"]).assert_success();
    let stream = json!({"StreamName": "temperature-sensor-data", "ShardCount": 1});
    ApiClient::new(&env).json("Kinesis_20131202.CreateStream", &stream);
    let report = env.run(["why", "--local", "-o", "json"]).assert_code(3).json();
    let causes = report["causes"].as_array().unwrap();
    let evidence = causes.iter().find(|cause| cause["name"] == "stream-not-ready").map(|cause| &cause["evidence"]);
    assert_eq!(evidence.unwrap(), "stream temperature-sensor-data is CREATING", "{report}");
}

#[test]
fn stage_without_a_pipeline_is_named_by_why_and_status() {
    let env = env_with_reading();
    let said = ["there is no pipeline of stage prod here", "sensorctl status --local --stage prod"];
    let run = env.run(["why", "--local", "--stage", "prod", "-o", "json"]).assert_code(3);
    let report = run.assert_stderr_contains(&said).json();
    let is_of_function = |open: &&Value| open["name"].as_str().unwrap().starts_with("function-");
    let open: Vec<_> = report["unknown"].as_array().unwrap().iter().filter(is_of_function).collect();
    assert!(open.is_empty(), "a function that does not exist does not fail: {report}");
    let run = env.run(["status", "--local", "--stage", "prod"]).assert_code(3);
    run.assert_stderr_contains(&["there is no pipeline of stage prod in us-east-1, account 000000000000"]);
}

mod slow {
    use super::{ApiClient, env_with_reading};

    #[test]
    fn service_that_does_not_answer_leaves_its_causes_open_in_seconds() {
        let env = env_with_reading();
        let hang = ["lambda:GetFunction", "lambda:ListEventSourceMappings", "dynamodb:DescribeTable"];
        ApiClient::new(&env).set_faults(&hang.map(|call| format!("{call}=hang")).join(";"));
        let began = std::time::Instant::now();
        let report = env.run(["why", "--local", "-o", "json"]).assert_success().json();
        assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
        let reason = |name: &str| {
            let open = report["unknown"].as_array().unwrap().iter().find(|open| open["name"] == name);
            open.unwrap_or_else(|| panic!("{name}: {report}"))["reason"].as_str().unwrap()
        };
        for (name, call) in [
            ("function-missing", "Lambda GetFunction"),
            ("mapping-absent", "Lambda ListEventSourceMappings"),
            ("table-missing", "DynamoDB DescribeTable"),
        ] {
            assert!(reason(name).contains(&format!("{call} gave no answer in 5 s")), "{name}: {report}");
        }
        assert_eq!(report["healthy"], false, "{report}");
    }
}
