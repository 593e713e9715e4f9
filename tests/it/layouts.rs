//! `sensorctl layouts`: what there is, what a layout holds, and layouts of the settings file.

use serde_json::Value;

use crate::support::{Run, TestEnv};

fn row(run: &Run, name: &str) -> Value {
    let rows = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.into_iter().find(|row| row["name"] == name).unwrap()
}

#[test]
fn layouts_lists_built_in_ones_as_rows() {
    let env = TestEnv::new();
    let table = env.run(["layouts", "-o", "table"]).assert_success().stdout;
    assert!(table.starts_with("LAYOUT") && table.contains("govee") && table.contains("--time-zone"), "{table}");
    assert!(!table.contains("third-party"), "{table}");
    let table = env.run(["layouts", "-v", "-o", "table"]).assert_success().stdout;
    assert!(table.contains("third-party") && table.contains("documented"), "{table}");
    let govee = row(&env.run(["layouts"]).assert_success(), "govee");
    assert_eq!(govee["needs"], serde_json::json!(["--sensor", "--time-zone"]));
    assert_eq!(govee["options"]["time_format"], "%Y-%m-%d %H:%M:%S");
    assert_eq!(govee["place"], Value::Null);
}

#[test]
fn layout_is_printed_as_the_text_that_one_of_ones_own_begins_with() {
    let env = TestEnv::new();
    let text = env.run(["layouts", "govee"]).assert_success().stdout;
    assert!(text.starts_with("summary = ") && text.contains("[map]"), "{text}");
    let json = env.run(["layouts", "govee", "-o", "json"]).assert_success().json();
    assert_eq!(json["options"]["format"], "csv");
    // It is a section of the settings file as it stands.
    let own = text.replace("\n[", "\n[layout.mine.");
    env.write("sensorctl.toml", format!("[layout.mine]\n{own}"));
    let mine = env.run(["layouts", "mine", "-o", "json"]).assert_success().json();
    assert_eq!((&mine["options"], &mine["place"]), (&json["options"], &"sensorctl.toml:1".into()));
}

#[test]
fn own_layout_is_listed_with_its_place_and_a_wrong_one_is_refused_by_it() {
    let env = TestEnv::new();
    env.write("sensorctl.toml", "[layout.cellar]\nextends = \"govee\"\ntime_zone = \"Europe/Berlin\"\n");
    let cellar = row(&env.run(["layouts"]).assert_success(), "cellar");
    assert_eq!(cellar["place"], "sensorctl.toml:1");
    assert_eq!(cellar["options"]["map"]["temperature"], "Temperature_*");
    env.write("sensorctl.toml", "stage = \"x\"\n[layout.cellar]\ndelimeter = \"tab\"\n");
    env.run(["layouts"]).assert_code(2).assert_stderr_contains(&[
        "sensorctl.toml:2: [layout.cellar]",
        "unknown field `delimeter`",
        "hint:",
    ]);
}

#[test]
fn layout_that_there_is_not_is_refused_with_the_nearest_name() {
    let env = TestEnv::new();
    env.run(["layouts", "govey"]).assert_code(2).assert_stderr_contains(&["there is no layout `govey`", "`govee`"]);
    env.run(["layouts", "xyz"]).assert_code(2).assert_stderr_contains(&["`sensorctl layouts` lists them"]);
}
