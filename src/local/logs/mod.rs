//! CloudWatch Logs: log groups, streams and events, a small store of our own behind the JSON 1.1 wire.

mod events;
mod filter;
mod groups;
mod store;
mod streams;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::store::Store;
use super::identity::Identity;
use super::wire::{self, AMZ_JSON_1_1, Request, Response, ServiceError};
use crate::error::Error;

/// The logs of one local cloud; clones share them.
#[derive(Clone)]
pub(crate) struct Logs(Arc<Inner>);

struct Inner {
    identity: Identity,
    store: Mutex<Store>,
}

impl Logs {
    /// Opens the logs kept in a directory.
    pub(crate) fn open(directory: &Path, identity: Identity) -> Result<Logs, Error> {
        Ok(Logs(Arc::new(Inner { identity, store: Mutex::new(Store::open(directory)?) })))
    }

    /// Adds what a function wrote (epoch milliseconds and text), creating the stream.
    ///
    /// A missing group is created only when the function's role may; else the events are dropped, as the service does.
    /// A failure to write is told by the next request that reads the logs.
    pub(crate) fn append(&self, group: &str, stream: &str, events: Vec<(u64, String)>, may_create_group: bool) {
        let mut store = self.store();
        if !store.has_group(group) {
            if !may_create_group {
                return;
            }
            if let Err(error) = store.create_group(group, std::collections::BTreeMap::new()) {
                store.remember(error);
                return;
            }
        }
        let created = store.create_stream(group, stream);
        let already = created.as_ref().is_err_and(|error| error.code == "ResourceAlreadyExistsException");
        if let Err(error) = created
            && !already
        {
            store.remember(error);
            return;
        }
        if let Err(error) = store.append(group, stream, events) {
            store.remember(error);
        }
    }

    /// Answers a request of the Logs API.
    pub(crate) async fn handle(&self, request: Request) -> Response {
        let logs = self.clone();
        let done = tokio::task::spawn_blocking(move || logs.answer(&request)).await;
        match done {
            Ok(Ok(body)) => wire::json_as(200, AMZ_JSON_1_1, &body),
            Ok(Err(error)) => error.json(AMZ_JSON_1_1),
            Err(error) => ServiceError::internal(error.to_string()).json(AMZ_JSON_1_1),
        }
    }

    fn answer(&self, request: &Request) -> Result<Value, ServiceError> {
        let body = request.body();
        match wire::operation(request) {
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
            "DescribeSubscriptionFilters" => Ok(json!({ "subscriptionFilters": [] })),
            "DescribeMetricFilters" => Ok(json!({ "metricFilters": [] })),
            _ => Err(ServiceError::bad_request("UnknownOperationException", "")),
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn input<T: DeserializeOwned>(body: &[u8]) -> Result<T, ServiceError> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            // The field and its type are named; no value of the caller's is.
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            ServiceError::bad_request("InvalidParameterException", message)
        } else {
            ServiceError::bad_request("SerializationException", "")
        }
    })
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::bad_request("InvalidParameterException", message)
}

/// A name or ARN as callers give either: the name.
fn group_name<'a>(name: Option<&'a str>, identifier: Option<&'a str>) -> Result<&'a str, ServiceError> {
    let given = name.or(identifier).ok_or_else(|| invalid("Log group name is required."))?;
    Ok(name_in_arn(given))
}

/// `/aws/lambda/f` of `arn:aws:logs:REGION:ACCOUNT:log-group:/aws/lambda/f:*`.
fn name_in_arn(text: &str) -> &str {
    match text.split_once(":log-group:") {
        Some((_, name)) => name.strip_suffix(":*").unwrap_or(name),
        None => text,
    }
}

#[cfg(test)]
mod tests;
