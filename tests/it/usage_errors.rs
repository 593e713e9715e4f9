//! Usage errors of each command: exit code 2 (1 if a file is the cause), a message that names the cause, no side
//! effects.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt;

use serde_json::Value;

use crate::support::{Run, TestEnv};

/// Invalid arguments, and a part of the error message.
const INVALID: &[(&[&str], &str)] = &[
    (&[], "Usage: sensorctl"),
    (&["fly"], "fly"),
    (&["upp"], "'up'"),
    (&["up", "--bogus"], "--bogus"),
    (&["up", "--timeout", "0s"], "--timeout"),
    (&["up", "--timeout", "30"], "not a length of time; write 30s"),
    (&["down", "--timeout", "30"], "not a length of time; write 30s"),
    (&["status", "--watch", "--interval", "30"], "not a length of time; write 30s"),
    (&["status", "--watch", "--interval", "1ms"], "write 1s or longer"),
    (&["status", "--watch", "--interval", "999ms"], "write 1s or longer"),
    (&["put", "--sensor", "a", "--temp", "1", "--wait", "--timeout", "30"], "not a length of time; write 30s"),
    (&["up", "extra"], "extra"),
    (&["scan", "--to", "-"], "`--to -` is standard output"),
    (&["scan", "--to", "rows.parquet"], "`.parquet` is no form"),
    (&["scan", "--since", "1700000000000"], "milliseconds are written as"),
    (&["scan", "-o", "table", "--fields", "temperature", "--time-zone", "UTC"], "`--fields` leaves out"),
    (
        &[
            "up",
            "--local",
            "--verify",
            "--set",
            "mapping.filters=[\"{\\\"data\\\":{\\\"temperature\\\":[{\\\"numeric\\\":[\\\">\\\",30]}]}}\"]",
        ],
        "mapping.filters",
    ),
    (&["down", "--local", "--yes", "--drain", "--set", "mapping.enabled=false"], "mapping.enabled"),
    (
        &["up", "--local", "--replace", "-y", "--set", "rejects.name=SensorData"],
        "`table.name` (default) and `rejects.name` (--set)",
    ),
    (&["put", "--local", "--sensor", "a", "--temp", "1", "--set", "table.name=SensorDataRejects"], "must differ"),
    (&["--stage", "blue", "down", "--yes", "--set", "table.name=x1x", "--set", "rejects.name=x1x"], "`x1x-blue`"),
    (&["up", "--local", "--set", "table.ttl_attribute=CurrentTime"], "table.ttl_attribute"),
    (&["up", "--local", "--set", "tags.Team=a", "--set", "tags.team=b"], "`tags.team` (--set)"),
    (&["plan", "--bogus"], "--bogus"),
    (&["status", "--stage", "a/b"], "stage"),
    (&["status", "-o", "xml"], "xml"),
    (&["status", "--color", "purple"], "purple"),
    (&["status", "--local", "--endpoint-url", "http://127.0.0.1:1"], "--endpoint-url"),
    (&["status", "--region", "eu-west-1", "--endpoint-url", "127.0.0.1:4588"], "http://"),
    (&["status", "--region", "eu-west-1", "--endpoint-url", "http://me:secret@127.0.0.1:4588"], "without a user"),
    (&["status", "--region", "eu west"], "region"),
    (&["put"], "--sensor"),
    (&["put", "--sensor", "a"], "--temp"),
    (&["put", "--sensor", "a", "--temp", "1e999"], "--temp"),
    (&["put", "--sensor", "a", "--temp", "1", "--time", "yesterday"], "--time"),
    (&["put", "--sensor", "a", "--temp", "1", "--field", "humidity"], "NAME=VALUE"),
    (&["put", "--sensor", "a", "--temp", "1", "--field", "shard_id=7"], "shard_id"),
    (&["put", "--sensor", "a", "--temp", "1", "--field", "SensorId=b"], "SensorId"),
    (&["put", "--sensor", "a", "--temp", "1", "--field", "x=1", "--field", "x=2"], "twice"),
    (&["put", "--sensor", "a", "--temp", "1", "--file", "good.ndjson"], "--file"),
    (&["put", "--sensor", "a", "--temp", "1", "--rejects", "r"], "--rejects"),
    (&["put", "--sensor", "a", "--temp", "1", "--timeout", "5s"], "--wait"),
    (&["put", "--sensor", "a", "--temp", "1", "--wait", "--timeout", "soon"], "--timeout"),
    (&["put", "--file", "good.ndjson", "--wait"], "--wait"),
    (&["put", "--file", "good.ndjson", "--rate", "0"], "--rate"),
    (&["put", "--file", "good.ndjson", "--format", "xml"], "xml"),
    (&["put", "--file", "good.ndjson", "--map", "temperature"], "--map"),
    (&["put", "--file", "good.ndjson", "--map", "temperature=t..x", "--dry-run"], "not a path"),
    (&["put", "--file", "good.ndjson", "--delimiter", "ab"], "--delimiter"),
    (&["put", "--file", "good.ndjson", "--encoding", "latin-9000"], "--encoding"),
    (&["put", "--file", "good.ndjson", "--unit", "temperature=F:bar"], "--unit"),
    (&["put", "--file", "good.ndjson", "--time-zone", "Europe/Nowhere", "--dry-run"], "--time-zone"),
    (&["put", "--file", "good.ndjson", "--layout", "no-such", "--dry-run"], "no-such"),
    (&["put", "--file", "good.csv", "--layout", "govee", "--dry-run"], "--sensor ID"),
    (&["put", "--sensor", "a", "--temp", "1", "--format", "csv"], "`--format` is for `--file`"),
    (&["put", "--sensor", "a", "--temp", "1", "--strict"], "--strict"),
    (&["put", "--sensor", "a", "--temp", "1", "--time", "5000000000"], "--time-unit"),
    (&["simulate", "--region", "eu-west-1"], "`--yes` continues without asking"),
    (&["simulate", "--region", "eu-west-1", "--rate", "5", "--duration", "10m"], "3,000 readings of 10 sensors"),
    (&["simulate", "--region", "eu-west-1", "--delete"], "`--yes` continues without asking"),
    (&["simulate", "--local", "--delete", "--count", "5"], "--delete"),
    (&["simulate", "--local", "--count", "5", "--duration", "5s"], "--duration"),
    (&["simulate", "--local", "--count", "0"], "--count"),
    (&["simulate", "--local", "--sensors", "0"], "--sensors"),
    (&["simulate", "--local", "--rate", "0"], "--rate"),
    (&["simulate", "--local", "--late", "110%"], "--late"),
    (&["simulate", "--local", "--interval", "100us"], "--interval"),
    (&["simulate", "--local", "--start", "soon"], "--start"),
    (&["simulate", "--local", "--start", "4102444800"], "after 2100"),
    (&["simulate", "--local", "--late-after", "5s"], "--verify"),
    (&["simulate", "--local", "--verify", "--timeout", "5s"], "`--timeout` is shorter than `--late-after`"),
    (&["simulate", "--local", "--verify", "--count", "300000000", "--interval", "1s"], "at most 200000000"),
    (&["simulate", "-o", "csv", "--local"], "no CSV format"),
    (&["inspect", "binary.dat", "extra"], "extra"),
    (&["put", "--file", "good.ndjson", "--rejects", "good.ndjson"], "twice"),
    (&["put", "--file", "good.ndjson", "--rejects", "r", "--failed", "./r"], "twice"),
    (&["put", "--file", "good.ndjson", "--dry-run", "--failed", "f"], "--failed"),
    (&["put", "--file", "-", "--file", "-"], "only once"),
    (&["put", "--file", "good.ndjson", "--rejects", "-", "--failed", "-"], "both go to standard output"),
    (&["put", "--file", "header.csv", "--dry-run"], "neither NDJSON nor CSV"),
    (&["put", "--file", "binary.dat", "--dry-run"], "binary.dat"),
    (&["put", "--file", "utf16.csv", "--dry-run"], "there is no column `sensor_id`"),
    (&["put", "--file", "book.xlsx", "--dry-run"], "workbook"),
    (&["scan", "--limit", "many"], "--limit"),
    (&["scan", "--limit", "-1"], "-1"),
    (&["scan", "--since", "later"], "--since"),
    (&["scan", "--min-temp", "warm"], "--min-temp"),
    (&["scan", "--sort", "colour"], "colour"),
    (&["scan", "--time-zone", "Mars"], "not in the time zone database"),
    (&["scan", "--time-format", "iso"], "neither rfc3339 nor seconds"),
    (&["scan", "--force"], "--to <FILE>"),
    (&["scan", "--count", "--limit", "3"], "--limit"),
    (&["scan", "--fields", "a,,b", "--local"], "names an empty field"),
    (&["scan", "--where", "site = lab"], "at character 8 (`lab`): a text stands in quotes"),
    (&["scan", "--sensor", "a", "--where", "current_time > 5 or humidity > 1"], "by `and` only"),
    (&["invoke", "--event", "good.csv"], "good.csv is not one JSON document"),
    (&["invoke", "--event", "empty"], "empty is not one JSON document"),
    (&["down", "--bogus"], "--bogus"),
    (&["demo", "extra"], "extra"),
    (&["local"], "Usage: sensorctl local"),
    (&["local", "fly"], "fly"),
    (&["local", "start", "--port", "70000"], "70000"),
    (&["export"], "Usage: sensorctl export"),
    (&["export", "function-zip"], "FILE"),
    (&["completions", "cmd.exe"], "cmd.exe"),
];

