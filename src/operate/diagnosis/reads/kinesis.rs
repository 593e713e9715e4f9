//! Reads the stream, and whether it holds a record.

use std::cmp::Ordering;

use aws_sdk_kinesis::config::Builder;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::types::{
    EncryptionType, RecordDistributionStrategy, ShardFilter, ShardFilterType, ShardIteratorType, StreamMode,
    StreamStatus,
};

use super::super::observations::{BatchStart, BlockedBatch, Emptiness, StreamFacts};
use super::super::read_budget::ReadBudget;
use crate::aws::{AwsFailure, Clients, ServiceClock};
use crate::operate::EventRecord;
use crate::operate::invocation::event_record;
use crate::pipeline::compare_sequence_numbers;

/// Shards whose oldest place is looked at. More take a second each.
const MAX_SHARDS: usize = 3;

/// Records in one response (docs/facts/kinesis.md, Read limits).
const MAX_PAGE: i32 = 10_000;

/// Reads a stream, and the service's clock from its response.
pub(in super::super) async fn stream(
    clients: &Clients,
    name: &str,
    clock: &ServiceClock,
) -> Result<Option<StreamFacts>, AwsFailure> {
    let resource = format!("stream {name}");
    let call = clients.call("Kinesis", "DescribeStreamSummary", &resource);
    let request = clients.kinesis.describe_stream_summary().stream_name(name);
    let answer = call.optional(request.customize().interceptor(clock.clone()).send().await)?;
    let Some(summary) = answer.and_then(|answer| answer.stream_description_summary) else { return Ok(None) };
    let mode = summary.stream_mode_details.as_ref().map(|details| &details.stream_mode);
    let is_encrypted = summary.encryption_type == Some(EncryptionType::Kms);
    Ok(Some(StreamFacts {
        status: StreamStatus::as_str(&summary.stream_status).to_owned(),
        retention_hours: summary.retention_period_hours,
        open_shards: summary.open_shard_count,
        is_on_demand: mode == Some(&StreamMode::OnDemand),
        is_distributed_by_service: summary.record_distribution_strategy == Some(RecordDistributionStrategy::Auto),
        key_arn: summary.key_id.filter(|key| is_encrypted && key.starts_with("arn:") && key.contains(":key/")),
        arn: summary.stream_arn,
    }))
}

/// Looks at the oldest place of the shards until one has a record.
pub(in super::super) async fn emptiness(
    clients: &Clients,
    stream: &str,
    budget: &ReadBudget,
) -> Result<Emptiness, AwsFailure> {
    let shards = shards(clients, stream).await?;
    for shard in shards.iter().take(MAX_SHARDS) {
        let resource = format!("stream {stream}, {shard}");
        let request = clients.kinesis.get_shard_iterator().stream_name(stream).shard_id(shard);
        let request = request.shard_iterator_type(ShardIteratorType::TrimHorizon);
        let answer = clients.call("Kinesis", "GetShardIterator", &resource).answer(request.send().await)?;
        if !budget.take(shard).await {
            return Ok(Emptiness::Undecided);
        }
        let request = clients.kinesis.get_records().set_shard_iterator(answer.shard_iterator).limit(1);
        let result = request.customize().config_override(once()).send().await;
        let page = clients.call("Kinesis", "GetRecords", &resource).answer(result)?;
        if !page.records.is_empty() {
            return Ok(Emptiness::HasRecords);
        }
        // A page may be empty although records follow it.
        if page.millis_behind_latest != Some(0) && page.next_shard_iterator.is_some() {
            return Ok(Emptiness::Undecided);
        }
    }
    Ok(if shards.len() > MAX_SHARDS { Emptiness::Undecided } else { Emptiness::Empty { shards: shards.len() } })
}

/// Reads the records of a batch. Returns fewer, or none, where they expired or the reads of the shard are used up.
pub(in super::super) async fn batch_records(
    clients: &Clients,
    stream: &str,
    batch: &BlockedBatch,
    budget: &ReadBudget,
) -> Result<Vec<EventRecord>, AwsFailure> {
    let shard = &batch.shard_id;
    let resource = format!("stream {stream}, {shard}");
    let request = clients.kinesis.get_shard_iterator().stream_name(stream).shard_id(shard);
    let request = match &batch.start {
        BatchStart::At(number) => {
            request.shard_iterator_type(ShardIteratorType::AtSequenceNumber).starting_sequence_number(number)
        }
        BatchStart::After(number) => {
            request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).starting_sequence_number(number)
        }
    };
    let answer = clients.call("Kinesis", "GetShardIterator", &resource).answer(request.send().await)?;
    let mut iterator = answer.shard_iterator;
    let mut records: Vec<EventRecord> = Vec::new();
    let is_past = |number: &str| {
        batch.last.as_deref().is_some_and(|last| compare_sequence_numbers(number, last) == Ordering::Greater)
    };
    while records.len() < batch.records
        && let Some(token) = iterator.filter(|token| !token.is_empty())
        && budget.take(shard).await
    {
        let limit = i32::try_from(batch.records - records.len()).unwrap_or(MAX_PAGE).min(MAX_PAGE);
        let request = clients.kinesis.get_records().shard_iterator(token).limit(limit);
        let result = request.customize().config_override(once()).send().await;
        let page = clients.call("Kinesis", "GetRecords", &resource).answer(result)?;
        let is_at_end = page.records.is_empty() && page.millis_behind_latest == Some(0);
        let page_records = page.records.into_iter().take_while(|record| !is_past(&record.sequence_number));
        records.extend(page_records.map(|record| event_record(shard, record)));
        let is_read =
            batch.last.as_ref().is_some_and(|last| records.last().is_some_and(|it| it.sequence_number == *last));
        if is_at_end || is_read {
            break;
        }
        iterator = page.next_shard_iterator;
    }
    Ok(records)
}

/// Lists the shards whose records are still kept.
async fn shards(clients: &Clients, stream: &str) -> Result<Vec<String>, AwsFailure> {
    let resource = format!("stream {stream}");
    let call = clients.call("Kinesis", "ListShards", &resource);
    let filter = ShardFilter::builder().r#type(ShardFilterType::FromTrimHorizon).build();
    let filter = filter.map_err(|error| call.build_failure(error))?;
    // One page holds far more shards than are looked at.
    let request = clients.kinesis.list_shards().stream_name(stream).shard_filter(filter);
    let answer = call.answer(request.send().await)?;
    Ok(answer.shards.unwrap_or_default().into_iter().map(|shard| shard.shard_id).collect())
}

/// Each attempt of the SDK would be one of the reads that a shard gives in a second.
fn once() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}
