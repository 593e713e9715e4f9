//! The local cloud as a process: found by other processes, pointed at by `env`, closed to strangers.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::support::{Home, Stranger};

#[test]
fn it_starts_tells_where_it_is_and_stops() {
    let home = Home::new();
    let stopped = home.run(["local", "status", "-o", "json"]).succeeded().json();
    assert_eq!(stopped["running"], false);
    let started = home.run(["local", "start", "--port", "0", "-o", "json"]).succeeded().json();
    let status = home.run(["local", "status", "-o", "json"]).succeeded().json();
    assert_eq!((&status["running"], &status["endpoint"]), (&true.into(), &started["endpoint"]));
    home.run(["local", "stop"]).succeeded();
    assert_eq!(home.run(["local", "status", "-o", "json"]).succeeded().json()["running"], false);
    home.run(["local", "stop"]).succeeded();
}

#[test]
fn a_reset_asks_and_without_a_terminal_refuses() {
    let home = Home::with_local_cloud();
    let cloud = Stranger::of(&home);
    cloud.call("Kinesis_20131202.CreateStream", r#"{"StreamName":"mine","ShardCount":1}"#);
    home.run(["local", "reset"]).exited(2).says(&["cannot ask here", "--yes"]);
    assert!(cloud.describe("mine").contains("ACTIVE"), "it runs as before");
    home.run(["local", "reset", "--yes"]).succeeded().says(&["stopped", "is empty"]);
    home.run(["local", "start", "--port", "0"]).succeeded();
    assert!(Stranger::of(&home).describe("mine").contains("ResourceNotFoundException"));
}

#[test]
fn env_points_any_tool_at_it_and_at_nothing_else() {
    let home = Home::with_local_cloud();
    let lines = home.run(["local", "env"]).succeeded().stdout;
    let shell = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{lines}\necho \"$AWS_ENDPOINT_URL|$AWS_REGION|$AWS_PROFILE|$AWS_SESSION_TOKEN|$AWS_ACCESS_KEY_ID\""
        ))
        .env("AWS_PROFILE", "production")
        .env("AWS_SESSION_TOKEN", "secret")
        .output()
        .unwrap();
    let about = home.endpoint();
    let expected =
        format!("{}|us-east-1|||{}\n", about["endpoint"].as_str().unwrap(), about["access_key_id"].as_str().unwrap());
    assert_eq!(String::from_utf8_lossy(&shell.stdout), expected);
}

