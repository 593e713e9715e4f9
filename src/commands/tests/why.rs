//! `why` names each cause that is created in a local cloud, and only reads.

mod other_causes;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::in_process_runner::InProcessEnv;
use super::support::{ApiClient, ForeignStack, eventually};

const FUNCTION: &str = "/2015-03-31/functions/ProcessKinesisRecords";
const GROUP: &str = "/aws/lambda/ProcessKinesisRecords";

/// Returns the report, and the names of its causes.
#[track_caller]
fn diagnosis(env: &InProcessEnv) -> (Value, Vec<String>) {
    let run = env.run(["why", "--local", "-o", "json"]);
    let report = run.json();
    let causes = report["causes"].as_array().unwrap();
    assert_eq!(run.code, if causes.is_empty() { 0 } else { 3 }, "{}", run.stderr);
    let names = causes.iter().map(|cause| cause["name"].as_str().unwrap().to_owned()).collect();
    (report, names)
}

/// Waits until the report has these causes, and returns it.
#[track_caller]
fn until(env: &InProcessEnv, expected: &[&str]) -> Value {
    eventually(&format!("the causes are {expected:?}"), || diagnosis(env), |(_, names)| names == expected).0
}

/// As [`until`], with what causes it before each report: throttles are over once something passes in a later minute, and
/// a minute can end between them and the report.
#[track_caller]
fn until_after(act: impl Fn(), env: &InProcessEnv, expected: &[&str]) -> Value {
    let observe = || {
        act();
        diagnosis(env)
    };
    eventually(&format!("the causes are {expected:?}"), observe, |(_, names)| names == expected).0
}

/// Creates a pipeline that has stored a reading, so that its stream is not empty.
fn env_with_reading() -> (InProcessEnv, ApiClient) {
    let env = InProcessEnv::with_pipeline();
    put(&env);
    env.rows(1);
    let api = ApiClient::new(&env);
    (env, api)
}

fn put(env: &InProcessEnv) {
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1"]).assert_success();
}

#[test]
fn pipeline_that_works_is_healthy() {
    let (env, _) = env_with_reading();
    let run = env.run(["why", "--local", "-v", "-o", "table"]).assert_success();
    assert!(run.stdout.contains("  ✓ excluded  role-lacks-action\n"), "{}", run.stdout);
    assert!(
        !run.stdout.contains("unknown") && run.stderr.contains("No cause was found."),
        "{} {}",
        run.stdout,
        run.stderr
    );
    let (report, _) = diagnosis(&env);
    assert_eq!((&report["healthy"], &report["unknown"]), (&true.into(), &json!([])));
}

#[test]
fn empty_stream_is_a_cause() {
    let env = InProcessEnv::with_pipeline();
    let report = until(&env, &["stream-empty"]);
    assert!(report["causes"][0]["evidence"].as_str().unwrap().contains("within its retention of 24 h"), "{report}");
}

#[test]
fn absent_and_disabled_mappings_are_causes() {
    let (env, api) = env_with_reading();
    let path = api.event_source_mapping_path();
    api.lambda_when_accepted(&format!("PUT {path}"), &json!({"Enabled": false}));
    let report = until(&env, &["mapping-disabled"]);
    assert_eq!(
        report["causes"][0]["remedy"],
        "`sensorctl up --local` enables it; it goes on where it stopped, and records past the retention are lost"
    );
    api.lambda_when_accepted(&format!("DELETE {path}"), &Value::Null);
    until(&env, &["mapping-absent"]);
    env.run(["up", "--local"]).assert_success();
    until(&env, &[]);
}

#[test]
fn missing_resources_are_causes() {
    let (env, api) = env_with_reading();
    api.lambda(&format!("DELETE {FUNCTION}"), &Value::Null);
    until(&env, &["function-missing"]);
    api.json("DynamoDB_20120810.DeleteTable", &json!({"TableName": "SensorDataRejects"}));
    until(&env, &["function-missing", "table-missing"]);
    api.json("Kinesis_20131202.DeleteStream", &json!({"StreamName": "temperature-sensor-data"}));
    let report = until(&env, &["function-missing", "table-missing", "stream-missing"]);
    assert_eq!(report["causes"][1]["evidence"], "table SensorDataRejects does not exist");
}

