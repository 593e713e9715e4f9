//! Operations on log streams: create, delete, describe.

use std::cmp::Reverse;

use serde::Deserialize;
use serde_json::{Value, json};

use super::store::{Store, Stream};
use super::{Logs, group_name, invalid};
use crate::local::wire::ServiceError;

/// The most streams in one answer.
const STREAMS_PER_PAGE: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OneStream {
    log_group_name: String,
    log_stream_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogStreams {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    #[serde(default)]
    descending: bool,
    next_token: Option<String>,
    limit: Option<usize>,
}

impl Logs {
    pub(super) fn create_log_stream(&self, input: &OneStream) -> Result<Value, ServiceError> {
        let name = &input.log_stream_name;
        if name.is_empty() || name.len() > 512 || name.contains([':', '*']) {
            return Err(invalid(format!(
                "1 validation error detected: Value '{name}' at 'logStreamName' failed to satisfy constraint: \
                 Member must satisfy regular expression pattern: [^:*]*"
            )));
        }
        self.store().create_stream(&input.log_group_name, name)?;
        Ok(json!({}))
    }

    pub(super) fn delete_log_stream(&self, input: &OneStream) -> Result<Value, ServiceError> {
        self.store().delete_stream(&input.log_group_name, &input.log_stream_name)?;
        Ok(json!({}))
    }

    pub(super) fn describe_log_streams(&self, input: &DescribeLogStreams) -> Result<Value, ServiceError> {
        let limit = input.limit.unwrap_or(STREAMS_PER_PAGE);
        if !(1..=STREAMS_PER_PAGE).contains(&limit) {
            return Err(invalid("limit must be between 1 and 50"));
        }
        let by_time = input.order_by.as_deref() == Some("LastEventTime");
        let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
        if by_time && !prefix.is_empty() {
            return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        let store = self.store();
        let group = group_name(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
        let mut streams = Vec::new();
        for (name, stream) in &store.group(group)?.streams {
            if name.starts_with(prefix) {
                streams.push(self.described_stream(&store, group, name, stream)?);
            }
        }
        if by_time {
            streams.sort_by_key(|stream| stream["lastEventTimestamp"].as_u64());
        }
        if input.descending {
            streams.reverse();
        }
        let from = match &input.next_token {
            Some(token) => token.parse().map_err(|_| invalid("The specified nextToken is invalid."))?,
            None => 0,
        };
        let more = streams.len() > from + limit;
        let page: Vec<Value> = streams.into_iter().skip(from).take(limit).collect();
        let mut body = json!({ "logStreams": page });
        if more {
            body["nextToken"] = (from + limit).to_string().into();
        }
        Ok(body)
    }

    fn described_stream(&self, store: &Store, group: &str, name: &str, stream: &Stream) -> Result<Value, ServiceError> {
        let arn = format!("{}:log-stream:{name}", self.0.identity.log_group_arn(group));
        let mut body = json!({
            "logStreamName": name,
            "creationTime": stream.created,
            "arn": arn,
            "storedBytes": 0,
        });
        let events = store.events(group, name)?;
        if let (Some((_, first)), Some((_, last))) = (events.first(), events.last()) {
            body["firstEventTimestamp"] = first.timestamp.into();
            body["lastEventTimestamp"] = last.timestamp.into();
            let newest = events.iter().min_by_key(|(_, event)| Reverse(event.ingested));
            body["lastIngestionTime"] = newest.map(|(_, event)| event.ingested).into();
            body["uploadSequenceToken"] = events.len().to_string().into();
        }
        Ok(body)
    }
}
