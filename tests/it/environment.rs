//! Environment variables and the commands that read them.

use crate::support::TestEnv;

#[test]
fn empty_variable_is_ignored_and_invalid_one_is_reported() {
    let env = TestEnv::new();
    let empty = ["OUTPUT", "LOCAL", "QUIET", "COLOR", "CONFIG", "STAGE", "REGION", "PROFILE", "ENDPOINT_URL"]
        .map(|name| format!("SENSORCTL_{name}"));
    let empty: Vec<_> = empty.iter().map(|name| (name.as_str(), "")).collect();
    // No local cloud runs.
    env.run_with_env(["local", "status"], &empty).assert_code(3);
    for (name, value) in [("SENSORCTL_OUTPUT", "xml"), ("SENSORCTL_COLOR", "purple"), ("SENSORCTL_LOCAL", "perhaps")] {
        env.run_with_env(["local", "status"], &[(name, value)]).assert_code(2).assert_stderr_contains(&[name, value]);
    }
    // `local` calls no endpoint; all other commands do.
    env.run_with_env(["local", "status"], &[("AWS_ENDPOINT_URL", "127.0.0.1:1")]).assert_code(3);
    env.run_with_env(["status"], &[("AWS_ENDPOINT_URL", "127.0.0.1:1")])
        .assert_code(2)
        .assert_stderr_contains(&["AWS_ENDPOINT_URL", "http://"]);
}

#[test]
fn stage_variable_names_stage_unless_empty() {
    let env = TestEnv::with_local_cloud();
    for (stage, table) in [("blue", "SensorData-blue"), ("", "SensorData")] {
        let plan =
            env.run_with_env(["plan", "--local", "-o", "json"], &[("SENSORCTL_STAGE", stage)]).assert_success().json();
        assert_eq!(plan["resources"][0]["name"], table, "{plan}");
    }
}

#[test]
fn local_and_endpoint_url_flag_wins_over_environment() {
    let env = TestEnv::with_pipeline();
    let nobody = "http://127.0.0.1:1";
    env.run_with_env(["scan", "--local"], &[("SENSORCTL_ENDPOINT_URL", nobody)]).assert_success();
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", "eu-west-1")];
    for local in ["1", "0"] {
        let variables: Vec<_> = keys.into_iter().chain([("SENSORCTL_LOCAL", local)]).collect();
        env.run_with_env(["scan", "--endpoint-url", nobody], &variables)
            .assert_code(1)
            .assert_stderr_contains(&[nobody]);
    }
    let both = [("SENSORCTL_LOCAL", "1"), ("SENSORCTL_ENDPOINT_URL", nobody)];
    env.run_with_env(["scan"], &both).assert_code(2).assert_stderr_contains(&["name two clouds"]);
}

#[test]
fn aws_variables_are_ignored_with_local() {
    let env = TestEnv::with_local_cloud();
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
    env.run_with_env(["up", "--local"], &of_aws).assert_success();
    let seen = env.run_with_env(["status", "--local", "-v"], &of_aws).assert_success();
    for not_in_force in ["ap-south-1", "production", "127.0.0.1:1\""] {
        assert!(!seen.stderr.contains(not_in_force), "{}", seen.stderr);
    }
    env.run_with_env(["demo"], &of_aws).assert_success();
}

#[test]
fn local_start_process_ignores_settings_file() {
    let env = TestEnv::new();
    env.write("my.toml", "stage = \"x\"\n");
    env.run_with_env(["local", "start", "--port", "0"], &[("SENSORCTL_CONFIG", "my.toml")]).assert_success();
    env.run_with_env(["local", "stop"], &[]).assert_success();
}

#[test]
fn region_other_than_local_clouds_is_reported_with_its_origin() {
    let env = TestEnv::with_local_cloud();
    env.write("sensorctl.toml", "region = \"eu-west-1\"\n");
    env.run(["status", "--local"]).assert_code(2).assert_stderr_contains(&[
        "us-east-1",
        "eu-west-1",
        "sensorctl.toml:1",
    ]);
}

#[test]
fn unknown_variable_is_refused_with_a_suggestion() {
    let env = TestEnv::with_local_cloud();
    env.run_with_env(["plan", "--local"], &[("SENSORCTL_STREAM_SHARD", "2")]).assert_code(2).assert_stderr_contains(&[
        "SENSORCTL_STREAM_SHARD: there is no such setting",
        "did you mean `SENSORCTL_STREAM_SHARDS`?",
    ]);
    env.run_with_env(["plan", "--local"], &[("SENSORCTL_TAGS_TEAM", "ops")])
        .assert_code(2)
        .assert_stderr_contains(&["`--set tags.team=…`"]);
    let known = [("SENSORCTL_STRESS_SECONDS", "1"), ("SENSORCTL_CONTROL_HEADER", "/x"), ("SENSORCTL_EMPTY", "")];
    env.run_with_env(["plan", "--local"], &known).assert_success();
}

#[test]
fn format_of_the_environment_is_only_a_default() {
    let env = TestEnv::with_local_cloud();
    let csv = [("SENSORCTL_OUTPUT", "csv")];
    env.run_with_env(["plan", "--local"], &csv).assert_success().json();
    env.run_with_env(["up", "--local"], &csv).assert_success().json();
    let scan = env.run_with_env(["scan", "--local"], &csv).assert_success();
    assert!(scan.stdout.starts_with("sensor_id,"), "{}", scan.stdout);
    env.run_with_env(["plan", "--local", "-o", "csv"], &csv).assert_code(2).assert_stderr_contains(&["no CSV form"]);
}

#[test]
fn broken_settings_file_fails_only_commands_that_need_it() {
    let env = TestEnv::with_local_cloud();
    env.write("sensorctl.toml", "stage = \n");
    for command in [&["local", "status"] as &[_], &["completions", "bash"], &["man"], &["demo"], &["local", "stop"]] {
        env.run(command.iter().copied()).assert_success();
    }
    for command in [&["status", "--local"] as &[_], &["local", "start", "--port", "0"]] {
        env.run(command.iter().copied()).assert_code(2).assert_stderr_contains(&["sensorctl.toml:1"]);
    }
}

#[test]
fn up_default_port_in_use_takes_another() {
    // This may fail if another program has the port, which works as well.
    let _taken = std::net::TcpListener::bind("127.0.0.1:4588");
    let env = TestEnv::new();
    env.run(["up", "--local"]).assert_success();
    assert!(!env.endpoint()["endpoint"].as_str().unwrap().ends_with(":4588"));
}
