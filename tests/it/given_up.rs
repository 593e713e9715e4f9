//! Records that the event source mapping gave up: `status` and `why` name them, and nobody has to guess that all is well.

use serde_json::{Value, json};

use crate::support::{ApiClient, Run, TestEnv};

/// Runs a command on the local cloud with these settings.
fn run(env: &TestEnv, command: &[&str], settings: &[&str]) -> Run {
    env.run([command, &["--local", "-o", "json"], settings].concat())
}

/// Creates a pipeline with these settings whose mapping gave up a record, and which works again.
fn env_with_loss(settings: &[&str]) -> (TestEnv, ApiClient) {
    let env = TestEnv::with_local_cloud();
    run(&env, &["up", "--yes"], settings).assert_success();
    let api = ApiClient::new(&env);
    api.set_faults("dynamodb:BatchWriteItem=denied");
    let data = "eyJzZW5zb3JfaWQiOiJhIiwidGVtcGVyYXR1cmUiOjEsImN1cnJlbnRfdGltZSI6MX0=";
    let record = json!({"StreamName": "temperature-sensor-data", "PartitionKey": "k", "Data": data});
    api.json("Kinesis_20131202.PutRecord", &record);
    env.wait_for_mapping_result("a loss", |result| result.contains("were discarded"));
    api.set_faults("");
    run(&env, &["put", "--sensor", "b", "--temp", "1", "--time", "2", "--wait"], settings).assert_success();
    env.wait_for_mapping_result("OK", |result| result == "OK");
    (env, api)
}

/// Returns the cause of a report of `why`.
#[track_caller]
fn given_up_cause(report: &Value) -> Value {
    let causes = report["causes"].as_array().unwrap();
    causes.iter().find(|cause| cause["name"] == "records-given-up").unwrap_or_else(|| panic!("{report}")).clone()
}

#[test]
fn records_that_were_given_up_are_a_cause_and_a_problem_after_the_failure_is_over() {
    let few = ["--set", "mapping.retry_attempts=0"];
    let (env, _) = env_with_loss(&few);
    let status = run(&env, &["status"], &few).assert_code(3).json();
    assert!(status["problems"].to_string().contains("1 record (RetryAttemptsExhausted) given up at "), "{status}");
    assert_eq!((&status["given_up"]["records"], &status["given_up_reason"]), (&1.into(), &Value::Null), "{status}");
    let cause = given_up_cause(&run(&env, &["why"], &few).assert_code(3).json());
    assert!(cause["remedy"].as_str().unwrap().contains("`sensorctl rejects from-destination --local"), "{cause}");
}

#[test]
fn status_counts_given_up_records_by_the_metrics_of_the_mapping_where_no_log_tells_them() {
    let settings = ["--set", "mapping.retry_attempts=0", "--set", "mapping.metrics=true"];
    let (env, api) = env_with_loss(&settings);
    api.set_faults("logs:FilterLogEvents=denied");
    let status = run(&env, &["status"], &settings).assert_code(3).json();
    let problems = status["problems"].to_string();
    assert!(problems.contains("1 record (DroppedEventCount) given up at "), "{status}");
    assert!(problems.contains("named until "), "{status}");
    let given_up = &status["given_up"];
    let time = |name: &str| given_up[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!((&given_up["records"], time("first")), (&1.into(), time("last")), "{status}");
    assert_eq!(time("until").duration_since(time("last")).as_hours(), 3, "{status}");
    let metrics = api.recorded_calls().iter().filter(|recorded| recorded.call == "cloudwatch:GetMetricData").count();
    assert_eq!(metrics, 2, "one call more, and only here");
    let cause = given_up_cause(&run(&env, &["why"], &settings).assert_code(3).json());
    assert!(cause["evidence"].as_str().unwrap().contains("1 record (DroppedEventCount)"), "{cause}");
    // Without them, it is not known; a metric that is denied says so.
    api.set_faults("logs:FilterLogEvents=denied;cloudwatch:GetMetricData=denied");
    let status = run(&env, &["status"], &settings).json();
    let reason = status["given_up_reason"].as_str().unwrap();
    assert!(reason.starts_with("cloudwatch:GetMetricData is denied"), "{status}");
    assert_eq!(status["given_up"], Value::Null, "{status}");
}

mod slow {
    use super::{Value, env_with_loss, given_up_cause, json, run};

    #[test]
    fn given_up_records_are_no_problem_any_more_once_their_readings_are_stored() {
        let few = ["--set", "mapping.retry_attempts=0"];
        let (env, api) = env_with_loss(&few);
        let status = run(&env, &["status"], &few).assert_code(3).json();
        let problems = status["problems"].to_string();
        assert!(problems.contains("(readings in neither table: 1, named until "), "{status}");
        assert_eq!(status["given_up"]["missing"], 1, "{status}");
        let cause = given_up_cause(&run(&env, &["why"], &few).assert_code(3).json());
        let evidence = cause["evidence"].as_str().unwrap();
        assert!(evidence.contains("readings in neither table: 1; named until "), "{evidence}");
        // Where the table cannot be read, they are named, and the reason is said.
        api.set_faults("dynamodb:BatchGetItem=denied");
        let status = run(&env, &["status"], &few).assert_code(3).json();
        assert_eq!(
            (&status["given_up"]["records"], &status["given_up"]["missing"]),
            (&1.into(), &Value::Null),
            "{status}"
        );
        api.set_faults("");
        // The commands of the remedy.
        let discarded = ["logs", "--since", "3h", "--filter", "discarded", "--local", "-o", "ndjson"];
        let lines = env.run(discarded).assert_success().stdout;
        let file = env.write("given-up.ndjson", lines);
        let replay = ["rejects", "from-destination", "--file", file.to_str().unwrap(), "--replay", "--yes"];
        run(&env, &replay, &few).assert_success();
        let status = run(&env, &["status"], &few).assert_success().json();
        assert_eq!((&status["healthy"], &status["problems"]), (&true.into(), &json!([])), "{status}");
        assert_eq!(
            (&status["given_up"]["records"], &status["given_up"]["missing"]),
            (&1.into(), &0.into()),
            "{status}"
        );
        let table = env.run(["status", "--local", "-o", "table", few[0], few[1]]).assert_success().stdout;
        assert!(table.contains("; the tables have their readings by now"), "{table}");
        let report = run(&env, &["why"], &few).assert_success().json();
        assert!(report["excluded"].as_array().unwrap().contains(&json!("records-given-up")), "{report}");
    }
}
