//! Deletion of the pipeline's resources behind the back of `sensorctl`.

use serde_json::{Value, json};

use super::ApiClient;

/// The kinds of resources of a pipeline, as reports name them.
pub const RESOURCE_KINDS: [&str; 7] = ["table", "rejects-table", "stream", "role", "log-group", "function", "mapping"];

/// Requests the deletion of the resource of a kind that `sensorctl up` created with its default name.
#[track_caller]
pub fn delete_by_hand(api: &ApiClient, kind: &str) {
    let json = |target: &str, input: Value| drop(api.json_when_accepted(target, &input));
    match kind {
        "table" => json("DynamoDB_20120810.DeleteTable", json!({"TableName": "SensorData"})),
        "rejects-table" => json("DynamoDB_20120810.DeleteTable", json!({"TableName": "SensorDataRejects"})),
        "stream" => json("Kinesis_20131202.DeleteStream", json!({"StreamName": "temperature-sensor-data"})),
        "role" => {
            api.iam("Action=DeleteRolePolicy&RoleName=kinesis-lambda-dynamodb&PolicyName=sensorctl");
            api.iam("Action=DeleteRole&RoleName=kinesis-lambda-dynamodb");
        }
        "log-group" => {
            json("Logs_20140328.DeleteLogGroup", json!({"logGroupName": "/aws/lambda/ProcessKinesisRecords"}));
        }
        "function" => {
            api.lambda_when_accepted("DELETE /2015-03-31/functions/ProcessKinesisRecords", &Value::Null);
        }
        "mapping" => {
            let path = api.event_source_mapping_path();
            api.lambda_when_accepted(&format!("DELETE {path}"), &Value::Null);
        }
        other => panic!("no kind `{other}`"),
    }
}
