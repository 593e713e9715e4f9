//! CloudWatch Logs: log groups, streams and events, in a small store behind the JSON 1.1 protocol.

mod event_file;
mod event_index;
mod events;
mod filter;
mod groups;
mod page;
mod requested_groups;
mod store;
mod streams;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::store::Store;
use super::decode_error::DecodeError;
use super::diagnostics::Diagnostics;
use super::durability::Durability;
use super::identity::Identity;
use crate::error::Error;
use crate::protocol::aws_json;
use crate::protocol::aws_json::{AMZ_JSON_1_1, Request, Response, ServiceError};

/// The CloudWatch Logs service of one local cloud; clones share it.
#[derive(Clone)]
pub(crate) struct Logs(Arc<Inner>);

struct Inner {
    identity: Identity,
    notices: Diagnostics,
    store: Mutex<Store>,
}

impl Logs {
    /// Opens the logs kept in a directory.
    pub(crate) fn open(
        directory: &Path,
        identity: Identity,
        durability: Durability,
        notices: Diagnostics,
    ) -> Result<Logs, Error> {
        let store = Mutex::new(Store::open(directory, durability)?);
        Ok(Logs(Arc::new(Inner { identity, notices, store })))
    }

    /// Appends a function's log events (epoch milliseconds and text), and creates the stream.
    ///
    /// Returns whether they are stored.
    ///
    /// A missing group is created only if the function's role allows it; otherwise the events are dropped, as in the
    /// service.
    pub(crate) async fn append(
        &self,
        group: &str,
        stream: &str,
        events: Vec<(u64, String)>,
        may_create_group: bool,
    ) -> bool {
        let (logs, group, stream) = (self.clone(), group.to_owned(), stream.to_owned());
        let written = tokio::task::spawn_blocking(move || {
            let mut store = logs.store();
            if store.is_closed() || (!store.has_group(&group) && !may_create_group) {
                return Ok(false);
            }
            write(&mut store, &group, &stream, events).map(|()| true)
        });
        let written = written.await.unwrap_or_else(|error| Err(ServiceError::internal(error.to_string())));
        let kept = *written.as_ref().unwrap_or(&false);
        // The function has ended; it cannot receive the error.
        self.0.notices.tell_failure(written.map(drop).map_err(|error| error.message));
        kept
    }

    /// Closes the store: pending appends reach the disk, and later ones are dropped. Blocks.
    pub(crate) fn close(&self) {
        self.store().close();
    }

    /// Deletes expired events. Blocks.
    pub(crate) fn expire(&self) {
        let expired = self.store().expire(aws_json::now_ms());
        self.0.notices.tell_failure(expired.map_err(|error| error.message));
    }

    /// Handles a request of the Logs API.
    pub(crate) async fn handle(&self, request: Request) -> Response {
        let logs = self.clone();
        let done = tokio::task::spawn_blocking(move || logs.answer(&request)).await;
        match done {
            Ok(Ok(body)) => aws_json::json_as(200, AMZ_JSON_1_1, &body),
            Ok(Err(error)) => error.json(AMZ_JSON_1_1),
            Err(error) => ServiceError::internal(error.to_string()).json(AMZ_JSON_1_1),
        }
    }

    fn answer(&self, request: &Request) -> Result<Value, ServiceError> {
        let body = request.body();
        match aws_json::operation(request) {
            "CreateLogGroup" => self.create_log_group(input(body)?),
            "DescribeLogGroups" => self.describe_log_groups(&input(body)?),
            "DeleteLogGroup" => self.delete_log_group(&input(body)?),
            "PutRetentionPolicy" => self.put_retention_policy(&input(body)?),
            "DeleteRetentionPolicy" => self.delete_retention_policy(&input(body)?),
            "TagResource" => self.tag_resource(input(body)?),
            "UntagResource" => self.untag_resource(&input(body)?),
            "ListTagsForResource" => self.list_tags_for_resource(&input(body)?),
            "TagLogGroup" => self.tag_log_group(input(body)?),
            "UntagLogGroup" => self.untag_log_group(&input(body)?),
            "ListTagsLogGroup" => self.list_tags_log_group(&input(body)?),
            "CreateLogStream" => self.create_log_stream(&input(body)?),
            "DeleteLogStream" => self.delete_log_stream(&input(body)?),
            "DescribeLogStreams" => self.describe_log_streams(&input(body)?),
            "PutLogEvents" => self.put_log_events(input(body)?),
            "GetLogEvents" => self.get_log_events(&input(body)?),
            "FilterLogEvents" => self.filter_log_events(&input(body)?),
            "DescribeSubscriptionFilters" => self.describe_subscription_filters(&input(body)?),
            "DescribeMetricFilters" => Ok(json!({ "metricFilters": [] })),
            operation => Err(ServiceError::not_implemented("logs", operation)),
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.store.lock()
    }
}

/// Appends events to a stream of a group, creating both if needed. No caller waits for the disk.
fn write(store: &mut Store, group: &str, stream: &str, events: Vec<(u64, String)>) -> Result<(), ServiceError> {
    if !store.has_group(group) {
        store.create_group(group, BTreeMap::new())?;
    }
    if !store.has_stream(group, stream) {
        store.create_stream(group, stream)?;
    }
    store.append(group, stream, events, Durability::Process)
}

fn input<T: DeserializeOwned>(body: &[u8]) -> Result<T, ServiceError> {
    serde_json::from_slice(body).map_err(|error| {
        let code = if error.is_data() { "InvalidParameterException" } else { "SerializationException" };
        ServiceError::bad_request(code, DecodeError::of(&error).sentence())
    })
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::bad_request("InvalidParameterException", message)
}

#[cfg(test)]
mod tests;