/// Files that cannot be read or created, and parts of the error message.
const UNREADABLE: &[(&[&str], &[&str])] = &[
    (&["put", "--file", "no-such.ndjson"], &["could not read no-such.ndjson", "No such file"]),
    (&["put", "--file", "folder"], &["could not read folder", "directory"]),
    (&["put", "--file", "good.ndjson", "--rejects", "no/such/folder"], &["could not make no/such/folder"]),
    (&["put", "--file", "good.ndjson", "--rejects", "folder"], &["could not make folder"]),
    (&["put", "--file", "good.ndjson", "--failed", "no/such/folder"], &["could not make no/such/folder"]),
    (&["invoke", "--event", "no-such.json"], &["could not read no-such.json", "No such file"]),
    (&["invoke", "--event", "folder"], &["could not read folder", "directory"]),
    (&["invoke", "--event", "binary.dat"], &["could not read binary.dat", "UTF-8"]),
    (&["export", "function-zip", "no/such/folder/f.zip"], &["no/such/folder/f.zip"]),
];

fn env_with_files() -> TestEnv {
    let env = TestEnv::new();
    env.write("good.ndjson", GOOD);
    env.write("good.csv", "sensor_id,temperature,current_time\na,1,2\n");
    env.write("header.csv", "date,t\n1,2\n");
    env.write("empty", "");
    env.write("binary.dat", [0_u8, 159, 146, 150, 255, 0, 10, 7, 0]);
    env.write("utf16.csv", b"\xff\xfes\0e\0n\0s\0o\0r\0");
    env.write("book.xlsx", b"PK\x03\x04");
    std::fs::create_dir(env.path("folder")).unwrap();
    env
}

