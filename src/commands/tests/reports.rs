//! Reports state only facts: kept resources, refusals and questions of `up`, changes of another run, problems without a
//! pending change. Every command in a report refers to the same pipeline.

use std::thread;

use clap::{CommandFactory as _, Parser as _};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::in_process_runner::InProcessEnv;
use super::support::{ApiClient, ForeignStack, eventually};
use crate::cli::Cli;
use crate::context::Context;
use crate::error::ErrorKind;
use crate::output::{Format, Output};
use crate::settings::Settings;

fn by_kind<'a>(report: &'a Value, kind: &str) -> &'a Value {
    report["resources"].as_array().unwrap().iter().find(|resource| resource["kind"] == kind).unwrap()
}

/// Creates a table of the pipeline with another key, and with one row in it.
fn create_own_table_with_other_key(env: &InProcessEnv) {
    let foreign = ForeignStack::with_default_names(env);
    foreign.create_table("SensorData", "Id", "Time", "N");
    let tag = |key: &str, value: &str| json!({"Key": key, "Value": value});
    let tags = [tag("sensorctl:stage", "default"), tag("sensorctl:region", "us-east-1")];
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/SensorData";
    foreign.api.json("DynamoDB_20120810.TagResource", &json!({"ResourceArn": arn, "Tags": tags}));
    let item = json!({"Id": {"S": "a"}, "Time": {"N": "1"}});
    foreign.api.json("DynamoDB_20120810.PutItem", &json!({"TableName": "SensorData", "Item": item}));
}

#[test]
fn hints_repeat_the_global_flags() {
    let env = InProcessEnv::with_local_cloud();
    env.run(["status", "--local", "--stage", "blue"])
        .assert_code(3)
        .assert_stderr_contains(&["hint: `sensorctl up --local --stage blue` creates it"]);
    env.run(["plan", "--local", "--stage", "blue"])
        .assert_success()
        .assert_stderr_contains(&["`sensorctl up --local --stage blue` does it"]);
    let error = env.run(["scan", "--local", "--stage", "blue", "-o", "json"]).assert_code(1).stderr;
    let error: Value = serde_json::from_str(&error).unwrap();
    let hints = error["error"]["hints"].to_string();
    assert!(hints.contains("`sensorctl up --local --stage blue`"), "{hints}");
}

#[test]
fn down_reports_kept_resources() {
    let env = InProcessEnv::with_pipeline();
    env.run(["down", "--local", "--yes", "--keep-data"]).assert_success().assert_stderr_contains(&[
        "5 resources deleted",
        "; 2 kept: table SensorData, rejects-table SensorDataRejects.",
    ]);
    env.run(["down", "--local", "--yes", "--keep-data"])
        .assert_success()
        .assert_stderr_contains(&["Nothing to delete; 2 kept: table SensorData"]);
    let last = env.run(["down", "--local", "--yes"]).assert_success();
    assert!(
        last.stderr.contains("2 resources deleted") && last.stderr.contains("; nothing is left."),
        "{}",
        last.stderr
    );
}

#[test]
fn down_with_untagged_stream_does_not_report_that_nothing_is_left() {
    let env = InProcessEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let keys = json!({"StreamName": "temperature-sensor-data", "TagKeys": ["sensorctl:stage"]});
    api.json("Kinesis_20131202.RemoveTagsFromStream", &keys);
    env.run(["down", "--local", "--yes"])
        .assert_success()
        .assert_stderr_contains(&["6 resources deleted", "; 1 kept: stream temperature-sensor-data."]);
}

#[test]
fn plan_of_replacement_names_flag_table_and_rows_like_up() {
    let env = InProcessEnv::with_local_cloud();
    create_own_table_with_other_key(&env);
    let loss = "replacing the table `SensorData` deletes about 1 row";
    let does = format!("`sensorctl up --local --replace` does it, and asks first: {loss}.");
    let plan = env.run(["plan", "--local", "-o", "json"]).assert_success();
    assert!(plan.stderr.contains(&does), "{}", plan.stderr);
    assert_eq!((&plan.json()["would_change"], &plan.json()["changed"]), (&7.into(), &7.into()));
    let refused = env.run(["-q", "up", "--local"]).assert_code(1);
    assert!(refused.stderr.contains("the table `SensorData` must be replaced: differs in key"), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("`--replace` allows it") && refused.stderr.contains("about 1 row"),
        "{}",
        refused.stderr
    );
    let asked = env.run(["-q", "up", "--local", "--replace"]).assert_code(2);
    assert!(asked.stderr.contains(loss), "{}", asked.stderr);
}

#[test]
fn plan_reports_blockers_of_a_replacement() {
    let env = InProcessEnv::with_local_cloud();
    create_own_table_with_other_key(&env);
    let update = json!({"TableName": "SensorData", "DeletionProtectionEnabled": true});
    ApiClient::new(&env).json_when_accepted("DynamoDB_20120810.UpdateTable", &update);
    env.run(["plan", "--local"])
        .assert_code(1)
        .assert_stderr_contains(&["would change, but `sensorctl up --local` would refuse", "deletion_protection"]);
}

