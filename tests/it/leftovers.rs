//! What a renamed resource leaves behind: found by its tags, named by `plan`, `status` and `down`, and deleted on request.

use serde_json::Value;

use crate::support::{Home, Neighbour, Stranger};

const RENAMED: &str = "[stream]\nname = \"renamed\"\n[table]\nname = \"Renamed\"\n[rejects]\nname = \"RenamedRejects\"\n\
                       [role]\nname = \"renamed\"\n[function]\nname = \"Renamed\"\n";

fn left(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let leftovers = report["leftovers"].as_array().into_iter().flatten();
    let mut left: Vec<_> = leftovers.map(|thing| (text(&thing["kind"]), text(&thing["name"]))).collect();
    left.sort();
    left
}

#[test]
fn what_was_renamed_is_found_by_its_tags_and_goes_with_the_rest() {
    for stage in ["", "blue"] {
        let home = Home::with_local_cloud();
        let cloud = Stranger::of(&home);
        let empty = cloud.everything();
        let run = |arguments: &[&'static str]| {
            let mut command = home.command(arguments.iter().copied());
            crate::support::Run::of(&command.env("SENSORCTL_STAGE", stage).output().unwrap())
        };
        run(&["up", "--local"]).succeeded();
        assert_eq!(left(&run(&["plan", "--local", "-o", "json"]).succeeded().json()), []);
        home.write("sensorctl.toml", RENAMED);
        run(&["up", "--local"]).succeeded();

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
        let plan = run(&["plan", "--local", "-o", "json"]).succeeded().says(&[
            "left     table",
            "SensorData",
            "`sensorctl down --leftovers`",
        ]);
        assert_eq!(left(&plan.json()), expected);
        assert_eq!(plan.json()["changed"], 0);
        let status = run(&["status", "--local", "-o", "json"]).succeeded().json();
        assert_eq!((left(&status), &status["healthy"]), (expected.to_vec(), &true.into()));

        // They may be another pipeline's that has no stage either: `down` alone leaves them, and says so.
        let down = run(&["down", "--local", "--yes", "-o", "json"]).succeeded().says(&["down --leftovers"]).json();
        assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &serde_json::json!([])), "{down}");
        assert_eq!(left(&down), expected);
        let down = run(&["down", "--local", "--yes", "--leftovers", "-o", "json"]).succeeded().json();
        assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &serde_json::json!([])), "{down}");
        assert_eq!(cloud.everything(), empty);
    }
}

#[test]
fn the_tables_that_are_left_are_kept_where_data_is_to_be_kept() {
    let home = Home::with_pipeline();
    home.write("sensorctl.toml", RENAMED);
    home.run(["up", "--local"]).succeeded();
    home.run(["down", "--local", "--yes", "--leftovers", "--keep-data"]).succeeded();
    let tables = &Stranger::of(&home).everything()[1];
    for name in ["\"SensorData\"", "\"SensorDataRejects\"", "\"Renamed\"", "\"RenamedRejects\""] {
        assert!(tables.contains(name), "{tables}");
    }
}

#[test]
fn nothing_of_others_is_left_over() {
    let home = Home::with_pipeline();
    let somebody = Neighbour::ending(&home, "theirs");
    somebody.makes_everything(&home);
    home.run(["--stage", "blue", "up", "--local"]).succeeded();
    for stage in [&[][..], &["--stage", "blue"]] {
        let arguments = stage.iter().chain(&["plan", "--local", "-o", "json"]).copied();
        assert_eq!(left(&home.run(arguments).succeeded().json()), []);
    }
}

#[test]
fn where_things_may_not_be_listed_down_says_so_and_does_the_rest() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    cloud.set_faults("dynamodb:ListTables=denied;iam:ListRoles=denied");
    let quiet = home.run(["plan", "--local"]).succeeded();
    assert!(!quiet.stderr.contains("ListTables"), "{}", quiet.stderr);
    home.run(["plan", "--local", "-v"]).succeeded().says(&["things of kind table", "ListTables"]);
    home.run(["down", "--local", "--yes"]).succeeded().says(&[
        "warning:",
        "ListTables",
        "ListRoles",
        "nothing of them is left",
    ]);
}
