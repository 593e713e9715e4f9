//! `PutRecord` and `PutRecords`: writes each shard's records of a request at once, in the order of the request.

use std::collections::BTreeMap;

use ferrokinesis_core::types::StreamStatus;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::target::Target;
use crate::kinesis::hash_range::hash_key;
use crate::kinesis::log::NewRecord;
use crate::kinesis::sequence::{SequenceNumber, shard_id};
use crate::kinesis::serde_types::Blob;
use crate::kinesis::stream::ActiveStream;
use crate::kinesis::validation::{Checks, invalid};
use crate::kinesis::{Kinesis, THROTTLED};
use crate::metrics::Metric;
use crate::protocol::aws_json::{Response, ServiceError, now_ms};
use crate::protocol::wire_format::WireFormat;

/// Limit of data and keys in one `PutRecords`, in bytes.
const MAX_REQUEST: usize = 10 << 20;

/// Limit of records in one `PutRecords`.
pub(crate) const MAX_RECORDS: usize = 500;

/// Limit of a partition key, in characters.
const MAX_KEY: usize = 256;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutRecord {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    data: Option<Blob>,
    partition_key: Option<String>,
    explicit_hash_key: Option<String>,
    sequence_number_for_ordering: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutRecords {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    records: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    data: Option<Blob>,
    partition_key: Option<String>,
    explicit_hash_key: Option<String>,
}

/// A valid record, ready to put.
struct Checked {
    key: String,
    data: Vec<u8>,
    hash_key: u128,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordsAnswer {
    failed_record_count: usize,
    records: Vec<Outcome>,
}

/// The outcome of one record.
#[derive(Clone, Serialize)]
#[serde(untagged)]
enum Outcome {
    #[serde(rename_all = "PascalCase")]
    Written { sequence_number: String, shard_id: String },
    #[serde(rename_all = "PascalCase")]
    Failed { error_code: String, error_message: String },
}

impl Kinesis {
    pub(super) fn put_record(&self, form: WireFormat, input: PutRecord) -> Result<Response, ServiceError> {
        let name = self.named(input.stream_name.as_deref(), input.stream_arn.as_deref())?;
        let entry =
            Entry { data: input.data, partition_key: input.partition_key, explicit_hash_key: input.explicit_hash_key };
        let stream = self.stream(&name)?;
        let live = stream.read();
        let mut checks = Checks::default();
        entry.check("", live.state.max_record_kib, &mut checks);
        checks.done()?;
        if let Some(number) = &input.sequence_number_for_ordering
            && SequenceNumber::parse(number).is_none_or(|number| number.time > now_ms() / 1000)
        {
            return Err(invalid(format!(
                "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {name} under account {} is \
                 invalid.",
                self.0.identity.account
            )));
        }
        let record = entry.checked()?;
        let outcome = self.put(&live, &[record])?.pop();
        drop(live);
        match outcome {
            Some(Outcome::Written { sequence_number, shard_id }) => {
                self.wake();
                Ok(form.members(&json!({ "SequenceNumber": sequence_number, "ShardId": shard_id })))
            }
            Some(Outcome::Failed { error_code, error_message }) => {
                Err(ServiceError::bad_request(&error_code, error_message))
            }
            None => Err(ServiceError::internal("no record was put")),
        }
    }

    pub(super) fn put_records(&self, form: WireFormat, input: PutRecords) -> Result<Response, ServiceError> {
        let target = Target { stream_name: input.stream_name, stream_arn: input.stream_arn };
        let name = self.target(&target)?;
        let mut checks = Checks::default();
        checks.present("records", input.records.as_ref());
        checks.size("records", input.records.as_ref().map(Vec::len), 1, MAX_RECORDS).done()?;
        let entries = input.records.unwrap_or_default();
        let stream = self.stream(&name)?;
        let live = stream.read();
        for (at, entry) in entries.iter().enumerate() {
            entry.check(&format!("records.{}.member.", at + 1), live.state.max_record_kib, &mut checks);
        }
        checks.done()?;
        if entries.iter().map(Entry::size).sum::<usize>() > MAX_REQUEST {
            return Err(invalid(format!("Records' total data + partition key payload exceeds {MAX_REQUEST} bytes")));
        }
        let records: Vec<Checked> = entries.into_iter().map(Entry::checked).collect::<Result<_, _>>()?;
        let records = self.put(&live, &records)?;
        drop(live);
        let failed_record_count = records.iter().filter(|record| matches!(record, Outcome::Failed { .. })).count();
        if failed_record_count < records.len() {
            self.wake();
        }
        Ok(form.answer(&PutRecordsAnswer { failed_record_count, records }))
    }

    /// Puts records into the shards that own their hash keys.
    ///
    /// The caller's lock on the stream keeps all shards open meanwhile.
    ///
    /// # Errors
    /// The disk refused the write, and nothing was written.
    fn put(&self, live: &ActiveStream, records: &[Checked]) -> Result<Vec<Outcome>, ServiceError> {
        let now = now_ms();
        if live.state.status(now) == StreamStatus::Creating || live.state.is_gone(now) {
            return Err(self.no_stream(&live.state.name));
        }
        let mut by_shard: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (at, record) in records.iter().enumerate() {
            let number = live.route(record.hash_key).ok_or_else(|| ServiceError::internal("no shard takes the key"))?;
            by_shard.entry(number).or_default().push(at);
        }
        let mut outcomes: Vec<Option<Outcome>> = vec![None; records.len()];
        let mut refusal = None;
        let mut has_any = false;
        for (number, mut places) in by_shard {
            let (state, shard) = live.shard(number).ok_or_else(|| ServiceError::internal("a shard is missing"))?;
            let id = shard_id(number);
            if self.0.options.throttle {
                places.retain(|&at| {
                    let record = &records[at];
                    let admitted = shard.writes.try_acquire((record.data.len() + record.key.len()) as u64, now);
                    if !admitted {
                        outcomes[at] = Some(Outcome::Failed {
                            error_code: THROTTLED.to_owned(),
                            error_message: self.rate_exceeded(&id, &live.state.name),
                        });
                        has_any = true;
                    }
                    admitted
                });
            }
            if places.is_empty() {
                continue;
            }
            let new: Vec<NewRecord<'_>> = places
                .iter()
                .map(|&at| NewRecord { partition_key: &records[at].key, data: &records[at].data })
                .collect();
            match shard.append(&new, live.state.key_id.is_some(), now) {
                Ok(appended) => {
                    has_any = true;
                    for (index, at) in (appended.first..).zip(places) {
                        let sequence_number = state.sequence_number(index, appended.arrival).to_string();
                        outcomes[at] = Some(Outcome::Written { sequence_number, shard_id: id.clone() });
                    }
                }
                Err(error) => {
                    // A response with partial failures has no field for the reason.
                    self.0.notices.tell(&error.message);
                    refusal = Some(error);
                }
            }
        }
        self.count(&live.state.name, records, &outcomes);
        match refusal {
            Some(error) if !has_any => return Err(error),
            _ => {}
        }
        let failed = || Outcome::Failed {
            error_code: "InternalFailure".to_owned(),
            error_message: "Internal service failure.".to_owned(),
        };
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(failed)).collect())
    }
}

