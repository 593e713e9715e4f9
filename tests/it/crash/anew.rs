//! What is made anew: replaced because no update can change it, or deleted by hand.

use serde_json::{Value, json};

use super::ground::{Ground, table_arn};
use super::walk::{Disturbance, Leg, walk};

const REPLACE: &[&str] = &["up", "--local", "--yes", "--replace", "-o", "json"];
const FUNCTION: &str = "/2015-03-31/functions/ProcessKinesisRecords";

fn deletes_table(ground: &Ground, name: &str) {
    ground.by_hand("DynamoDB_20120810.DeleteTable", &json!({"TableName": name}));
}

fn deletes_stream(ground: &Ground) {
    ground.by_hand("Kinesis_20131202.DeleteStream", &json!({"StreamName": "temperature-sensor-data"}));
}

fn deletes_role(ground: &Ground) {
    ground.cloud.iam("Action=DeleteRolePolicy&RoleName=kinesis-lambda-dynamodb&PolicyName=sensorctl");
    ground.cloud.iam("Action=DeleteRole&RoleName=kinesis-lambda-dynamodb");
}

fn deletes_log_group(ground: &Ground) {
    ground.by_hand("Logs_20140328.DeleteLogGroup", &json!({"logGroupName": "/aws/lambda/ProcessKinesisRecords"}));
}

fn deletes_function(ground: &Ground) {
    ground.lambda(&format!("DELETE {FUNCTION}"), &Value::Null);
}

fn deletes_mapping(ground: &Ground) {
    let path = ground.mapping_path();
    ground.lambda(&format!("DELETE {path}"), &Value::Null);
}

/// A table of ours with another key stands where ours is to be.
fn makes_table_of_another_key(ground: &Ground, name: &str) {
    let table = json!({"TableName": name});
    deletes_table(ground, name);
    ground.until_gone(|cloud| cloud.call("DynamoDB_20120810.DescribeTable", &table.to_string()).0);
    let tags = [("sensorctl:stage", "default"), ("sensorctl:region", "us-east-1"), ("sensorctl:version", "0.1.0")];
    let tags: Vec<_> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    let body = json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "Id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "Id", "KeyType": "HASH"}],
        "Tags": tags,
    });
    ground.by_hand("DynamoDB_20120810.CreateTable", &body);
    ground.by_hand("DynamoDB_20120810.ListTagsOfResource", &table_arn(name));
}

/// What is deleted by hand, and how.
type Deletion<'a> = (&'a str, &'a dyn Fn(&Ground));

fn what_was_deleted_by_hand(disturbance: Disturbance) {
    let ground = Ground::with_pipeline();
    let deletions: [Deletion<'_>; 7] = [
        ("table", &|ground| deletes_table(ground, "SensorData")),
        ("rejects-table", &|ground| deletes_table(ground, "SensorDataRejects")),
        ("stream", &deletes_stream),
        ("role", &deletes_role),
        ("log-group", &deletes_log_group),
        ("function", &deletes_function),
        ("mapping", &deletes_mapping),
    ];
    for (kind, delete) in deletions {
        // A stream takes its mapping along, and that is asked about.
        let leg = Leg::new(kind, REPLACE).after(delete).beginning_at_the_first_change();
        walk(&ground, disturbance, &[leg]);
    }
}

fn what_is_replaced(disturbance: Disturbance) {
    let ground = Ground::with_pipeline();
    let tables = |ground: &Ground| {
        makes_table_of_another_key(ground, "SensorData");
        makes_table_of_another_key(ground, "SensorDataRejects");
    };
    walk(&ground, disturbance, &[Leg::new("tables", REPLACE).after(&tables).beginning_at_the_first_change()]);
    let elsewhere = |ground: &Ground| drop(ground.home.write("sensorctl.toml", "[role]\npath = \"/pipelines/\"\n"));
    let back = |ground: &Ground| drop(ground.home.write("sensorctl.toml", ""));
    let legs = [
        Leg::new("role of another path", REPLACE).after(&elsewhere).beginning_at_the_first_change(),
        Leg::new("role of the first path", REPLACE).after(&back).beginning_at_the_first_change(),
    ];
    walk(&ground, disturbance, &legs);
}

#[test]
fn a_lost_answer_while_something_deleted_by_hand_is_made_anew_changes_nothing_in_the_end() {
    what_was_deleted_by_hand(Disturbance::Lost);
}

#[test]
fn a_run_killed_while_something_deleted_by_hand_is_made_anew_is_finished_by_the_next() {
    what_was_deleted_by_hand(Disturbance::Killed);
}

#[test]
fn a_lost_answer_while_something_is_replaced_changes_nothing_in_the_end() {
    what_is_replaced(Disturbance::Lost);
}

#[test]
fn a_run_killed_while_something_is_replaced_is_finished_by_the_next() {
    what_is_replaced(Disturbance::Killed);
}
