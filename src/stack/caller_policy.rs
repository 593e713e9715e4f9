//! The IAM policy of a caller that may manage one pipeline and nothing else.

use serde_json::{Value, json};

use crate::settings::Pipeline;

/// Actions for which AWS accepts no resource (Service Authorization Reference): a list shows all names of an account,
/// and an event source mapping has no name before its creation.
const ON_EVERYTHING: [&str; 11] = [
    "cloudwatch:GetMetricData",
    "dynamodb:ListTables",
    "iam:ListRoles",
    "kinesis:ListStreams",
    "kinesis:UpdateShardCount",
    "kinesis:UpdateStreamMode",
    "lambda:CreateEventSourceMapping",
    "lambda:ListEventSourceMappings",
    "lambda:ListFunctions",
    "logs:DescribeLogGroups",
    "tag:GetResources",
];
const ON_TABLES: [&str; 10] = [
    "dynamodb:CreateTable",
    "dynamodb:DeleteTable",
    "dynamodb:DescribeContinuousBackups",
    "dynamodb:DescribeTable",
    "dynamodb:DescribeTimeToLive",
    "dynamodb:ListTagsOfResource",
    "dynamodb:TagResource",
    "dynamodb:UpdateContinuousBackups",
    "dynamodb:UpdateTable",
    "dynamodb:UpdateTimeToLive",
];
const ON_READINGS: [&str; 6] = [
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:Scan",
];
const ON_DEAD_LETTERS: [&str; 4] = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:Query", "dynamodb:Scan"];
const ON_STREAM: [&str; 17] = [
    "kinesis:AddTagsToStream",
    "kinesis:CreateStream",
    "kinesis:DecreaseStreamRetentionPeriod",
    "kinesis:DeleteStream",
    "kinesis:DescribeStreamConsumer",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:IncreaseStreamRetentionPeriod",
    "kinesis:ListShards",
    "kinesis:ListStreamConsumers",
    "kinesis:ListTagsForStream",
    "kinesis:PutRecord",
    "kinesis:PutRecords",
    "kinesis:RegisterStreamConsumer",
    "kinesis:StartStreamEncryption",
    "kinesis:StopStreamEncryption",
];
const ON_CONSUMERS: [&str; 3] =
    ["kinesis:DeregisterStreamConsumer", "kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"];
const ON_ROLE: [&str; 14] = [
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListInstanceProfilesForRole",
    "iam:ListRolePolicies",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:TagRole",
];
const ON_FUNCTION: [&str; 10] = [
    "lambda:CreateFunction",
    "lambda:DeleteFunction",
    "lambda:DeleteFunctionConcurrency",
    "lambda:GetFunction",
    "lambda:InvokeFunction",
    "lambda:ListTags",
    "lambda:PutFunctionConcurrency",
    "lambda:TagResource",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
];
const ON_MAPPINGS: [&str; 5] = [
    "lambda:DeleteEventSourceMapping",
    "lambda:GetEventSourceMapping",
    "lambda:ListTags",
    "lambda:TagResource",
    "lambda:UpdateEventSourceMapping",
];
const ON_LOG_GROUP: [&str; 7] = [
    "logs:CreateLogGroup",
    "logs:DeleteLogGroup",
    "logs:DeleteRetentionPolicy",
    "logs:FilterLogEvents",
    "logs:ListTagsForResource",
    "logs:PutRetentionPolicy",
    "logs:TagResource",
];

/// Returns the policy for the pipeline of these settings, in one region or in all. It names no account, because a
/// policy has no effect outside of the account in which it is attached.
#[must_use]
pub(crate) fn caller_policy(settings: &Pipeline, region: Option<&str>) -> Value {
    let (partition, place) = (region.map_or("aws", partition), region.unwrap_or("*"));
    let arn = |service: &str, resource: &str| format!("arn:{partition}:{service}:{place}:*:{resource}");
    let of_iam = |resource: &str| format!("arn:{partition}:iam::*:{resource}");
    let tables =
        [&settings.table.name, &settings.rejects.table.name].map(|name| arn("dynamodb", &format!("table/{name}")));
    let role = of_iam(&format!("role{}{}", settings.role.path, settings.role.name));
    let group = arn("logs", &format!("log-group:{}", settings.log_group_name()));
    let function = arn("lambda", &format!("function:{}", settings.function.name));
    let mut role_actions = ON_ROLE.to_vec();
    role_actions.push("iam:UpdateAssumeRolePolicy");
    let mut statements = vec![
        allow("OnEverything", &ON_EVERYTHING, &json!("*")),
        allow("Tables", &ON_TABLES, &json!(tables)),
        allow("Readings", &ON_READINGS, &json!(tables[0])),
        allow("DeadLetters", &ON_DEAD_LETTERS, &json!(tables[1])),
        allow("Stream", &ON_STREAM, &json!(arn("kinesis", &format!("stream/{}", settings.stream.name)))),
        allow(
            "Consumers",
            &ON_CONSUMERS,
            &json!(arn("kinesis", &format!("stream/{}/consumer/*", settings.stream.name))),
        ),
        allow("Role", &role_actions, &json!(role)),
        json!({"Sid": "PassRole", "Effect": "Allow", "Action": "iam:PassRole", "Resource": role,
            "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}}),
        allow("ReadPolicies", &["iam:GetPolicy", "iam:GetPolicyVersion"], &json!(of_iam("policy/*"))),
        allow("InstanceProfiles", &["iam:RemoveRoleFromInstanceProfile"], &json!(of_iam("instance-profile/*"))),
        allow("Function", &ON_FUNCTION, &json!(function)),
        allow("EventSourceMappings", &ON_MAPPINGS, &json!(arn("lambda", "event-source-mapping:*"))),
        allow("LogGroup", &ON_LOG_GROUP, &json!([group, format!("{group}:*")])),
    ];
    if let Some(key) = settings.stream.key.as_ref().filter(|key| key.starts_with("arn:")) {
        statements.push(allow("StreamKey", &["kms:DescribeKey", "kms:GenerateDataKey"], &json!(key)));
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn allow(sid: &str, actions: &[&str], resources: &Value) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources})
}

/// Returns the partition of a region.
pub(crate) fn partition(region: &str) -> &'static str {
    // As in botocore's partitions.json.
    const PREFIXES: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("eusc-", "aws-eusc"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-iso-", "aws-iso"),
    ];
    PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caller_policy_names_configured_resources_in_their_partition() {
        let mut settings = Pipeline::by_default().unwrap();
        settings.stream.key = Some("arn:aws-eusc:kms:eusc-de-east-1:1:key/k".into());
        let text = caller_policy(&settings, Some("eusc-de-east-1")).to_string();
        for part in [
            "arn:aws-eusc:dynamodb:eusc-de-east-1:*:table/SensorDataRejects",
            "arn:aws-eusc:kinesis:eusc-de-east-1:*:stream/temperature-sensor-data",
            "arn:aws-eusc:iam::*:role/kinesis-lambda-dynamodb",
            "kms:GenerateDataKey",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!caller_policy(&Pipeline::by_default().unwrap(), None).to_string().contains("kms:"));
    }

    #[test]
    fn documented_caller_policy_matches_defaults() {
        let documented = include_str!("../../docs/permissions.md");
        let json = documented.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let policy: Value = serde_json::from_str(json).unwrap();
        assert_eq!(policy, caller_policy(&Pipeline::by_default().unwrap(), Some("eu-central-1")));
    }
}
