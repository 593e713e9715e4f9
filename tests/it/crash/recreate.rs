//! Resources that `up` recreates: replaced because no update can change them, or deleted by hand.

use serde_json::json;

use super::env::{CrashEnv, table_arn};
use super::interruption_sweep::{Interruption, Scenario, interrupt_every_call};
use crate::support::{RESOURCE_KINDS, delete_by_hand, eventually};

const REPLACE: &[&str] = &["up", "--local", "--yes", "--replace", "-o", "json"];

/// Replaces one of our tables by a table with another key and the tags of sensorctl.
fn replace_table_key(setup: &CrashEnv, kind: &str, name: &str) {
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

fn interrupt_recreation_of_each_deleted_resource(interruption: Interruption) {
    let setup = CrashEnv::with_pipeline();
    for kind in RESOURCE_KINDS {
        let delete = |setup: &CrashEnv| delete_by_hand(&setup.api, kind);
        // `--yes` consents to the new mapping that a new stream needs.
        let scenario = Scenario::new(kind, REPLACE).prepared_by(&delete).starting_at_first_change();
        interrupt_every_call(&setup, interruption, &[scenario]);
    }
}

fn interrupt_replacement_of_tables_and_role(interruption: Interruption) {
    let setup = CrashEnv::with_pipeline();
    let replace_keys = |setup: &CrashEnv| {
        replace_table_key(setup, "table", "SensorData");
        replace_table_key(setup, "rejects-table", "SensorDataRejects");
    };
    let tables = Scenario::new("tables", REPLACE).prepared_by(&replace_keys).starting_at_first_change();
    interrupt_every_call(&setup, interruption, &[tables]);
    let other_path = |setup: &CrashEnv| drop(setup.env.write("sensorctl.toml", "[role]\npath = \"/pipelines/\"\n"));
    let default_path = |setup: &CrashEnv| drop(setup.env.write("sensorctl.toml", ""));
    let scenarios = [
        Scenario::new("role with another path", REPLACE).prepared_by(&other_path).starting_at_first_change(),
        Scenario::new("role with the default path", REPLACE).prepared_by(&default_path).starting_at_first_change(),
    ];
    interrupt_every_call(&setup, interruption, &scenarios);
}

#[test]
fn recreation_of_deleted_resource_lost_response_of_any_call_ends_in_same_state() {
    interrupt_recreation_of_each_deleted_resource(Interruption::ResponseLost);
}

#[test]
fn recreation_of_deleted_resource_killed_after_any_call_is_completed_by_next_run() {
    interrupt_recreation_of_each_deleted_resource(Interruption::ProcessKilled);
}

#[test]
fn replacement_lost_response_of_any_call_ends_in_same_state() {
    interrupt_replacement_of_tables_and_role(Interruption::ResponseLost);
}

#[test]
fn replacement_killed_after_any_call_is_completed_by_next_run() {
    interrupt_replacement_of_tables_and_role(Interruption::ProcessKilled);
}