#[test]
fn missing_log_group_is_a_cause_until_it_is_there_again() {
    let (env, api) = env_with_reading();
    api.json("Logs_20140328.DeleteLogGroup", &json!({"logGroupName": GROUP}));
    let report = until(&env, &["log-group-missing"]);
    let cause = &report["causes"][0];
    let evidence = format!("log group {GROUP} does not exist, so that nothing shows how the function ends");
    assert_eq!(cause["evidence"], evidence);
    assert!(cause["remedy"].as_str().unwrap().starts_with("`sensorctl up --local` creates it"), "{report}");
    env.run(["up", "--local"]).assert_success();
    until(&env, &[]);
}

#[test]
fn function_without_concurrency_is_a_cause() {
    let (env, api) = env_with_reading();
    let path = "PUT /2017-10-31/functions/ProcessKinesisRecords/concurrency";
    api.lambda(path, &json!({"ReservedConcurrentExecutions": 0}));
    until(&env, &["no-concurrency"]);
}

#[test]
fn role_that_lacks_access_is_a_cause() {
    let (env, api) = env_with_reading();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.trust_only_ec2();
    let report = until(&env, &["role-not-assumable"]);
    assert!(report["causes"][0]["evidence"].as_str().unwrap().contains("lacks the statement"), "{report}");
    api.iam("Action=DeleteRolePolicy&RoleName=kinesis-lambda-dynamodb&PolicyName=sensorctl");
    let report = until(&env, &["role-not-assumable", "role-lacks-action"]);
    let evidence = report["causes"][1]["evidence"].as_str().unwrap();
    for part in ["dynamodb:BatchWriteItem", "kinesis:GetRecords", "logs:PutLogEvents", "table/SensorDataRejects"] {
        assert!(evidence.contains(part), "{part}: {evidence}");
    }
    api.iam("Action=DeleteRole&RoleName=kinesis-lambda-dynamodb");
    until(&env, &["role-missing"]);
}

#[test]
fn disabled_mapping_and_role_without_access_are_both_shown() {
    let (env, api) = env_with_reading();
    let path = api.event_source_mapping_path();
    api.lambda_when_accepted(&format!("PUT {path}"), &json!({"Enabled": false}));
    api.iam("Action=DeleteRolePolicy&RoleName=kinesis-lambda-dynamodb&PolicyName=sensorctl");
    until(&env, &["mapping-disabled", "role-lacks-action"]);
}

#[test]
fn function_created_with_a_stale_grant_is_a_cause() {
    let env = InProcessEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    // A caller who may not invoke the function cannot see it either, so that `up` goes on.
    api.set_faults("iam:CreateRole=staleGrant(60s);lambda:Invoke=denied");
    env.run(["up", "--local"]).assert_success();
    api.set_faults("");
    put(&env);
    let report = until(&env, &["stale-kms-grant"]);
    let remedy = report["causes"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("lambda delete-function --function-name ProcessKinesisRecords"), "{remedy}");
    assert!(remedy.contains("`sensorctl up --local`"), "{remedy}");
}

/// Leaves the function without a table for dead letters: a record that is no reading then blocks its shard.
fn without_dead_letters(api: &ApiClient) {
    let variables = json!({"SENSORCTL_TABLE": "SensorData", "SENSORCTL_PARTIAL_BATCH": "1"});
    let configuration = format!("PUT {FUNCTION}/configuration");
    api.lambda_when_accepted(&configuration, &json!({"Environment": {"Variables": variables}}));
}

