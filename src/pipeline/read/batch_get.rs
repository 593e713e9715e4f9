//! Consistent reads of single items by their keys.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use sensor_model::backoff::Backoff;
use sensor_model::{Decimal, Reading};
use tokio::time::{Instant, sleep};

use super::item_decode::{HiddenAttributes, Item, SENSOR, TIME, decode_item};
use super::stored_reading::StoredReading;
use crate::aws::{self, AwsFailure, Clients};

/// Maximum keys of a `BatchGetItem` (docs/facts/dynamodb.md, Reads).
const BATCH: usize = 100;
/// Requests in flight.
const CONCURRENT: usize = 8;
/// The pauses after a batch that was not read as a whole.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(5) };
/// Time without progress after which a read is given up.
const GIVE_UP_AFTER: Duration = Duration::from_mins(1);

/// The state of a table at the key of a reading.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RowState {
    /// No row.
    Absent,
    /// A row that is not a reading.
    Foreign,
    /// A reading.
    Stored(Box<StoredReading>),
}

/// Reads the rows at the keys of these readings, consistently and in their order.
///
/// # Errors
/// If the table cannot be read.
pub(crate) async fn rows_at(
    clients: &Clients,
    table: &str,
    readings: &[&Reading],
) -> Result<Vec<RowState>, AwsFailure> {
    let key = |reading: &&Reading| -> Item {
        [
            (SENSOR.to_owned(), AttributeValue::S(reading.sensor_id.clone())),
            (TIME.to_owned(), AttributeValue::N(reading.current_time.to_string())),
        ]
        .into()
    };
    let items = batch_get(clients, table, readings.iter().map(key).collect()).await?;
    let mut found: HashMap<(String, Decimal), RowState> = HashMap::with_capacity(items.len());
    for item in items {
        let (Some(AttributeValue::S(sensor)), Some(AttributeValue::N(time))) = (item.get(SENSOR), item.get(TIME))
        else {
            continue;
        };
        let Ok(time) = Decimal::parse(time) else { continue };
        let key = (sensor.clone(), time);
        // Attributes that no reading has are not compared.
        let row = decode_item(item, &mut HiddenAttributes::default());
        found.insert(key, row.map_or(RowState::Foreign, |row| RowState::Stored(Box::new(row))));
    }
    let state = |reading: &&Reading| {
        let key = (reading.sensor_id.clone(), reading.current_time.clone());
        found.get(&key).cloned().unwrap_or(RowState::Absent)
    };
    Ok(readings.iter().map(state).collect())
}

/// Reads the items at some keys, which must differ, consistently and in no order. What is not there is left out.
///
/// # Errors
/// If the table cannot be read.
pub(crate) async fn batch_get(clients: &Clients, table: &str, keys: Vec<Item>) -> Result<Vec<Item>, AwsFailure> {
    let batches: Vec<Vec<Item>> = keys.chunks(BATCH).map(<[Item]>::to_vec).collect();
    let read = |batch: Vec<Item>| one_batch(clients, table, batch);
    let found: Vec<Vec<Item>> = stream::iter(batches).map(read).buffer_unordered(CONCURRENT).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn one_batch(clients: &Clients, table: &str, mut left: Vec<Item>) -> Result<Vec<Item>, AwsFailure> {
    let resource = format!("table {table}");
    let call = clients.call("DynamoDB", "BatchGetItem", &resource);
    let mut found = Vec::new();
    let mut progressed = Instant::now();
    let mut attempt = 0;
    loop {
        let count = left.len();
        let keys = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build();
        let keys = keys.map_err(|error| call.build_failure(error))?;
        let request = clients.dynamodb.batch_get_item().request_items(table, keys);
        let ask = || async { call.answer(request.clone().send().await) };
        let answer = aws::retry_transient(clients.schedule(GIVE_UP_AFTER), ask).await?;
        found.extend(answer.responses.unwrap_or_default().remove(table).unwrap_or_default());
        let unprocessed = answer.unprocessed_keys.unwrap_or_default().remove(table);
        left = unprocessed.map(|keys| keys.keys).unwrap_or_default();
        if left.is_empty() {
            return Ok(found);
        }
        if left.len() < count {
            (progressed, attempt) = (Instant::now(), 0);
        } else if progressed.elapsed() >= GIVE_UP_AFTER {
            let seconds = GIVE_UP_AFTER.as_secs();
            return Err(call.build_failure(format!("it read no key for {seconds} s: its read capacity is used up")));
        }
        sleep(BACKOFF.full_jitter(attempt, rand::random())).await;
        attempt += 1;
    }
}
