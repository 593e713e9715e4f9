//! The settings file as its users meet it: written by `init`, obeyed by `up`, explained by `status -v`.

use crate::support::{Home, Stranger, form};

/// Every kind of setting, other than its default, that the local cloud acts on or shows back.
const CHANGED: &str = r#"
stage = "blue"
[stream]
shards = 2
retention_hours = 48
encryption = "aws/kinesis"
[table]
point_in_time_recovery = true
class = "infrequent-access"
billing = { read_units = 5, write_units = 6 }
deletion_protection = true
ttl_attribute = "expires_at"
[rejects]
retention_days = 7
[role]
path = "/pipelines/"
permissions = "managed"
permissions_boundary = "arn:aws:iam::000000000000:policy/bounds"
[function]
memory_mb = 512
timeout_seconds = 90
reserved_concurrency = 5
log_format = "json"
[function.environment]
TOKEN = "s3cret"
[log_group]
retention_days = 30
[mapping]
batch_size = 500
window_seconds = 1
parallelization = 2
retry_attempts = 9
record_age_seconds = 3600
bisect = false
filters = ['{"data":{"temperature":[{"numeric":["<",1000]}]}}', '{"partitionKey":["a"]}']
metrics = true
[tags]
team = "blue"
"#;

#[test]
fn init_writes_a_file_that_changes_nothing_and_overwrites_none() {
    let home = Home::new();
    home.run(["init"]).succeeded().says(&["sensorctl.toml"]);
    let written = std::fs::read_to_string(home.path("sensorctl.toml")).unwrap();
    assert_eq!(home.run(["init", "--print"]).succeeded().stdout, written);
    assert_eq!(home.run(["init", "-"]).succeeded().stdout, written);
    home.write("sensorctl.toml", "broken [");
    home.run(["init"]).exited(1).says(&["sensorctl.toml is there already", "--force"]);
    home.run(["init", "--force"]).succeeded();
    assert_eq!(std::fs::read_to_string(home.path("sensorctl.toml")).unwrap(), written);
}

#[test]
fn a_wrong_settings_file_is_wrong_usage_and_names_the_line() {
    let home = Home::new();
    home.write("sensorctl.toml", "[function]\nmemory = 512\n");
    home.run(["status", "--local"]).exited(2).says(&["sensorctl.toml, line 2", "`function.memory_mb`"]);
    home.write("sensorctl.toml", "[function]\nmemory_mb = 1\n");
    home.run(["status", "--local"]).exited(2).says(&["line 2", "from 128 to 10240"]);
    home.run(["--config", "other.toml", "status", "--local"]).exited(2).says(&["other.toml", "sensorctl init"]);
    home.run(["--set", "mapping.batch_size=0", "--config", "other.toml", "init"]).succeeded();
}

#[test]
fn status_tells_where_every_value_came_from() {
    let home = Home::new();
    home.write("sensorctl.toml", "stage = \"blue\"\n[function]\nmemory_mb = 512\n");
    // No local cloud runs: what the settings are is told all the same.
    let mut command = home.command(["status", "-v", "--local", "--stage", "green", "--set", "stream.shards=2"]);
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
fn up_makes_what_the_file_says_and_sees_and_mends_what_differs() {
    let home = Home::with_local_cloud();
    home.write("sensorctl.toml", CHANGED);
    let all = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    Stranger::of(&home).iam(&format!("Action=CreatePolicy&PolicyName=bounds&PolicyDocument={}", form(all)));
    let up = home.run(["up", "--local", "-o", "json"]).succeeded();
    assert_eq!(up.json()["changed"], 7);
    assert!(!up.stderr.contains("s3cret"), "{}", up.stderr);
    assert_eq!(home.run(["plan", "--local", "-o", "json", "--exit-code"]).succeeded().json()["changed"], 0);
    assert_eq!(home.run(["status", "--local", "-o", "json"]).succeeded().json()["healthy"], true);

    // The other way round: the defaults are the change. Only the role's path takes a new resource.
    home.write("sensorctl.toml", "stage = \"blue\"\n[stream]\nshards = 2\n");
    let plan = home.run(["plan", "--local", "-o", "json", "--exit-code"]).exited(3).json();
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
    home.run(["up", "--local", "--yes"]).succeeded();
    home.run(["plan", "--local", "--exit-code"]).succeeded();
    home.run(["down", "--local", "--yes"]).succeeded();
}

#[test]
fn a_protected_table_is_not_deleted_and_neither_is_anything_else() {
    let home = Home::with_local_cloud();
    home.write("sensorctl.toml", "[table]\ndeletion_protection = true\n");
    home.run(["up", "--local"]).succeeded();
    home.run(["down", "--local", "--yes"]).exited(1).says(&["SensorData", "table.deletion_protection", "--keep-data"]);
    home.run(["status", "--local"]).succeeded();
    let unprotect = ["--set", "table.deletion_protection=false", "up", "--local"];
    home.run(unprotect).exited(2).says(&["deletion_protection of the table `SensorData`", "--yes"]);
    home.run(unprotect.into_iter().chain(["--yes"])).succeeded();
    home.run(["down", "--local", "--yes"]).succeeded();
}

#[test]
fn existing_things_are_used_and_never_touched() {
    let home = Home::with_local_cloud();
    // Things of another stage stand for things of someone else.
    home.run(["--stage", "other", "up", "--local"]).succeeded();
    let before = home.run(["--stage", "other", "status", "--local", "-o", "json"]).succeeded().json();
    home.write(
        "sensorctl.toml",
        "[stream]\nname = \"temperature-sensor-data-other\"\nexisting = true\n\
         [table]\nname = \"SensorData-other\"\nexisting = true\n\
         [role]\nname = \"kinesis-lambda-dynamodb-other\"\nexisting = true\n",
    );
    // What nobody compares is not asked for.
    crate::support::Stranger::of(&home).set_faults("iam:GetRolePolicy=denied;iam:ListAttachedRolePolicies=denied");
    let up = home.run(["up", "--local", "-o", "json"]).succeeded().json();
    assert_eq!(up["changed"], 4);
    home.run(["plan", "--local", "--exit-code"]).succeeded();
    home.run(["status", "--local"]).succeeded();
    home.run(["down", "--local", "--yes"]).succeeded();
    crate::support::Stranger::of(&home).set_faults("");
    home.write("none.toml", "");
    let after = home.run(["--config", "none.toml", "--stage", "other", "status", "--local", "-o", "json"]);
    assert_eq!(after.succeeded().json()["resources"], before["resources"]);
}
