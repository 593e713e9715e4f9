//! A `sensorctl.toml` that is found and not named never redirects calls, credentials or code silently.

use std::os::unix::fs::{PermissionsExt as _, chown};

use crate::support::{CannedError, FakeAws, ForeignStack, Run, TestEnv};

/// Runs a command with the keys of a real account.
fn run(env: &TestEnv, arguments: &[&str]) -> Run {
    let mut command = env.command(arguments.iter().copied());
    command
        .env("AWS_ACCESS_KEY_ID", "AKIDREAL")
        .env("AWS_SECRET_ACCESS_KEY", "topsecret")
        .env("AWS_REGION", "eu-west-1");
    Run::of(&mut command)
}

fn cloud() -> FakeAws {
    FakeAws::new(CannedError { service: None, status: 403, code: "AccessDeniedException", message: "no" })
}

#[test]
fn found_file_writable_by_another_user_is_refused_and_named_one_accepted() {
    let env = TestEnv::new();
    let path = env.write("sensorctl.toml", "stage = \"theirs\"\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o646)).unwrap();
    for command in [&["status", "--local"] as &[_], &["local", "start", "--port", "0"], &["up", "--local"]] {
        let refused = run(&env, command).assert_code(2);
        refused.assert_stderr_contains(&["sensorctl.toml can be written by every user", "--config sensorctl.toml"]);
    }
    run(&env, &["--config", "sensorctl.toml", "status", "--local"])
        .assert_code(1)
        .assert_stderr_contains(&["not running"]);
    assert!(!env.path("data").exists(), "nothing was started");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    run(&env, &["status", "--local"]).assert_code(1).assert_stderr_contains(&["not running"]);
    if rustix::process::geteuid().is_root() {
        chown(&path, Some(65_534), None).unwrap();
        run(&env, &["status", "--local"]).assert_code(2).assert_stderr_contains(&["belongs to user 65534"]);
        // Another user's link to the user's own file.
        chown(&path, Some(0), None).unwrap();
        std::fs::rename(&path, env.path("other.toml")).unwrap();
        std::os::unix::fs::symlink("other.toml", &path).unwrap();
        run(&env, &["status", "--local"]).assert_code(1).assert_stderr_contains(&["not running"]);
        std::os::unix::fs::lchown(&path, Some(65_534), None).unwrap();
        run(&env, &["status", "--local"]).assert_code(2).assert_stderr_contains(&["belongs to user 65534"]);
    }
}

#[test]
fn endpoint_in_a_file_is_reported_by_every_command_with_calls() {
    let env = TestEnv::new();
    let cloud = cloud();
    let text = format!("\nendpoint_url = \"{}\"\n", cloud.url);
    env.write("sensorctl.toml", &text);
    env.write("named.toml", &text);
    let commands: [&[&str]; 7] = [
        &["up"],
        &["plan"],
        &["status"],
        &["scan"],
        &["invoke"],
        &["down", "--yes"],
        &["put", "--sensor", "a", "--temp", "1"],
    ];
    for command in commands {
        let said = run(&env, command)
            .assert_code(1)
            .assert_stderr_contains(&[&format!("note: calls go to {} (sensorctl.toml:2)", cloud.url)]);
        assert_eq!(said.stderr.matches("note: ").count(), 1, "{}", said.stderr);
    }
    let named = run(&env, &["--config", "named.toml", "scan"]).assert_code(1);
    named.assert_stderr_contains(&[&format!("note: calls go to {} (named.toml:2)", cloud.url)]);
    let typed = run(&env, &["scan", "--endpoint-url", &cloud.url]).assert_code(1);
    assert!(!typed.stderr.contains("note: "), "{}", typed.stderr);
    env.write("sensorctl.toml", format!("profile = \"production\"\nendpoint_url = \"{}\"\n", cloud.url));
    run(&env, &["scan"])
        .assert_code(1)
        .assert_stderr_contains(&["note: calls carry the credentials of profile `production` (sensorctl.toml:1)"]);
}

#[test]
fn found_file_with_remote_endpoint_is_refused_before_any_call() {
    let env = TestEnv::new();
    for url in ["https://evil.example", "http://localhost.evil:4588", "http://127.0.0.1.evil:4588"] {
        env.write("sensorctl.toml", format!("endpoint_url = \"{url}\"\n"));
        for command in [&["plan"] as &[_], &["scan"], &["put", "--sensor", "a", "--temp", "1"]] {
            run(&env, command).assert_code(2).assert_stderr_contains(&[
                "sensorctl.toml:1 sends every call to",
                url,
                "--config FILE",
            ]);
        }
    }
    // With `--local` it has no effect.
    run(&env, &["scan", "--local"]).assert_code(1).assert_stderr_contains(&["not running"]);
}

#[test]
fn chain_credentials_are_not_sent_over_plain_http() {
    let env = TestEnv::new();
    let url = "http://emulator.invalid:4566";
    let said = ["http://emulator.invalid:4566 is on another machine and not encrypted", "--profile NAME"];
    run(&env, &["scan", "--endpoint-url", url]).assert_code(2).assert_stderr_contains(&said);
    env.write("named.toml", format!("endpoint_url = \"{url}\"\n"));
    run(&env, &["--config", "named.toml", "scan"]).assert_code(2).assert_stderr_contains(&said);
    for variable in ["AWS_ENDPOINT_URL", "SENSORCTL_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"] {
        let mut command = env.command(["scan", "--region", "eu-west-1"]);
        command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b").env(variable, url);
        Run::of(&mut command).assert_code(2).assert_stderr_contains(&said);
    }
    std::fs::create_dir(env.path(".aws")).unwrap();
    env.write(".aws/credentials", "[emulator]\naws_access_key_id = a\naws_secret_access_key = b\n");
    // No profile has that name, which shows that it was tried.
    let tried = run(&env, &["scan", "--endpoint-url", url, "--profile", "emulator"]).assert_code(1);
    tried.assert_stderr_contains(&["DynamoDB Scan of table SensorData", "emulator.invalid"]);
}

#[test]
fn found_file_with_function_code_or_role_is_reported() {
    let env = TestEnv::with_local_cloud();
    env.run(["export", "function-zip", "own.zip"]).assert_success();
    let foreign = ForeignStack::with_suffix(&env, "theirs");
    foreign.create_role();
    let role = "[role]\nname = \"kinesis-lambda-dynamodb-theirs\"\nexisting = true\n";
    env.write("sensorctl.toml", format!("[function]\nzip = \"own.zip\"\n{role}"));
    let said = [
        "note: the function's code is own.zip (sensorctl.toml:2)",
        "note: the function has the permissions of the existing role `kinesis-lambda-dynamodb-theirs` (sensorctl.toml:5)",
    ];
    env.run(["plan", "--local"]).assert_success().assert_stderr_contains(&said);
    env.run(["up", "--local"]).assert_success().assert_stderr_contains(&said);
    let named = env.run(["--config", "sensorctl.toml", "plan", "--local"]).assert_success();
    assert!(!named.stderr.contains("note: "), "{}", named.stderr);
    std::fs::set_permissions(env.path("own.zip"), std::fs::Permissions::from_mode(0o646)).unwrap();
    env.run(["up", "--local"])
        .assert_code(2)
        .assert_stderr_contains(&["sensorctl.toml:2: `function.zip`", "can be written by every user"]);
    env.run(["--config", "sensorctl.toml", "up", "--local"]).assert_success();
}
