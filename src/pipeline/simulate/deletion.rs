//! Counts and deletes the rows of simulated sensors.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use futures::future::{join_all, try_join_all};
use sensor_model::backoff::Backoff;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::plan::{SEED_FIELD, SENSOR_PREFIX};
use crate::aws::{self, AwsFailure, Clients};
use crate::error::Error;
use crate::pipeline::read::item_decode::{Item, SENSOR, TIME};

/// Segments of the parallel scan.
const SEGMENTS: i32 = 4;
/// Maximum requests of a `BatchWriteItem` (docs/facts/dynamodb.md, Writes).
const BATCH: usize = 25;
/// The pauses after a batch that was not processed as a whole.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(5) };
/// Time without progress after which a call is given up.
const GIVE_UP_AFTER: Duration = Duration::from_mins(1);

/// The rows of simulated sensors in a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SimulatedRows<'a> {
    /// SDK clients.
    pub clients: &'a Clients,
    /// The table.
    pub table: &'a str,
}

/// The number of rows by their origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowCounts {
    /// Rows whose sensor id begins with `sim-`.
    pub all: u64,
    /// Of these, rows without the seed of a simulation.
    pub without_seed: u64,
}

impl SimulatedRows<'_> {
    /// Counts the rows.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(crate) async fn count(&self) -> Result<RowCounts, Error> {
        let counts = try_join_all((0..SEGMENTS).map(|segment| async move {
            let mut counts = RowCounts::default();
            let mut start = None;
            loop {
                let (items, next) = self.page(segment, start).await?;
                counts.all += items.len() as u64;
                counts.without_seed += items.iter().filter(|item| !item.contains_key(SEED_FIELD)).count() as u64;
                start = next;
                if start.is_none() {
                    return Ok::<_, Error>(counts);
                }
            }
        }));
        let sum = |sum: RowCounts, counts: RowCounts| RowCounts {
            all: sum.all + counts.all,
            without_seed: sum.without_seed + counts.without_seed,
        };
        Ok(counts.await?.into_iter().fold(RowCounts::default(), sum))
    }

    /// Deletes the rows, and counts them as it goes. An interrupt lets requests in flight end, so that the count is right.
    ///
    /// # Errors
    /// If the table cannot be read or written.
    pub(crate) async fn delete(&self, deleted: &AtomicU64, interrupt: &CancellationToken) -> Result<(), Error> {
        let segments = (0..SEGMENTS).map(|segment| async move {
            let mut start = None;
            loop {
                let (items, next) = self.page(segment, start).await?;
                for batch in items.chunks(BATCH) {
                    self.delete_batch(batch, deleted, interrupt).await?;
                }
                start = next;
                if start.is_none() || interrupt.is_cancelled() {
                    return Ok::<_, Error>(());
                }
            }
        });
        // Rows that are being deleted are counted, also where another segment fails.
        Error::combined(join_all(segments).await.into_iter().filter_map(Result::err)).map_or(Ok(()), Err)
    }

    async fn page(&self, segment: i32, start: Option<Item>) -> Result<(Vec<Item>, Option<Item>), Error> {
        let resource = format!("table {}", self.table);
        let request = self
            .clients
            .dynamodb
            .scan()
            .table_name(self.table)
            .consistent_read(true)
            .filter_expression("begins_with(#sensor, :prefix)")
            .projection_expression("#sensor, #time, #seed")
            .expression_attribute_names("#sensor", SENSOR)
            .expression_attribute_names("#time", TIME)
            .expression_attribute_names("#seed", SEED_FIELD)
            .expression_attribute_values(":prefix", AttributeValue::S(SENSOR_PREFIX.to_owned()))
            .segment(segment)
            .total_segments(SEGMENTS)
            .set_exclusive_start_key(start);
        let call = self.clients.call("DynamoDB", "Scan", &resource);
        let answer = self.retry(|| async { call.answer(request.clone().send().await) }).await?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key.filter(|key| !key.is_empty())))
    }

    async fn delete_batch(
        &self,
        items: &[Item],
        deleted: &AtomicU64,
        interrupt: &CancellationToken,
    ) -> Result<(), Error> {
        let resource = format!("table {}", self.table);
        let call = self.clients.call("DynamoDB", "BatchWriteItem", &resource);
        let delete = |item: &Item| {
            let key: Item =
                item.iter().filter(|(name, _)| [SENSOR, TIME].contains(&name.as_str())).map(owned).collect();
            let request = DeleteRequest::builder().set_key(Some(key)).build().map_err(|why| call.build_failure(why))?;
            Ok(WriteRequest::builder().delete_request(request).build())
        };
        let mut left = items.iter().map(delete).collect::<Result<Vec<_>, AwsFailure>>()?;
        let mut progressed = Instant::now();
        let mut attempt = 0;
        while !left.is_empty() && !interrupt.is_cancelled() {
            let count = left.len();
            let request = self.clients.dynamodb.batch_write_item().request_items(self.table, left);
            let answer = self.retry(|| async { call.answer(request.clone().send().await) }).await?;
            let mut unprocessed: HashMap<String, Vec<WriteRequest>> = answer.unprocessed_items.unwrap_or_default();
            left = unprocessed.remove(self.table).unwrap_or_default();
            deleted.fetch_add((count - left.len().min(count)) as u64, Ordering::Relaxed);
            if left.is_empty() {
                return Ok(());
            }
            if left.len() < count {
                (progressed, attempt) = (Instant::now(), 0);
            } else if progressed.elapsed() >= GIVE_UP_AFTER {
                let seconds = GIVE_UP_AFTER.as_secs();
                return Err(Error::failed(format!("table {} deleted no row for {seconds} s", self.table))
                    .hint("its write capacity is used up: run the same command again later"));
            }
            tokio::select! {
                () = sleep(BACKOFF.full_jitter(attempt, rand::random())) => {}
                () = interrupt.cancelled() => {}
            }
            attempt += 1;
        }
        Ok(())
    }

    async fn retry<T, Fut>(&self, call: impl Fn() -> Fut) -> Result<T, Error>
    where
        Fut: Future<Output = Result<T, AwsFailure>>,
    {
        match aws::retry_transient(self.clients.schedule(GIVE_UP_AFTER), call).await {
            Ok(value) => Ok(value),
            Err(failure) => Err(self.clients.with_account_context(failure).await.into()),
        }
    }
}

fn owned((name, value): (&String, &AttributeValue)) -> (String, AttributeValue) {
    (name.clone(), value.clone())
}
