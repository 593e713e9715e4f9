//! Tests of Kinesis, in process and through client SDKs.

mod cbor;
mod fan_out;
mod limits;
mod malformed;
mod model;
mod reading;
mod refusals;
mod shards;
mod streams;
mod stress;
mod subscriber;

use serde_json::{Value, json};

use super::*;
use crate::protocol::aws_json::AMZ_JSON_1_1;

pub(super) const STREAM: &str = "readings";

pub(super) async fn call(kinesis: &Kinesis, operation: &str, input: &Value) -> (u16, Value) {
    let request = http::Request::post("/")
        .header("content-type", AMZ_JSON_1_1)
        .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
        .header("x-amz-date", "20261123T000000Z")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=K/1/r/kinesis/aws4_request, SignedHeaders=h, Signature=0")
        .body(input.to_string().into())
        .unwrap();
    let response = kinesis.handle(request).await;
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or(Value::Null))
}

/// A Kinesis whose temporary directory is deleted with it.
pub(super) struct Local {
    pub(super) kinesis: Kinesis,
    pub(super) directory: tempfile::TempDir,
    options: StreamOptions,
}

impl std::ops::Deref for Local {
    type Target = Kinesis;

    fn deref(&self) -> &Kinesis {
        &self.kinesis
    }
}

fn open(directory: &Path, options: StreamOptions) -> Kinesis {
    Kinesis::open(directory, Identity::new("us-east-1"), options, Diagnostics::default()).unwrap()
}

impl Local {
    pub(super) fn new(options: StreamOptions) -> Local {
        let directory = tempfile::tempdir().unwrap();
        let kinesis = open(directory.path(), options);
        Local { kinesis, directory, options }
    }

    /// Reopens the streams as after a kill: nothing is closed or flushed.
    pub(super) fn reopened(self) -> Local {
        let kinesis = open(self.directory.path(), self.options);
        Local { kinesis, ..self }
    }

    pub(super) async fn ok(&self, operation: &str, input: Value) -> Value {
        let (status, body) = call(self, operation, &input).await;
        assert_eq!(status, 200, "{operation} {input}: {body}");
        body
    }

    /// Returns the code and message of an error.
    pub(super) async fn refused(&self, operation: &str, input: Value) -> (String, String) {
        let (status, body) = call(self, operation, &input).await;
        assert_eq!(status, 400, "{operation} {input}: {body}");
        let word = |name: &str| body[name].as_str().unwrap().to_owned();
        (word("__type"), word("message"))
    }
}

pub(super) async fn with_stream(input: Value) -> (Local, String) {
    let local = Local::new(StreamOptions::default());
    local.ok("CreateStream", input).await;
    (local, Identity::new("us-east-1").stream_arn(STREAM))
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Returns all records of a shard from its beginning, through the API.
pub(super) async fn records(local: &Local, shard: &str) -> Value {
    let input = json!({ "StreamName": STREAM, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = local.ok("GetShardIterator", input).await;
    local.ok("GetRecords", json!({ "ShardIterator": iterator["ShardIterator"] })).await
}
