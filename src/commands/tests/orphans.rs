//! Orphans: resources left behind by a rename are found by their tags, reported by `plan`, `status` and `down`, and
//! deleted on request.

use serde_json::Value;

use super::in_process_runner::InProcessEnv;
use super::support::{ApiClient, ForeignStack};

const RENAMED: &str = "[stream]\nname = \"renamed\"\n[table]\nname = \"Renamed\"\n[rejects]\nname = \"RenamedRejects\"\n\
                       [role]\nname = \"renamed\"\n[function]\nname = \"Renamed\"\n";

fn orphans(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let listed = report["leftovers"].as_array().into_iter().flatten();
    let mut orphans: Vec<_> = listed.map(|orphan| (text(&orphan["kind"]), text(&orphan["name"]))).collect();
    orphans.sort();
    orphans
}

#[test]
fn orphaned_tables_are_kept_with_keep_data() {
    let env = InProcessEnv::with_pipeline();
    env.write("sensorctl.toml", RENAMED);
    env.run(["up", "--local"]).assert_success();
    env.run(["down", "--local", "--yes", "--leftovers", "--keep-data"]).assert_success();
    let tables = &ApiClient::new(&env).list_all()[1];
    for name in ["\"SensorData\"", "\"SensorDataRejects\"", "\"Renamed\"", "\"RenamedRejects\""] {
        assert!(tables.contains(name), "{tables}");
    }
}

#[test]
fn unmanaged_resources_are_not_orphans() {
    let env = InProcessEnv::with_pipeline();
    let foreign = ForeignStack::with_suffix(&env, "theirs");
    foreign.create_all(&env);
    env.run(["--stage", "blue", "up", "--local"]).assert_success();
    for stage in [&[][..], &["--stage", "blue"]] {
        let arguments = stage.iter().chain(&["plan", "--local", "-o", "json"]).copied();
        assert_eq!(orphans(&env.run(arguments).assert_success().json()), []);
    }
}

#[test]
fn down_denied_lists_are_warned_about_and_rest_is_deleted() {
    let env = InProcessEnv::with_pipeline();
    let api = ApiClient::new(&env);
    // If tags cannot be searched, every service is listed.
    api.set_faults("tag:GetResources=denied;dynamodb:ListTables=denied;iam:ListRoles=denied");
    let quiet = env.run(["plan", "--local"]).assert_success();
    assert!(!quiet.stderr.contains("ListTables"), "{}", quiet.stderr);
    env.run(["plan", "--local", "-v"])
        .assert_success()
        .assert_stderr_contains(&["orphans of kind table", "ListTables"]);
    env.run(["down", "--local", "--yes"]).assert_success().assert_stderr_contains(&[
        "warning:",
        "ListTables",
        "ListRoles",
        "nothing of this pipeline is left",
    ]);
}

mod slow {
    use super::*;

    #[test]
    fn orphans_of_renamed_resources_are_reported_and_deleted_on_request() {
        for stage in ["", "blue"] {
            let env = InProcessEnv::with_local_cloud();
            let api = ApiClient::new(&env);
            let empty = api.list_all();
            let of_stage = if stage.is_empty() { &[][..] } else { &["--stage", stage] };
            let run = |arguments: &[&'static str]| env.run(of_stage.iter().chain(arguments).copied());
            run(&["up", "--local"]).assert_success();
            assert_eq!(orphans(&run(&["plan", "--local", "-o", "json"]).assert_success().json()), []);
            env.write("sensorctl.toml", RENAMED);
            run(&["up", "--local"]).assert_success();

            let ending = if stage.is_empty() { String::new() } else { format!("-{stage}") };
            let named = |kind: &str, name: &str| (kind.to_owned(), format!("{name}{ending}"));
            let mapping = format!("temperature-sensor-data{ending} → ProcessKinesisRecords{ending}");
            let expected = [
                named("function", "ProcessKinesisRecords"),
                named("log-group", "/aws/lambda/ProcessKinesisRecords"),
                ("mapping".to_owned(), mapping),
                named("rejects-table", "SensorDataRejects"),
                named("role", "kinesis-lambda-dynamodb"),
                named("stream", "temperature-sensor-data"),
                named("table", "SensorData"),
            ];
            let plan = run(&["plan", "--local", "-o", "json"]).assert_success().assert_stderr_contains(&[
                "~ orphan    table          SensorData",
                &format!("`sensorctl down --local{} --orphans`", if stage.is_empty() { "" } else { " --stage blue" }),
            ]);
            assert_eq!(orphans(&plan.json()), expected);
            assert_eq!(plan.json()["changed"], 0);
            let status = run(&["status", "--local", "-o", "json"]).assert_success().json();
            assert_eq!((orphans(&status), &status["healthy"]), (expected.to_vec(), &true.into()));

            // They may belong to another pipeline without a stage, so `down` alone keeps and reports them.
            let down = run(&["down", "--local", "--yes", "-o", "json"])
                .assert_success()
                .assert_stderr_contains(&["~ orphan", "`sensorctl down --local", "--orphans` deletes them"])
                .json();
            assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &serde_json::json!([])), "{down}");
            assert_eq!(orphans(&down), expected);
            let down = run(&["down", "--local", "--yes", "--leftovers", "-o", "json"]).assert_success().json();
            assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &serde_json::json!([])), "{down}");
            assert_eq!(api.list_all(), empty);
        }
    }
}