const GOOD: &str = "{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":2}\n";

/// A user without files.
const NOBODY: u32 = 65534;

#[test]
fn usage_error_does_not_act_on_a_terminal() {
    let env = TestEnv::new();
    let odd = "\u{1b}[31mX\u{9b}1m";
    for arguments in [&["scan", "--where", odd][..], &["scan", "--sort", odd], &["up", odd], &[odd]] {
        let run = env.run(arguments.iter().copied()).assert_code(2);
        assert!(run.stderr.contains('X') && !run.stderr.contains(['\u{1b}', '\u{9b}']), "{:?}", run.stderr);
    }
}

#[test]
fn unreadable_or_uncreatable_file_is_named_with_reason() {
    let env = env_with_files();
    for (arguments, said) in UNREADABLE {
        let run = env.run(["--region", "eu-west-1"].iter().chain(*arguments).copied());
        assert_eq!(run.code, 1, "{arguments:?}: {}{}", run.stdout, run.stderr);
        for part in *said {
            assert!(run.stderr.contains(part), "{arguments:?}: {}", run.stderr);
        }
    }
}

#[test]
fn file_without_read_permission_is_named() {
    let env = env_with_files();
    let secret = env.write("secret.ndjson", GOOD);
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    let mut put = env.command(["put", "--file", "secret.ndjson", "--dry-run"]);
    if std::fs::read(&secret).is_ok() {
        // Root can read every file, so another user runs a copy of the program that it can reach.
        let program = env.path("sensorctl");
        std::fs::copy(env!("CARGO_BIN_EXE_sensorctl"), &program).unwrap();
        std::fs::set_permissions(env.path("."), std::fs::Permissions::from_mode(0o755)).unwrap();
        let arguments: Vec<_> = put.get_args().map(ToOwned::to_owned).collect();
        put = std::process::Command::new(program);
        put.args(arguments).env_clear().env("HOME", env.path(".")).current_dir(env.path(".")).uid(NOBODY).gid(NOBODY);
    }
    Run::of(&mut put).assert_code(1).assert_stderr_contains(&["secret.ndjson", "Permission denied"]);
}

