//! The local cloud as a process: other commands find it, `env` points tools at it, and it rejects unknown clients.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use rustix::process::Signal;

use crate::support::{ApiClient, Run, TestEnv, send_signal};

#[test]
fn local_status_shows_faults_timing_and_durability_and_the_log_has_times() {
    let env = TestEnv::new();
    let faults = "seed=7;kinesis:PutRecords=throttle@20%";
    let start = ["local", "start", "--port", "0", "--faults", faults, "--timing", "aws/10", "--durable", "full"];
    env.run(start).assert_success();
    let status = env.run(["local", "status", "-o", "json"]).assert_success().json();
    let shown = (&status["faults"], &status["timing"], &status["durable"]);
    assert_eq!(shown, (&faults.into(), &"aws/10".into(), &"full".into()));
    let table = env.run(["local", "status", "-o", "table"]).assert_success().stdout;
    for line in ["faults     seed=7;kinesis:PutRecords=throttle@20%", "timing     aws/10", "durable    full"] {
        assert!(table.contains(line), "{table}");
    }
    ApiClient::new(&env).set_faults("");
    assert!(env.run(["local", "status", "-o", "json"]).assert_success().json()["faults"].is_null());
    let log = std::fs::read_to_string(env.path("data/local.log")).unwrap();
    let (time, said) = log.lines().next().unwrap().split_once(' ').unwrap();
    assert!(time.ends_with('Z') && time.len() == "2026-11-28T08:00:00Z".len(), "{log}");
    assert!(said.starts_with("the local cloud runs at http://127.0.0.1:"), "{log}");
}

#[test]
fn local_start_with_other_options_than_it_runs_with_fails_and_names_them() {
    let env = TestEnv::with_local_cloud();
    env.run(["local", "start"]).assert_success().assert_stderr_contains(&["already runs at"]);
    env.run(["local", "start", "--timing", "none", "--durable", "process", "--faults", ""]).assert_success();
    for (flag, value, difference) in [
        ("--port", "1", "instead of 1"),
        ("--region", "eu-west-1", "region us-east-1 instead of eu-west-1"),
        ("--timing", "aws/10", "timing none instead of aws/10"),
        ("--durable", "full", "durability process instead of full"),
        ("--faults", "kinesis:*=drop", "faults none instead of kinesis:*=drop"),
    ] {
        let run = env.run(["local", "start", flag, value]).assert_code(1);
        let shown = if flag == "--faults" { "'kinesis:*=drop'" } else { value };
        let hint = format!("then `sensorctl local start {flag} {shown}` changes it");
        let run = run.assert_stderr_contains(&["already runs with", difference, &hint]);
        assert!(!run.stderr.contains("already runs at"), "{}", run.stderr);
    }
    // The faults of this moment count, not those of the start.
    ApiClient::new(&env).set_faults("kinesis:*=drop");
    env.run(["local", "start", "--faults", " kinesis:*=drop ; "]).assert_success();
    env.run(["local", "start", "--faults", ""]).assert_code(1).assert_stderr_contains(&["instead of none"]);
}

#[test]
fn local_start_status_stop_agree_on_state_and_endpoint() {
    let env = TestEnv::new();
    let stopped = env.run(["local", "status", "-o", "json"]).assert_code(3).assert_stderr_contains(&["is not running"]);
    assert_eq!(stopped.json()["running"], false);
    let started = env.run(["local", "start", "--port", "0", "-o", "json"]).assert_success().json();
    let status = env.run(["local", "status", "-o", "json"]).assert_success().json();
    assert_eq!((&status["running"], &status["endpoint"]), (&true.into(), &started["endpoint"]));
    env.run(["local", "stop"]).assert_success();
    assert_eq!(env.run(["local", "status", "-o", "json"]).assert_code(3).json()["running"], false);
    env.run(["local", "stop"]).assert_success();
}