#[test]
fn record_that_blocks_the_shard_is_found_by_running_the_function_on_its_batch() {
    let (env, api) = env_with_reading();
    without_dead_letters(&api);
    let good = |n: u32| format!("{{\"sensor_id\":\"s{n}\",\"temperature\":1,\"current_time\":{n}}}");
    let records: Vec<_> = (0..9).map(|n| if n == 6 { "secret-content".to_owned() } else { good(n) }).collect();
    let entries: Vec<_> = records
        .iter()
        .map(|data| json!({"PartitionKey": if data.starts_with('{') { "good" } else { "key-of-it" }, "Data": STANDARD.encode(data)}))
        .collect();
    let put = json!({"StreamName": "temperature-sensor-data", "Records": entries});
    let put = api.json("Kinesis_20131202.PutRecords", &put);
    let report = until(&env, &["function-failing"]);
    let evidence = report["causes"][0]["evidence"].as_str().unwrap();
    assert!(
        evidence.contains("shardId-000000000000") && evidence.contains("its records expire in 24.0 h"),
        "{evidence}"
    );
    assert!(report["causes"][0]["remedy"].as_str().unwrap().starts_with("`sensorctl up --local` gives function"));
    let found = &report["causes"][0]["records"];
    assert_eq!(found.as_array().unwrap().len(), 1, "{report}");
    assert_eq!(
        (&found[0]["shard_id"], &found[0]["sequence_number"], &found[0]["partition_key"]),
        (&json!("shardId-000000000000"), &put["Records"][6]["SequenceNumber"], &json!("key-of-it"))
    );
    assert!(!report.to_string().contains("secret-content") && !found[0]["reason"].as_str().unwrap().is_empty());
    // The function that is deployed is the bundled one.
    assert!(!evidence.contains("another build"), "{evidence}");
    let shown = env.run(["why", "--local", "--show-data", "-o", "json"]).assert_code(3).json();
    assert_eq!(shown["causes"][0]["records"][0]["data"], "secret-content");
    let quick = env.run(["why", "--local", "--no-search", "-o", "json"]).assert_code(3).json();
    assert_eq!(quick["causes"][0]["records"], Value::Null);
    // The good readings of the batch are stored, by the function of the pipeline alone.
    assert_eq!(env.rows(9).len(), 9);
    let code = STANDARD.encode(env.rebuilt_function_zip());
    api.lambda_when_accepted(&format!("PUT {FUNCTION}/code"), &json!({"ZipFile": code}));
    let report = until(&env, &["function-failing"]);
    let evidence = report["causes"][0]["evidence"].as_str().unwrap();
    assert!(evidence.contains("the deployed function is another build (sha256 "), "{evidence}");
}

#[test]
fn throttled_table_is_a_cause() {
    let env = InProcessEnv::with_local_cloud();
    env.run(["up", "--local", "--set", "function.timeout_seconds=3"]).assert_success();
    let api = ApiClient::new(&env);
    api.set_faults("dynamodb:BatchWriteItem=throttle");
    put(&env);
    let is_logged =
        |report: &Value| report["causes"][0]["evidence"].as_str().is_some_and(|text| text.contains("newest batch"));
    let report = eventually("the log and the metrics show it", || diagnosis(&env).0, is_logged);
    assert_eq!(report["causes"].as_array().unwrap().len(), 1, "{report}");
    let evidence = report["causes"][0]["evidence"].as_str().unwrap();
    assert!(evidence.contains("writes to table SensorData or its dead letters were throttled"), "{evidence}");
    assert!(report["excluded"].as_array().unwrap().contains(&json!("hot-key")), "{report}");
    api.set_faults("");
    until(&env, &[]);
}