#[test]
fn put_empty_file_succeeds_with_no_readings() {
    let env = env_with_files();
    let report = env.run(["put", "--file", "empty", "--dry-run", "-o", "json"]).assert_success().json();
    assert_eq!((&report["read"], &report["accepted"]), (&0.into(), &0.into()));
}

#[test]
fn put_binary_lines_are_rejected_without_printing_them() {
    let env = env_with_files();
    let run = env.run(["put", "--file", "binary.dat", "--format", "ndjson", "--dry-run", "-o", "json"]).assert_code(3);
    assert_eq!(run.json()["rejected"], 2);
    assert!(run.stderr.contains("binary.dat:1: ") && !run.stderr.contains('\u{fffd}'), "{}", run.stderr);
}

#[test]
fn unsupported_output_format_is_refused_before_any_change() {
    let env = env_with_files();
    for arguments in [
        &["up", "--local"] as &[_],
        &["down", "--local", "--yes"],
        &["put", "--local", "--file", "good.ndjson"],
        &["local", "start", "--port", "0"],
        &["demo"],
    ] {
        env.run(arguments.iter().chain(&["-o", "csv"]).copied())
            .assert_code(2)
            .assert_stderr_contains(&["no CSV form", "hint: "]);
    }
    assert!(!env.path("data").exists(), "nothing was started");
    env.run(["man", "--help", "-o", "csv"]).assert_success();
}

#[test]
fn control_characters_of_a_file_are_escaped() {
    let env = env_with_files();
    env.write("escapes.csv", "\u{1b}]0;title\u{7}\u{1b}[31mred,b\n1,2\n");
    let run = env.run(["put", "--file", "escapes.csv", "--dry-run"]).assert_code(2).assert_stderr_contains(&["red, b"]);
    assert!(!run.stderr.contains(['\u{1b}', '\u{7}']), "{}", run.stderr);
    env.write("escapes.ndjson", "{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":1,\"\\u001b[31mX\":1e999}\n");
    let run = env
        .run(["put", "--file", "escapes.ndjson", "--dry-run"])
        .assert_code(3)
        .assert_stderr_contains(&["`\\u{1b}[31mX`"]);
    assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
}

