//! Reading shards: iterators by time, pages within the service's limits, and how far behind a read is.

use ferrokinesis::actions::Operation;
use ferrokinesis::sequence;
use serde_json::{Value, json};

use super::{Kinesis, Page, Record, StartAt};
use crate::local::wire::{self, ServiceError};

/// The most data that one `GetRecords` hands out, counted before base64.
const MAX_PAGE_BYTES: usize = 10 << 20;

/// The most records that one `GetRecords` hands out.
const MAX_PAGE_RECORDS: usize = 10_000;

impl Kinesis {
    /// An iterator into a shard.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for a missing stream or shard, `InvalidArgumentException` for a sequence number of
    /// another shard.
    pub(crate) async fn iterator(
        &self,
        stream_arn: &str,
        shard_id: &str,
        at: &StartAt,
    ) -> Result<String, ServiceError> {
        let mut input = json!({ "StreamName": self.name_of(stream_arn)?, "ShardId": shard_id });
        let kind = match at {
            StartAt::TrimHorizon => "TRIM_HORIZON",
            StartAt::Latest => "LATEST",
            StartAt::AtTimestamp(seconds) => {
                input["Timestamp"] = (*seconds).into();
                "AT_TIMESTAMP"
            }
            StartAt::AtSequence(number) => {
                input["StartingSequenceNumber"] = number.clone().into();
                "AT_SEQUENCE_NUMBER"
            }
            StartAt::AfterSequence(number) => {
                input["StartingSequenceNumber"] = number.clone().into();
                "AFTER_SEQUENCE_NUMBER"
            }
        };
        input["ShardIteratorType"] = kind.into();
        let _reading = self.0.order.read().await;
        let answer = match at {
            StartAt::AtTimestamp(_) => self.at_timestamp(input).await?,
            _ => self.run(Operation::GetShardIterator, input).await?,
        };
        answer["ShardIterator"].as_str().map(str::to_owned).ok_or_else(|| ServiceError::internal("no iterator"))
    }

    /// The next records of a shard, at most `limit` of them (and at most what one `GetRecords` gives).
    ///
    /// # Errors
    /// `ExpiredIteratorException` five minutes after the iterator was made.
    pub(crate) async fn records(&self, iterator: &str, limit: usize) -> Result<Page, ServiceError> {
        let _reading = self.0.order.read().await;
        let limit = limit.clamp(1, MAX_PAGE_RECORDS);
        let mut answer = self.read(&json!({ "ShardIterator": iterator, "Limit": limit })).await?;
        let records = match answer["Records"].take() {
            Value::Array(records) => records.into_iter().map(record).collect(),
            _ => Vec::new(),
        };
        Ok(Page {
            records,
            next: answer["NextShardIterator"].as_str().map(str::to_owned),
            millis_behind: answer["MillisBehindLatest"].as_u64().unwrap_or_default(),
        })
    }

    /// `GetRecords` with the 10 MiB limit and a true `MillisBehindLatest`; the caller holds the lock.
    pub(super) async fn read(&self, input: &Value) -> Result<Value, ServiceError> {
        let limit = input.get("Limit").map_or(Some(MAX_PAGE_RECORDS as u64), Value::as_u64).unwrap_or_default();
        if !(1..=MAX_PAGE_RECORDS as u64).contains(&limit) {
            return Err(ServiceError::bad_request(
                "ValidationException",
                "1 validation error detected: Value at 'limit' failed to satisfy constraint: \
                 Member must have value between 1 and 10000",
            ));
        }
        let request = json!({ "ShardIterator": input["ShardIterator"], "Limit": limit });
        let mut answer = self.run(Operation::GetRecords, request).await?;
        let asked = usize::try_from(limit).unwrap_or(MAX_PAGE_RECORDS);
        let Value::Array(records) = &mut answer["Records"] else { return Ok(answer) };
        let full = records.len() >= asked;
        let fitting = fitting(records);
        let cut = fitting < records.len();
        records.truncate(fitting);
        let Some(last) = records.last().map(|record| record["SequenceNumber"].clone()) else { return Ok(answer) };
        let arrival = records.last().and_then(|record| record["ApproximateArrivalTimestamp"].as_f64());
        if cut {
            answer["NextShardIterator"] = self.iterator_after(&input["ShardIterator"], &last).await?;
        }
        let more = cut || (full && self.has_more(&answer["NextShardIterator"]).await?);
        if more {
            let behind = (wire::now_seconds() - arrival.unwrap_or_default()) * 1000.0;
            answer["MillisBehindLatest"] = whole_millis(behind).into();
        }
        Ok(answer)
    }