#[test]
fn unmanaged_log_group_with_other_retention_is_reported_as_kept() {
    let env = InProcessEnv::with_local_cloud();
    ForeignStack::with_default_names(&env).create_log_group();
    let up = env.run(["up", "--local", "-o", "json"]).assert_success();
    assert!(
        up.stderr.contains("used as it is: not managed by sensorctl; retention_days can be changed with"),
        "{}",
        up.stderr
    );
    assert!(up.stderr.contains("`sensorctl up --local --adopt`"), "{}", up.stderr);
    assert_eq!(by_kind(&up.json(), "log-group")["action"], "keep");
    let status = env.run(["status", "--local", "-o", "json"]).assert_success().json();
    let drift = &by_kind(&status, "log-group")["drift"];
    assert_eq!(
        (&drift[0]["property"], &drift[0]["wanted"], &drift[0]["found"]),
        (&json!("retention_days"), &json!(14), &json!("never"))
    );
}

#[test]
fn adopted_mapping_that_is_kept_blocks_deletion_of_named_resources() {
    let env = InProcessEnv::with_local_cloud();
    ForeignStack::with_default_names(&env).create_all(&env);
    env.run(["up", "--local", "--adopt"]).assert_success();
    env.run(["down", "--local", "--yes", "--delete-adopted", "table", "--delete-adopted", "function"])
        .assert_code(2)
        .assert_stderr_contains(&[
            "the function `ProcessKinesisRecords` cannot be deleted: the adopted mapping depends on it and is kept",
            "hint: add `--delete-adopted mapping`",
        ]);
    env.run(["status", "--local"]).assert_success();
}

#[test]
fn deleted_function_code_is_reported_with_its_path_and_restored_by_up() {
    let env = InProcessEnv::with_pipeline();
    let code = env.path("data").join("lambda/code");
    std::fs::remove_dir_all(&code).unwrap();
    env.run(["status", "--local"])
        .assert_code(3)
        .assert_stderr_contains(&["function last_update differs from the settings"]);
    let plan = env.run(["plan", "--local", "-o", "json"]).assert_success().json();
    let changes = by_kind(&plan, "function")["changes"].to_string();
    assert!(changes.contains(&format!("its code is gone: {}", code.display())), "{changes}");
    env.run(["up", "--local"]).assert_success();
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--wait"]).assert_success();
}

#[test]
fn up_without_changes_warns_of_a_mapping_problem() {
    let env = InProcessEnv::with_pipeline();
    ApiClient::new(&env).set_faults("lambda:Invoke=error");
    env.run(["put", "--local", "--sensor", "a", "--temp", "1"]).assert_success();
    env.wait_for_mapping_result("a problem", |result| result.starts_with("PROBLEM"));
    env.run(["up", "--local"]).assert_success().assert_stderr_contains(&[
        "Nothing to do",
        "warning: the event source mapping reports PROBLEM",
        "`sensorctl invoke --local -v`",
    ]);
    let status = env.run(["status", "--local", "-o", "table"]).assert_code(3);
    assert!(status.stdout.contains("mapping Enabled: last result PROBLEM"), "{}", status.stdout);
    status.assert_stderr_contains(&["event source mapping reports a problem", "`sensorctl why --local`"]);
}

#[test]
fn down_deleting_orphans_has_no_hint_to_delete_them() {
    let env = InProcessEnv::with_pipeline();
    env.write("sensorctl.toml", "[stream]\nname = \"renamed\"\n");
    env.run(["up", "--local"]).assert_success();
    let plain = env.run(["plan", "--local"]).assert_success().stderr;
    assert!(plain.contains("`sensorctl down --local --orphans`"), "{plain}");
    let down = env.run(["down", "--local", "--yes", "--leftovers"]).assert_success();
    assert!(!down.stderr.contains("orphan"), "{}", down.stderr);
    assert!(down.stderr.contains("; nothing is left."), "{}", down.stderr);
}

#[test]
fn interrupt_before_any_change_is_reported_as_such() {
    for (verb, said) in [("down", "interrupted; nothing was deleted"), ("up", "interrupted; nothing was changed")] {
        let cli = Cli::try_parse_from(["sensorctl", verb, "--region", "us-east-1"]).unwrap();
        let settings = Settings::resolve_in(&cli.global, cli.command.scope(), &|_| None).unwrap();
        let interrupt = CancellationToken::new();
        interrupt.cancel();
        let (output, _) = Output::captured(Format::Auto, false, 0);
        let context = Context::with_settings(settings, output, interrupt);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let error = runtime.block_on(cli.command.run(&context, Cli::command())).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Interrupted, said));
    }
}