#[test]
fn output_file_that_is_also_input_is_not_truncated() {
    let env = env_with_files();
    std::fs::hard_link(env.path("good.ndjson"), env.path("same.ndjson")).unwrap();
    env.run(["put", "--local", "--file", "good.ndjson", "--failed", "same.ndjson"])
        .assert_code(2)
        .assert_stderr_contains(&["twice"]);
    // A likely way to put failed readings again, which would lose them.
    let mut again = env.command(["put", "--local", "--file", "-", "--failed", "good.ndjson"]);
    let run = again.stdin(std::fs::File::open(env.path("good.ndjson")).unwrap()).output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(env.path("good.ndjson")).unwrap(), GOOD);
    env.write("old.ndjson", "of an earlier run");
    env.run(["put", "--file", "typo", "--dry-run", "--rejects", "old.ndjson"])
        .assert_code(1)
        .assert_stderr_contains(&["typo"]);
    env.run(["put", "--file", "typo", "--dry-run", "--rejects", "new.ndjson"])
        .assert_code(1)
        .assert_stderr_contains(&["typo"]);
    assert_eq!(std::fs::read_to_string(env.path("old.ndjson")).unwrap(), "of an earlier run");
    assert!(!env.path("new.ndjson").exists());
    let again = ["put", "--file", "good.ndjson", "--dry-run", "--rejects", "old.ndjson"];
    env.run(again).assert_code(2).assert_stderr_contains(&["old.ndjson is there already", "`--force`"]);
    assert_eq!(std::fs::read_to_string(env.path("old.ndjson")).unwrap(), "of an earlier run");
    env.run(again.into_iter().chain(["--force"])).assert_success();
    assert_eq!(std::fs::read_to_string(env.path("old.ndjson")).unwrap(), "", "it holds what this run rejected");
}

#[test]
fn usage_line_shows_only_flags_that_were_typed() {
    let env = TestEnv::new();
    let variables = [("SENSORCTL_LOCAL", "1"), ("SENSORCTL_STAGE", "blue")];
    let run = env.run_with_env(["scan", "--limt", "3"], &variables).assert_code(2);
    assert!(run.stderr.contains("Usage: sensorctl scan --limit <COUNT>"), "{}", run.stderr);
    let wrong = env.run_with_env(["scan"], &[("SENSORCTL_LOCAL", "maybe")]).assert_code(2);
    wrong.assert_stderr_contains(&["the environment variable SENSORCTL_LOCAL is set to it"]);
}

mod slow {
    use super::{GOOD, INVALID, Value, env_with_files};

    #[test]
    fn usage_error_exits_2_and_names_cause() {
        let env = env_with_files();
        let mut unexpected = String::new();
        for (arguments, said) in INVALID {
            let run = env.run(arguments.iter().copied());
            if run.code != 2 || !run.stderr.contains(said) || !run.stdout.is_empty() {
                unexpected.push_str(&format!("{arguments:?}: {} {}{}\n", run.code, run.stdout, run.stderr));
            }
        }
        assert!(unexpected.is_empty(), "{unexpected}");
        assert_eq!(std::fs::read_to_string(env.path("good.ndjson")).unwrap(), GOOD, "the input file was not truncated");
        assert!(!env.path("r").exists() && !env.path("data").exists(), "no file was created");
    }

    #[test]
    fn usage_error_with_json_output_is_json() {
        let env = env_with_files();
        for (arguments, _) in INVALID {
            if arguments.contains(&"-o") {
                continue;
            }
            let run = env.run(["-o", "json"].iter().chain(*arguments).copied()).assert_code(2);
            let line = run.stderr.lines().last().unwrap();
            let error: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{arguments:?} {error}: {}", run.stderr));
            assert_eq!(error["error"]["kind"], "usage", "{arguments:?}");
            assert!(!error["error"]["message"].as_str().unwrap().is_empty(), "{arguments:?}");
            assert!(error["error"]["hints"].is_array(), "{arguments:?}");
        }
    }
}
