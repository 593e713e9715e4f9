//! Kinesis: `ferrokinesis`, in memory, behind a lock that it needs (it loses records and deadlocks without), with the
//! gaps closed that `up`, the pollers and the AWS CLI would fall into.

mod reading;
mod streams;

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use ferrokinesis::actions::{Operation, dispatch};
use ferrokinesis::error::KinesisErrorResponse;
use ferrokinesis::store::{Store, StoreOptions};
use serde_json::Value;
use tokio::sync::{RwLock, watch};
use tower::ServiceExt;

use super::identity::Identity;
use super::wire::{self, AMZ_JSON_1_1, Request, Response, ServiceError};

/// The largest answer is one of `GetRecords`: 10 MiB of data, a third more in base64, and the keys.
const MAX_ANSWER: usize = 64 << 20;

/// The Kinesis of one local cloud; clones share it.
#[derive(Clone)]
pub(crate) struct Kinesis(Arc<Inner>);

struct Inner {
    identity: Identity,
    router: Router,
    store: Store,
    /// Puts write, all else reads: sequence numbers are taken before a record is inserted, so a reader in between
    /// would pass over it for ever.
    order: RwLock<()>,
    puts: watch::Sender<u64>,
}

/// One shard of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    /// `shardId-000000000000`.
    pub id: String,
    /// The shard that it was split or merged from.
    pub parent: Option<String>,
    /// The other shard of a merge.
    pub adjacent_parent: Option<String>,
    /// Whether it still takes records.
    pub open: bool,
}

/// Where reading a shard starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StartAt {
    /// The oldest record kept.
    TrimHorizon,
    /// What is put from now on.
    Latest,
    /// The first record that arrived at or after this time, in seconds since 1970.
    AtTimestamp(f64),
    /// The record of this sequence number.
    #[allow(dead_code, reason = "the type mirrors the service's five")]
    AtSequence(String),
    /// The record after this sequence number.
    AfterSequence(String),
}

/// One record as the service hands it out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// Decimal digits.
    pub sequence_number: String,
    /// The producer's key.
    pub partition_key: String,
    /// The data in base64.
    pub data: String,
    /// When it arrived, in seconds since 1970 (whole seconds for now).
    pub arrival: f64,
}

/// What one read of a shard gave.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Page {
    /// Records in order.
    pub records: Vec<Record>,
    /// Where to go on; none when the shard is closed and read to its end.
    pub next: Option<String>,
    /// How far the read is behind the newest record.
    pub millis_behind: u64,
}

impl Kinesis {
    /// An empty Kinesis. Must be called inside a Tokio runtime.
    pub(crate) fn start(identity: Identity) -> Kinesis {
        let (router, store) = ferrokinesis::create_app(StoreOptions {
            aws_account_id: identity.account.clone(),
            aws_region: identity.region.clone(),
            create_stream_ms: 0,
            delete_stream_ms: 0,
            update_stream_ms: 0,
            shard_limit: 500,
            enforce_limits: false,
            durable: None,
            ..StoreOptions::default()
        });
        let (puts, _) = watch::channel(0);
        Kinesis(Arc::new(Inner { identity, router, store, order: RwLock::new(()), puts }))
    }

