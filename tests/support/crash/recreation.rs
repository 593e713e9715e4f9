//! Resources that `up` recreates: replaced because no update can change them, or deleted by hand.

use serde_json::json;

use super::super::{RESOURCE_KINDS, Runner, delete_by_hand, eventually};
use super::env::table_arn;
use super::{CrashEnv, Scenario};

const REPLACE: &[&str] = &["up", "--local", "--yes", "--replace", "-o", "json"];

/// Replaces one of the pipeline's tables by a table with another key and the tags of sensorctl.
fn replace_table_key<R: Runner>(setup: &CrashEnv<R>, kind: &str, name: &str) {
    delete_by_hand(&setup.api, kind);
    let table = json!({"TableName": name}).to_string();
    let describe = || setup.api.call("DynamoDB_20120810.DescribeTable", &table);
    eventually("the table is deleted", describe, |(status, _)| *status != 200);
    let tags = [("sensorctl:stage", "default"), ("sensorctl:region", "us-east-1"), ("sensorctl:version", "0.1.0")];
    let tags: Vec<_> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    let input = json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "Id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "Id", "KeyType": "HASH"}],
        "Tags": tags,
    });
    setup.api.json_when_accepted("DynamoDB_20120810.CreateTable", &input);
    setup.api.json_when_accepted("DynamoDB_20120810.ListTagsOfResource", &json!({"ResourceArn": table_arn(name)}));
}

/// Recreates each resource after it was deleted by hand.
pub fn with_recreation_of_each_resource<R: Runner>(sweep: impl Fn(&CrashEnv<R>, &[Scenario<R>])) {
    let setup = CrashEnv::with_pipeline();
    for kind in RESOURCE_KINDS {
        let delete = |setup: &CrashEnv<R>| delete_by_hand(&setup.api, kind);
        // `--yes` consents to the new mapping that a new stream needs.
        let scenario = Scenario::new(kind, REPLACE).prepared_by(&delete).starting_at_first_change();
        sweep(&setup, &[scenario]);
    }
}

/// Replaces the role and the tables, whose key no update can change.
pub fn with_replacements<R: Runner>(sweep: impl Fn(&CrashEnv<R>, &[Scenario<R>])) {
    let setup = CrashEnv::with_pipeline();
    let replace_keys = |setup: &CrashEnv<R>| {
        replace_table_key(setup, "table", "SensorData");
        replace_table_key(setup, "rejects-table", "SensorDataRejects");
    };
    let tables = Scenario::new("tables", REPLACE).prepared_by(&replace_keys).starting_at_first_change();
    sweep(&setup, &[tables]);
    let other_path = |setup: &CrashEnv<R>| drop(setup.env.write("sensorctl.toml", "[role]\npath = \"/pipelines/\"\n"));
    let default_path = |setup: &CrashEnv<R>| drop(setup.env.write("sensorctl.toml", ""));
    let scenarios = [
        Scenario::new("role with another path", REPLACE).prepared_by(&other_path).starting_at_first_change(),
        Scenario::new("role with the default path", REPLACE).prepared_by(&default_path).starting_at_first_change(),
    ];
    sweep(&setup, &scenarios);
}
