//! Reads a stream with `ListShards`, `GetShardIterator` and `GetRecords`.

use std::sync::Arc;

use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{HashKeyRange, Record, Shard, ShardFilter, ShardFilterType, ShardIteratorType};

use super::stream_reader::{ChildShard, ListFrom, ListedShard, RecordPage, ShardPosition, StreamReader, StreamRecord};
use crate::aws::{AwsFailure, Clients, ServiceClock};

/// A reader that polls, and shares the reads of each shard with all others.
#[derive(Debug)]
pub(crate) struct PollingReader {
    clients: Arc<Clients>,
    stream: String,
    resource: String,
    clock: ServiceClock,
}

impl PollingReader {
    /// Creates a reader of this stream.
    pub(crate) fn new(clients: Arc<Clients>, stream: &str) -> Self {
        PollingReader {
            clients,
            stream: stream.to_owned(),
            resource: format!("stream {stream}"),
            clock: ServiceClock::default(),
        }
    }

    /// Adds the account to a failure that will be reported.
    async fn told(&self, failure: AwsFailure) -> AwsFailure {
        if failure.is_transient() { failure } else { self.clients.with_account_context(failure).await }
    }
}

/// A shard iterator; `None` at the end of the shard.
#[derive(Debug)]
pub(crate) struct ShardIterator(Option<String>);

impl StreamReader for PollingReader {
    type Session = ShardIterator;

    const IS_PUSHED: bool = false;

    fn name(&self) -> &str {
        &self.stream
    }

    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    async fn start_clock(&self) -> Result<(), AwsFailure> {
        let request = self.clients.kinesis.list_shards().stream_name(&self.stream).max_results(1);
        let answer = request.customize().interceptor(self.clock.clone()).send().await;
        match self.clients.call("Kinesis", "ListShards", &self.resource).unit(answer) {
            Ok(()) => Ok(()),
            Err(failure) => Err(self.told(failure).await),
        }
    }

    async fn shards(&self, from: ListFrom) -> Result<Vec<ListedShard>, AwsFailure> {
        let call = || self.clients.call("Kinesis", "ListShards", &self.resource);
        let filter = match from {
            ListFrom::TrimHorizon => ShardFilter::builder().r#type(ShardFilterType::FromTrimHorizon),
            ListFrom::Time(time) => {
                let timestamp = DateTime::from_millis(time);
                ShardFilter::builder().r#type(ShardFilterType::FromTimestamp).timestamp(timestamp)
            }
        };
        let filter = filter.build().map_err(|error| call().build_failure(error))?;
        let mut request = self.clients.kinesis.list_shards().stream_name(&self.stream).shard_filter(filter);
        let mut shards = Vec::new();
        loop {
            let answer = match call().answer(request.send().await) {
                Ok(answer) => answer,
                Err(failure) => return Err(self.told(failure).await),
            };
            shards.extend(answer.shards.unwrap_or_default().into_iter().map(listed));
            match answer.next_token {
                // With a token, the service takes neither name nor filter.
                Some(token) => request = self.clients.kinesis.list_shards().next_token(token),
                None => return Ok(shards),
            }
        }
    }

    async fn open(&self, shard: &str, position: &ShardPosition) -> Result<ShardIterator, AwsFailure> {
        let request = self.clients.kinesis.get_shard_iterator().stream_name(&self.stream).shard_id(shard);
        let request = match position {
            ShardPosition::TrimHorizon => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            ShardPosition::Time(time) => {
                request.shard_iterator_type(ShardIteratorType::AtTimestamp).timestamp(DateTime::from_millis(*time))
            }
            ShardPosition::After(number) => {
                request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).starting_sequence_number(number)
            }
        };
        let resource = format!("{}, {shard}", self.resource);
        let answer = request.customize().config_override(once()).send().await;
        match self.clients.call("Kinesis", "GetShardIterator", &resource).answer(answer) {
            Ok(answer) => Ok(ShardIterator(answer.shard_iterator)),
            Err(failure) => Err(self.told(failure).await),
        }
    }

    async fn next(&self, iterator: &mut ShardIterator, limit: usize) -> Result<RecordPage, AwsFailure> {
        // The position is behind the last record of the shard.
        let Some(token) = &iterator.0 else { return Ok(RecordPage { end: Some(Vec::new()), ..RecordPage::default() }) };
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let request = self.clients.kinesis.get_records().shard_iterator(token).limit(limit);
        let answer = request.customize().config_override(once()).send().await;
        let answer = match self.clients.call("Kinesis", "GetRecords", &self.resource).answer(answer) {
            Ok(answer) => answer,
            Err(failure) => return Err(self.told(failure).await),
        };
        let (page, next) = page(answer);
        iterator.0 = next;
        Ok(page)
    }
}

/// A failed call is repeated by its caller, which knows the pace: each attempt of the SDK would be one of the five reads
/// that a shard gives in a second.
fn once() -> aws_sdk_kinesis::config::Builder {
    aws_sdk_kinesis::config::Builder::new().retry_config(RetryConfig::disabled())
}

fn page(answer: GetRecordsOutput) -> (RecordPage, Option<String>) {
    let records = answer.records.into_iter().map(stream_record).collect();
    let children = answer.child_shards.unwrap_or_default().into_iter().map(child_shard);
    let next = answer.next_shard_iterator.filter(|next| !next.is_empty());
    let end = next.is_none().then(|| children.collect());
    (RecordPage { records, behind_ms: answer.millis_behind_latest, end, is_session_over: false }, next)
}

/// Converts a record.
pub(super) fn stream_record(record: Record) -> StreamRecord {
    StreamRecord {
        sequence_number: record.sequence_number,
        partition_key: record.partition_key.unwrap_or_default(),
        arrived_ms: record.approximate_arrival_timestamp.and_then(|time| time.to_millis().ok()),
        data: record.data.into_inner(),
    }
}

/// Converts a child shard.
pub(super) fn child_shard(child: aws_sdk_kinesis::types::ChildShard) -> ChildShard {
    let range = child.hash_key_range.as_ref().and_then(range);
    ChildShard { id: child.shard_id, parents: child.parent_shards, range }
}

fn listed(shard: Shard) -> ListedShard {
    let numbers = shard.sequence_number_range;
    ListedShard {
        id: shard.shard_id,
        parents: [shard.parent_shard_id, shard.adjacent_parent_shard_id].into_iter().flatten().collect(),
        range: shard.hash_key_range.as_ref().and_then(range),
        is_closed: numbers.as_ref().is_some_and(|numbers| numbers.ending_sequence_number.is_some()),
        first_sequence_number: numbers.map(|numbers| numbers.starting_sequence_number).unwrap_or_default(),
    }
}

fn range(range: &HashKeyRange) -> Option<(u128, u128)> {
    Some((range.starting_hash_key.parse().ok()?, range.ending_hash_key.parse().ok()?))
}
