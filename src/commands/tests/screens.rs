//! The output of each command: no repetition, differences with their values, empty results in words, the next command.

use serde_json::json;

use super::in_process_runner::InProcessEnv;
use super::support::{ApiClient, ForeignStack};

#[test]
fn up_lists_each_step_once_with_its_time() {
    let env = InProcessEnv::with_local_cloud();
    let up = env.run(["up", "--local"]).assert_success();
    // A loaded machine takes seconds, and names its waits.
    let lines = up.stderr.lines().filter(|line| !line.contains("waiting for the "));
    let lines: Vec<_> = lines.collect();
    let is_timed = |line: &str| line.contains(" ms  ") || line.contains(" s  ");
    let created = lines.iter().filter(|line| line.starts_with("  created ") && is_timed(line));
    assert_eq!(created.count(), 7, "{}", up.stderr);
    assert_eq!(lines.len(), 9, "a line each, the result and the next command: {}", up.stderr);
    assert!(up.stderr.contains("Next: `sensorctl put --local"), "{}", up.stderr);
    let again = env.run(["up", "--local", "-q"]).assert_success();
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("", ""), "silence was asked for, and no form");
    assert_eq!(env.run(["up", "--local", "-q", "-o", "json"]).assert_success().json()["changed"], 0);
}

#[test]
fn up_and_plan_show_each_changed_value_on_its_own_line() {
    let env = InProcessEnv::with_pipeline();
    let set = ["--set", "rejects.retention_days=60", "--set", "rejects.name=Others"];
    let lines = [
        "              SENSORCTL_REJECTS_DAYS: 30 → 60\n",
        "              SENSORCTL_REJECTS_TABLE: SensorDataRejects → Others\n",
        "              policy, dynamodb:BatchWriteItem: arn:aws:dynamodb:us-east-1:000000000000:table/SensorDataRejects → \
         arn:aws:dynamodb:us-east-1:000000000000:table/Others\n",
    ];
    for verb in ["plan", "up"] {
        let run = env.run(set.into_iter().chain([verb, "--local", "-o", "json"])).assert_success();
        run.assert_stderr_contains(&lines);
    }
    let plan = env.run(["plan", "--local", "-o", "json"]).assert_success();
    assert!(!plan.stdout.contains("${") && !plan.stderr.contains("${"), "{}", plan.stdout);
}

#[test]
fn plan_names_every_denied_call_at_once() {
    let env = InProcessEnv::with_pipeline();
    let api = ApiClient::new(&env);
    api.set_faults("kinesis:DescribeStreamSummary=denied;iam:GetRole=denied;dynamodb:DescribeTable=denied");
    for verb in ["plan", "status", "up"] {
        env.run([verb, "--local"]).assert_code(1).assert_stderr_contains(&[
            "error: 4 calls were denied:\n",
            "DescribeTable of SensorData ",
            "DescribeTable of SensorDataRejects ",
            "DescribeStreamSummary of temperature-sensor-data ",
            "GetRole of kinesis-lambda-dynamodb ",
            "permission for kinesis:DescribeStreamSummary",
            "permission for iam:GetRole",
            "`sensorctl export policy",
        ]);
    }
    api.set_faults("kinesis:DescribeStreamSummary=denied");
    let one = env.run(["plan", "--local"]).assert_code(1);
    assert!(one.stderr.starts_with("error: Kinesis DescribeStreamSummary"), "{}", one.stderr);
}

#[test]
fn up_refuses_delete_consumers_because_it_replaces_no_stream() {
    let env = InProcessEnv::with_pipeline();
    env.run(["up", "--local", "--delete-consumers"])
        .assert_code(2)
        .assert_stderr_contains(&["`up` never replaces a stream", "`sensorctl down --local --delete-consumers`"]);
}

#[test]
fn scan_without_rows_prints_a_message_and_no_header() {
    let env = InProcessEnv::with_pipeline();
    let scan = |arguments: &[&str]| {
        env.run(["scan", "--local", "-o", "table"].into_iter().chain(arguments.iter().copied())).assert_success()
    };
    let empty = scan(&[]);
    assert_eq!(empty.stdout, "");
    assert!(empty.stderr.starts_with("Table SensorData is empty. Next: `sensorctl put --local"), "{}", empty.stderr);
    let unknown = scan(&["--sensor", "nobody"]);
    assert_eq!(
        (unknown.stdout.as_str(), unknown.stderr.as_str()),
        ("", "No readings of sensor `nobody` in table SensorData.\n")
    );
    assert_eq!(scan(&["--min-temp", "40"]).stderr, "No readings that match in table SensorData.\n");
    for format in ["table", "json", "csv", "ndjson"] {
        let missing = env.run(["scan", "--local", "--set", "table.name=Missing", "-o", format]).assert_code(1);
        assert_eq!(missing.stdout, "", "{format}");
    }
}

#[test]
fn invoke_prints_the_function_result_and_its_usage() {
    let env = InProcessEnv::with_pipeline();
    let invoke = env.run(["invoke", "--local", "-o", "table"]).assert_success();
    assert!(invoke.stdout.starts_with("1 record, 1 reading, 1 stored, "), "{}", invoke.stdout);
    assert_eq!(invoke.stdout.lines().count(), 2, "{}", invoke.stdout);
    invoke.assert_stderr_contains(&["`sensorctl scan --local --sensor sensor-1`"]);
    let log = env.run(["invoke", "--local", "-v", "-o", "table"]).assert_success().stdout;
    assert!(log.contains("\nanswer   {\"batchItemFailures\":[]}\nlog\n") && log.contains("REPORT RequestId"), "{log}");
    let json = env.run(["invoke", "--local", "-o", "json"]).assert_success().json();
    assert_eq!((&json["status"], &json["answer"]), (&200.into(), &json!({"batchItemFailures": []})));
    assert!(json["log"].as_array().unwrap().len() >= 3, "{json}");
}

#[test]
fn unmanaged_resources_are_listed_one_per_line() {
    let env = InProcessEnv::with_local_cloud();
    ForeignStack::with_default_names(&env).create_all(&env);
    let up = env.run(["up", "--local"]).assert_code(1);
    let lines: Vec<_> = up.stderr.lines().filter(|line| line.ends_with(": not managed by sensorctl")).collect();
    assert!(lines.len() >= 4 && lines.iter().all(|line| line.starts_with("  ")), "{}", up.stderr);
    let role = lines.iter().find(|line| line.trim_start().starts_with("role ")).unwrap();
    assert!(!role.contains("us-east-1"), "roles have no region: {role}");
}
