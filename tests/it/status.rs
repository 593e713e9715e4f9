//! `status`: is it well, and if not, why; with few calls, and without the right to read metrics.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::support::{ApiClient, Interposed, Run, TestEnv, an_hour_ahead};

/// Denies the metrics.
const NO_METRICS: &str = "cloudwatch:GetMetricData=denied";

fn env_with_reading() -> TestEnv {
    let env = TestEnv::with_pipeline();
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1", "--wait"]).assert_success();
    env
}

fn status(env: &TestEnv) -> Run {
    env.run(["status", "--local", "-o", "json"])
}

#[test]
fn status_of_a_healthy_pipeline_says_lag_shards_dead_letters_and_last_write_with_thirteen_calls() {
    let env = env_with_reading();
    let cloud = Interposed::new(&env, |_, _| None);
    let report = cloud.run(&env, ["status", "-o", "json"]).assert_success().json();
    assert_eq!((&report["healthy"], &report["problems"]), (&true.into(), &json!([])), "{report}");
    assert_eq!(report["lag_source"], "iterator-age");
    assert!(report["lag_ms"].as_u64().unwrap() < 60_000, "{report}");
    assert_eq!(report["shards"], json!({"open": 1, "mode": "provisioned", "is_resharding": false}));
    assert_eq!(report["dead_letters"], json!({"count": 0, "is_at_least": false}));
    assert!(report["last_write"].as_str().unwrap().ends_with(":00Z"), "{report}");
    assert_eq!(report["not_compared"], json!(["point_in_time_recovery", "ttl_attribute"]));
    let mut calls = cloud.calls();
    calls.sort_unstable();
    assert_eq!(
        calls,
        [
            "DescribeLogGroups",
            "DescribeStreamSummary",
            "DescribeTable",
            "DescribeTable",
            // On the local cloud only: its log has the batches that were given up.
            "FilterLogEvents",
            "GET /2015-03-31/event-source-mappings",
            "GET /2015-03-31/functions/ProcessKinesisRecords",
            "GetMetricData",
            "GetResources",
            "GetRole",
            "GetRolePolicy",
            "ListAttachedRolePolicies",
            "Scan",
        ]
    );
}

#[test]
fn status_of_a_disabled_mapping_is_not_well_and_says_how_long_a_reading_waits() {
    let env = env_with_reading();
    let api = ApiClient::new(&env);
    let path = api.event_source_mapping_path();
    api.lambda(&format!("PUT {path}"), &json!({"Enabled": false}));
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "2"]).assert_success();
    api.set_faults(NO_METRICS);
    let report =
        status(&env).assert_code(3).assert_stderr_contains(&["mapping enabled differs", "sensorctl plan"]).json();
    assert_eq!((&report["healthy"], &report["mapping"]["state"]), (&false.into(), &"Disabled".into()));
    assert_eq!(report["lag_source"], "stream-and-table");
    assert!(report["lag_ms"].as_u64().unwrap() > 0, "the second reading waits: {report}");
    assert_eq!(report["lag_is_at_least"], false, "the first one is stored");
}

#[test]
fn status_of_a_throttled_function_is_not_well_until_it_is_invoked_again() {
    let env = env_with_reading();
    let api = ApiClient::new(&env);
    api.set_faults("lambda:Invoke=throttle");
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "2"]).assert_success();
    env.wait_for_mapping_result("a problem", |result| result.starts_with("PROBLEM"));
    let run = status(&env).assert_code(3).assert_stderr_contains(&["the function was throttled", "sensorctl why"]);
    let problems = run.json()["problems"].to_string();
    assert!(problems.contains("the event source mapping reports a problem"), "{problems}");
    api.set_faults("");
    env.wait_until_healthy();
}

#[test]
fn status_of_a_failing_function_says_how_often_it_failed() {
    let env = env_with_reading();
    let api = ApiClient::new(&env);
    let broken = json!({"Environment": {"Variables": {"SENSORCTL_REJECTS_DAYS": "no number"}}});
    api.lambda("PUT /2015-03-31/functions/ProcessKinesisRecords/configuration", &broken);
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "2"]).assert_success();
    env.wait_for_mapping_result("a failed call", |result| result == "PROBLEM: Function call failed");
    let run = status(&env).assert_code(3);
    let report = run.json();
    let problems = report["problems"].to_string();
    run.assert_stderr_contains(&["sensorctl plan", "sensorctl why"]);
    assert!(problems.contains("function environment differs"), "{problems}");
    assert!(problems.contains("the event source mapping reports a problem"), "{problems}");
}

#[test]
fn status_with_dead_letters_is_not_well_and_counts_them() {
    let env = TestEnv::with_pipeline();
    let record = json!({"StreamName": "temperature-sensor-data", "PartitionKey": "k", "Data": "bm8gcmVhZGluZw=="});
    ApiClient::new(&env).json("Kinesis_20131202.PutRecord", &record);
    env.wait_for_mapping_result("OK", |result| result == "OK");
    let report =
        status(&env).assert_code(3).assert_stderr_contains(&["1 dead letter", "sensorctl rejects list"]).json();
    assert_eq!(report["dead_letters"], json!({"count": 1, "is_at_least": false}));
    assert_eq!(report["problems"], json!(["1 dead letter"]));
}

