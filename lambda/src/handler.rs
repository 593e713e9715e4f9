//! Handles one invocation: a batch of Kinesis records becomes rows, and invalid readings become rejects.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::Context;
use tokio::time::Instant;

use crate::batch_chunk::{BatchChunk, ItemOutcome, MAX_USER_RECORDS, Unstored};
use crate::dead_letter;
use crate::dynamodb::{Client, MAX_BATCH_ITEMS, READINGS, Table};
use crate::event::{Event, Record};
use crate::metrics::{MetricIssue, Metrics, RecordRange};
use crate::response::{BatchResponse, InvocationError, contained};
use crate::settings::Settings;
use crate::store::{PutOutcome, Store};
use crate::user_records::{Decoded, UserRecordError};

/// Time reserved at the end of an invocation for the response.
const RESERVE: Duration = Duration::from_secs(2);

/// The part of the remaining time that is reserved for the rejects of a chunk.
const REJECTS_SHARE: u32 = 4;

/// The state that is kept between invocations.
#[derive(Debug)]
pub(crate) struct Handler {
    settings: Settings,
    client: Client,
    readings: Table,
    rejects: Option<Table>,
    /// True if the last event was not wholly stored and had readings that the service refused. They may have taken all
    /// of the time, so chunks stay small until one completes without such readings.
    wary: Cell<bool>,
}

/// The first user record that is stored neither as a row nor as a reject.
struct FirstFailure {
    sequence_number: String,
    issue: MetricIssue,
}

impl Handler {
    /// Creates a handler from the environment.
    ///
    /// # Errors
    /// If the environment is invalid.
    pub(crate) fn from_env() -> Result<Self, String> {
        Handler::new(Settings::from_env()?)
    }

    /// Creates a handler with these settings.
    ///
    /// # Errors
    /// If the address of the tables is invalid.
    pub(crate) fn new(settings: Settings) -> Result<Self, String> {
        let client = Client::new(settings.credentials.clone(), settings.region.clone(), &settings.endpoint)?;
        let readings = Table { name: settings.table.clone(), key: &READINGS };
        let rejects = settings.rejects_table.clone().map(|name| Table { name, key: &dead_letter::KEY });
        Ok(Handler { settings, client, readings, rejects, wary: Cell::new(false) })
    }

    /// Stores the readings of one event.
    ///
    /// # Errors
    /// If the event is not from Kinesis, or if something was not stored and partial batch responses are not enabled.
    pub(crate) async fn handle(&self, json: &[u8], context: &Context) -> Result<BatchResponse, InvocationError> {
        let (result, metrics) = self.store(json, context).await;
        metrics.log(&self.settings.function_name, &context.request_id);
        result
    }

    /// Stores the readings of one event. Returns the metrics with the result.
    pub(crate) async fn store(
        &self,
        json: &[u8],
        context: &Context,
    ) -> (Result<BatchResponse, InvocationError>, Metrics) {
        let began = Instant::now();
        let deadline = began + time_for_work(context.deadline);
        let mut metrics = Metrics::default();
        let result = contained(self.answer(json, deadline, &mut metrics)).await;
        if let Err(fault) = &result {
            metrics.issue.get_or_insert_with(|| fault.into());
        }
        metrics.total = began.elapsed();
        (result, metrics)
    }

    /// Returns the number of requests in flight.
    #[cfg(test)]
    pub(crate) fn requests_in_flight(&self) -> usize {
        self.client.in_flight()
    }

    async fn answer(
        &self,
        json: &[u8],
        deadline: Instant,
        metrics: &mut Metrics,
    ) -> Result<BatchResponse, InvocationError> {
        let Some(gap) = self.store_event(json, deadline, metrics).await? else { return Ok(BatchResponse::default()) };
        let FirstFailure { sequence_number, issue } = gap;
        let (failed, readings) = (metrics.failed, metrics.readings);
        let reason = &issue.message;
        let message = format!(
            "{failed} of the {readings} readings looked at are not stored, the first at sequence number {sequence_number}: \
             {reason}"
        );
        metrics.issue = Some(MetricIssue { code: issue.code, message: message.clone() });
        if self.settings.partial_batch {
            Ok(BatchResponse::retry_from(&sequence_number))
        } else {
            Err(InvocationError::not_stored(message))
        }
    }

