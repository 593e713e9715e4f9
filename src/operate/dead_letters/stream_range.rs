//! Reads a range of sequence numbers again, as long as the stream has it.

use std::cmp::Ordering;
use std::time::Duration;

use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use sensor_model::Decimal;
use tokio::time::sleep;

use super::destination::FailureDocument;
use super::source_record::SourceRecord;
use crate::aws::{self, AwsFailure, Clients, FailureCause};
use crate::error::Error;
use crate::pipeline::compare_sequence_numbers;

/// How long a call is repeated after transient failures.
const GIVE_UP_AFTER: Duration = Duration::from_mins(1);
/// A shard may be read five times a second (docs/facts/kinesis.md, Read limits), by all of its readers.
const PAUSE: Duration = Duration::from_millis(250);
/// The code of an iterator that is older than five minutes: the records before it were replayed that long.
const EXPIRED: &str = "ExpiredIteratorException";
/// Records of a page.
const PAGE: i32 = 1000;

/// A range that is being read.
#[derive(Debug)]
pub(super) struct RangeReader<'a> {
    clients: &'a Clients,
    stream: &'a str,
    shard_id: String,
    first: String,
    last: String,
    /// The last record that was read.
    read: Option<String>,
    /// `None` at the end.
    iterator: Option<String>,
    is_begun: bool,
}

impl<'a> RangeReader<'a> {
    /// Begins at the first record of a document. A stream or shard that is gone has no records.
    pub(super) async fn begin(
        clients: &'a Clients,
        stream: &'a str,
        document: &FailureDocument,
    ) -> Result<Self, Error> {
        let FailureDocument { shard_id, first, last, .. } = document;
        let mut reader = RangeReader {
            clients,
            stream,
            shard_id: shard_id.clone(),
            first: first.clone(),
            last: last.clone(),
            read: None,
            iterator: None,
            is_begun: false,
        };
        reader.iterator = reader.new_iterator().await?;
        Ok(reader)
    }

    /// Returns an iterator behind the last record that was read.
    async fn new_iterator(&self) -> Result<Option<String>, Error> {
        let resource = format!("stream {}, shard {}", self.stream, self.shard_id);
        let call = self.clients.call("Kinesis", "GetShardIterator", &resource);
        let (from, number) = match &self.read {
            Some(read) => (ShardIteratorType::AfterSequenceNumber, read),
            None => (ShardIteratorType::AtSequenceNumber, &self.first),
        };
        let request = self.clients.kinesis.get_shard_iterator().stream_name(self.stream).shard_id(&self.shard_id);
        let request = request.shard_iterator_type(from).starting_sequence_number(number);
        match retry(self.clients, || async { call.answer(request.clone().send().await) }).await {
            Ok(answer) => Ok(answer.shard_iterator),
            Err(failure) if failure.cause == FailureCause::Missing => Ok(None),
            Err(failure) => Err(self.clients.with_account_context(failure).await.into()),
        }
    }

    /// Returns the next records of the range, which may be none; `None` behind its end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<SourceRecord>>, Error> {
        let Some(iterator) = self.iterator.take().filter(|iterator| !iterator.is_empty()) else { return Ok(None) };
        if std::mem::replace(&mut self.is_begun, true) && !self.clients.is_loopback() {
            sleep(PAUSE).await;
        }
        let resource = format!("stream {}, shard {}", self.stream, self.shard_id);
        let call = self.clients.call("Kinesis", "GetRecords", &resource);
        let request = self.clients.kinesis.get_records().shard_iterator(iterator).limit(PAGE);
        let answer = retry(self.clients, || async { call.answer(request.clone().send().await) }).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) if failure.code.as_deref() == Some(EXPIRED) => {
                self.iterator = self.new_iterator().await?;
                return Ok(self.iterator.is_some().then(Vec::new));
            }
            Err(failure) => return Err(self.clients.with_account_context(failure).await.into()),
        };
        let is_after = |record: &Record| compare_sequence_numbers(&record.sequence_number, &self.last);
        // The last record of the range is the end, and so is the newest of the shard.
        let is_end = answer.records.iter().any(|record| is_after(record) != Ordering::Less)
            || (answer.records.is_empty() && answer.millis_behind_latest == Some(0));
        self.read = answer.records.last().map(|record| record.sequence_number.clone()).or(self.read.take());
        self.iterator = answer.next_shard_iterator.filter(|_| !is_end);
        let records = answer.records.into_iter().filter(|record| is_after(record) != Ordering::Greater);
        Ok(Some(records.map(|record| self.record(record)).collect()))
    }

    fn record(&self, record: Record) -> SourceRecord {
        let arrived = record.approximate_arrival_timestamp.and_then(|time| time.to_millis().ok());
        SourceRecord {
            shard_id: self.shard_id.clone(),
            sequence_number: record.sequence_number,
            partition_key: record.partition_key.unwrap_or_default(),
            arrived: arrived.and_then(|ms| Decimal::parse(&format!("{ms}e-3")).ok()),
            data: record.data.into_inner(),
        }
    }
}

/// Returns for how many hours the stream keeps records; `None` where the caller may not see it.
///
/// # Errors
/// Why it is not known.
pub(crate) async fn retention_hours(clients: &Clients, stream: &str) -> Result<u32, String> {
    let request = clients.kinesis.describe_stream_summary().stream_name(stream);
    let resource = format!("stream {stream}");
    let call = clients.call("Kinesis", "DescribeStreamSummary", &resource);
    let answer = call.answer(request.send().await).map_err(|failure| failure.to_string())?;
    let hours = answer.stream_description_summary.map(|summary| summary.retention_period_hours);
    let hours = hours.and_then(|hours| u32::try_from(hours).ok()).filter(|hours| *hours > 0);
    hours.ok_or_else(|| "the answer to DescribeStreamSummary does not say it".to_owned())
}

async fn retry<T, Fut>(clients: &Clients, call: impl FnMut() -> Fut) -> Result<T, AwsFailure>
where
    Fut: Future<Output = Result<T, AwsFailure>>,
{
    aws::retry_transient(clients.schedule(GIVE_UP_AFTER), call).await
}
