//! `GetShardIterator` and `GetRecords`: pages within the service's limits, with the iterator age.

use std::sync::Arc;
use std::time::Duration;

use ferrokinesis_core::types::ShardIteratorType;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::kinesis::hash_range::HashRange;
use crate::kinesis::iterator::ShardIterator;
use crate::kinesis::log::{Entry, FIRST_INDEX};
use crate::kinesis::sequence::{SequenceNumber, shard_id};
use crate::kinesis::serde_types::{BlobRef, Time, millis};
use crate::kinesis::shard::Shard;
use crate::kinesis::stream::{ShardState, StreamState};
use crate::kinesis::validation::{Checks, invalid};
use crate::kinesis::{Kinesis, StartAt, THROTTLED};
use crate::metrics::Metric;
use crate::protocol::aws_json::{Response, ServiceError, now_ms};
use crate::protocol::wire_format::WireFormat;

/// Limit of data and keys in one `GetRecords` response, in bytes.
const MAX_PAGE_BYTES: usize = 10 << 20;

/// Limit of records in one `GetRecords` response.
pub(crate) const MAX_PAGE_RECORDS: usize = 10_000;

/// Types of starting positions.
pub(super) const POSITIONS: [&str; 5] =
    ["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetShardIterator {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    shard_id: Option<String>,
    shard_iterator_type: Option<String>,
    starting_sequence_number: Option<String>,
    timestamp: Option<Time>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetRecords {
    shard_iterator: Option<String>,
    limit: Option<i64>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetRecordsAnswer<'a> {
    records: Vec<RecordAnswer<'a>>,
    /// Null at the end of a closed shard.
    next_shard_iterator: Option<String>,
    millis_behind_latest: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    child_shards: Vec<serde_json::Value>,
}

/// A record as responses show it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RecordAnswer<'a> {
    sequence_number: String,
    approximate_arrival_timestamp: Time,
    data: BlobRef<'a>,
    partition_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_type: Option<&'static str>,
}

/// The result of one read of a shard.
pub(crate) struct Read {
    /// The shard.
    pub shard: ShardState,
    /// Entries in order.
    pub entries: Vec<Entry>,
    /// Iterator of the next read; `None` when the shard is closed and read to its end.
    pub next: Option<ShardIterator>,
    /// Iterator age in milliseconds; 0 at the tip of the shard.
    pub millis_behind: u64,
    /// Child shards; empty before the end of the shard.
    children: Vec<Child>,
}

/// A child shard.
struct Child {
    id: String,
    parents: Vec<String>,
    range: HashRange,
}

impl Kinesis {
    pub(super) fn get_shard_iterator(
        &self,
        form: WireFormat,
        input: &GetShardIterator,
    ) -> Result<Response, ServiceError> {
        let kind = input.shard_iterator_type.as_deref();
        let mut checks = Checks::default();
        checks.present("shardId", input.shard_id.as_ref()).name("shardId", input.shard_id.as_deref());
        checks.present("shardIteratorType", kind.as_ref()).one_of("shardIteratorType", kind, &POSITIONS).done()?;
        let name = self.named(input.stream_name.as_deref(), input.stream_arn.as_deref())?;
        let at = start_at(kind, input.starting_sequence_number.as_deref(), input.timestamp, now_ms())?;
        let iterator = self.start(&name, input.shard_id.as_deref().unwrap_or_default(), &at)?;
        Ok(form.members(&json!({ "ShardIterator": iterator.token(now_ms()) })))
    }