    /// Stores chunk by chunk. Each chunk is settled before the next, so that a later row of a key is never written
    /// before an earlier one. Stops at the first failure, because everything from there on is delivered again.
    async fn store_event(
        &self,
        json: &[u8],
        deadline: Instant,
        metrics: &mut Metrics,
    ) -> Result<Option<FirstFailure>, InvocationError> {
        let mut clock = Instant::now();
        let event = Event::read(json).map_err(InvocationError::foreign_event)?;
        metrics.records = event.records.len();
        metrics.range = range(&event);
        metrics.iterator_age = event.records.last().and_then(age);
        let decoded = Decoded::of(&event);
        let store = Store::new(&self.client);
        let mut pieces = decoded.pieces();
        let mut window = BatchChunk::default();
        let mut gap = None;
        let at_most = if self.wary.get() { MAX_BATCH_ITEMS } else { MAX_USER_RECORDS };
        let mut any_refused = false;
        while gap.is_none() && window.fill(&mut pieces, at_most) {
            lap(&mut metrics.decoding, &mut clock);
            any_refused |= self.store_readings(&store, &mut window, self.end_of_readings(deadline)).await;
            lap(&mut metrics.storing, &mut clock);
            self.store_rejects(&store, &mut window, deadline).await;
            lap(&mut metrics.rejecting, &mut clock);
            gap = count(&window, metrics);
        }
        lap(&mut metrics.decoding, &mut clock);
        metrics.retries = store.repetitions();
        self.wary.set(any_refused && (gap.is_some() || self.wary.get()));
        Ok(gap)
    }

    /// Returns the deadline for the readings of a chunk. Rejects have their own share of the time: readings that the
    /// service refuses one by one are kept as far as they were tried, and the next delivery begins after them.
    fn end_of_readings(&self, deadline: Instant) -> Instant {
        let left = deadline.saturating_duration_since(Instant::now());
        if self.rejects.is_some() { deadline - left / REJECTS_SHARE } else { deadline }
    }

    /// Stores the last reading of each key, or the one before if the service refuses it. Returns whether any was
    /// refused.
    ///
    /// A known limit remains: an aggregated record of thousands of readings that the service refuses one by one, in the
    /// worst case all of one key, takes one request for each, in sequence. If that takes longer than an invocation, the
    /// shard is blocked until the record expires. Every refusal that can be known without the service is found before.
    async fn store_readings(&self, store: &Store<'_>, window: &mut BatchChunk<'_>, deadline: Instant) -> bool {
        let rivals = window.rivals();
        let all_before = |index: usize| std::iter::successors(rivals.before[index], |&index| rivals.before[index]);
        let mut candidates = rivals.last.clone();
        let mut any_refused = false;
        while !candidates.is_empty() {
            let puts: Vec<_> = candidates.iter().filter_map(|&index| window.put(index)).collect();
            let outcomes = store.put_all(&self.readings, &puts, deadline).await;
            let mut next = Vec::new();
            for (index, outcome) in candidates.into_iter().zip(outcomes) {
                match outcome {
                    PutOutcome::Stored => {
                        window.entries[index].fate = ItemOutcome::Stored;
                        all_before(index).for_each(|earlier| window.entries[earlier].fate = ItemOutcome::Replaced);
                    }
                    PutOutcome::Refused(failure) => {
                        any_refused = true;
                        window.entries[index].fate = ItemOutcome::Rejected(UserRecordError {
                            code: failure.code.clone(),
                            reason: failure.message.clone(),
                            is_ours: false,
                        });
                        next.extend(rivals.before[index]);
                    }
                    // The earlier ones are needed again if the service refuses the last one later.
                    PutOutcome::Unstored(failure) => {
                        for index in all_before(index).chain([index]) {
                            window.entries[index].fate = ItemOutcome::Unstored(Unstored::Failure(Rc::clone(&failure)));
                        }
                    }
                }
            }
            candidates = next;
        }
        any_refused
    }