impl Kinesis {
    /// Counts a put, whose outcomes are `None` where the disk refused it.
    fn count(&self, stream: &str, records: &[Checked], outcomes: &[Option<Outcome>]) {
        let (mut written, mut bytes, mut throttled) = (0_u32, 0, 0_u32);
        for (record, outcome) in records.iter().zip(outcomes) {
            match outcome {
                Some(Outcome::Written { .. }) => {
                    written += 1;
                    bytes += record.data.len() + record.key.len();
                }
                Some(Outcome::Failed { .. }) => throttled += 1,
                None => {}
            }
        }
        let metrics = self.metrics();
        metrics.add(Metric::WriteThroughputExceeded, stream, throttled.into());
        if written > 0 {
            metrics.add(Metric::IncomingRecords, stream, written.into());
            // A request has at most 10 MiB.
            metrics.add(Metric::IncomingBytes, stream, u32::try_from(bytes).unwrap_or(u32::MAX).into());
        }
    }
}

impl Entry {
    /// Returns the bytes that count against the limits.
    fn size(&self) -> usize {
        let data = self.data.as_ref().map_or(0, |data| data.0.len());
        data + self.partition_key.as_ref().map_or(0, String::len)
    }

    fn check(&self, prefix: &str, max_record_kib: u32, checks: &mut Checks) {
        let most = max_record_kib as usize * 1024;
        let size = self.size();
        let is_plain = self.data.is_some()
            && self.explicit_hash_key.is_none()
            && self.partition_key.as_ref().is_some_and(|key| !key.is_empty() && key.len() <= MAX_KEY);
        if is_plain && size <= most {
            // Build the members' names only for records that may break a constraint.
            return;
        }
        let field = |name: &str| format!("{prefix}{name}");
        checks.present(&field("data"), self.data.as_ref());
        checks.present(&field("partitionKey"), self.partition_key.as_ref());
        checks.length(&field("partitionKey"), self.partition_key.as_deref(), 1, MAX_KEY);
        checks.hash_key(&field("explicitHashKey"), self.explicit_hash_key.as_deref());
        let data = self.data.as_ref().map_or(0, |data| data.0.len());
        if data <= most && size > most {
            checks.payload(&field("data"), size, most);
        } else {
            checks.size(&field("data"), Some(data), 0, most);
        }
    }

    fn checked(self) -> Result<Checked, ServiceError> {
        let key = self.partition_key.unwrap_or_default();
        let hash_key = match &self.explicit_hash_key {
            None => hash_key(&key),
            Some(text) => explicit(text).ok_or_else(|| {
                invalid("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1].")
            })?,
        };
        Ok(Checked { key, data: self.data.unwrap_or_default().0, hash_key })
    }
}

/// Parses an explicit hash key: decimal digits without leading zeros or a sign.
pub(super) fn explicit(text: &str) -> Option<u128> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_number { text.parse().ok() } else { None }
}
