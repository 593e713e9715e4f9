//! Lines of the function's log, in order of time.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::operation::filter_log_events::builders::FilterLogEventsFluentBuilder;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::sleep;

use super::kind::{Classified, LogKind};
use crate::aws::{AwsFailure, Clients};

/// How often the same token may follow an empty page. CloudWatch may repeat a token while it searches
/// (docs/facts/diagnosis.md, Logs).
const MAX_REPEATED_TOKENS: u32 = 100;
/// The pause before a repeated token is used again.
const REPEATED_TOKEN_PAUSE: Duration = Duration::from_millis(200);

/// The part of a log to read.
#[derive(Clone, Debug)]
pub(crate) struct LogQuery {
    /// The log group.
    pub group: String,
    /// Earliest time in ms since 1970 (inclusive).
    pub since_ms: Option<i64>,
    /// Latest time in ms since 1970 (inclusive).
    pub until_ms: Option<i64>,
    /// A filter pattern of CloudWatch Logs.
    pub pattern: Option<String>,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LogLine {
    /// When it was written, by the clock of the function's host.
    #[serde(serialize_with = "rfc3339")]
    pub time: i64,
    /// The kind of message.
    pub kind: LogKind,
    /// The invocation that it belongs to, as far as it says so.
    pub request_id: Option<String>,
    /// The message as it is, without a line end.
    pub message: String,
}

impl LogLine {
    /// Returns the time as RFC 3339 in UTC, to the millisecond.
    #[must_use]
    pub(crate) fn rfc3339(&self) -> String {
        format_ms(self.time)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn rfc3339<S: serde::Serializer>(time: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_ms(*time))
}

fn format_ms(time: i64) -> String {
    Timestamp::from_millisecond(time).map_or_else(|_| format!("{time} ms"), |time| format!("{time:.3}"))
}

/// An event and the id that tells it from others.
pub(super) struct IdentifiedLine {
    pub id: String,
    pub line: LogLine,
}

impl From<FilteredLogEvent> for IdentifiedLine {
    fn from(event: FilteredLogEvent) -> Self {
        let message = event.message.unwrap_or_default();
        let Classified { kind, request_id } = Classified::of(&message);
        let message = message.trim_end_matches(['\r', '\n']).to_owned();
        let time = event.timestamp.unwrap_or_default();
        // An emulator may give no id. Events that are alike in all else are then one.
        let id = event.event_id.filter(|id| !id.is_empty()).unwrap_or_else(|| {
            let stream = event.log_stream_name.unwrap_or_default();
            format!("{stream} {time} {} {message}", event.ingestion_time.unwrap_or_default())
        });
        IdentifiedLine { id, line: LogLine { time, kind, request_id, message } }
    }
}

/// Calls `on_line` for each line in order of time, until it returns false or there are no more. Returns `None` if the
/// log group does not exist.
///
/// # Errors
/// If a call fails, or `on_line` does.
pub(crate) async fn read_log<E: From<AwsFailure>>(
    clients: &Clients,
    query: &LogQuery,
    mut on_line: impl FnMut(LogLine) -> Result<bool, E>,
) -> Result<Option<()>, E> {
    read_events(clients, query, |event| on_line(event.line)).await
}

pub(super) async fn read_events<E: From<AwsFailure>>(
    clients: &Clients,
    query: &LogQuery,
    mut on_event: impl FnMut(IdentifiedLine) -> Result<bool, E>,
) -> Result<Option<()>, E> {
    let resource = format!("log group {}", query.group);
    let call = clients.call("CloudWatch Logs", "FilterLogEvents", &resource);
    let request = request(clients, query);
    let mut token: Option<String> = None;
    let mut repeated = 0;
    loop {
        let Some(answer) = call.optional(request.clone().set_next_token(token.clone()).send().await)? else {
            return Ok(None);
        };
        let events = answer.events.unwrap_or_default();
        let is_empty = events.is_empty();
        for event in events {
            if !on_event(event.into())? {
                return Ok(Some(()));
            }
        }
        // An empty page with a token is normal; only its absence is the end.
        let next = answer.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(Some(()));
        }
        if is_empty && next == token {
            repeated += 1;
            if repeated > MAX_REPEATED_TOKENS {
                return Err(call.build_failure("the same page comes again and again").into());
            }
            sleep(REPEATED_TOKEN_PAUSE).await;
        } else {
            repeated = 0;
        }
        token = next;
    }
}

fn request(clients: &Clients, query: &LogQuery) -> FilterLogEventsFluentBuilder {
    clients
        .logs
        .filter_log_events()
        .log_group_name(&query.group)
        .set_start_time(query.since_ms)
        .set_end_time(query.until_ms)
        .set_filter_pattern(query.pattern.clone())
}
