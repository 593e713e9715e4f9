//! `DynamoDB`: `dynoxide` in process on one `SQLite` file, under this cloud's account and region.

mod adapt;
mod batch;
mod capacity;
mod connections;
mod database_file;
mod decode;
mod description;
#[cfg(test)]
mod difference_tests;
mod expression_limits;
mod operations;
mod page;
mod pitr;
mod poll_once;
mod reader;
mod requested_tables;
#[cfg(test)]
mod requested_tables_tests;
mod table_status;
mod tagged;
mod wal;
mod write_units;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::execute_statement::ExecuteStatementRequest;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::batch::BatchWriter;
pub(super) use self::batch::MAX_REQUESTS;
use self::capacity::ReadCapacity;
use self::expression_limits::Expressions;
use self::operations::{is_missing_table, only_reads, speaks_of_arns};
use self::pitr::PointInTimeRecovery;
use self::reader::{Readers, is_select};
use self::table_status::TableLifecycle;
use self::wal::Wal;
use super::diagnostics::Diagnostics;
use super::durability::Durability;
use super::identity::Identity;
use super::latency_profile::LatencyProfile;
use crate::error::Error;
use crate::metrics::MetricStore;
use crate::protocol::aws_json;
use crate::protocol::aws_json::{AMZ_JSON_1_0, Request, Response, ServiceError};

/// Work that a full disk prevents: writes to the tables.
const ROOM: &str = "writes to tables";

/// Prefix of dynoxide's ARNs.
const THEIR_ARN: &str = "arn:aws:dynamodb:dynoxide:000000000000:";

/// Prefix of dynoxide's ARNs of a table's encryption key.
const THEIR_KEY: &str = "arn:aws:kms:dynoxide:000000000000:";

/// The `DynamoDB` service of one local cloud; clones share it.
#[derive(Clone)]
pub(crate) struct DynamoDb {
    database: Database,
    batches: BatchWriter,
    readers: Readers,
    wal: Arc<Wal>,
    identity: Identity,
    life: TableLifecycle,
    read_capacity: ReadCapacity,
    speed: f64,
    backups: PointInTimeRecovery,
    metrics: MetricStore,
    path: Arc<Path>,
    notices: Diagnostics,
}