#[test]
fn local_reset_without_terminal_needs_yes() {
    let env = TestEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    api.call("Kinesis_20131202.CreateStream", r#"{"StreamName":"mine","ShardCount":1}"#);
    env.run(["local", "reset"]).assert_code(2).assert_stderr_contains(&["no terminal to ask on", "--yes"]);
    assert!(api.describe_stream("mine").contains("ACTIVE"), "it still runs");
    env.run(["local", "reset", "--yes"]).assert_success().assert_stderr_contains(&["stopped", "is empty"]);
    env.run(["local", "start", "--port", "0"]).assert_success();
    assert!(ApiClient::new(&env).describe_stream("mine").contains("ResourceNotFoundException"));
}

#[test]
fn local_env_points_tools_only_at_local_cloud() {
    let env = TestEnv::with_local_cloud();
    let lines = env.run(["local", "env"]).assert_success().stdout;
    let shell = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{lines}\necho \"$AWS_ENDPOINT_URL|$AWS_REGION|$AWS_PROFILE|$AWS_SESSION_TOKEN|$AWS_ACCESS_KEY_ID\""
        ))
        .env("AWS_PROFILE", "production")
        .env("AWS_SESSION_TOKEN", "secret")
        .output()
        .unwrap();
    let about = env.endpoint();
    let expected =
        format!("{}|us-east-1|||{}\n", about["endpoint"].as_str().unwrap(), about["access_key_id"].as_str().unwrap());
    assert_eq!(String::from_utf8_lossy(&shell.stdout), expected);
}

