//! Reads the stream, and whether it holds a record.

use std::cmp::Ordering;

use aws_sdk_kinesis::config::Builder;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::types::{
    EncryptionType, RecordDistributionStrategy, ShardFilter, ShardFilterType, ShardIteratorType, StreamMode,
    StreamStatus,
};

use super::super::observations::{BatchRead, BatchStart, BlockedBatch, Emptiness, StreamFacts};
use crate::aws::{AwsFailure, Clients, ServiceClock};
use crate::operate::EventRecord;
use crate::operate::invocation::event_record;
use crate::operate::read_budget::ReadBudget;
use crate::pipeline::compare_sequence_numbers;

/// Shards whose oldest place is looked at. More take a second each.
const MAX_SHARDS: usize = 3;

/// Records of a batch (docs/facts/event-source-mapping.md, Parameters).
const MAX_BATCH: usize = 10_000;

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

/// Reads the records of a batch, or of the next one if it is only known where it begins: at most `batch_size` then.
/// Returns fewer where they expired or the reads of the shard are used up, and says so.
pub(in super::super) async fn batch_records(
    clients: &Clients,
    stream: &str,
    batch: &BlockedBatch,
    batch_size: usize,
    budget: &ReadBudget,
) -> Result<BatchRead, AwsFailure> {
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
    // Filters, and other batches of the shard at the same time, leave records between those of a batch.
    let most = if batch.last.is_some() { MAX_BATCH } else { batch_size };
    let mut is_whole = false;
    while records.len() < most
        && let Some(token) = iterator.filter(|token| !token.is_empty())
        && budget.take(shard).await
    {
        // No more than is needed: all readers of a shard share 2 MB a second.
        let needed = batch.records.filter(|all| *all > records.len()).map_or(batch_size, |all| all - records.len());
        let limit = i32::try_from(needed.min(most - records.len())).unwrap_or(MAX_PAGE).min(MAX_PAGE);
        let request = clients.kinesis.get_records().shard_iterator(token).limit(limit);
        let result = request.customize().config_override(once()).send().await;
        let page = clients.call("Kinesis", "GetRecords", &resource).answer(result)?;
        let is_at_end = page.next_shard_iterator.is_none() || page.millis_behind_latest == Some(0);
        let is_beyond = page.records.iter().any(|record| is_past(&record.sequence_number));
        let page_records = page.records.into_iter().take_while(|record| !is_past(&record.sequence_number));
        records.extend(page_records.map(|record| event_record(shard, record)));
        let is_read =
            batch.last.as_ref().is_some_and(|last| records.last().is_some_and(|it| it.sequence_number == *last));
        is_whole = is_read || (batch.last.is_none() && (is_at_end || records.len() == most));
        if is_at_end || is_beyond || is_read {
            break;
        }
        iterator = page.next_shard_iterator;
    }
    let doubt = doubt(batch, &records, is_whole);
    Ok(BatchRead { records, doubt })
}

/// Returns why records are not certainly those of a batch, if so.
fn doubt(batch: &BlockedBatch, records: &[EventRecord], is_whole: bool) -> Option<String> {
    let (shard, read) = (&batch.shard_id, records.len());
    let has_begun = match (&batch.start, records.first()) {
        (BatchStart::At(first), Some(record)) => record.sequence_number == *first,
        _ => true,
    };
    match batch.records {
        _ if !has_begun => Some(format!("the first records of the batch of {shard} have expired")),
        Some(all) if is_whole && read != all => Some(format!(
            "the batch of {shard} has {all} records, and {read} lie in its range: filters or other batches at the same \
             time take some"
        )),
        _ if is_whole => None,
        Some(all) => Some(format!("only {read} of the {all} records of the batch of {shard} could be read")),
        None => Some(format!("only {read} records of the batch of {shard} could be read")),
    }
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

#[cfg(test)]
mod tests {
    use super::super::super::bisection::tests::record;
    use super::*;

    #[test]
    fn batch_that_was_read_in_part_is_doubted() {
        let said = |batch: &BlockedBatch, numbers: std::ops::Range<usize>, is_whole| {
            doubt(batch, &numbers.map(record).collect::<Vec<_>>(), is_whole).unwrap_or_default()
        };
        let mut batch = BlockedBatch {
            shard_id: "shardId-0".into(),
            start: BatchStart::At("3".into()),
            last: Some("7".into()),
            records: Some(5),
        };
        assert_eq!(said(&batch, 3..8, true), "");
        assert_eq!(said(&batch, 3..5, false), "only 2 of the 5 records of the batch of shardId-0 could be read");
        assert_eq!(said(&batch, 3..3, false), "only 0 of the 5 records of the batch of shardId-0 could be read");
        assert_eq!(said(&batch, 4..8, true), "the first records of the batch of shardId-0 have expired");
        batch.records = Some(3);
        assert!(said(&batch, 3..8, true).starts_with("the batch of shardId-0 has 3 records, and 5 lie in its range"));
        batch = BlockedBatch { start: BatchStart::After("2".into()), last: None, records: None, ..batch };
        assert_eq!(said(&batch, 3..8, true), "");
        assert_eq!(said(&batch, 3..8, false), "only 5 records of the batch of shardId-0 could be read");
    }
}