#[test]
fn status_without_metrics_compares_the_stream_with_the_table_and_says_so() {
    let env = env_with_reading();
    let api = ApiClient::new(&env);
    api.set_faults(NO_METRICS);
    let report = status(&env).assert_success().json();
    assert_eq!((&report["lag_ms"], &report["lag_source"]), (&0.into(), &"stream-and-table".into()), "{report}");
    assert!(report["metrics_reason"].as_str().unwrap().starts_with("cloudwatch:GetMetricData is denied"), "{report}");
    assert_eq!(report["last_write"], Value::Null);

    api.set_faults("");
    let cloud = Interposed::new(&env, |request, _| {
        let is_asked = request.operation() == "GetMetricData";
        is_asked.then(|| request.failure(404, "UnknownOperationException", "no such service"))
    });
    let report = cloud.run(&env, ["status", "-o", "json"]).assert_success().json();
    assert_eq!((&report["lag_ms"], &report["lag_source"]), (&0.into(), &"stream-and-table".into()), "{report}");
    assert!(report["metrics_reason"].as_str().unwrap().starts_with("GetMetricData is not served here"), "{report}");
    let table = cloud.run(&env, ["status", "-o", "table"]).assert_success().stdout;
    assert!(table.contains("lag: none (newest records of the stream compared with the table)"), "{table}");

    api.set_faults(&format!("{NO_METRICS};kinesis:ListShards=denied;dynamodb:Scan=denied;logs:FilterLogEvents=denied"));
    let run = status(&env).assert_success();
    assert!(run.stderr.contains("up to date; not known: lag, dead letters, given-up records."), "{}", run.stderr);
    let report = run.json();
    assert_eq!((&report["lag_ms"], &report["dead_letters"]), (&Value::Null, &Value::Null), "{report}");
    for reason in ["lag_reason", "dead_letters_reason", "given_up_reason"] {
        assert!(report[reason].as_str().unwrap().contains("AccessDeniedException"), "{report}");
    }
}

#[test]
fn status_reads_metrics_by_the_clock_of_the_service() {
    let env = env_with_reading();
    let cloud =
        Interposed::new(&env, |request, forward| (request.operation() == "Scan").then(|| an_hour_ahead(&forward())));
    let table = cloud.run(&env, ["status", "-o", "table"]).assert_success().stdout;
    assert_eq!(cloud.count("GetMetricData"), 2, "{table}");
    let row = table.lines().find(|line| line.contains("rows: last written")).unwrap();
    assert!(["60 min", "61 min"].iter().any(|time| row.contains(time)) && row.ends_with("ago"), "{row}");
}

/// Starts `status --watch`, and looks at three reports.
fn watch(env: &TestEnv, look: impl Fn(&Value)) -> Child {
    let arguments = ["status", "--local", "--watch", "--interval", "1s", "-o", "ndjson"];
    let mut watching = env.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for line in BufReader::new(watching.stdout.take().unwrap()).lines().take(3) {
        look(&serde_json::from_str(&line.unwrap()).unwrap());
    }
    watching
}

#[test]
fn status_of_a_mapping_that_the_settings_disable_does_not_say_that_readings_pass() {
    let env = env_with_reading();
    let off = ["--set", "mapping.enabled=false"];
    env.run([&["up", "--local", "--yes"], &off[..]].concat()).assert_success();
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "2"]).assert_success();
    let run = env.run([&["status", "--local", "-o", "json"], &off[..]].concat()).assert_code(3);
    let report = run.assert_stderr_contains(&["the event source mapping is Disabled", "sensorctl why"]).json();
    assert_eq!(report["healthy"], false, "{report}");
}

#[test]
fn status_of_a_role_names_no_difference_where_only_its_table_is_missing() {
    let env = env_with_reading();
    ApiClient::new(&env).json("DynamoDB_20120810.DeleteTable", &json!({"TableName": "SensorData"}));
    let report = status(&env).assert_code(3).json();
    let role = report["resources"].as_array().unwrap().iter().find(|resource| resource["kind"] == "role").unwrap();
    assert_eq!(role["drift"], json!([]), "{role}");
}

mod slow {
    use super::{ApiClient, NO_METRICS, env_with_reading, status, watch};

    #[test]
    fn status_watch_without_metrics_reads_the_stream_once_a_minute() {
        let env = env_with_reading();
        let api = ApiClient::new(&env);
        api.set_faults(NO_METRICS);
        let mut watching = watch(&env, |report| assert_eq!(report["lag_source"], "stream-and-table", "{report}"));
        let reads = api.recorded_calls().iter().filter(|recorded| recorded.call == "kinesis:GetRecords").count();
        watching.kill().unwrap();
        watching.wait().unwrap();
        assert_eq!(reads, 1);
    }

    #[test]
    fn status_watch_prints_a_report_a_line_and_reads_again_only_what_may_change() {
        let env = env_with_reading();
        let api = ApiClient::new(&env);
        api.set_faults("");
        let mut watching = watch(&env, |report| assert_eq!(report["healthy"], true, "{report}"));
        let times = |call: &str| api.recorded_calls().iter().filter(|recorded| recorded.call == call).count();
        for once in ["iam:GetRole", "dynamodb:DescribeTable", "cloudwatch:GetMetricData", "dynamodb:Scan"] {
            let tables = if once == "dynamodb:DescribeTable" { 2 } else { 1 };
            assert_eq!(times(once), tables, "{once}");
        }
        assert!(times("lambda:ListEventSourceMappings") >= 3);
        watching.kill().unwrap();
        watching.wait().unwrap();
    }

    #[test]
    fn status_without_an_answer_about_metrics_and_log_ends_in_seconds() {
        let env = env_with_reading();
        ApiClient::new(&env).set_faults("cloudwatch:GetMetricData=hang;logs:FilterLogEvents=hang");
        let began = std::time::Instant::now();
        let report = status(&env).assert_success().json();
        assert!(report["metrics_reason"].as_str().unwrap().contains("no answer in 5 s"), "{report}");
        assert!(began.elapsed().as_secs() < 50, "{:?}", began.elapsed());
    }
}
