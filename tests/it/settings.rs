//! The settings file: written by `init`, applied by `up`, explained by `status -v`.

use crate::support::{ApiClient, TestEnv, changed_settings, create_permissions_boundary};

#[test]
fn init_writes_default_settings_and_never_overwrites() {
    let env = TestEnv::new();
    env.run(["init"]).assert_success().assert_stderr_contains(&["sensorctl.toml"]);
    let written = std::fs::read_to_string(env.path("sensorctl.toml")).unwrap();
    assert_eq!(env.run(["init", "--print"]).assert_success().stdout, written);
    assert_eq!(env.run(["init", "-"]).assert_success().stdout, written);
    env.write("sensorctl.toml", "broken [");
    env.run(["init"]).assert_code(1).assert_stderr_contains(&["sensorctl.toml already exists", "--force"]);
    env.run(["init", "--force"]).assert_success();
    assert_eq!(std::fs::read_to_string(env.path("sensorctl.toml")).unwrap(), written);
}

#[test]
fn invalid_settings_file_is_usage_error_with_line() {
    let env = TestEnv::new();
    env.write("sensorctl.toml", "[function]\nmemory = 512\n");
    env.run(["status", "--local"]).assert_code(2).assert_stderr_contains(&["sensorctl.toml:2", "`function.memory_mb`"]);
    env.write("sensorctl.toml", "[function]\nmemory_mb = 1\n");
    env.run(["status", "--local"]).assert_code(2).assert_stderr_contains(&["sensorctl.toml:2", "from 128 to 10240"]);
    std::fs::write(env.path("sensorctl.toml"), b"stage = \"\xff\"\n").unwrap();
    env.run(["status", "--local"])
        .assert_code(2)
        .assert_stderr_contains(&["error: the settings file sensorctl.toml is not text in UTF-8"]);
    env.run(["--config", "other.toml", "status", "--local"])
        .assert_code(2)
        .assert_stderr_contains(&["other.toml", "sensorctl init"]);
    env.run(["--set", "mapping.batch_size=0", "--config", "other.toml", "init"]).assert_success();
}

#[test]
fn status_verbose_shows_origin_of_every_setting() {
    let env = TestEnv::new();
    env.write("sensorctl.toml", "stage = \"blue\"\n[function]\nmemory_mb = 512\n");
    // No local cloud runs, but the settings are printed.
    let mut command = env.command(["status", "-v", "--local", "--stage", "green", "--set", "stream.shards=2"]);
    let run = command.env("SENSORCTL_MAPPING_BATCH_SIZE", "7").output().unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    let line = |key: &str| said.lines().find(|line| line.trim_start().starts_with(key)).map(str::to_owned);
    for (key, value, origin) in [
        ("stage ", "\"green\"", "--stage"),
        ("function.memory_mb", "512", "sensorctl.toml:3"),
        ("stream.shards", "2", "--set"),
        ("mapping.batch_size", "7", "SENSORCTL_MAPPING_BATCH_SIZE"),
        ("function.timeout_seconds", "60", "default"),
    ] {
        let line = line(key).unwrap_or_else(|| panic!("{key} is not in {said}"));
        assert!(line.contains(value) && line.ends_with(origin), "{line}");
    }
}

#[test]
fn up_creates_configured_settings_and_reverts_drift() {
    let env = TestEnv::with_local_cloud();
    let changed = changed_settings(&[("[role]", "path = \"/pipelines/\"\npermissions = \"managed\"")]);
    env.write("sensorctl.toml", format!("stage = \"blue\"\n{changed}"));
    create_permissions_boundary(&ApiClient::new(&env));
    let up = env.run(["up", "--local", "-o", "json"]).assert_success();
    assert_eq!(up.json()["changed"], 7);
    assert!(!up.stderr.contains("s3cret"), "{}", up.stderr);
    assert_eq!(env.run(["plan", "--local", "-o", "json", "--exit-code"]).assert_success().json()["changed"], 0);
    assert_eq!(env.run(["status", "--local", "-o", "json"]).assert_success().json()["healthy"], true);

    // Now the defaults are the change. Only the role's path needs a replacement.
    env.write("sensorctl.toml", "stage = \"blue\"\n[stream]\nshards = 2\n");
    let plan = env.run(["plan", "--local", "-o", "json", "--exit-code"]).assert_code(3).json();
    let changed: Vec<_> = plan["resources"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|resource| resource["changes"].as_array().into_iter().flatten())
        .map(|change| change["property"].as_str().unwrap().to_owned())
        .collect();
    for property in [
        "billing",
        "class",
        "point_in_time_recovery",
        "deletion_protection",
        "ttl_attribute",
        "retention_hours",
        "encryption",
        "path",
        "permissions_boundary",
        "managed_policies",
        "policy",
        "memory_mb",
        "timeout_seconds",
        "environment",
        "reserved_concurrency",
        "log_format",
        "retention_days",
        "batch_size",
        "window_seconds",
        "parallelization",
        "retry_attempts",
        "record_age_seconds",
        "bisect",
        "filters",
        "metrics",
    ] {
        assert!(changed.iter().any(|name| name == property), "{property} is not in {changed:?}");
    }
    env.run(["up", "--local", "--yes"]).assert_success();
    env.run(["plan", "--local", "--exit-code"]).assert_success();
    env.run(["down", "--local", "--yes"]).assert_success();
}

#[test]
fn down_protected_table_deletes_nothing() {
    let env = TestEnv::with_local_cloud();
    env.write("sensorctl.toml", "[table]\ndeletion_protection = true\n");
    env.run(["up", "--local"]).assert_success();
    env.run(["down", "--local", "--yes"]).assert_code(1).assert_stderr_contains(&[
        "SensorData",
        "table.deletion_protection",
        "--keep-data",
    ]);
    env.run(["status", "--local"]).assert_success();
    let unprotect = ["--set", "table.deletion_protection=false", "up", "--local"];
    env.run(unprotect).assert_code(2).assert_stderr_contains(&[
        "deletion_protection: true → false",
        "table `SensorData`",
        "removes the protection",
        "--yes",
    ]);
    env.run(unprotect.into_iter().chain(["--yes"])).assert_success();
    env.run(["down", "--local", "--yes"]).assert_success();
}

#[test]
fn existing_resources_are_used_and_never_changed() {
    let env = TestEnv::with_local_cloud();
    // Resources of another stage serve as unmanaged ones.
    env.run(["--stage", "other", "up", "--local"]).assert_success();
    let before = env.run(["--stage", "other", "status", "--local", "-o", "json"]).assert_success().json();
    env.write(
        "sensorctl.toml",
        "[stream]\nname = \"temperature-sensor-data-other\"\nexisting = true\n\
         [table]\nname = \"SensorData-other\"\nexisting = true\n\
         [role]\nname = \"kinesis-lambda-dynamodb-other\"\nexisting = true\n",
    );
    // `up` does not read properties that it does not compare.
    ApiClient::new(&env).set_faults("iam:GetRolePolicy=denied;iam:ListAttachedRolePolicies=denied");
    let up = env.run(["up", "--local", "-o", "json"]).assert_success().json();
    assert_eq!(up["changed"], 4);
    env.run(["plan", "--local", "--exit-code"]).assert_success();
    env.run(["status", "--local"]).assert_success();
    env.run(["down", "--local", "--yes"]).assert_success();
    ApiClient::new(&env).set_faults("");
    env.write("none.toml", "");
    let after = env.run(["--config", "none.toml", "--stage", "other", "status", "--local", "-o", "json"]);
    assert_eq!(after.assert_success().json()["resources"], before["resources"]);
}
