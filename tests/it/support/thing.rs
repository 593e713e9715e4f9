//! Something with a name that can be made, deleted and looked for, of every service.

use std::io::{self, Cursor, Write};
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::Stranger;

/// The trust policy of new roles.
const TRUST: &str =
    r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const REST: &str = "Content-Type: application/json";

/// A zip that unpacks to something executable, in base64; it is never run.
static CODE: LazyLock<String> = LazyLock::new(|| {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    zip.write_all(b"#!/bin/sh\n").unwrap();
    BASE64.encode(zip.finish().unwrap().into_inner())
});

/// Something with a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Thing {
    Stream(String),
    Table(String),
    Role(String),
    LogGroup(String),
    /// With the role [`Thing::ROLE`].
    Function(String),
    /// On the stream [`Thing::TAGGED`].
    Tag(String),
}

/// Status and body of an answer; an error where none came.
type Answer = io::Result<(u16, String)>;

impl Thing {
    /// The role of functions, which is there with a pipeline.
    pub const ROLE: &str = "kinesis-lambda-dynamodb";
    /// The stream of tags.
    pub const TAGGED: &str = "side";

    pub fn make(&self, owner: &Stranger) -> Answer {
        match self {
            Thing::Stream(name) => {
                call(owner, "Kinesis_20131202.CreateStream", json!({ "StreamName": name, "ShardCount": 1 }))
            }
            Thing::Table(name) => {
                let input = json!({
                    "TableName": name,
                    "BillingMode": "PAY_PER_REQUEST",
                    "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
                    "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
                });
                call(owner, "DynamoDB_20120810.CreateTable", input)
            }
            Thing::Role(name) => {
                let trust = utf8_percent_encode(TRUST, NON_ALPHANUMERIC);
                iam(owner, &format!("Action=CreateRole&RoleName={name}&AssumeRolePolicyDocument={trust}"))
            }
            Thing::LogGroup(name) => call(owner, "Logs_20140328.CreateLogGroup", json!({ "logGroupName": name })),
            Thing::Function(name) => {
                let role = format!("arn:aws:iam::000000000000:role/{}", Thing::ROLE);
                let input = json!({ "FunctionName": name, "Role": role, "Runtime": "provided.al2023",
                    "Handler": "bootstrap", "Code": { "ZipFile": *CODE } });
                owner.try_send("POST /2015-03-31/functions", "lambda", REST, &input.to_string())
            }
            Thing::Tag(name) => {
                let input = json!({ "StreamName": Thing::TAGGED, "Tags": { name: "" } });
                call(owner, "Kinesis_20131202.AddTagsToStream", input)
            }
        }
    }

    pub fn delete(&self, owner: &Stranger) -> Answer {
        match self {
            Thing::Stream(name) => call(owner, "Kinesis_20131202.DeleteStream", json!({ "StreamName": name })),
            Thing::Table(name) => call(owner, "DynamoDB_20120810.DeleteTable", json!({ "TableName": name })),
            Thing::Role(name) => iam(owner, &format!("Action=DeleteRole&RoleName={name}")),
            Thing::LogGroup(name) => call(owner, "Logs_20140328.DeleteLogGroup", json!({ "logGroupName": name })),
            Thing::Function(name) => {
                owner.try_send(&format!("DELETE /2015-03-31/functions/{name}"), "lambda", REST, "")
            }
            Thing::Tag(name) => {
                let input = json!({ "StreamName": Thing::TAGGED, "TagKeys": [name] });
                call(owner, "Kinesis_20131202.RemoveTagsFromStream", input)
            }
        }
    }

    #[track_caller]
    pub fn is_there(&self, owner: &Stranger) -> bool {
        let (answer, listed) = match self {
            Thing::Stream(name) => {
                (call(owner, "Kinesis_20131202.DescribeStreamSummary", json!({ "StreamName": name })), None)
            }
            Thing::Table(name) => (call(owner, "DynamoDB_20120810.DescribeTable", json!({ "TableName": name })), None),
            Thing::Role(name) => (iam(owner, &format!("Action=GetRole&RoleName={name}")), None),
            Thing::LogGroup(name) => {
                (call(owner, "Logs_20140328.DescribeLogGroups", json!({ "logGroupNamePrefix": name })), Some(name))
            }
            Thing::Function(name) => {
                (owner.try_send(&format!("GET /2015-03-31/functions/{name}"), "lambda", REST, ""), None)
            }
            Thing::Tag(name) => {
                let input = json!({ "StreamName": Thing::TAGGED });
                (call(owner, "Kinesis_20131202.ListTagsForStream", input), Some(name))
            }
        };
        let (status, body) = answer.unwrap();
        assert!(matches!(status, 200 | 400 | 404), "{self:?}: {status} {body}");
        status == 200 && listed.is_none_or(|name| body.contains(&format!("\"{name}\"")))
    }
}

fn call(owner: &Stranger, target: &str, input: Value) -> Answer {
    owner.try_call(target, &input.to_string())
}

fn iam(owner: &Stranger, body: &str) -> Answer {
    owner.try_send("POST /", "iam", FORM, body)
}
