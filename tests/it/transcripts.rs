//! The documents of `tests/cmd`: every command in them runs and says what is written, each document in a home of its own.

use std::time::Duration;

use crate::support::{Home, repository};

fn holds(name: &str) {
    let home = Home::new();
    let nothing = home.path("nothing").to_str().unwrap().to_owned();
    let text = |name: &str| home.path(name).to_str().unwrap().to_owned();
    let cases = trycmd::TestCases::new();
    // Set and empty is as good as not set; whoever runs the tests may have any of them.
    let ours = |name: &String| name.starts_with("AWS_") || name.starts_with("SENSORCTL_");
    for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(ours) {
        cases.env(name, "");
    }
    cases
        .register_bin("sensorctl", std::path::Path::new(env!("CARGO_BIN_EXE_sensorctl")))
        .env("HOME", text("."))
        .env("SENSORCTL_DATA_DIR", text("data"))
        .env("NO_COLOR", "1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", nothing.as_str())
        .env("AWS_SHARED_CREDENTIALS_FILE", nothing.as_str())
        .timeout(Duration::from_secs(60))
        .case(repository("tests/cmd").join(format!("{name}.md")));
    // For nobody's address to be answered by: keys that are nobody's.
    cases.env("AWS_ACCESS_KEY_ID", "AKIDNOBODY").env("AWS_SECRET_ACCESS_KEY", "nothing");
    cases.run();
}

#[test]
fn the_tour_is_as_written() {
    holds("tour");
}

#[test]
fn put_is_as_written() {
    holds("put");
}

#[test]
fn scan_is_as_written() {
    holds("scan");
}

#[test]
fn invoke_is_as_written() {
    holds("invoke");
}

#[test]
fn local_is_as_written() {
    holds("local");
}

#[test]
fn stages_are_as_written() {
    holds("stages");
}

#[test]
fn export_is_as_written() {
    holds("export");
}

#[test]
fn errors_are_as_written() {
    holds("errors");
}

#[test]
fn every_document_is_run() {
    let source = std::fs::read_to_string(repository("tests/it/transcripts.rs")).unwrap();
    for entry in std::fs::read_dir(repository("tests/cmd")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "md") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(source.contains(&format!("holds(\"{name}\")")), "{name}.md is run by no test");
        }
    }
}
