//! `ListShards`: paging and filters.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::kinesis::Kinesis;
use crate::kinesis::serde_types::Time;
use crate::kinesis::stream::{ShardState, StreamState};
use crate::kinesis::validation::{Checks, invalid};
use crate::protocol::aws_json::{Response, ServiceError, now_ms};
use crate::protocol::wire_format::WireFormat;

/// Limit of shards in one response.
const MAX_PAGE: i64 = 10_000;

/// Shards in one response if the caller gives no limit.
const PAGE: i64 = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListShards {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    next_token: Option<String>,
    exclusive_start_shard_id: Option<String>,
    max_results: Option<i64>,
    shard_filter: Option<ShardFilter>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ShardFilter {
    #[serde(rename = "Type")]
    kind: Option<String>,
    shard_id: Option<String>,
    timestamp: Option<Time>,
}

/// A shard filter of `ListShards`.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Filter {
    /// All retained shards.
    All,
    /// Shards after this one.
    After(u32),
    /// Shards open at this time (epoch ms).
    OpenAt(u64),
    /// Shards open at this time (epoch ms) or later.
    OpenSince(u64),
}

/// A position in the list, serialized as an opaque token.
#[derive(Serialize, Deserialize)]
struct Token {
    stream: String,
    created: u64,
    after: u32,
    filter: Filter,
    /// Epoch milliseconds.
    made: u64,
}

/// Lifetime of a page token in milliseconds (API reference, `ListShards`: "Tokens expire after 300 seconds").
const LIFETIME: u64 = 300_000;

/// Rejects a page token older than its lifetime.
pub(super) fn check_age(made: u64, now: u64) -> Result<(), ServiceError> {
    if now.saturating_sub(made) <= LIFETIME {
        return Ok(());
    }
    let message = "The pagination token passed to the operation is expired.";
    Err(ServiceError::bad_request("ExpiredNextTokenException", message))
}

impl Kinesis {
    pub(super) fn list_shards(&self, form: WireFormat, input: ListShards) -> Result<Response, ServiceError> {
        let mut checks = Checks::default();
        checks.range("maxResults", input.max_results, 1, MAX_PAGE);
        checks.name("exclusiveStartShardId", input.exclusive_start_shard_id.as_deref()).done()?;
        let now = now_ms();
        let (stream, after, filter) = if let Some(token) = &input.next_token {
            if input.stream_name.is_some() || input.stream_arn.is_some() {
                return Err(invalid("NextToken and StreamName cannot be provided together."));
            }
            let token = Token::parse(token).ok_or_else(|| invalid("Invalid NextToken."))?;
            check_age(token.made, now)?;
            let stream = self.stream(&token.stream)?;
            if stream.read().state.created != token.created {
                return Err(invalid("Invalid NextToken."));
            }
            (stream, Some(token.after), token.filter)
        } else {
            if input.stream_name.is_none() && input.stream_arn.is_none() {
                return Err(invalid("Either NextToken or StreamName should be provided."));
            }
            let name = self.named(input.stream_name.as_deref(), input.stream_arn.as_deref())?;
            let after = input.exclusive_start_shard_id.as_deref().map(|id| self.number_of(id, &name)).transpose()?;
            let stream = self.stream(&name)?;
            let filter = self.filter(input.shard_filter, &stream.read().state, now)?;
            (stream, after, filter)
        };
        let live = stream.read();
        let state = &live.state;
        let limit = usize::try_from(input.max_results.unwrap_or(PAGE)).unwrap_or_default();
        let mut rest = state
            .visible_shards(now)
            .filter(|shard| after.is_none_or(|after| shard.number > after))
            .filter(|shard| filter.takes(shard));
        let page: Vec<&ShardState> = rest.by_ref().take(limit).collect();
        let mut body = json!({ "Shards": page.iter().map(|shard| described(shard)).collect::<Vec<_>>() });
        if rest.next().is_some()
            && let Some(last) = page.last()
        {
            let token =
                Token { stream: state.name.clone(), created: state.created, after: last.number, filter, made: now };
            body["NextToken"] = token.text().into();
        }
        Ok(form.members(&body))
    }

