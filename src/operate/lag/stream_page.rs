//! Reads the newest records of a stream's shards, and looks for their rows.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_sdk_kinesis::config::Builder;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{ShardFilter, ShardFilterType, ShardIteratorType};
use jiff::Timestamp;

use super::candidates::{Candidate, TailRecord};
use crate::aws::{AwsFailure, Clients};
use crate::operate::read_budget::ReadBudget;
use crate::pipeline::{SENSOR, SEQUENCE, TIME, compare_sequence_numbers};

/// Looks into a table that returns a part each time.
const MOST_LOOKS: usize = 5;

/// Records that are read at once.
const PAGE: i32 = 1000;

/// The records of a shard from a time on.
#[derive(Debug, Default)]
pub(super) struct ShardTail {
    pub records: Vec<TailRecord>,
    /// False if there are more records.
    pub is_whole: bool,
}

/// Returns the ids of the open shards, of which there may be more than one page has.
pub(super) async fn open_shards(clients: &Clients, stream: &str) -> Result<(Vec<String>, bool), AwsFailure> {
    let resource = format!("stream {stream}");
    let filter = ShardFilter::builder().r#type(ShardFilterType::AtLatest).build();
    let call = clients.call("Kinesis", "ListShards", &resource);
    let filter = filter.map_err(|error| call.build_failure(error))?;
    let answer = clients.kinesis.list_shards().stream_name(stream).shard_filter(filter).send().await;
    let answer = call.answer(answer)?;
    let is_whole = answer.next_token.is_none();
    Ok((answer.shards.unwrap_or_default().into_iter().map(|shard| shard.shard_id).collect(), is_whole))
}

/// Reads a shard from `since` on, or from its oldest record, to its end, as far as its reads go.
pub(super) async fn read_tail(
    clients: &Clients,
    stream: &str,
    shard: &str,
    since: Option<Timestamp>,
    budget: &ReadBudget,
) -> Result<ShardTail, AwsFailure> {
    let resource = format!("shard {shard} of stream {stream}");
    let request = clients.kinesis.get_shard_iterator().stream_name(stream).shard_id(shard);
    let request = match since {
        Some(since) => request
            .shard_iterator_type(ShardIteratorType::AtTimestamp)
            .timestamp(DateTime::from_millis(since.as_millisecond())),
        None => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
    };
    let call = clients.call("Kinesis", "GetShardIterator", &resource);
    let mut iterator = call.answer(request.send().await)?.shard_iterator;
    let mut tail = ShardTail::default();
    loop {
        let Some(next) = iterator else {
            tail.is_whole = true;
            break;
        };
        if !budget.take(shard).await {
            break;
        }
        let request = clients.kinesis.get_records().shard_iterator(next).limit(PAGE);
        // Each attempt of the SDK would be one of the reads that a shard gives in a second.
        let once = Builder::new().retry_config(RetryConfig::disabled());
        let result = request.customize().config_override(once).send().await;
        let answer = clients.call("Kinesis", "GetRecords", &resource).answer(result)?;
        tail.records.extend(answer.records.into_iter().map(|record| TailRecord {
            sequence_number: record.sequence_number,
            data: record.data.into_inner(),
            arrival: time_of(record.approximate_arrival_timestamp),
        }));
        iterator = answer.next_shard_iterator;
        if answer.millis_behind_latest == Some(0) {
            tail.is_whole = true;
            break;
        }
        // Only the newest ones are of interest.
        let surplus = tail.records.len().saturating_sub(PAGE.try_into().unwrap_or(usize::MAX));
        tail.records.drain(..surplus);
    }
    Ok(tail)
}

fn time_of(arrival: Option<DateTime>) -> Timestamp {
    arrival.and_then(|at| Timestamp::from_millisecond(at.to_millis().ok()?).ok()).unwrap_or_default()
}

/// Returns which readings have a row that was written with their record or a later one. There must be at most 100.
pub(super) async fn stored(clients: &Clients, table: &str, candidates: &[Candidate]) -> Result<Vec<bool>, AwsFailure> {
    let mut rows: HashMap<(String, String), String> = HashMap::new();
    let mut keys: Vec<HashMap<String, AttributeValue>> = Vec::new();
    for candidate in candidates {
        let key = (candidate.sensor_id.clone(), candidate.current_time.clone());
        if rows.insert(key.clone(), String::new()).is_none() {
            let sensor = (SENSOR.to_owned(), AttributeValue::S(key.0));
            keys.push([sensor, (TIME.to_owned(), AttributeValue::N(key.1))].into());
        }
    }
    let resource = format!("table {table}");
    let call = clients.call("DynamoDB", "BatchGetItem", &resource);
    let mut wanted = KeysAndAttributes::builder()
        .consistent_read(true)
        .projection_expression("#sensor, #time, #sequence")
        .expression_attribute_names("#sensor", SENSOR)
        .expression_attribute_names("#time", TIME)
        .expression_attribute_names("#sequence", SEQUENCE)
        .set_keys(Some(keys))
        .build()
        .map_err(|error| call.build_failure(error))?;
    // A table out of capacity returns a part each time.
    for _ in 0..MOST_LOOKS {
        let answer = call.answer(clients.dynamodb.batch_get_item().request_items(table, wanted).send().await)?;
        for item in answer.responses.unwrap_or_default().into_values().flatten() {
            let (Some(AttributeValue::S(sensor)), Some(AttributeValue::N(time))) = (item.get(SENSOR), item.get(TIME))
            else {
                continue;
            };
            let number = match item.get(SEQUENCE) {
                Some(AttributeValue::S(number)) => number.clone(),
                _ => String::new(),
            };
            rows.insert((sensor.clone(), time.clone()), number);
        }
        let Some(rest) = answer.unprocessed_keys.unwrap_or_default().into_values().next() else {
            let is_stored = |candidate: &Candidate| {
                let row = rows.get(&(candidate.sensor_id.clone(), candidate.current_time.clone()));
                row.is_some_and(|number| {
                    !number.is_empty() && compare_sequence_numbers(number, &candidate.sequence_number).is_ge()
                })
            };
            return Ok(candidates.iter().map(is_stored).collect());
        };
        wanted = rest;
    }
    Err(call.build_failure("the table has no capacity left to read"))
}