    /// `GetShardIterator` by time. Ferrokinesis keeps whole seconds and goes back to the oldest record where none is
    /// new enough; so look with the second's start, and go to the end where there is none. The caller holds the lock.
    pub(super) async fn at_timestamp(&self, mut input: Value) -> Result<Value, ServiceError> {
        let time = input["Timestamp"].as_f64().unwrap_or_default();
        if time > wire::now_seconds() + 1.0 {
            return Err(ServiceError::bad_request(
                "InvalidArgumentException",
                "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis.",
            ));
        }
        // The end first: it also refuses a stream or a shard that is not there.
        if let Some(fields) = input.as_object_mut() {
            fields.remove("Timestamp");
        }
        input["ShardIteratorType"] = "LATEST".into();
        let end = self.run(Operation::GetShardIterator, input.clone()).await?;
        let name = input["StreamName"].as_str().unwrap_or_default();
        let (_, index) = sequence::resolve_shard_id(input["ShardId"].as_str().unwrap_or_default())
            .map_err(|_| ServiceError::bad_request("ResourceNotFoundException", "Could not find the shard."))?;
        let from = format!("{}/", sequence::shard_ix_to_hex(index));
        let to = sequence::shard_ix_to_hex(index + 1);
        let found = self.0.store.find_first_record_at_timestamp(name, &from, &to, time.floor()).await;
        let Some((key, _)) = found else { return Ok(end) };
        input["ShardIteratorType"] = "AT_SEQUENCE_NUMBER".into();
        input["StartingSequenceNumber"] = key.split('/').nth(1).unwrap_or_default().into();
        self.run(Operation::GetShardIterator, input).await
    }

    /// Where to go on when a page was cut short.
    async fn iterator_after(&self, iterator: &Value, sequence_number: &Value) -> Result<Value, ServiceError> {
        let (_, stream, shard, _) =
            ferrokinesis::shard_iterator::decode_shard_iterator(iterator.as_str().unwrap_or_default())
                .map_err(|_| ServiceError::bad_request("InvalidArgumentException", "Invalid ShardIterator."))?;
        let input = json!({
            "StreamName": stream,
            "ShardId": shard,
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
            "StartingSequenceNumber": sequence_number,
        });
        Ok(self.run(Operation::GetShardIterator, input).await?["ShardIterator"].take())
    }

    async fn has_more(&self, iterator: &Value) -> Result<bool, ServiceError> {
        if !iterator.is_string() {
            return Ok(false);
        }
        let peek = self.run(Operation::GetRecords, json!({ "ShardIterator": iterator, "Limit": 1 })).await?;
        Ok(peek["Records"].as_array().is_some_and(|records| !records.is_empty()))
    }
}

/// How many of the records go into one answer; always the first.
fn fitting(records: &[Value]) -> usize {
    let mut bytes = 0;
    records
        .iter()
        .take_while(|record| {
            let first = bytes == 0;
            bytes += record["Data"].as_str().map_or(0, |data| data.len() / 4 * 3) + 1;
            first || bytes <= MAX_PAGE_BYTES
        })
        .count()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits first")]
fn whole_millis(millis: f64) -> u64 {
    millis.clamp(1.0, 1e15) as u64
}

fn record(mut record: Value) -> Record {
    let mut text = |key: &str| match record[key].take() {
        Value::String(text) => text,
        _ => String::new(),
    };
    Record {
        sequence_number: text("SequenceNumber"),
        partition_key: text("PartitionKey"),
        data: text("Data"),
        arrival: record["ApproximateArrivalTimestamp"].as_f64().unwrap_or_default(),
    }
}
