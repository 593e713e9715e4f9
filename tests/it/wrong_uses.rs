//! Wrong uses of each command: exit code 2 (or 1 where a file is at fault), what is wrong in words, nothing touched.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt;

use serde_json::Value;

use crate::support::Home;

/// Arguments that are wrong in themselves, and what is said of them.
const WRONG: &[(&[&str], &str)] = &[
    (&[], "Usage: sensorctl"),
    (&["fly"], "fly"),
    (&["upp"], "'up'"),
    (&["up", "--bogus"], "--bogus"),
    (&["up", "--timeout", "0"], "--timeout"),
    (&["up", "extra"], "extra"),
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
    (&["put", "--file", "good.ndjson", "--map", "temperature=t"], "--map"),
    (&["put", "--file", "good.ndjson", "--sensor", "a"], "--sensor"),
    (&["put", "--file", "good.ndjson", "--rejects", "good.ndjson"], "twice"),
    (&["put", "--file", "good.ndjson", "--rejects", "r", "--failed", "./r"], "twice"),
    (&["put", "--file", "good.ndjson", "--dry-run", "--failed", "f"], "--failed"),
    (&["put", "--file", "-", "--file", "-"], "only once"),
    (&["put", "--file", "header.csv", "--dry-run"], "neither NDJSON nor CSV"),
    (&["put", "--file", "binary.dat", "--dry-run"], "binary.dat"),
    (&["put", "--file", "utf16.csv", "--dry-run"], "UTF-16"),
    (&["scan", "--limit", "many"], "--limit"),
    (&["scan", "--limit", "-1"], "-1"),
    (&["scan", "--since", "later"], "--since"),
    (&["scan", "--min-temp", "warm"], "--min-temp"),
    (&["scan", "--sort", "colour"], "colour"),
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

/// Files that cannot be read, and what is said of them.
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

fn home() -> Home {
    let home = Home::new();
    home.write("good.ndjson", GOOD);
    home.write("good.csv", "sensor_id,temperature,current_time\na,1,2\n");
    home.write("header.csv", "date,t\n1,2\n");
    home.write("empty", "");
    home.write("binary.dat", [0_u8, 159, 146, 150, 255, 0, 10, 7, 0]);
    home.write("utf16.csv", b"\xff\xfes\0e\0n\0s\0o\0r\0");
    std::fs::create_dir(home.path("folder")).unwrap();
    home
}

const GOOD: &str = "{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":2}\n";

/// The user who owns nothing.
const NOBODY: u32 = 65534;

#[test]
fn wrong_usage_is_exit_code_2_and_names_what_is_wrong() {
    let home = home();
    let mut otherwise = String::new();
    for (arguments, said) in WRONG {
        let run = home.run(arguments.iter().copied());
        if run.code != 2 || !run.stderr.contains(said) || !run.stdout.is_empty() {
            otherwise.push_str(&format!("{arguments:?}: {} {}{}\n", run.code, run.stdout, run.stderr));
        }
    }
    assert!(otherwise.is_empty(), "{otherwise}");
    assert_eq!(std::fs::read_to_string(home.path("good.ndjson")).unwrap(), GOOD, "no input was emptied");
    assert!(!home.path("r").exists() && !home.path("data").exists(), "nothing was made");
}