impl DynamoDb {
    /// Opens or creates the database file.
    pub(crate) fn open(
        path: &Path,
        identity: Identity,
        timing: &LatencyProfile,
        durability: Durability,
        notices: Diagnostics,
    ) -> Result<DynamoDb, Error> {
        let cannot = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::failed(format!("could not open the tables of the local cloud in {}", path.display()))
                .with_source(error)
                .hint("put it back from a copy")
                .hint("`sensorctl local reset` starts over with an empty local cloud")
        };
        let text = path.to_str().ok_or_else(|| {
            Error::usage(format!("the data directory {} is not valid UTF-8", path.display()))
                .hint("choose another one with `--data-dir DIR`")
        })?;
        database_file::check_header(path)?;
        database_file::private_files(path).map_err(|error| cannot(error.into()))?;
        let database = Database::new(text).map_err(|error| cannot(error.into()))?;
        let wal = Arc::new(Wal::open(path, durability).map_err(|error| cannot(error.into()))?);
        let backups = PointInTimeRecovery::open(path, durability)?;
        let (batches, readers, life) = (BatchWriter::default(), Readers::new(text), TableLifecycle::new(timing));
        let (read_capacity, speed) = (ReadCapacity::default(), timing.speed());
        let (path, metrics) = (path.into(), MetricStore::default());
        Ok(DynamoDb {
            database,
            batches,
            readers,
            wal,
            identity,
            life,
            read_capacity,
            speed,
            backups,
            metrics,
            path,
            notices,
        })
    }

    /// Returns the metrics of the tables.
    pub(crate) fn metrics(&self) -> &MetricStore {
        &self.metrics
    }

    /// Handles a request of the `DynamoDB` or `DynamoDB` Streams API.
    pub(crate) async fn handle(&self, request: Request) -> Response {
        let operation = aws_json::operation(&request).to_owned();
        let service = self.clone();
        // The database waits for its lock and the disk; other requests must not wait with it.
        let done = tokio::task::spawn_blocking(move || service.answer_in_time(&operation, request.body())).await;
        match done {
            Ok(response) => response,
            Err(error) => ServiceError::internal(error.to_string()).json(AMZ_JSON_1_0),
        }
    }

    /// Returns the response, adjusted for a table whose status is changing.
    fn answer_in_time(&self, operation: &str, body: &Bytes) -> Response {
        if !self.life.is_slow() {
            return self.answer(operation, body);
        }
        let input = serde_json::from_slice(body).unwrap_or_default();
        if let Some(response) = self.life.before(operation, &input) {
            return response;
        }
        // A table in deletion still has its tags.
        let tags = (operation == "DeleteTable").then(|| {
            let name = input.get("TableName").and_then(Value::as_str).unwrap_or_default();
            let arn = self.identity.table_arn(name.rsplit('/').next().unwrap_or_default());
            self.answer("ListTagsOfResource", &json!({ "ResourceArn": arn }).to_string().into())
        });
        let answer = self.answer_within_capacity(operation, &input, body);
        self.life.after(operation, &input, answer, tags)
    }

    fn answer(&self, operation: &str, body: &Bytes) -> Response {
        let refused = |kind: &str| {
            let body = json!({ "__type": format!("com.amazon.coral.service#{kind}") });
            aws_json::json_as(400, AMZ_JSON_1_0, &body)
        };
        let Ok(text) = std::str::from_utf8(body) else { return refused("SerializationException") };
        let asked = match operation {
            "BatchGetItem" | "BatchWriteItem" => adapt::asked_by_arn(text, &self.identity.table_arn("")),
            _ => BTreeMap::new(),
        };
        let text = match self.with_their_arn(operation, text) {
            Ok(Some(text)) => text.into(),
            Ok(None) => self.with_their_arns(operation, text),
            Err(error) => return aws_json::bytes(error.status_code(), AMZ_JSON_1_0, error.to_json()),
        };
        let answer = match self.run(operation, &text) {
            None => return ServiceError::not_implemented("dynamodb", operation).json(AMZ_JSON_1_0),
            Some(Ok(answer)) if only_reads(operation) => Ok(answer),
            Some(Ok(answer)) => match self.wal.keep() {
                Ok(()) => Ok(answer),
                Err(error) => Err(DynoxideError::InternalServerError(format!("it could not be flushed: {error}"))),
            },
            // Invalid JSON gets an error code of its own, unlike JSON that lacks a member.
            Some(Err(_)) if !decode::is_json(&text) => return refused("SerializationException"),
            Some(Err(error)) => Err(error),
        };
        match answer {
            Ok(body) => {
                let body = adapt::named_as_asked(self.with_our_arns(operation, body), &asked);
                aws_json::bytes(200, AMZ_JSON_1_0, body)
            }
            Err(error) if is_missing_table(operation, &error) => {
                let name = serde_json::from_str::<Value>(&text).unwrap_or_default();
                let name = name.get("TableName").and_then(Value::as_str).unwrap_or_default();
                ServiceError::bad_request("TableNotFoundException", format!("Table not found: {name}"))
                    .json(AMZ_JSON_1_0)
            }
            Err(DynoxideError::AccessDeniedException(_)) if operation == "ListTagsOfResource" => {
                let arn = serde_json::from_str::<Value>(&text).unwrap_or_default();
                let arn = arn.get("ResourceArn").and_then(Value::as_str).unwrap_or_default();
                let arn = arn.replace(THEIR_ARN, &self.our_arn());
                let message = format!("Requested resource not found: ResourcArn: {arn} not found");
                ServiceError::bad_request("ResourceNotFoundException", message).json(AMZ_JSON_1_0)
            }
            Err(error) => {
                let error = self.told(decode::resolve(operation, &text, error));
                aws_json::bytes(error.status_code(), AMZ_JSON_1_0, self.with_our_arns(operation, error.to_json()))
            }
        }
    }

    /// Returns after the next change.
    pub(crate) async fn changed(&self) {
        self.wal.changed().await;
    }

    /// Checkpoints the write-ahead log into the database, concurrently with requests. Blocks.
    pub(crate) fn write_back(&self) {
        let written = self.wal.write_back();
        let written = written.map_err(|error| format!("{}: {error}", self.path.display()));
        // A successful checkpoint proves that the disk has room.
        if written.is_ok() {
            self.notices.tell_outcome(ROOM, Ok::<_, String>(()));
        }
        self.notices.tell_outcome("write back of tables", written);
    }

    /// Reports a failure of the database itself (a full disk, or damage) and returns it with the file's name.
    fn told(&self, error: DynoxideError) -> DynoxideError {
        if error.status_code() != 500 {
            return error;
        }
        let message = format!("{}: {error}", self.path.display());
        if message.contains("disk is full") {
            self.notices.tell_outcome(ROOM, Err(&message));
        } else {
            self.notices.tell(&message);
        }
        DynoxideError::InternalServerError(message)
    }

    /// Deletes expired items of tables with a time to live. Blocks.
    pub(crate) fn expire(&self) {
        let expired = self.database.sweep_ttl().map(drop);
        let expired = expired.map_err(|error| format!("{}: {error}", self.path.display()));
        self.notices.tell_outcome("expiry of items", expired);
    }

    /// Rewrites ARNs in a request to dynoxide's. A table ARN in place of a table name becomes the name.
    fn with_their_arns<'a>(&self, operation: &str, text: &'a str) -> Cow<'a, str> {
        if !text.contains("arn:aws:dynamodb:") {
            return text.into();
        }
        let Ok(mut input) = serde_json::from_str::<Value>(text) else { return text.into() };
        self.name_tables(&mut input);
        let text = input.to_string();
        if speaks_of_arns(operation) { text.replace(&self.our_arn(), THEIR_ARN).into() } else { text.into() }
    }

    fn with_our_arns(&self, operation: &str, text: String) -> String {
        if !speaks_of_arns(operation) {
            return text;
        }
        let key = format!("arn:aws:kms:{}:{}:", self.identity.region, self.identity.account);
        text.replace(THEIR_ARN, &self.our_arn()).replace(THEIR_KEY, &key)
    }

    fn our_arn(&self) -> String {
        self.identity.table_arn("").replace("table/", "")
    }

    /// Runs an operation; returns `None` for an unknown one.
    fn run(&self, operation: &str, text: &str) -> Option<Result<String, DynoxideError>> {
        let db = &self.database;
        Some(match operation {
            "CreateTable" => call(text, |input| self.readers.change(|| db.create_table(input))),
            "DeleteTable" => call(text, |input| self.readers.change(|| db.delete_table(input))),
            "DescribeTable" => decode::input(text).and_then(|input| self.describe(input)),
            "ListTables" => call(text, |input| db.list_tables(input)),
            "UpdateTable" => call(text, |input| self.readers.change(|| db.update_table(input))),
            "PutItem" => self.write(text, |input| db.put_item(input)),
            "GetItem" => call_checked(text, |input| db.get_item(input)),
            "DeleteItem" => self.write(text, |input| db.delete_item(input)),
            "UpdateItem" => self.update_item(text),
            "Query" => {
                let adapted = adapt::key_conditions(text);
                let text = adapted.as_deref().unwrap_or(text);
                decode::checked(text).and_then(|input| self.readers.query(text, input))
            }
            "Scan" => decode::checked(text).and_then(|input| self.readers.scan(text, input)),
            "BatchGetItem" => call_checked(text, |input| db.batch_get_item(input)),
            "BatchWriteItem" => call(text, |input| self.batches.write(db, &self.metrics, text, input)),
            "TransactWriteItems" => call_checked(text, |input| db.transact_write_items(input)),
            "TransactGetItems" => call_checked(text, |input| db.transact_get_items(input)),
            "ListStreams" => call(text, |input| db.list_streams(input)),
            "DescribeStream" => call(text, |input| db.describe_stream(input)),
            "GetShardIterator" => call(text, |input| db.get_shard_iterator(input)),
            "GetRecords" => call(text, |input| db.get_records(input)),
            "UpdateTimeToLive" => call(text, |input| db.update_time_to_live(input)),
            "DescribeTimeToLive" => call(text, |input| db.describe_time_to_live(input)),
            "ExecuteStatement" => decode::input(text).and_then(|input: ExecuteStatementRequest| {
                if is_select(&input.statement) {
                    self.readers.select(text, input)
                } else {
                    to_json(&db.execute_statement(input)?)
                }
            }),
            "ExecuteTransaction" => call(text, |input| db.execute_transaction(input))
                .map(|answer| adapt::response_for_each_statement(text, answer)),
            "BatchExecuteStatement" => call(text, |input| db.batch_execute_statement(input)),
            "TagResource" => call(text, |input| db.tag_resource(input)),
            "UntagResource" => call(text, |input| db.untag_resource(input)),
            "ListTagsOfResource" => call(text, |input| db.list_tags_of_resource(input)),
            "DescribeLimits" => Ok(LIMITS.to_string()),
            "DescribeContinuousBackups" => self.table_id(text).map(|id| self.backups.describe(&id).to_string()),
            "UpdateContinuousBackups" => {
                self.table_id(text).and_then(|id| self.backups.update(&id, text)).map(|answer| answer.to_string())
            }
            _ => return None,
        })
    }

    fn update_item(&self, text: &str) -> Result<String, DynoxideError> {
        let was_there = match adapt::look_before(text) {
            // An error of the key is reported by the update itself.
            Some(look) => decode::input(&look).and_then(|look| self.database.get_item(look)).ok(),
            None => return self.write(text, |input| self.database.update_item(input)),
        };
        let answer = self.write(text, |input| self.database.update_item(input))?;
        let is_new = was_there.is_some_and(|answer| answer.item.is_none());
        Ok(if is_new { adapt::without_attributes(answer) } else { answer })
    }

    fn describe(&self, request: DescribeTableRequest) -> Result<String, DynoxideError> {
        let table = self.database.get_table_metadata(&request.table_name)?;
        // Only the database itself knows the progress of its vector indexes.
        if table.is_some_and(|table| table.vector_index_definitions.is_some()) {
            return to_json(&self.database.describe_table(request)?);
        }
        self.readers.describe(request)
    }

    /// Returns the ID of the table that a request names; another table of the same name has another ID.
    fn table_id(&self, text: &str) -> Result<String, DynoxideError> {
        let name = serde_json::from_str::<Value>(text).ok().and_then(|mut input| {
            self.name_tables(&mut input);
            input.get("TableName").map(|name| json!({ "TableName": name }).to_string())
        });
        let request: DescribeTableRequest = decode::input(name.as_deref().unwrap_or("{}"))?;
        match self.database.get_table_metadata(&request.table_name)? {
            Some(table) => Ok(table.table_id.unwrap_or_default()),
            None => Err(DynoxideError::ResourceNotFoundException(format!(
                "Requested resource not found: Table: {} not found",
                request.table_name
            ))),
        }
    }

    /// Returns the database's description of the table that a request names.
    fn described(&self, text: &str) -> Result<Value, DynoxideError> {
        let described = call::<_, dynoxide::actions::describe_table::DescribeTableResponse>(text, |input| {
            self.database.describe_table(input)
        })?;
        Ok(serde_json::from_str(&described).unwrap_or_default())
    }
}

/// Quotas of a new account (`DescribeLimits`).
const LIMITS: &str = r#"{"AccountMaxReadCapacityUnits":80000,"AccountMaxWriteCapacityUnits":80000,"TableMaxReadCapacityUnits":40000,"TableMaxWriteCapacityUnits":40000}"#;

/// Runs an operation with expressions, after checking their limits.
fn call_checked<I, O>(text: &str, run: impl FnOnce(I) -> Result<O, DynoxideError>) -> Result<String, DynoxideError>
where
    I: DeserializeOwned + Expressions,
    O: Serialize,
{
    to_json(&run(decode::checked(text)?)?)
}

fn call<I, O>(text: &str, run: impl FnOnce(I) -> Result<O, DynoxideError>) -> Result<String, DynoxideError>
where
    I: DeserializeOwned,
    O: Serialize,
{
    to_json(&run(decode::input(text)?)?)
}

fn to_json(output: &impl Serialize) -> Result<String, DynoxideError> {
    serde_json::to_string(output).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

#[cfg(test)]
mod page_tests;