    /// Stores the rejects in the dead-letter table.
    async fn store_rejects(&self, store: &Store<'_>, window: &mut BatchChunk<'_>, deadline: Instant) {
        let expires_at = dead_letter::expiry(self.settings.rejects_days);
        let mut items = dead_letter::DeadLetters::default();
        for (index, entry) in window.entries.iter_mut().enumerate() {
            let ItemOutcome::Rejected(rejection) = &entry.fate else { continue };
            if self.rejects.is_some() {
                items.push(index, &entry.piece, rejection, &expires_at);
            } else {
                entry.fate = ItemOutcome::Unstored(Unstored::NoRejectsTable(rejection.clone()));
            }
        }
        let Some(table) = &self.rejects else { return };
        let outcomes = store.put_all(table, &items.puts(), deadline).await;
        for (index, outcome) in items.owners().zip(outcomes) {
            if let PutOutcome::Refused(failure) | PutOutcome::Unstored(failure) = outcome {
                window.entries[index].fate = ItemOutcome::Unstored(Unstored::Reject(failure));
            }
        }
    }
}

/// Counts the outcomes of a chunk. Returns the first failure.
fn count(window: &BatchChunk<'_>, metrics: &mut Metrics) -> Option<FirstFailure> {
    let mut gap = None;
    metrics.readings += window.entries.len();
    for entry in &window.entries {
        let issue = match &entry.fate {
            ItemOutcome::Stored => {
                metrics.stored += 1;
                metrics.uncertain_times += usize::from(entry.has_uncertain_time());
                continue;
            }
            ItemOutcome::Replaced => {
                metrics.replaced += 1;
                continue;
            }
            ItemOutcome::Rejected(_) => {
                metrics.rejected += 1;
                continue;
            }
            ItemOutcome::Unstored(unstored) => unstored.issue(),
            ItemOutcome::Open => MetricIssue { code: "NotTried".to_owned(), message: "not tried".to_owned() },
        };
        metrics.failed += 1;
        // User records are in the order of the shard: the first failure is the lowest.
        gap.get_or_insert_with(|| FirstFailure {
            sequence_number: entry.piece.record.kinesis.sequence_number.clone().into_owned(),
            issue,
        });
    }
    gap
}

/// Adds the time since the last call.
fn lap(phase: &mut Duration, clock: &mut Instant) {
    let now = Instant::now();
    *phase += now - *clock;
    *clock = now;
}

/// Returns which records an event has.
fn range(event: &Event<'_>) -> Option<RecordRange> {
    let (first, last) = (event.records.first()?, event.records.last()?);
    let number = |record: &Record<'_>| record.kinesis.sequence_number.to_string();
    Some(RecordRange { shard_id: first.shard_id().to_owned(), first: number(first), last: number(last) })
}

/// Returns the time since a record arrived in the stream.
fn age(record: &Record<'_>) -> Option<Duration> {
    let arrival = record.kinesis.approximate_arrival_timestamp?.get().parse().ok()?;
    let arrival = UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(arrival).ok()?)?;
    Some(SystemTime::now().duration_since(arrival).unwrap_or_default())
}

/// Returns the time from now to two seconds before the deadline (milliseconds since 1970), but at least two thirds of
/// the remaining time: a function without a configured timeout has three seconds.
fn time_for_work(deadline: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = Duration::from_millis(deadline).saturating_sub(now);
    left.saturating_sub(RESERVE.min(left / 3))
}
