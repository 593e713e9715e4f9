//! Operations on log events: put, get, filter.

use serde::Deserialize;
use serde_json::{Value, json};

use super::event_file::Event;
use super::filter::Pattern;
use super::{Logs, group_name, invalid};
use crate::local::wire::ServiceError;

/// The most events that `GetLogEvents` and `FilterLogEvents` give in one answer.
const EVENTS_PER_PAGE: usize = 10_000;

/// The most bytes of events in one answer.
const BYTES_PER_PAGE: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the service's names")]
pub(super) struct PutLogEvents {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<InputEvent>,
}

#[derive(Deserialize)]
struct InputEvent {
    timestamp: u64,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<u64>,
    end_time: Option<u64>,
    next_token: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    start_from_head: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<u64>,
    end_time: Option<u64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

impl Logs {
    pub(super) fn put_log_events(&self, input: PutLogEvents) -> Result<Value, ServiceError> {
        if input.log_events.is_empty() || input.log_events.len() > EVENTS_PER_PAGE {
            return Err(invalid("logEvents must hold between 1 and 10000 events."));
        }
        if !input.log_events.is_sorted_by_key(|event| event.timestamp) {
            return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
        }
        let events = input.log_events.into_iter().map(|event| (event.timestamp, event.message)).collect();
        let store = self.store();
        store.append(&input.log_group_name, &input.log_stream_name, events, store.durability())?;
        Ok(json!({ "nextSequenceToken": "0" }))
    }

    /// One stream, forwards or backwards. A token is `f/N` or `b/N`: N events come before that place.
    pub(super) fn get_log_events(&self, input: &GetLogEvents) -> Result<Value, ServiceError> {
        let limit = page_limit(input.limit)?;
        let group = group_name(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
        let store = self.store();
        store.stream(group, &input.log_stream_name)?;
        let (start, end) = (input.start_time.unwrap_or(0), input.end_time.unwrap_or(u64::MAX));
        let mut events = store.events(group, &input.log_stream_name)?;
        events.retain(|(_, event)| (start..end).contains(&event.timestamp));
        let (forward, at) = match input.next_token.as_deref().map(|token| token.split_once('/')) {
            None if input.start_from_head => (true, 0),
            None => (false, events.len()),
            Some(Some(("f", at))) => (true, place(at)?),
            Some(Some(("b", at))) => (false, place(at)?),
            Some(_) => return Err(invalid("The specified nextToken is invalid.")),
        };
        let at = at.min(events.len());
        let (from, to) = if forward {
            (at, at + fitting(events[at..].iter().map(|(_, event)| event), limit))
        } else {
            (at - fitting(events[..at].iter().rev().map(|(_, event)| event), limit), at)
        };
        let page: Vec<Value> = events[from..to]
            .iter()
            .map(|(_, event)| {
                json!({ "timestamp": event.timestamp, "message": event.message, "ingestionTime": event.ingested })
            })
            .collect();
        Ok(json!({
            "events": page,
            "nextForwardToken": format!("f/{to}"),
            "nextBackwardToken": format!("b/{from}"),
        }))
    }

    /// All streams of a group in order of time. A token names the last event given.
    pub(super) fn filter_log_events(&self, input: &FilterLogEvents) -> Result<Value, ServiceError> {
        let limit = page_limit(input.limit)?;
        if input.log_stream_names.is_some() && input.log_stream_name_prefix.is_some() {
            return Err(invalid("logStreamNames and logStreamNamePrefix cannot be given together."));
        }
        let pattern = Pattern::parse(input.filter_pattern.as_deref().unwrap_or_default()).map_err(invalid)?;
        let group = group_name(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
        let store = self.store();
        let (start, end) = (input.start_time.unwrap_or(0), input.end_time.unwrap_or(u64::MAX));
        let mut found: Vec<(u64, String, usize, Event)> = Vec::new();
        let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
        for name in store.group(group)?.streams.keys() {
            let named = input.log_stream_names.as_ref().is_none_or(|names| names.contains(name));
            if !named || !name.starts_with(prefix) {
                continue;
            }
            for (ordinal, event) in store.events(group, name)? {
                if (start..=end).contains(&event.timestamp) && pattern.matches(&event.message) {
                    found.push((event.timestamp, name.clone(), ordinal, event));
                }
            }
        }
        found.sort_by(|a, b| (a.0, &a.1, a.2).cmp(&(b.0, &b.1, b.2)));
        if let Some(token) = &input.next_token {
            let (time, name, ordinal): (u64, String, usize) =
                serde_json::from_str(token).map_err(|_| invalid("The specified nextToken is invalid."))?;
            found.retain(|(at, stream, number, _)| (*at, stream, *number) > (time, &name, ordinal));
        }
        let taken = fitting(found.iter().map(|(.., event)| event), limit);
        let mut body = json!({
            "events": found[..taken].iter().map(|(_, stream, ordinal, event)| json!({
                "logStreamName": stream,
                "timestamp": event.timestamp,
                "message": event.message,
                "ingestionTime": event.ingested,
                "eventId": event_id(event.timestamp, stream, *ordinal),
            })).collect::<Vec<_>>(),
            "searchedLogStreams": [],
        });
        if taken < found.len()
            && let Some((time, stream, ordinal, _)) = found[..taken].last()
        {
            body["nextToken"] = json!([time, stream, ordinal]).to_string().into();
        }
        Ok(body)
    }
}

/// How many of the events go into one answer; always the first.
fn fitting<'a>(events: impl Iterator<Item = &'a Event>, limit: usize) -> usize {
    let mut bytes = 0;
    events
        .take(limit)
        .take_while(|event| {
            let first = bytes == 0;
            bytes += event.message.len() + 26;
            first || bytes <= BYTES_PER_PAGE
        })
        .count()
}

fn page_limit(limit: Option<usize>) -> Result<usize, ServiceError> {
    match limit.unwrap_or(EVENTS_PER_PAGE) {
        limit @ 1..=EVENTS_PER_PAGE => Ok(limit),
        _ => Err(invalid("limit must be between 1 and 10000")),
    }
}

fn place(text: &str) -> Result<usize, ServiceError> {
    text.parse().map_err(|_| invalid("The specified nextToken is invalid."))
}

/// Decimal digits, the same for the same event at every call.
fn event_id(timestamp: u64, stream: &str, ordinal: usize) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    stream.hash(&mut hasher);
    format!("{timestamp:016}{:020}{ordinal:020}", hasher.finish())
}