    fn filter(&self, filter: Option<ShardFilter>, state: &StreamState, now: u64) -> Result<Filter, ServiceError> {
        let Some(filter) = filter else { return Ok(Filter::All) };
        let timestamp = || {
            let Time(at) = filter.timestamp.ok_or_else(|| {
                invalid("Timestamp must be provided with a ShardFilter of AT_TIMESTAMP or FROM_TIMESTAMP.")
            })?;
            if at > now {
                return Err(invalid("The Timestamp of a ShardFilter cannot be in the future."));
            }
            Ok(at.max(state.cutoff(now)).max(state.created))
        };
        let horizon = state.cutoff(now).max(state.created);
        match filter.kind.as_deref() {
            Some("AFTER_SHARD_ID") => {
                let id = filter
                    .shard_id
                    .as_deref()
                    .ok_or_else(|| invalid("ShardId must be provided with a ShardFilter of AFTER_SHARD_ID."))?;
                Ok(Filter::After(self.number_of(id, &state.name)?))
            }
            Some("AT_TRIM_HORIZON") => Ok(Filter::OpenAt(horizon)),
            Some("FROM_TRIM_HORIZON") => Ok(Filter::OpenSince(horizon)),
            Some("AT_LATEST") => Ok(Filter::OpenAt(u64::MAX)),
            Some("AT_TIMESTAMP") => Ok(Filter::OpenAt(timestamp()?)),
            Some("FROM_TIMESTAMP") => Ok(Filter::OpenSince(timestamp()?)),
            kind => {
                let words = [
                    "AFTER_SHARD_ID",
                    "AT_TRIM_HORIZON",
                    "FROM_TRIM_HORIZON",
                    "AT_LATEST",
                    "AT_TIMESTAMP",
                    "FROM_TIMESTAMP",
                ];
                let mut checks = Checks::default();
                checks.present("shardFilter.type", kind.as_ref()).one_of("shardFilter.type", kind, &words).done()?;
                Ok(Filter::All)
            }
        }
    }
}

impl Filter {
    fn takes(self, shard: &ShardState) -> bool {
        match self {
            Filter::All => true,
            Filter::After(number) => shard.number > number,
            Filter::OpenAt(time) => shard.created <= time && shard.closed.is_none_or(|closed| closed > time),
            Filter::OpenSince(time) => shard.closed.is_none_or(|closed| closed > time),
        }
    }
}

impl Token {
    fn text(&self) -> String {
        BASE64.encode(json!(self).to_string())
    }

    fn parse(text: &str) -> Option<Token> {
        serde_json::from_slice(&BASE64.decode(text).ok()?).ok()
    }
}

/// Returns the stream in the `NextToken` of a `ListShards`.
pub(crate) fn stream_of_token(text: &str) -> Option<String> {
    Token::parse(text).map(|token| token.stream)
}

/// Returns a shard as API responses describe it.
pub(super) fn described(shard: &ShardState) -> Value {
    let mut described = json!({
        "ShardId": shard.id(),
        "HashKeyRange": {
            "StartingHashKey": shard.range.start.to_string(),
            "EndingHashKey": shard.range.end.to_string(),
        },
        "SequenceNumberRange": { "StartingSequenceNumber": shard.starting().to_string() },
    });
    if let Some(ending) = shard.ending() {
        described["SequenceNumberRange"]["EndingSequenceNumber"] = ending.to_string().into();
    }
    for (member, parent) in [("ParentShardId", shard.parent), ("AdjacentParentShardId", shard.adjacent_parent)] {
        if let Some(parent) = parent {
            described[member] = crate::kinesis::sequence::shard_id(parent).into();
        }
    }
    described
}
