//! What the environment of a command may and may not change.

use crate::support::{Home, Run};

fn run(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    Run::of(&home.command(arguments.iter().copied()).envs(variables.iter().copied()).output().unwrap())
}

#[test]
fn an_empty_variable_is_none_and_a_wrong_one_is_named() {
    let home = Home::new();
    let empty = ["OUTPUT", "LOCAL", "QUIET", "COLOR", "CONFIG", "STAGE", "REGION", "PROFILE", "ENDPOINT_URL"]
        .map(|name| format!("SENSORCTL_{name}"));
    let empty: Vec<_> = empty.iter().map(|name| (name.as_str(), "")).collect();
    run(&home, &["local", "status"], &empty).succeeded();
    for (name, value) in [("SENSORCTL_OUTPUT", "xml"), ("SENSORCTL_COLOR", "purple"), ("SENSORCTL_LOCAL", "perhaps")] {
        run(&home, &["local", "status"], &[(name, value)]).exited(2).says(&[name, value]);
    }
    // The local cloud needs no address; everything else does.
    run(&home, &["local", "status"], &[("AWS_ENDPOINT_URL", "127.0.0.1:1")]).succeeded();
    run(&home, &["status"], &[("AWS_ENDPOINT_URL", "127.0.0.1:1")]).exited(2).says(&["AWS_ENDPOINT_URL", "http://"]);
}

#[test]
fn between_the_local_cloud_and_an_address_what_was_typed_wins() {
    let home = Home::with_pipeline();
    let nobody = "http://127.0.0.1:1";
    run(&home, &["scan", "--local"], &[("SENSORCTL_ENDPOINT_URL", nobody)]).succeeded();
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", "eu-west-1")];
    for local in ["1", "0"] {
        let variables: Vec<_> = keys.into_iter().chain([("SENSORCTL_LOCAL", local)]).collect();
        run(&home, &["scan", "--endpoint-url", nobody], &variables).exited(1).says(&[nobody]);
    }
    let both = [("SENSORCTL_LOCAL", "1"), ("SENSORCTL_ENDPOINT_URL", nobody)];
    run(&home, &["scan"], &both).exited(2).says(&["name two clouds"]);
}

#[test]
fn nothing_that_is_set_for_aws_reaches_the_local_cloud() {
    let home = Home::with_local_cloud();
    let of_aws = [
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
        ("AWS_REGION", "ap-south-1"),
        ("AWS_PROFILE", "production"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_ENDPOINT_URL_KINESIS", "http://127.0.0.1:1"),
        ("AWS_CA_BUNDLE", "no-such.pem"),
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
    ];
    run(&home, &["up", "--local"], &of_aws).succeeded();
    let seen = run(&home, &["status", "--local", "-v"], &of_aws).succeeded();
    for not_in_force in ["ap-south-1", "production", "127.0.0.1:1\""] {
        assert!(!seen.stderr.contains(not_in_force), "{}", seen.stderr);
    }
    run(&home, &["demo"], &of_aws).succeeded();
}

#[test]
fn the_background_process_has_nothing_of_the_settings_but_what_it_was_told() {
    let home = Home::new();
    home.write("my.toml", "stage = \"x\"\n");
    run(&home, &["local", "start", "--port", "0"], &[("SENSORCTL_CONFIG", "my.toml")]).succeeded();
    run(&home, &["local", "stop"], &[]).succeeded();
}

#[test]
fn another_region_than_the_local_cloud_s_is_said_with_who_wants_it() {
    let home = Home::with_local_cloud();
    home.write("sensorctl.toml", "region = \"eu-west-1\"\n");
    home.run(["status", "--local"]).exited(2).says(&["us-east-1", "eu-west-1", "sensorctl.toml:1"]);
}

#[test]
fn a_broken_settings_file_stops_only_what_needs_it() {
    let home = Home::with_local_cloud();
    home.write("sensorctl.toml", "stage = \n");
    for command in [&["local", "status"] as &[_], &["completions", "bash"], &["man"], &["demo"], &["local", "stop"]] {
        home.run(command.iter().copied()).succeeded();
    }
    for command in [&["status", "--local"] as &[_], &["local", "start", "--port", "0"]] {
        home.run(command.iter().copied()).exited(2).says(&["sensorctl.toml, line 1"]);
    }
}

#[test]
fn where_the_usual_port_is_taken_up_takes_another() {
    // Whether this test has it or another program.
    let _taken = std::net::TcpListener::bind("127.0.0.1:4588");
    let home = Home::new();
    home.run(["up", "--local"]).succeeded();
    assert!(!home.endpoint()["endpoint"].as_str().unwrap().ends_with(":4588"));
}