    pub(super) fn get_records(&self, form: WireFormat, input: &GetRecords) -> Result<Response, ServiceError> {
        let mut checks = Checks::default();
        checks.present("shardIterator", input.shard_iterator.as_ref());
        checks.range("limit", input.limit, 1, 10_000).done()?;
        let now = now_ms();
        let at = ShardIterator::parse(input.shard_iterator.as_deref().unwrap_or_default(), now)?;
        if let Some(arn) = &input.stream_arn
            && self.name_of(arn)? != at.stream
        {
            return Err(invalid("StreamARN and ShardIterator must name the same stream."));
        }
        self.admit_read(&at).map_err(|_| {
            self.metrics().add(Metric::ReadThroughputExceeded, &at.stream, 1.0);
            ServiceError::bad_request(THROTTLED, self.rate_exceeded(&shard_id(at.shard), &at.stream))
        })?;
        let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MAX_PAGE_RECORDS);
        let read = self.read(&at, limit)?;
        Ok(form.answer(&GetRecordsAnswer {
            records: read.record_answers(),
            next_shard_iterator: read.next.as_ref().map(|next| next.token(now)),
            millis_behind_latest: read.millis_behind,
            child_shards: read.child_answers(),
        }))
    }

    /// Returns the position in a shard where reading starts.
    pub(crate) fn start(&self, name: &str, shard_id: &str, at: &StartAt) -> Result<ShardIterator, ServiceError> {
        let stream = self.stream(name)?;
        let number = self.number_of(shard_id, name)?;
        let live = stream.read();
        let is_kept = |state: &ShardState| state.is_kept(live.state.cutoff(now_ms()));
        let (state, shard) = live.shard(number).filter(|(state, _)| is_kept(state)).ok_or_else(|| {
            let account = &self.0.identity.account;
            let message = format!("Shard {shard_id} in stream {name} under account {account} does not exist");
            ServiceError::bad_request("ResourceNotFoundException", message)
        })?;
        let next = match at {
            StartAt::TrimHorizon => FIRST_INDEX,
            StartAt::Latest => shard.next_index()?,
            StartAt::AtTimestamp(seconds) => shard.index_at(millis(seconds * 1000.0))?,
            StartAt::AtSequence(number) => self.place(number, state, shard_id, name, "AT_SEQUENCE_NUMBER")?.index_at(),
            StartAt::AfterSequence(number) => {
                self.place(number, state, shard_id, name, "AFTER_SEQUENCE_NUMBER")?.index_after()
            }
        };
        let next = next.clamp(FIRST_INDEX, shard.next_index()?);
        Ok(ShardIterator { stream: name.to_owned(), shard: number, created: state.epoch(), next })
    }

    /// Counts one read against the shard's read rate.
    ///
    /// # Errors
    /// The rate is exhausted; returns the time to wait.
    pub(crate) fn admit_read(&self, at: &ShardIterator) -> Result<(), Duration> {
        if !self.0.options.throttle {
            return Ok(());
        }
        // The read itself reports a missing stream.
        let Some(stream) = self.0.store.get(&at.stream) else { return Ok(()) };
        let live = stream.read();
        live.shard(at.shard).map_or(Ok(()), |(_, shard)| shard.reads.admit(now_ms()))
    }

    /// Returns the next records of a shard, within the limits of a page, and counts them against its read rate.
    pub(crate) fn read(&self, at: &ShardIterator, limit: usize) -> Result<Read, ServiceError> {
        let (read, shard) = self.read_page(at, limit, MAX_PAGE_BYTES)?;
        self.metrics().add(Metric::ReadThroughputExceeded, &at.stream, 0.0);
        #[expect(clippy::cast_precision_loss, reason = "an age in milliseconds stays below 2^53")]
        self.metrics().add(Metric::GetRecordsIteratorAge, &at.stream, read.millis_behind as f64);
        if self.0.options.throttle {
            shard.reads.gave(read.bytes());
        }
        Ok(read)
    }

    /// Returns the next records of a shard for a consumer, whose reads do not count against the shard's read rate.
    pub(crate) fn read_as_consumer(
        &self,
        at: &ShardIterator,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Read, ServiceError> {
        self.read_page(at, limit, max_bytes).map(|(read, _)| read)
    }

    fn read_page(
        &self,
        at: &ShardIterator,
        limit: usize,
        max_bytes: usize,
    ) -> Result<(Read, Arc<Shard>), ServiceError> {
        let stream = self.stream(&at.stream)?;
        let now = now_ms();
        let (state, shard, horizon, children) = {
            let live = stream.read();
            let (state, shard) = live
                .shard(at.shard)
                .filter(|(state, _)| state.epoch() == at.created)
                // The iterator belongs to an earlier stream of the same name.
                .ok_or_else(|| {
                    ServiceError::bad_request("ExpiredIteratorException", "The stream is another one now.")
                })?;
            (state.clone(), shard.clone(), live.state.cutoff(now), children(&live.state, at.shard))
        };
        let from = at.next.max(shard.horizon(horizon)?);
        let chunk = shard.read(from, limit.clamp(1, MAX_PAGE_RECORDS), max_bytes)?;
        let behind = |entry: &Entry| now.saturating_sub(entry.arrival).max(1);
        let millis_behind = if chunk.is_last { 0 } else { chunk.entries.last().map_or(0, behind) };
        let is_end = chunk.is_last && state.closed.is_some();
        let next = ShardIterator { next: chunk.next, ..at.clone() };
        let read = Read {
            shard: state,
            entries: chunk.entries,
            next: if is_end { None } else { Some(next) },
            millis_behind,
            children: if is_end { children } else { Vec::new() },
        };
        Ok((read, shard))
    }

    /// Returns a decoded sequence number, which must belong to this shard.
    fn place(
        &self,
        number: &str,
        shard: &ShardState,
        shard_id: &str,
        stream: &str,
        kind: &str,
    ) -> Result<SequenceNumber, ServiceError> {
        let account = &self.0.identity.account;
        let used = format!(
            "StartingSequenceNumber {number} used in GetShardIterator on shard {shard_id} in stream {stream} under \
             account {account} is invalid"
        );
        let parsed = SequenceNumber::parse(number).ok_or_else(|| invalid(format!("{used}.")))?;
        if parsed.shard != shard.number {
            return Err(invalid(format!(
                "Invalid StartingSequenceNumber. It encodes {}, while it was used in a call to a shard with {shard_id}",
                crate::kinesis::sequence::shard_id(parsed.shard)
            )));
        }
        if parsed.created != shard.epoch() {
            return Err(invalid(format!("{used} because it did not come from this stream.")));
        }
        // This is the ending sequence number of a closed shard; consumers detect the shard's end by this error.
        if parsed.is_ending() {
            return Err(invalid(format!(
                "Invalid SequenceNumber for ShardIteratorType {kind}, SequenceNumber has reached max possible value for \
                 the shard."
            )));
        }
        Ok(parsed)
    }
}

