//! Operations on log streams: create, delete, describe.

use serde::Deserialize;
use serde_json::{Value, json};

use super::event_index::Contents;
use super::store::KeptEvents;
use super::{Logs, invalid};
use crate::protocol::aws_json::ServiceError;

/// Limit of streams in one response.
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
        let group = self.group(Some(&input.log_group_name), None)?;
        self.store().create_stream(group, name)?;
        Ok(json!({}))
    }

    pub(super) fn delete_log_stream(&self, input: &OneStream) -> Result<Value, ServiceError> {
        let group = self.group(Some(&input.log_group_name), None)?;
        self.store().delete_stream(group, &input.log_stream_name)?;
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
        let group = self.group(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
        let store = self.store();
        let named = store.group(group)?.streams.iter().filter(|(name, _)| name.starts_with(prefix));
        let mut streams = named
            .map(|(name, stream)| {
                let kept = store.kept(group, name)?;
                Ok(Listed { name: name.clone(), created: stream.created, kept, is_looked_at: false, contents: None })
            })
            .collect::<Result<Vec<Listed>, ServiceError>>()?;
        drop(store);
        if by_time {
            streams.iter_mut().try_for_each(Listed::look)?;
            streams.sort_by_key(|stream| stream.contents.map(|contents| contents.last));
        }
        if input.descending {
            streams.reverse();
        }
        let from = match &input.next_token {
            Some(token) => token.parse().map_err(|_| invalid("The specified nextToken is invalid."))?,
            None => 0,
        };
        let more = streams.len() > limit.saturating_add(from);
        let page = streams.into_iter().skip(from).take(limit).map(|stream| self.described_stream(group, stream));
        let mut body = json!({ "logStreams": page.collect::<Result<Vec<Value>, _>>()? });
        if more {
            body["nextToken"] = (from + limit).to_string().into();
        }
        Ok(body)
    }

    fn described_stream(&self, group: &str, mut stream: Listed) -> Result<Value, ServiceError> {
        stream.look()?;
        let arn = format!("{}:log-stream:{}", self.0.identity.log_group_arn(group), stream.name);
        let mut body = json!({
            "logStreamName": stream.name,
            "creationTime": stream.created,
            "arn": arn,
            "storedBytes": 0,
        });
        if let Some(Contents { first, last, newest, count }) = stream.contents {
            body["firstEventTimestamp"] = first.into();
            body["lastEventTimestamp"] = last.into();
            body["lastIngestionTime"] = newest.into();
            body["uploadSequenceToken"] = count.to_string().into();
        }
        Ok(body)
    }
}

/// A stream in a list.
struct Listed {
    name: String,
    created: u64,
    kept: KeptEvents,
    is_looked_at: bool,
    /// `None`: the stream is empty, or not read yet.
    contents: Option<Contents>,
}

impl Listed {
    fn look(&mut self) -> Result<(), ServiceError> {
        if !self.is_looked_at {
            self.contents = self.kept.contents()?;
            self.is_looked_at = true;
        }
        Ok(())
    }
}