#[test]
fn a_directory_that_no_local_cloud_made_is_neither_used_nor_emptied_whatever_its_names() {
    let home = Home::new();
    // As projects have them: `lock` of something else, or none at all.
    let makes: [&[(&str, &str)]; 3] = [
        &[("lock", "0"), ("lambda/src.rs", "code"), ("logs/x", "log"), ("keys.json", "{}")],
        &[("lambda/src.rs", "code"), ("logs/x", "log")],
        &[("lock", ""), ("kinesis/notes", "notes")],
    ];
    for (n, files) in makes.into_iter().enumerate() {
        let name = format!("project{n}");
        for (file, text) in files {
            let path = home.path(&name).join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::set_permissions(home.path(&name), std::fs::Permissions::from_mode(0o755)).unwrap();
        for command in
            [&["local", "reset", "--yes"] as &[_], &["local", "start", "--port", "0"], &["local", "run", "--port", "0"]]
        {
            let run = home.run(command.iter().copied().chain(["--data-dir", &name]));
            run.exited(2).says(&["is not a local cloud's", &name, "--data-dir"]);
        }
        for (file, text) in files {
            assert_eq!(std::fs::read_to_string(home.path(&name).join(file)).unwrap(), *text, "{name}/{file}");
        }
        let mode = std::fs::metadata(home.path(&name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o755, "{name} is not closed to others");
        assert_eq!(
            std::fs::read_dir(home.path(&name)).unwrap().count(),
            files.iter().map(top).collect::<BTreeSet<_>>().len()
        );
    }
}

/// The first part of a file's path.
fn top((file, _): &(&'static str, &'static str)) -> &'static str {
    file.split('/').next().unwrap()
}

#[test]
fn a_directory_of_an_older_version_is_used_and_emptied_as_before() {
    let home = Home::with_local_cloud();
    Stranger::of(&home).call("Kinesis_20131202.CreateStream", r#"{"StreamName":"mine","ShardCount":1}"#);
    home.run(["local", "stop"]).succeeded();
    home.write("data/lock", "12345");
    home.run(["local", "start", "--port", "0"]).succeeded();
    assert!(Stranger::of(&home).describe("mine").contains("ACTIVE"));
    home.run(["local", "stop"]).succeeded();
    assert!(std::fs::read_to_string(home.path("data/lock")).unwrap().starts_with("sensorctl-local-cloud 1\n"));
    home.write("data/lock", "12345");
    home.run(["local", "reset", "--yes"]).succeeded().says(&["is empty"]);
}

/// The variables of somebody whose AWS tools reach a real account.
const REAL: [(&str, &str); 6] = [
    ("AWS_PROFILE", "production"),
    ("AWS_ACCESS_KEY_ID", "AKIAREAL"),
    ("AWS_SECRET_ACCESS_KEY", "real"),
    ("AWS_SESSION_TOKEN", "real"),
    ("AWS_CREDENTIAL_EXPIRATION", "2001-01-01T00:00:00Z"),
    ("AWS_ENDPOINT_URL_S3", "http://real.example"),
];
const SHOW: &str = "status=$?; echo \"$status|$AWS_ENDPOINT_URL|$AWS_REGION|$AWS_ACCESS_KEY_ID|$AWS_SECRET_ACCESS_KEY|\
                    $AWS_PROFILE$AWS_SESSION_TOKEN$AWS_CREDENTIAL_EXPIRATION$AWS_ENDPOINT_URL_S3\"";
const DEAD: &str = "1|http://127.0.0.1:1/sensorctl-local-cloud-is-not-running|us-east-1|none|none|\n";

/// What a shell shows after `eval "$(sensorctl local env)"` with these arguments and variables, and what it was told.
fn evaluated(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> (String, String) {
    let command = home.command(arguments.iter().copied());
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("eval \"$(\"$@\")\"; {SHOW}"), "sh"]).arg(command.get_program()).args(arguments);
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let output = shell.current_dir(home.path(".")).envs(REAL).envs(variables.iter().copied()).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[track_caller]
fn fails_closed(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) {
    let (shown, said) = evaluated(home, arguments, variables);
    assert_eq!(shown, DEAD, "{arguments:?} {variables:?}: {said}");
    assert!(said.contains("error: "), "{said}");
}

#[test]
fn env_that_fails_makes_eval_fail_and_leaves_no_way_to_a_real_account() {
    let home = Home::new();
    fails_closed(&home, &["local", "env"], &[]);
    home.write("file", "");
    fails_closed(&home, &["local", "env", "--data-dir", "file"], &[]);
    fails_closed(&home, &["local", "env", "--bogus"], &[]);
    fails_closed(&home, &["--stage", "local", "-q", "local", "env", "extra"], &[]);
    fails_closed(&home, &["local", "env", "-o", "xml"], &[]);
    for variable in [("SENSORCTL_OUTPUT", "xml"), ("SENSORCTL_STAGE", "a b"), ("SENSORCTL_REGION", "eu west")] {
        fails_closed(&home, &["local", "env"], &[variable]);
    }
    let home = Home::with_local_cloud();
    let (live, _) = evaluated(&home, &["local", "env"], &[]);
    let about = home.endpoint();
    let begin = format!("0|{}|us-east-1|", about["endpoint"].as_str().unwrap());
    assert!(live.starts_with(&begin) && live.ends_with("|\n"), "{live}");
    std::fs::write(home.path("data/endpoint.json"), "{").unwrap();
    fails_closed(&home, &["local", "env"], &[]);
    std::fs::write(home.path("data/endpoint.json"), about.to_string()).unwrap();
}

#[test]
fn env_that_is_interrupted_fails_however_often_it_is() {
    let home = Home::with_local_cloud();
    let about = home.endpoint();
    // Something that takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut elsewhere = about.clone();
    elsewhere["endpoint"] = format!("http://{}", silent.local_addr().unwrap()).into();
    for signals in [1, 2] {
        std::fs::write(home.path("data/endpoint.json"), elsewhere.to_string()).unwrap();
        let child = home.spawn(["local", "env"]);
        // The connection shows that the signal handler is in place.
        let _connection = silent.accept().unwrap();
        for _ in 0..signals {
            let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        }
        let run = crate::support::Run::of(&child.wait_with_output().unwrap()).exited(130);
        assert!(run.stdout.ends_with("\nfalse\n") && run.stdout.contains("127.0.0.1:1/"), "{}", run.stdout);
        std::fs::write(home.path("data/endpoint.json"), about.to_string()).unwrap();
    }
}

#[test]
fn help_of_env_is_help() {
    let home = Home::new();
    let help = home.run(["local", "env", "--help"]).succeeded();
    assert!(!help.stdout.contains("false"), "{}", help.stdout);
}

#[test]
fn strangers_and_web_pages_are_turned_away() {
    let home = Home::with_local_cloud();
    let stranger = Stranger::of(&home);
    let list = "Kinesis_20131202.ListStreams";
    assert_eq!(stranger.call(list, "{}").0, 200);
    assert_eq!(stranger.with_header("Origin: http://evil.example").call(list, "{}").0, 403);
    assert_eq!(stranger.with_key("AKIAIOSFODNN7EXAMPLE").call(list, "{}").0, 400);
}