#[test]
fn new_unmanaged_table_delays_no_command_in_the_local_cloud() {
    let env = InProcessEnv::with_local_cloud();
    let foreign = ForeignStack::with_default_names(&env);
    foreign.create_table("SensorData", "SensorId", "CurrentTime", "N");
    let looks = || foreign.api.recorded_calls().into_iter().filter(|it| it.call == "dynamodb:ListTagsOfResource");
    env.run(["status", "--local"]).assert_code(3);
    // One poll per table. A lagging table is polled repeatedly.
    assert_eq!(looks().count(), 1);
    eventually("the table is there", || env.run(["plan", "--local"]), |run| run.code == 1);
}

#[test]
fn invoke_of_a_rejected_reading_exits_3_and_names_the_table() {
    let env = InProcessEnv::with_pipeline();
    let event = crate::commands::invoke::TEST_EVENT;
    let mut event: Value = serde_json::from_str(event).unwrap();
    // The base64 of "not json".
    event["Records"][0]["kinesis"]["data"] = json!("bm90IGpzb24=");
    let path = env.write("event.json", event.to_string());
    env.run(["invoke", "--local", "--event", path.to_str().unwrap()])
        .assert_code(3)
        .assert_stderr_contains(&["rejected 1 reading: see table SensorDataRejects"]);
    env.run(["invoke", "--local"]).assert_success();
    env.run(["invoke", "--local", "--event", path.to_str().unwrap(), "--set", "rejects.name=Others"])
        .assert_code(3)
        .assert_stderr_contains(&["see table Others"]);
}

#[test]
fn scan_of_a_sensor_in_reverse_reads_only_the_newest() {
    let env = InProcessEnv::with_pipeline();
    for time in ["1", "2", "3"] {
        env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", time, "--wait"]).assert_success();
    }
    let scan =
        env.run(["scan", "--local", "--sensor", "a", "--reverse", "--limit", "2", "-o", "ndjson"]).assert_success();
    let times: Vec<_> =
        scan.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["current_time"].clone()).collect();
    assert_eq!(times, [3, 2]);
    env.run(["scan", "--local", "--reverse"])
        .assert_code(2)
        .assert_stderr_contains(&["`--reverse` without `--sensor` has no order to reverse"]);
}

#[test]
fn field_with_reserved_name_is_refused_only_if_it_would_be_duplicated() {
    let env = InProcessEnv::with_pipeline();
    let put = ["put", "--local", "--sensor", "a", "--temp", "1", "--field", "stored_after_ms=7"];
    env.run(put.into_iter().chain(["--wait"]))
        .assert_code(2)
        .assert_stderr_contains(&["`stored_after_ms`", "without `--wait`"]);
    assert_eq!(env.run(put.into_iter().chain(["-o", "json"])).assert_success().json()["stored_after_ms"], 7);
}

#[test]
fn starting_position_of_existing_mapping_is_reported_to_have_no_effect() {
    let env = InProcessEnv::with_pipeline();
    let set = "mapping.starting_position=latest";
    for verb in ["plan", "up"] {
        env.run([verb, "--local", "--set", set]).assert_success().assert_stderr_contains(&[
            "note: `mapping.starting_position` (--set) applies only when the mapping is created; this one began at TRIM_HORIZON",
        ]);
    }
    let same = env.run(["up", "--local", "--set", "mapping.starting_position=trim-horizon"]).assert_success();
    assert!(!same.stderr.contains("starting_position"), "{}", same.stderr);
}

#[test]
fn export_overwrites_a_file_only_on_request() {
    let env = InProcessEnv::new();
    let path = env.write("function.zip", "of someone");
    let path = path.to_str().unwrap();
    env.run(["export", "function-zip", path]).assert_code(1).assert_stderr_contains(&["already exists", "`--force`"]);
    assert_eq!(std::fs::read(path).unwrap(), b"of someone");
    env.run(["export", "function-zip", path, "--force"]).assert_success();
    assert!(std::fs::metadata(path).unwrap().len() > 1000);
}

mod slow {
    use super::*;

    #[test]
    fn two_runs_of_up_report_each_resource_as_created_once() {
        let env = InProcessEnv::with_local_cloud();
        let api = ApiClient::new(&env);
        // Both have read the state before either creates.
        api.set_faults("*:Create*=delay(1500ms)");
        let reports = thread::scope(|scope| {
            let run = || env.run(["up", "--local", "-o", "json"]).assert_success().json();
            let runs = [scope.spawn(run), scope.spawn(run)];
            runs.map(|run| run.join().unwrap())
        });
        for kind in ["table", "rejects-table", "stream", "role", "log-group", "function", "mapping"] {
            let created = reports.iter().filter(|report| by_kind(report, kind)["action"] == "create").count();
            assert_eq!(created, 1, "{kind}: {reports:?}");
        }
        let changed: u64 = reports.iter().map(|report| report["changed"].as_u64().unwrap()).sum();
        assert_eq!(changed, 7, "{reports:?}");
    }
}