impl Read {
    /// Returns the records as responses show them.
    pub(crate) fn record_answers(&self) -> Vec<RecordAnswer<'_>> {
        let record = |entry: &'_ Entry| self.shard.sequence_number(entry.index, entry.arrival).to_string();
        self.entries
            .iter()
            .map(|entry| RecordAnswer {
                sequence_number: record(entry),
                approximate_arrival_timestamp: Time(entry.arrival),
                data: BlobRef(&entry.data),
                partition_key: &entry.partition_key,
                encryption_type: entry.encrypted.then_some("KMS"),
            })
            .collect()
    }

    /// Returns the child shards as responses show them.
    pub(crate) fn child_answers(&self) -> Vec<serde_json::Value> {
        self.children.iter().map(Child::answer).collect()
    }

    /// Returns the size of the records and their keys.
    pub(crate) fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.data.len() + entry.partition_key.len()).sum::<usize>() as u64
    }
}

/// Returns the starting position that a request describes.
///
/// # Errors
/// `InvalidArgumentException` if its members do not fit together, or for a time in the future.
pub(super) fn start_at(
    kind: Option<&str>,
    sequence_number: Option<&str>,
    timestamp: Option<Time>,
    now: u64,
) -> Result<StartAt, ServiceError> {
    let text = kind.unwrap_or_default();
    let kind: Option<ShardIteratorType> = serde_json::from_value(text.into()).ok();
    let mismatch = |found: &str| {
        Err(invalid(format!(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or \
             (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {text} and {found} \
             StartingSequenceNumber."
        )))
    };
    match (kind, sequence_number.map(str::to_owned)) {
        (Some(ShardIteratorType::AtSequenceNumber), Some(number)) => Ok(StartAt::AtSequence(number)),
        (Some(ShardIteratorType::AfterSequenceNumber), Some(number)) => Ok(StartAt::AfterSequence(number)),
        (Some(ShardIteratorType::TrimHorizon), None) => Ok(StartAt::TrimHorizon),
        (Some(ShardIteratorType::Latest), None) => Ok(StartAt::Latest),
        (Some(ShardIteratorType::AtTimestamp), None) => match timestamp {
            None => Err(invalid(
                "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has \
                 no timestamp parameter.",
            )),
            Some(Time(at)) if at > now => Err(invalid(format!(
                "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
                 timestampInMillis: {at}, currentTimestampInMillis: {now}"
            ))),
            Some(Time(at)) => Ok(StartAt::AtTimestamp(crate::protocol::aws_json::seconds(at))),
        },
        (_, Some(_)) => mismatch("also a"),
        (_, None) => mismatch("no"),
    }
}

impl Child {
    fn answer(&self) -> serde_json::Value {
        json!({
            "ShardId": self.id,
            "ParentShards": self.parents,
            "HashKeyRange": {
                "StartingHashKey": self.range.start.to_string(),
                "EndingHashKey": self.range.end.to_string(),
            },
        })
    }
}

/// Returns the child shards of a shard.
fn children(state: &StreamState, number: u32) -> Vec<Child> {
    let parents = |shard: &ShardState| [shard.parent, shard.adjacent_parent].into_iter().flatten();
    state
        .shards
        .iter()
        .filter(|shard| parents(shard).any(|parent| parent == number))
        .map(|shard| Child {
            id: shard.id(),
            parents: parents(shard).map(crate::kinesis::sequence::shard_id).collect(),
            range: shard.range,
        })
        .collect()
}
