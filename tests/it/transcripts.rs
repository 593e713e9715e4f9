//! The transcripts in `tests/cmd`: every command must print the output in the transcript. Each transcript has its own
//! environment.

use std::time::Duration;

use crate::support::{TestEnv, repository, search_path};

fn assert_transcript(name: &str) {
    let env = TestEnv::new();
    let nothing = env.path("nothing").to_str().unwrap().to_owned();
    let text = |name: &str| env.path(name).to_str().unwrap().to_owned();
    let cases = trycmd::TestCases::new();
    // The person who runs the tests may have set any of them. Empty means not set.
    let ours = |name: &String| name.starts_with("AWS_") || name.starts_with("SENSORCTL_");
    for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(ours) {
        cases.env(name, "");
    }
    cases
        .register_bin("sensorctl", std::path::Path::new(env!("CARGO_BIN_EXE_sensorctl")))
        .env("PATH", search_path())
        .env("HOME", text("."))
        .env("SENSORCTL_DATA_DIR", text("data"))
        .env("NO_COLOR", "1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", nothing.as_str())
        .env("AWS_SHARED_CREDENTIALS_FILE", nothing.as_str())
        .timeout(Duration::from_secs(60))
        .case(repository("tests/cmd").join(format!("{name}.md")));
    // Invalid credentials, for the commands that call an unused port.
    cases.env("AWS_ACCESS_KEY_ID", "AKIDNOBODY").env("AWS_SECRET_ACCESS_KEY", "nothing");
    cases.run();
}

#[test]
fn transcript_tour_matches() {
    assert_transcript("tour");
}

#[test]
fn transcript_put_matches() {
    assert_transcript("put");
}

#[test]
fn transcript_simulate_matches() {
    assert_transcript("simulate");
}

#[test]
fn transcript_size_matches() {
    assert_transcript("size");
}

#[test]
fn transcript_scan_matches() {
    assert_transcript("scan");
}

#[test]
fn transcript_tail_matches() {
    assert_transcript("tail");
}

#[test]
fn transcript_rejects_matches() {
    assert_transcript("rejects");
}

#[test]
fn transcript_invoke_matches() {
    assert_transcript("invoke");
}

#[test]
fn transcript_why_matches() {
    assert_transcript("why");
}

#[test]
fn transcript_local_matches() {
    assert_transcript("local");
}

#[test]
fn transcript_doctor_matches() {
    assert_transcript("doctor");
}

#[test]
fn transcript_stages_matches() {
    assert_transcript("stages");
}

#[test]
fn transcript_export_matches() {
    assert_transcript("export");
}

#[test]
fn transcript_errors_matches() {
    assert_transcript("errors");
}

#[test]
fn transcripts_are_all_tested() {
    let source = std::fs::read_to_string(repository("tests/it/transcripts.rs")).unwrap();
    for entry in std::fs::read_dir(repository("tests/cmd")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "md") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(source.contains(&format!("assert_transcript(\"{name}\")")), "no test runs {name}.md");
        }
    }
}
