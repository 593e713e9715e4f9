//! The command that `inspect` prints, run by a shell as it is printed, for a file of each layout.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::{Run, TestEnv, eventually, repository};

/// Names and contents of the files of all layouts.
fn fixtures() -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(repository("tests/fixtures/layouts")).unwrap().map(|entry| entry.unwrap().path());
    let is_file = |path: &std::path::PathBuf| path.extension().is_none_or(|end| end != "expected");
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    files.filter(is_file).map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
}

/// Inspects a file; where nothing in it says what it is, with the flags that its layout needs, as a user has to.
fn inspected(env: &TestEnv, file: &str) -> Value {
    let inspect = |flags: &[&str]| {
        let own = ["inspect", "--local", "-o", "json", file];
        env.run(own.into_iter().chain(flags.iter().copied()))
    };
    let run = inspect(&[]);
    if run.code == 0 {
        return run.json();
    }
    let layout = file.split('.').next().unwrap();
    let needs = env.run(["layouts", layout, "-o", "json"]).assert_success().json()["needs"].clone();
    let is_needed = |flag: &str| needs.as_array().unwrap().iter().any(|need| need == flag);
    let mut flags = vec!["--layout", layout];
    flags.extend(is_needed("--sensor").then_some(["--sensor", "my sensor's"]).into_iter().flatten());
    flags.extend(is_needed("--time-zone").then_some(["--time-zone", "Europe/Berlin"]).into_iter().flatten());
    flags.extend(is_needed("--unit").then_some(["--unit", "temperature=K:C"]).into_iter().flatten());
    flags.extend(is_needed("--map").then_some(["--map", "temperature=field1"]).into_iter().flatten());
    inspect(&flags).assert_success().json()
}

/// Runs a line as it was printed, with more flags behind it.
fn run_in_shell(env: &TestEnv, line: &str) -> Run {
    let program = Path::new(env!("CARGO_BIN_EXE_sensorctl"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = env.command(["--version"]);
    let variables: Vec<_> =
        command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    command = std::process::Command::new("sh");
    command.args(["-c", &format!("{line} -o json")]).env_clear().envs(variables).env("PATH", path);
    Run::of(command.current_dir(env.path("")))
}

/// The key of a row in the table.
fn key(row: &Value) -> (String, String) {
    (row["sensor_id"].to_string(), row["current_time"].to_string())
}

#[test]
fn printed_command_of_every_layout_puts_the_readings_that_were_shown() {
    let env = TestEnv::with_pipeline();
    for (file, content) in fixtures() {
        env.write(&file, content);
        let report = inspected(&env, &file);
        let shown = report["readings"].as_array().unwrap();
        let line = report["command"].as_str().unwrap();
        assert!(!shown.is_empty() && line.starts_with("sensorctl put --local --file "), "{file}: {line}");
        let put = run_in_shell(&env, line);
        let ledger: Value = serde_json::from_str(&put.stdout).unwrap_or_else(|_| panic!("{line}: {}", put.stderr));
        let counts = |report: &Value| (report["accepted"].clone(), report["rejected"].clone());
        assert_eq!(counts(&ledger), counts(&report), "{line}");
        // The last reading of a key is the one that the table keeps.
        let expected: BTreeMap<_, _> = shown.iter().map(|reading| (key(reading), reading)).collect();
        let stored = || {
            let scan = env.run(["scan", "--local", "--consistent", "-o", "ndjson"]).assert_success();
            let rows = scan.stdout.lines().map(|row| serde_json::from_str::<Value>(row).unwrap());
            rows.filter(|row| expected.contains_key(&key(row))).map(without_place).collect::<Vec<_>>()
        };
        let is_stored = |rows: &Vec<Value>| expected.values().all(|reading| rows.contains(reading));
        eventually(&format!("the table has what {file} showed"), stored, is_stored);
    }
}

/// Returns a row of the table as the reading that it was put as.
fn without_place(mut row: Value) -> Value {
    let members = row.as_object_mut().unwrap();
    members.remove("shard_id");
    members.remove("sequence_number");
    row
}
