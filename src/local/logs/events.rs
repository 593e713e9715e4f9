//! Operations on log events: put, get, filter.

use serde::Deserialize;
use serde_json::{Value, json};

use super::event_index::Place;
use super::filter::Pattern;
use super::page::{Keep, Page};
use super::store::KeptEvents;
use super::{Logs, invalid};
use crate::protocol::aws_json::ServiceError;

/// Limit of events in one response of `GetLogEvents` and `FilterLogEvents`.
const EVENTS_PER_PAGE: usize = 10_000;

const BEFORE_ALL: Place = (0, 0);
const AFTER_ALL: Place = (u64::MAX, usize::MAX);

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
        let group = self.group(Some(&input.log_group_name), None)?;
        let mut store = self.store();
        let durability = store.durability();
        store.append(group, &input.log_stream_name, events, durability)?;
        Ok(json!({ "nextSequenceToken": "0" }))
    }

    /// Returns a page of one stream, forwards or backwards.
    ///
    /// A token is `f/TIME/N` or `b/TIME/N`: a position between events, before the one with this time and ordinal.
    pub(super) fn get_log_events(&self, input: &GetLogEvents) -> Result<Value, ServiceError> {
        let limit = page_limit(input.limit)?;
        let group = self.group(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
        let (keep, at) = match &input.next_token {
            None if input.start_from_head => (Keep::First, BEFORE_ALL),
            None => (Keep::Last, AFTER_ALL),
            Some(token) => read_token(token).ok_or_else(|| invalid("The specified nextToken is invalid."))?,
        };
        let store = self.store();
        let kept = store.kept(group, &input.log_stream_name)?;
        drop(store);
        let (start, end) = (input.start_time.unwrap_or(0), input.end_time.unwrap_or(u64::MAX));
        let mut page = Page::new(keep, limit);
        kept.scan(
            keep == Keep::Last,
            &mut page,
            |page, span| {
                let is_on_page = match keep {
                    Keep::First => span.last >= at && !page.is_beyond(&span.first),
                    Keep::Last => span.first < at && !page.is_beyond(&span.last),
                };
                is_on_page && span.first.0 < end && span.last.0 >= start
            },
            |page, ordinal, event| {
                let place = (event.timestamp, ordinal);
                if (start..end).contains(&event.timestamp) && (place >= at) == (keep == Keep::First) {
                    page.offer(place, event);
                }
            },
        )?;
        let events: Vec<Value> = page
            .events()
            .values()
            .map(|event| {
                json!({ "timestamp": event.timestamp, "message": event.message, "ingestionTime": event.ingested })
            })
            .collect();
        let (from, to) = match (page.events().keys().next(), page.events().keys().next_back()) {
            (Some(first), Some((time, ordinal))) => (*first, (*time, ordinal + 1)),
            // Later events are not skipped.
            _ if at == AFTER_ALL => (BEFORE_ALL, BEFORE_ALL),
            _ => (at, at),
        };
        Ok(json!({
            "events": events,
            "nextForwardToken": format!("f/{}/{}", to.0, to.1),
            "nextBackwardToken": format!("b/{}/{}", from.0, from.1),
        }))
    }

    /// Returns a page of all streams of a group in order of time. A token names the last event of the page.
    pub(super) fn filter_log_events(&self, input: &FilterLogEvents) -> Result<Value, ServiceError> {
        let limit = page_limit(input.limit)?;
        if input.log_stream_names.is_some() && input.log_stream_name_prefix.is_some() {
            return Err(invalid("logStreamNames and logStreamNamePrefix cannot be given together."));
        }
        let pattern = Pattern::parse(input.filter_pattern.as_deref().unwrap_or_default()).map_err(invalid)?;
        let group = self.group(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
        let after: Option<(u64, String, usize)> = match &input.next_token {
            Some(token) => {
                Some(serde_json::from_str(token).map_err(|_| invalid("The specified nextToken is invalid."))?)
            }
            None => None,
        };
        let after = after.as_ref().map(|(time, stream, ordinal)| (*time, stream.as_str(), *ordinal));
        let store = self.store();
        let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
        let is_asked = |name: &&String| {
            name.starts_with(prefix) && input.log_stream_names.as_ref().is_none_or(|names| names.contains(name))
        };
        let names = store.group(group)?.streams.keys().filter(is_asked);
        let kept = names.map(|name| Ok((name.clone(), store.kept(group, name)?)));
        let streams: Vec<(String, KeptEvents)> = kept.collect::<Result<_, ServiceError>>()?;
        drop(store);
        let (start, end) = (input.start_time.unwrap_or(0), input.end_time.unwrap_or(u64::MAX));
        let mut page = Page::new(Keep::First, limit);
        for (name, kept) in &streams {
            let place = |(time, ordinal): Place| (time, name.as_str(), ordinal);
            kept.scan(
                false,
                &mut page,
                |page, span| {
                    let is_past = after.is_some_and(|after| place(span.last) <= after);
                    let is_asked = span.first.0 <= end && span.last.0 >= start;
                    is_asked && !is_past && !page.is_beyond(&place(span.first))
                },
                |page, ordinal, event| {
                    let place = place((event.timestamp, ordinal));
                    if (start..=end).contains(&event.timestamp)
                        && after.is_none_or(|after| place > after)
                        && pattern.matches(&event.message)
                    {
                        page.offer(place, event);
                    }
                },
            )?;
        }
        let mut body = json!({
            "events": page.events().iter().map(|((_, stream, ordinal), event)| json!({
                "logStreamName": stream,
                "timestamp": event.timestamp,
                "message": event.message,
                "ingestionTime": event.ingested,
                "eventId": event_id(event.timestamp, stream, *ordinal),
            })).collect::<Vec<_>>(),
            "searchedLogStreams": [],
        });
        if page.left_out()
            && let Some(last) = page.events().keys().next_back()
        {
            body["nextToken"] = json!(last).to_string().into();
        }
        Ok(body)
    }
}

/// Returns the direction and position in a token.
fn read_token(token: &str) -> Option<(Keep, Place)> {
    let mut parts = token.split('/');
    let keep = match parts.next()? {
        "f" => Keep::First,
        "b" => Keep::Last,
        _ => return None,
    };
    let place = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some((keep, place))
}

fn page_limit(limit: Option<usize>) -> Result<usize, ServiceError> {
    match limit.unwrap_or(EVENTS_PER_PAGE) {
        limit @ 1..=EVENTS_PER_PAGE => Ok(limit),
        _ => Err(invalid("limit must be between 1 and 10000")),
    }
}

/// Returns an event ID of decimal digits, the same for the same event in every call.
fn event_id(timestamp: u64, stream: &str, ordinal: usize) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    stream.hash(&mut hasher);
    format!("{timestamp:016}{:020}{ordinal:020}", hasher.finish())
}
