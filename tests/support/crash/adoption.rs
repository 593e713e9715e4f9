//! Adoption of resources that were created by hand.

use serde_json::json;

use super::super::Runner;
use super::{CrashEnv, Scenario};

const ADOPT: &[&str] = &["up", "--local", "--adopt", "-o", "json"];

/// Reverts an adoption: removes the tags and restores the settings of the resources' owner.
fn revert_adoption<R: Runner>(setup: &CrashEnv<R>) {
    setup.remove_sensorctl_tags();
    let role = &setup.foreign.role;
    setup.api.iam(&format!("Action=DeleteRolePolicy&RoleName={role}&PolicyName=sensorctl"));
    for policy in ["service-role%2FAWSLambdaKinesisExecutionRole", "AmazonDynamoDBFullAccess"] {
        let arn = format!("arn:aws:iam::aws:policy%2F{policy}");
        setup.api.iam(&format!("Action=AttachRolePolicy&RoleName={role}&PolicyArn={arn}"));
    }
    let off = json!({"Enabled": false, "AttributeName": "ExpiresAt"});
    let ttl = json!({"TableName": setup.foreign.rejects, "TimeToLiveSpecification": off});
    setup.api.json_when_accepted("DynamoDB_20120810.UpdateTimeToLive", &ttl);
    let group = json!({"logGroupName": "/aws/lambda/ProcessKinesisRecords"});
    setup.api.json_when_accepted("Logs_20140328.DeleteRetentionPolicy", &group);
    setup.api.lambda_when_accepted(
        "PUT /2015-03-31/functions/ProcessKinesisRecords/configuration",
        &json!({"MemorySize": 128, "Timeout": 3, "Environment": {"Variables": {"SENSORCTL_TABLE": "SensorData"}}}),
    );
    let mapping = json!({"BatchSize": 100, "BisectBatchOnFunctionError": false, "FunctionResponseTypes": []});
    setup.api.lambda_when_accepted(&format!("PUT {}", setup.api.event_source_mapping_path()), &mapping);
}

/// Adopts a pipeline that was created by hand.
pub fn with_adoption<R: Runner>(sweep: impl Fn(&CrashEnv<R>, &[Scenario<R>])) {
    let setup = CrashEnv::new();
    setup.foreign.create_all(&setup.env);
    setup.env.run(ADOPT.iter().copied()).assert_success();
    sweep(&setup, &[Scenario::new("adoption", ADOPT).prepared_by(&revert_adoption).starting_at_first_change()]);
}