    /// Answers a request of the Kinesis API.
    pub(crate) async fn handle(&self, request: Request) -> Response {
        let operation = wire::operation(&request).to_owned();
        let is_json = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with(AMZ_JSON_1_1));
        if operation == "SubscribeToShard" {
            let message = "the local cloud has no enhanced fan-out; read with GetRecords";
            return ServiceError::bad_request("InvalidArgumentException", message).json(AMZ_JSON_1_1);
        }
        if matches!(operation.as_str(), "PutRecord" | "PutRecords") {
            let response = {
                let _writing = self.0.order.write().await;
                self.forward(request).await
            };
            if response.status().is_success() {
                self.0.puts.send_modify(|count| *count += 1);
            }
            return response;
        }
        // Other content types (CBOR), and what is no JSON object, get ferrokinesis's own answer.
        if is_json && let Ok(Value::Object(input)) = serde_json::from_slice(request.body()) {
            return self.amended(&operation, Value::Object(input), request).await;
        }
        let _reading = self.0.order.read().await;
        self.forward(request).await
    }

    /// Changes after every acknowledged put, to any stream: sleep on it instead of polling.
    pub(crate) fn puts(&self) -> watch::Receiver<u64> {
        self.0.puts.subscribe()
    }

    /// The operations that ferrokinesis gets wrong, done here; the others with their ARN turned into a name.
    async fn amended(&self, operation: &str, mut input: Value, mut request: Request) -> Response {
        let _reading = self.0.order.read().await;
        if let Err(error) = self.name_stream(operation, &mut input) {
            return error.json(AMZ_JSON_1_1);
        }
        let answer = match operation {
            "CreateStream" => return self.create_stream(input, request).await,
            "ListShards" => self.list_shards(&input).await,
            "ListStreams" => return self.list_streams(input, request).await,
            "GetRecords" if input["ShardIterator"].is_string() => self.read(&input).await,
            "GetShardIterator" if input["ShardIteratorType"] == "AT_TIMESTAMP" && input["Timestamp"].is_number() => {
                self.at_timestamp(input).await
            }
            _ => {
                *request.body_mut() = input.to_string().into();
                return self.forward(request).await;
            }
        };
        match answer {
            Ok(body) => wire::json_as(200, AMZ_JSON_1_1, &body),
            Err(error) => error.json(AMZ_JSON_1_1),
        }
    }

    /// Most operations of ferrokinesis know a stream by its name only.
    fn name_stream(&self, operation: &str, input: &mut Value) -> Result<(), ServiceError> {
        const BY_ARN: [&str; 8] = [
            "UpdateStreamMode",
            "UpdateMaxRecordSize",
            "UpdateStreamWarmThroughput",
            "RegisterStreamConsumer",
            "DeregisterStreamConsumer",
            "DescribeStreamConsumer",
            "ListStreamConsumers",
            "GetRecords",
        ];
        if BY_ARN.contains(&operation) || input.get("StreamName").is_some() {
            return Ok(());
        }
        if let Some(arn) = input.get("StreamARN").and_then(Value::as_str) {
            let name = self.name_of(arn)?;
            if let Some(fields) = input.as_object_mut() {
                fields.remove("StreamARN");
                fields.insert("StreamName".to_owned(), name.into());
            }
        }
        Ok(())
    }

    /// The stream's name in its ARN, which must be one of this account and region.
    fn name_of(&self, arn: &str) -> Result<String, ServiceError> {
        let prefix = self.0.identity.stream_arn("");
        arn.strip_prefix(&prefix).map(str::to_owned).ok_or_else(|| {
            let message = format!("Stream {arn} under account {} not found.", self.0.identity.account);
            ServiceError::bad_request("ResourceNotFoundException", message)
        })
    }

    /// Has ferrokinesis answer; the caller holds the lock.
    async fn forward(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let request = axum::http::Request::from_parts(parts, axum::body::Body::from(body));
        let response = match self.0.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        match axum::body::to_bytes(body, MAX_ANSWER).await {
            Ok(body) => Response::from_parts(parts, body),
            Err(error) => ServiceError::internal(error.to_string()).json(AMZ_JSON_1_1),
        }
    }

    /// Runs an operation in process; the caller holds the lock.
    async fn run(&self, operation: Operation, input: Value) -> Result<Value, ServiceError> {
        dispatch(&self.0.store, operation, input).await.map(Option::unwrap_or_default).map_err(refused)
    }
}

fn refused(error: KinesisErrorResponse) -> ServiceError {
    ServiceError {
        status: error.status_code,
        code: error.body.error_type,
        message: error.body.message.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
