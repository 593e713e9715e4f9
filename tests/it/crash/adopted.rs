//! What somebody made by hand, taken over.

use serde_json::json;

use super::ground::Ground;
use super::walk::{Disturbance, Leg, under_every_fault, walk};

const ADOPT: &[&str] = &["up", "--local", "--adopt", "-o", "json"];

/// Takes back what an adoption did: the tags, and the settings as somebody had them.
fn is_somebodys_again(ground: &Ground) {
    ground.forgets_us();
    let role = &ground.somebody.role;
    ground.cloud.iam(&format!("Action=DeleteRolePolicy&RoleName={role}&PolicyName=sensorctl"));
    for policy in ["service-role%2FAWSLambdaKinesisExecutionRole", "AmazonDynamoDBFullAccess"] {
        let arn = format!("arn:aws:iam::aws:policy%2F{policy}");
        ground.cloud.iam(&format!("Action=AttachRolePolicy&RoleName={role}&PolicyArn={arn}"));
    }
    let off = json!({"Enabled": false, "AttributeName": "ExpiresAt"});
    let ttl = json!({"TableName": ground.somebody.rejects, "TimeToLiveSpecification": off});
    ground.by_hand("DynamoDB_20120810.UpdateTimeToLive", &ttl);
    let group = json!({"logGroupName": "/aws/lambda/ProcessKinesisRecords"});
    ground.by_hand("Logs_20140328.DeleteRetentionPolicy", &group);
    ground.lambda(
        "PUT /2015-03-31/functions/ProcessKinesisRecords/configuration",
        &json!({"MemorySize": 128, "Timeout": 3, "Environment": {"Variables": {"SENSORCTL_TABLE": "SensorData"}}}),
    );
    let mapping = json!({"BatchSize": 100, "BisectBatchOnFunctionError": false, "FunctionResponseTypes": []});
    ground.lambda(&format!("PUT {}", ground.mapping_path()), &mapping);
}

fn what_is_taken_over(go: impl Fn(&Ground, &[Leg])) {
    let ground = Ground::new();
    ground.somebody.makes_everything(&ground.home);
    ground.home.run(ADOPT.iter().copied()).succeeded();
    go(&ground, &[Leg::new("adoption", ADOPT).after(&is_somebodys_again).beginning_at_the_first_change()]);
}

#[test]
fn a_lost_answer_while_something_is_taken_over_changes_nothing_in_the_end() {
    what_is_taken_over(|ground, legs| walk(ground, Disturbance::Lost, legs));
}

#[test]
fn a_run_killed_while_something_is_taken_over_is_finished_by_the_next() {
    what_is_taken_over(|ground, legs| walk(ground, Disturbance::Killed, legs));
}

#[test]
fn every_fault_of_every_call_that_takes_something_over_is_tried_again() {
    let operations = [
        "dynamodb:TagResource",
        "kinesis:AddTagsToStream",
        "iam:TagRole",
        "iam:PutRolePolicy",
        "logs:TagResource",
        "lambda:TagResource",
        "lambda:UpdateFunctionConfiguration",
        "lambda:UpdateEventSourceMapping",
    ];
    what_is_taken_over(|ground, legs| under_every_fault(ground, legs, &operations));
}