#[test]
fn directory_not_created_by_a_local_cloud_is_neither_used_nor_emptied() {
    let env = TestEnv::new();
    // As projects have them: `lock` of another program, or none at all.
    let makes: [&[(&str, &str)]; 3] = [
        &[("lock", "0"), ("lambda/src.rs", "code"), ("logs/x", "log"), ("keys.json", "{}")],
        &[("lambda/src.rs", "code"), ("logs/x", "log")],
        &[("lock", ""), ("kinesis/notes", "notes")],
    ];
    for (n, files) in makes.into_iter().enumerate() {
        let name = format!("project{n}");
        for (file, text) in files {
            let path = env.path(&name).join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::set_permissions(env.path(&name), std::fs::Permissions::from_mode(0o755)).unwrap();
        for command in
            [&["local", "reset", "--yes"] as &[_], &["local", "start", "--port", "0"], &["local", "run", "--port", "0"]]
        {
            let run = env.run(command.iter().copied().chain(["--data-dir", &name]));
            run.assert_code(2).assert_stderr_contains(&["is not a local cloud's", &name, "--data-dir"]);
        }
        for (file, text) in files {
            assert_eq!(std::fs::read_to_string(env.path(&name).join(file)).unwrap(), *text, "{name}/{file}");
        }
        let mode = std::fs::metadata(env.path(&name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o755, "{name} is not closed to others");
        assert_eq!(
            std::fs::read_dir(env.path(&name)).unwrap().count(),
            files.iter().map(top).collect::<BTreeSet<_>>().len()
        );
    }
}

/// Returns the first part of a file's path.
fn top((file, _): &(&'static str, &'static str)) -> &'static str {
    file.split('/').next().unwrap()
}

#[test]
fn directory_of_an_older_version_is_used_and_emptied() {
    let env = TestEnv::with_local_cloud();
    ApiClient::new(&env).call("Kinesis_20131202.CreateStream", r#"{"StreamName":"mine","ShardCount":1}"#);
    env.run(["local", "stop"]).assert_success();
    env.write("data/lock", "12345");
    env.run(["local", "start", "--port", "0"]).assert_success();
    assert!(ApiClient::new(&env).describe_stream("mine").contains("ACTIVE"));
    env.run(["local", "stop"]).assert_success();
    assert!(std::fs::read_to_string(env.path("data/lock")).unwrap().starts_with("sensorctl-local-cloud 1\n"));
    env.write("data/lock", "12345");
    env.run(["local", "reset", "--yes"]).assert_success().assert_stderr_contains(&["is empty"]);
}

/// The variables of a user with AWS tools that reach a real account.
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

/// Returns the variables in a shell after `eval "$(sensorctl local env)"` with these arguments and variables, and the
/// shell's messages.
fn evaluated(env: &TestEnv, arguments: &[&str], variables: &[(&str, &str)]) -> (String, String) {
    let command = env.command(arguments.iter().copied());
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("eval \"$(\"$@\")\"; {SHOW}"), "sh"]).arg(command.get_program()).args(arguments);
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let output = shell.current_dir(env.path(".")).envs(REAL).envs(variables.iter().copied()).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[track_caller]
fn fails_closed(env: &TestEnv, arguments: &[&str], variables: &[(&str, &str)]) {
    let (shown, said) = evaluated(env, arguments, variables);
    assert_eq!(shown, DEAD, "{arguments:?} {variables:?}: {said}");
    assert!(said.contains("error: "), "{said}");
}

#[test]
fn env_failure_makes_eval_fail_and_unsets_real_account() {
    let env = TestEnv::new();
    fails_closed(&env, &["local", "env"], &[]);
    env.write("file", "");
    fails_closed(&env, &["local", "env", "--data-dir", "file"], &[]);
    fails_closed(&env, &["local", "env", "--bogus"], &[]);
    fails_closed(&env, &["--stage", "local", "-q", "local", "env", "extra"], &[]);
    fails_closed(&env, &["local", "env", "-o", "xml"], &[]);
    for variable in [("SENSORCTL_OUTPUT", "xml"), ("SENSORCTL_STAGE", "a b"), ("SENSORCTL_REGION", "eu west")] {
        fails_closed(&env, &["local", "env"], &[variable]);
    }
    let env = TestEnv::with_local_cloud();
    let (live, _) = evaluated(&env, &["local", "env"], &[]);
    let about = env.endpoint();
    let begin = format!("0|{}|us-east-1|", about["endpoint"].as_str().unwrap());
    assert!(live.starts_with(&begin) && live.ends_with("|\n"), "{live}");
    std::fs::write(env.path("data/endpoint.json"), "{").unwrap();
    fails_closed(&env, &["local", "env"], &[]);
    std::fs::write(env.path("data/endpoint.json"), about.to_string()).unwrap();
}

#[test]
fn env_interrupted_fails() {
    let env = TestEnv::with_local_cloud();
    let about = env.endpoint();
    // A server that accepts connections and never responds.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut elsewhere = about.clone();
    elsewhere["endpoint"] = format!("http://{}", silent.local_addr().unwrap()).into();
    for signals in [1, 2] {
        std::fs::write(env.path("data/endpoint.json"), elsewhere.to_string()).unwrap();
        let child = env.spawn(["local", "env"]);
        // The connection shows that the signal handler is in place.
        let _connection = silent.accept().unwrap();
        for _ in 0..signals {
            send_signal(&child, Signal::INT);
        }
        let run = Run::of_child(child).assert_code(130);
        assert!(run.stdout.ends_with("\nfalse\n") && run.stdout.contains("127.0.0.1:1/"), "{}", run.stdout);
        std::fs::write(env.path("data/endpoint.json"), about.to_string()).unwrap();
    }
}

#[test]
fn env_help_prints_help() {
    let env = TestEnv::new();
    let help = env.run(["local", "env", "--help"]).assert_success();
    assert!(!help.stdout.contains("false"), "{}", help.stdout);
}

#[test]
fn requests_with_unknown_key_or_browser_origin_are_rejected() {
    let env = TestEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    let list = "Kinesis_20131202.ListStreams";
    assert_eq!(api.call(list, "{}").0, 200);
    assert_eq!(api.with_header("Origin: http://evil.example").call(list, "{}").0, 403);
    assert_eq!(api.with_key("AKIAIOSFODNN7EXAMPLE").call(list, "{}").0, 400);
}

#[test]
fn local_start_warns_of_aws_cli_without_endpoint_support() {
    for (script, said) in [
        (
            "echo 'aws-cli/2.9.19 Python/3.11.2 Linux/6.1.0'",
            ["warning: the AWS CLI 2.9.19", "hint: ", "--endpoint-url"],
        ),
        ("exec sleep 60", ["note: `aws --version` did not answer within 1 s", "1.29 or 2.13", "go to AWS itself"]),
    ] {
        let env = TestEnv::new();
        std::fs::create_dir(env.path("bin")).unwrap();
        env.write("bin/aws", format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(env.path("bin/aws"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", env.path("bin").display(), std::env::var("PATH").unwrap());
        let run = env.run_with_env(["local", "start", "--port", "0"], &[("PATH", &path)]);
        run.assert_success().assert_stderr_contains(&said);
    }
}