#[test]
fn wrong_usage_is_json_where_json_is_asked_for() {
    let home = home();
    for (arguments, _) in WRONG {
        if arguments.contains(&"-o") {
            continue;
        }
        let run = home.run(["-o", "json"].iter().chain(*arguments).copied()).exited(2);
        let line = run.stderr.lines().last().unwrap();
        let error: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{arguments:?} {error}: {}", run.stderr));
        assert_eq!(error["error"]["kind"], "usage", "{arguments:?}");
        assert!(!error["error"]["message"].as_str().unwrap().is_empty(), "{arguments:?}");
        assert!(error["error"]["hints"].is_array(), "{arguments:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_or_made_is_named_with_the_reason() {
    let home = home();
    for (arguments, said) in UNREADABLE {
        let run = home.run(["--region", "eu-west-1"].iter().chain(*arguments).copied());
        assert_eq!(run.code, 1, "{arguments:?}: {}{}", run.stdout, run.stderr);
        for part in *said {
            assert!(run.stderr.contains(part), "{arguments:?}: {}", run.stderr);
        }
    }
}

#[test]
fn a_file_without_permission_is_named() {
    let home = home();
    let secret = home.write("secret.ndjson", GOOD);
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    let mut put = home.command(["put", "--file", "secret.ndjson", "--dry-run"]);
    if std::fs::read(&secret).is_ok() {
        // Root reads everything, as in many a container; so somebody else asks, with a program within reach.
        let program = home.path("sensorctl");
        std::fs::copy(env!("CARGO_BIN_EXE_sensorctl"), &program).unwrap();
        std::fs::set_permissions(home.path("."), std::fs::Permissions::from_mode(0o755)).unwrap();
        let arguments: Vec<_> = put.get_args().map(ToOwned::to_owned).collect();
        put = std::process::Command::new(program);
        put.args(arguments).env_clear().env("HOME", home.path(".")).current_dir(home.path(".")).uid(NOBODY).gid(NOBODY);
    }
    let output = put.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("secret.ndjson") && stderr.contains("Permission denied"), "{stderr}");
}

#[test]
fn an_empty_file_is_no_reading_and_no_error() {
    let home = home();
    let report = home.run(["put", "--file", "empty", "--dry-run", "-o", "json"]).succeeded().json();
    assert_eq!((&report["read"], &report["accepted"]), (&0.into(), &0.into()));
}

#[test]
fn binary_lines_are_rejected_without_being_shown() {
    let home = home();
    let run = home.run(["put", "--file", "binary.dat", "--format", "ndjson", "--dry-run", "-o", "json"]).exited(3);
    assert_eq!(run.json()["rejected"], 2);
    assert!(run.stderr.contains("binary.dat:1: ") && !run.stderr.contains('\u{fffd}'), "{}", run.stderr);
}

#[test]
fn a_form_that_a_report_does_not_have_is_refused_before_anything_is_done() {
    let home = home();
    for arguments in [
        &["up", "--local"] as &[_],
        &["down", "--local", "--yes"],
        &["put", "--local", "--file", "good.ndjson"],
        &["local", "start", "--port", "0"],
        &["demo"],
    ] {
        home.run(arguments.iter().chain(&["-o", "csv"]).copied()).exited(2).says(&["no CSV form", "hint: "]);
    }
    assert!(!home.path("data").exists(), "nothing was started");
    home.run(["man", "--help", "-o", "csv"]).succeeded();
}

#[test]
fn what_a_file_holds_does_not_reach_the_terminal_as_it_is() {
    let home = home();
    home.write("escapes.csv", "\u{1b}]0;title\u{7}\u{1b}[31mred,b\n1,2\n");
    let run = home.run(["put", "--file", "escapes.csv", "--dry-run"]).exited(2).says(&["red, b"]);
    assert!(!run.stderr.contains(['\u{1b}', '\u{7}']), "{}", run.stderr);
    home.write("escapes.ndjson", "{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":1,\"\\u001b[31mX\":1e999}\n");
    let run = home.run(["put", "--file", "escapes.ndjson", "--dry-run"]).exited(3).says(&["`\\u{1b}[31mX`"]);
    assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
}

#[test]
fn a_file_is_not_emptied_under_another_name_nor_before_it_is_needed() {
    let home = home();
    std::fs::hard_link(home.path("good.ndjson"), home.path("same.ndjson")).unwrap();
    home.run(["put", "--local", "--file", "good.ndjson", "--failed", "same.ndjson"]).exited(2).says(&["twice"]);
    // The natural way to send again what failed, and the fatal one.
    let mut again = home.command(["put", "--local", "--file", "-", "--failed", "good.ndjson"]);
    let run = again.stdin(std::fs::File::open(home.path("good.ndjson")).unwrap()).output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(home.path("good.ndjson")).unwrap(), GOOD);
    home.write("old.ndjson", "of an earlier run");
    home.run(["put", "--file", "typo", "--dry-run", "--rejects", "old.ndjson"]).exited(1).says(&["typo"]);
    home.run(["put", "--file", "typo", "--dry-run", "--rejects", "new.ndjson"]).exited(1).says(&["typo"]);
    assert_eq!(std::fs::read_to_string(home.path("old.ndjson")).unwrap(), "of an earlier run");
    assert!(!home.path("new.ndjson").exists());
    home.run(["put", "--file", "good.ndjson", "--dry-run", "--rejects", "old.ndjson"]).succeeded();
    assert_eq!(std::fs::read_to_string(home.path("old.ndjson")).unwrap(), "", "it holds what this run rejected");
}
