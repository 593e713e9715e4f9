//! A `sensorctl.toml` that nobody named: it never sends calls, credentials or code elsewhere without a word.

use std::os::unix::fs::{PermissionsExt as _, chown};

use crate::support::{Answerer, Home, Neighbour, Run, Saying};

/// A run with the keys of a real account.
fn run(home: &Home, arguments: &[&str]) -> Run {
    let mut command = home.command(arguments.iter().copied());
    command
        .env("AWS_ACCESS_KEY_ID", "AKIDREAL")
        .env("AWS_SECRET_ACCESS_KEY", "topsecret")
        .env("AWS_REGION", "eu-west-1");
    Run::of(&command.output().unwrap())
}

fn cloud() -> Answerer {
    Answerer::new(Saying { service: None, status: 403, code: "AccessDeniedException", message: "no" })
}

#[test]
fn found_file_that_another_user_can_have_written_is_refused_and_a_named_one_taken() {
    let home = Home::new();
    let path = home.write("sensorctl.toml", "stage = \"theirs\"\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o646)).unwrap();
    for command in [&["status", "--local"] as &[_], &["local", "start", "--port", "0"], &["up", "--local"]] {
        let refused = run(&home, command).exited(2);
        refused.says(&["sensorctl.toml can be written by everybody", "--config sensorctl.toml"]);
    }
    run(&home, &["--config", "sensorctl.toml", "status", "--local"]).exited(1).says(&["not running"]);
    assert!(!home.path("data").exists(), "nothing was started");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    run(&home, &["status", "--local"]).exited(1).says(&["not running"]);
    if rustix::process::geteuid().is_root() {
        chown(&path, Some(65_534), None).unwrap();
        run(&home, &["status", "--local"]).exited(2).says(&["belongs to user 65534"]);
        // A link of somebody else's to a file of one's own.
        chown(&path, Some(0), None).unwrap();
        std::fs::rename(&path, home.path("other.toml")).unwrap();
        std::os::unix::fs::symlink("other.toml", &path).unwrap();
        run(&home, &["status", "--local"]).exited(1).says(&["not running"]);
        std::os::unix::fs::lchown(&path, Some(65_534), None).unwrap();
        run(&home, &["status", "--local"]).exited(2).says(&["belongs to user 65534"]);
    }
}

#[test]
fn address_in_a_file_is_said_by_every_command_that_calls() {
    let home = Home::new();
    let cloud = cloud();
    let text = format!("\nendpoint_url = \"{}\"\n", cloud.url);
    home.write("sensorctl.toml", &text);
    home.write("named.toml", &text);
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
        let said =
            run(&home, command).exited(1).says(&[&format!("note: calls go to {} (sensorctl.toml:2)", cloud.url)]);
        assert_eq!(said.stderr.matches("note: ").count(), 1, "{}", said.stderr);
    }
    let named = run(&home, &["--config", "named.toml", "scan"]).exited(1);
    named.says(&[&format!("note: calls go to {} (named.toml:2)", cloud.url)]);
    let typed = run(&home, &["scan", "--endpoint-url", &cloud.url]).exited(1);
    assert!(!typed.stderr.contains("note: "), "{}", typed.stderr);
    home.write("sensorctl.toml", format!("profile = \"production\"\nendpoint_url = \"{}\"\n", cloud.url));
    run(&home, &["scan"])
        .exited(1)
        .says(&["note: calls carry the credentials of profile `production` (sensorctl.toml:1)"]);
}

#[test]
fn found_file_that_names_another_machine_is_refused_before_any_call() {
    let home = Home::new();
    for url in ["https://evil.example", "http://localhost.evil:4588", "http://127.0.0.1.evil:4588"] {
        home.write("sensorctl.toml", format!("endpoint_url = \"{url}\"\n"));
        for command in [&["plan"] as &[_], &["scan"], &["put", "--sensor", "a", "--temp", "1"]] {
            run(&home, command).exited(2).says(&["sensorctl.toml:1 sends every call to", url, "--config FILE"]);
        }
    }
    // Under `--local` it is not in force.
    run(&home, &["scan", "--local"]).exited(1).says(&["not running"]);
}

#[test]
fn credentials_of_the_chain_do_not_leave_the_machine_in_clear() {
    let home = Home::new();
    let url = "http://emulator.invalid:4566";
    let said = ["http://emulator.invalid:4566 is on another machine and not encrypted", "--profile NAME"];
    run(&home, &["scan", "--endpoint-url", url]).exited(2).says(&said);
    home.write("named.toml", format!("endpoint_url = \"{url}\"\n"));
    run(&home, &["--config", "named.toml", "scan"]).exited(2).says(&said);
    for variable in ["AWS_ENDPOINT_URL", "SENSORCTL_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"] {
        let mut command = home.command(["scan", "--region", "eu-west-1"]);
        let output =
            command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b").env(variable, url).output();
        Run::of(&output.unwrap()).exited(2).says(&said);
    }
    std::fs::create_dir(home.path(".aws")).unwrap();
    home.write(".aws/credentials", "[emulator]\naws_access_key_id = a\naws_secret_access_key = b\n");
    // Nobody has that name, which shows that it was tried.
    let tried = run(&home, &["scan", "--endpoint-url", url, "--profile", "emulator"]).exited(1);
    tried.says(&["DynamoDB Scan of table SensorData", "emulator.invalid"]);
}

#[test]
fn code_and_role_of_the_function_that_a_found_file_chooses_are_said() {
    let home = Home::with_local_cloud();
    home.run(["export", "function-zip", "own.zip"]).succeeded();
    let somebody = Neighbour::ending(&home, "theirs");
    somebody.makes_role();
    let role = "[role]\nname = \"kinesis-lambda-dynamodb-theirs\"\nexisting = true\n";
    home.write("sensorctl.toml", format!("[function]\nzip = \"own.zip\"\n{role}"));
    let said = [
        "note: the function's code is own.zip (sensorctl.toml:2)",
        "note: the function has the permissions of the existing role `kinesis-lambda-dynamodb-theirs` (sensorctl.toml:5)",
    ];
    home.run(["plan", "--local"]).succeeded().says(&said);
    home.run(["up", "--local"]).succeeded().says(&said);
    let named = home.run(["--config", "sensorctl.toml", "plan", "--local"]).succeeded();
    assert!(!named.stderr.contains("note: "), "{}", named.stderr);
    std::fs::set_permissions(home.path("own.zip"), std::fs::Permissions::from_mode(0o646)).unwrap();
    home.run(["up", "--local"]).exited(2).says(&["sensorctl.toml:2: `function.zip`", "can be written by everybody"]);
    home.run(["--config", "sensorctl.toml", "up", "--local"]).succeeded();
}
