//! Named resources of every service that a test creates, deletes and looks for.

use std::io::{self, Cursor, Write};
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{ApiClient, percent_encode};

/// The trust policy of new roles.
const TRUST: &str =
    r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// A zip with an executable bootstrap in base64. It is never run.
static CODE: LazyLock<String> = LazyLock::new(|| {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    zip.write_all(b"#!/bin/sh\n").unwrap();
    BASE64.encode(zip.finish().unwrap().into_inner())
});

/// A resource of one service, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TestResource {
    Stream(String),
    Table(String),
    Role(String),
    LogGroup(String),
    /// A function with the role [`TestResource::ROLE`].
    Function(String),
    /// A tag of the stream [`TestResource::TAGGED_STREAM`].
    Tag(String),
}

/// Status and body of a response, or an error without one.
type Answer = io::Result<(u16, String)>;

impl TestResource {
    /// The role of functions, which a pipeline creates.
    pub const ROLE: &str = "kinesis-lambda-dynamodb";
    /// The stream that tags are added to.
    pub const TAGGED_STREAM: &str = "side";

    pub fn create(&self, api: &ApiClient) -> Answer {
        match self {
            TestResource::Stream(name) => {
                call(api, "Kinesis_20131202.CreateStream", json!({ "StreamName": name, "ShardCount": 1 }))
            }
            TestResource::Table(name) => {
                let input = json!({
                    "TableName": name,
                    "BillingMode": "PAY_PER_REQUEST",
                    "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
                    "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
                });
                call(api, "DynamoDB_20120810.CreateTable", input)
            }
            TestResource::Role(name) => {
                let trust = percent_encode(TRUST);
                api.try_query("iam", &format!("Action=CreateRole&RoleName={name}&AssumeRolePolicyDocument={trust}"))
            }
            TestResource::LogGroup(name) => call(api, "Logs_20140328.CreateLogGroup", json!({ "logGroupName": name })),
            TestResource::Function(name) => {
                let role = format!("arn:aws:iam::000000000000:role/{}", TestResource::ROLE);
                let input = json!({ "FunctionName": name, "Role": role, "Runtime": "provided.al2023",
                    "Handler": "bootstrap", "Code": { "ZipFile": *CODE } });
                api.try_send_lambda("POST /2015-03-31/functions", &input)
            }
            TestResource::Tag(name) => {
                let input = json!({ "StreamName": TestResource::TAGGED_STREAM, "Tags": { name: "" } });
                call(api, "Kinesis_20131202.AddTagsToStream", input)
            }
        }
    }

    pub fn delete(&self, api: &ApiClient) -> Answer {
        match self {
            TestResource::Stream(name) => call(api, "Kinesis_20131202.DeleteStream", json!({ "StreamName": name })),
            TestResource::Table(name) => call(api, "DynamoDB_20120810.DeleteTable", json!({ "TableName": name })),
            TestResource::Role(name) => api.try_query("iam", &format!("Action=DeleteRole&RoleName={name}")),
            TestResource::LogGroup(name) => call(api, "Logs_20140328.DeleteLogGroup", json!({ "logGroupName": name })),
            TestResource::Function(name) => {
                api.try_send_lambda(&format!("DELETE /2015-03-31/functions/{name}"), &Value::Null)
            }
            TestResource::Tag(name) => {
                let input = json!({ "StreamName": TestResource::TAGGED_STREAM, "TagKeys": [name] });
                call(api, "Kinesis_20131202.RemoveTagsFromStream", input)
            }
        }
    }

    #[track_caller]
    pub fn exists(&self, api: &ApiClient) -> bool {
        let (answer, listed) = match self {
            TestResource::Stream(name) => {
                (call(api, "Kinesis_20131202.DescribeStreamSummary", json!({ "StreamName": name })), None)
            }
            TestResource::Table(name) => {
                (call(api, "DynamoDB_20120810.DescribeTable", json!({ "TableName": name })), None)
            }
            TestResource::Role(name) => (api.try_query("iam", &format!("Action=GetRole&RoleName={name}")), None),
            TestResource::LogGroup(name) => {
                (call(api, "Logs_20140328.DescribeLogGroups", json!({ "logGroupNamePrefix": name })), Some(name))
            }
            TestResource::Function(name) => {
                (api.try_send_lambda(&format!("GET /2015-03-31/functions/{name}"), &Value::Null), None)
            }
            TestResource::Tag(name) => {
                let input = json!({ "StreamName": TestResource::TAGGED_STREAM });
                (call(api, "Kinesis_20131202.ListTagsForStream", input), Some(name))
            }
        };
        let (status, body) = answer.unwrap();
        assert!(matches!(status, 200 | 400 | 404), "{self:?}: {status} {body}");
        status == 200 && listed.is_none_or(|name| body.contains(&format!("\"{name}\"")))
    }
}

fn call(api: &ApiClient, target: &str, input: Value) -> Answer {
    api.try_call(target, &input.to_string())
}