#[test]
fn writes_that_one_partition_throttles_are_a_hot_key() {
    let env = InProcessEnv::with_local_cloud();
    env.run(["up", "--local", "--set", "function.timeout_seconds=3"]).assert_success();
    let api = ApiClient::new(&env);
    api.set_faults("dynamodb:BatchWriteItem=hotKey");
    put(&env);
    let report = until(&env, &["table-throttled", "hot-key"]);
    let hot_key = &report["causes"][1];
    let evidence = hot_key["evidence"].as_str().unwrap();
    assert!(evidence.ends_with("hit the limit of one partition (WriteKeyRangeThroughputThrottleEvents)"), "{evidence}");
    let remedy = hot_key["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("spread the readings over more sensor ids"), "{remedy}");
    api.set_faults("");
    until(&env, &[]);
}

#[test]
fn throttled_writes_into_the_stream_are_a_hot_shard_or_too_few_shards() {
    for (shards, cause) in [("stream.shards=1", "stream-throttled"), ("stream.shards=2", "hot-shard")] {
        let env = InProcessEnv::with_local_cloud();
        env.run(["up", "--local", "--set", shards]).assert_success();
        let api = ApiClient::new(&env);
        let throttle = || {
            api.set_faults("kinesis:PutRecord=throttle@#1");
            put(&env);
            env.rows(1);
        };
        until_after(throttle, &env, &[cause]);
    }
}

#[test]
fn another_reader_that_takes_reads_is_named() {
    let (env, api) = env_with_reading();
    let foreign = ForeignStack::with_suffix(&env, "theirs");
    foreign.create_role();
    foreign.create_function(&env);
    foreign.create_mapping("temperature-sensor-data", &foreign.function);
    let throttle = || api.set_faults("kinesis:GetRecords=throttle@#1-2");
    let report = until_after(throttle, &env, &["another-reader"]);
    let evidence = report["causes"][0]["evidence"].as_str().unwrap();
    assert!(evidence.ends_with("event source mappings of ProcessKinesisRecords-theirs read it, too"), "{evidence}");
}

#[test]
fn throttled_invocations_are_a_cause() {
    let (env, api) = env_with_reading();
    api.set_faults("lambda:Invoke=throttle");
    put(&env);
    until(&env, &["function-throttled"]);
}

#[test]
fn consumer_behind_retention_is_a_cause_with_the_hours_left() {
    let (env, api) = env_with_reading();
    let now = jiff::Timestamp::now().as_millisecond();
    let metrics = json!({"_aws": {"Timestamp": now}, "ShardId": "shardId-000000000000", "Rejected": 0,
        "FirstSequenceNumber": "1", "LastSequenceNumber": "9".repeat(57), "IteratorAge": 20.0 * 3600.0 * 1000.0});
    let stream = json!({"logGroupName": GROUP, "logStreamName": "2026/11/29/[$LATEST]0"});
    api.json("Logs_20140328.CreateLogStream", &stream);
    let events = json!([{"timestamp": now, "message": metrics.to_string()}]);
    let mut put = stream;
    put["logEvents"] = events;
    api.json("Logs_20140328.PutLogEvents", &put);
    let report = until(&env, &["consumer-behind-retention"]);
    assert!(report["causes"][0]["evidence"].as_str().unwrap().ends_with("lost in 4.0 h"), "{report}");
}

#[test]
fn diagnosis_only_reads_and_takes_few_calls() {
    let (env, api) = env_with_reading();
    // The function has written all that it will.
    let result = |api: &ApiClient| api.event_source_mappings()[0]["LastProcessingResult"].clone();
    eventually("the batch is delivered", || result(&api), |result| result == "OK");
    api.set_faults("");
    assert_eq!(diagnosis(&env).1, [""; 0]);
    let mut calls: Vec<String> = api.recorded_calls().into_iter().map(|call| call.call).collect();
    calls.sort();
    assert_eq!(
        calls,
        [
            "cloudwatch:GetMetricData",
            "dynamodb:DescribeTable",
            "dynamodb:DescribeTable",
            "dynamodb:Scan",
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "kinesis:DescribeStreamSummary",
            "lambda:GetFunction",
            "lambda:ListEventSourceMappings",
            "logs:FilterLogEvents",
            // For what was given up: on the local cloud only.
            "logs:FilterLogEvents",
        ]
    );
}

#[test]
fn denied_call_leaves_its_causes_open() {
    let (env, api) = env_with_reading();
    api.set_faults("logs:FilterLogEvents=denied;iam:*=denied");
    let run = env.run(["why", "--local", "-o", "json"]).assert_success();
    let report = run.json();
    let open: Vec<_> =
        report["unknown"].as_array().unwrap().iter().map(|open| open["name"].as_str().unwrap()).collect();
    assert!(open.contains(&"function-failing") && open.contains(&"role-lacks-action"), "{open:?}");
    assert_eq!(report["healthy"], false);
    assert!(run.stderr.contains("causes could not be excluded"), "{}", run.stderr);
}

mod slow {
    use super::*;

    #[test]
    fn batch_that_the_bundled_function_stores_leaves_the_record_unknown() {
        let (env, api) = env_with_reading();
        // The write fails for a reason that is not in the record.
        api.set_faults("dynamodb:BatchWriteItem=error");
        let run = env.run(["up", "--local", "--yes", "--set", "function.timeout_seconds=3"]);
        run.assert_success();
        put(&env);
        let report = until(&env, &["function-failing"]);
        assert_eq!(report["causes"][0]["records"], Value::Null, "{report}");
        let is_open = |open: &Value| open["name"] == "function-failing";
        assert!(!report["unknown"].as_array().unwrap().iter().any(is_open), "it is a cause: {report}");
        assert!(
            report["causes"][0]["evidence"]
                .as_str()
                .unwrap()
                .contains("stores the batch (records: 1) into an empty store"),
            "{report}"
        );
    }
}
