//! A worker of a shard: takes records in order, batches them, and delivers each batch until it is settled.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::batch::{Batch, GivenUp, Policy};
use super::batch_response::{self, BatchResult};
use super::batcher::Batcher;
use super::event::{EMPTY, EVENT_LIMIT, EventEnvelope};
use super::failure_destination::{self, LastAttempt};
use super::stream_item::StreamItem;
use crate::faults::{InjectedError, Inside, refusal};
use crate::lambda::api::function_settings::{NO_KEY, NO_ROLE};
use crate::lambda::runtime::invocation::Invocation;
use crate::lambda::runtime::invoke::{InvokeError, invoke};
use crate::lambda::service::Lambda;
use crate::lambda::state::MappingRecord;
use crate::protocol::aws_json::now_ms;

/// The service's last processing results (docs/facts/event-source-mapping.md, States and results); all other texts are
/// our own.
const OK: &str = "OK";
const FAILED: &str = "PROBLEM: Function call failed";
const NO_FUNCTION: &str = "PROBLEM: Function not found";
const PENDING: &str = "PROBLEM: Function is not active yet";
const THROTTLED: &str = "PROBLEM: Function call throttled";
/// Backoff between attempts: doubles from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// Interval between checks for a function that is missing or throttled.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// One worker of a shard.
pub(crate) struct ShardWorker {
    pub lambda: Lambda,
    pub mapping: Arc<MappingRecord>,
    pub shard_id: String,
    /// Bare name of the function.
    pub function: String,
    /// When canceled, no new batch begins.
    pub stop: CancellationToken,
    /// Receives the indexes of settled records.
    pub settled: mpsc::UnboundedSender<Vec<u64>>,
}

/// The result of one call of the function.
enum InvokeResult {
    /// The function responded or failed.
    Tried(BatchResult, LastAttempt),
    /// The function was not invoked, which is not an attempt; the processing result to report.
    NotRun(String),
    /// Not invoked: only the first `n` records fit into one event.
    Fitting(usize),
    /// The local cloud is ending.
    Stopping,
}

impl ShardWorker {
    /// Processes batches until there are no more records, or it is stopped.
    pub(crate) async fn run(self, mut batching: Batcher) {
        loop {
            let frame = self.frame();
            let Some(Some(batch)) = self.stop.run_until_cancelled(batching.next(&frame)).await else { return };
            if !self.deliver(Batch::new(batch)).await {
                return;
            }
        }
    }

    /// Delivers a batch until every record is settled; returns false if stopped before.
    async fn deliver(&self, mut batch: Batch<StreamItem>) -> bool {
        let settings = &self.mapping.settings;
        let policy = Policy { max_retries: settings.max_retries, bisect: settings.bisect };
        let mut pause = FIRST_PAUSE;
        let mut last_try = None;
        loop {
            if let Some(oldest) = self.oldest() {
                self.give_up(batch.give_up_while(|item| item.arrival < oldest), last_try.as_ref()).await;
            }
            let Some(current) = batch.current() else { return true };
            if self.stop.is_cancelled() {
                return false;
            }
            let wait = match self.call(current).await {
                InvokeResult::Tried(verdict, tried) => {
                    self.note(if verdict == BatchResult::Done { OK } else { FAILED });
                    let settled = batch.settle(verdict, policy);
                    if !settled.done.is_empty() || settled.given_up.is_some() {
                        pause = FIRST_PAUSE;
                    }
                    self.report(&settled.done);
                    self.give_up(settled.given_up, Some(&tried)).await;
                    last_try = Some(tried);
                    if verdict == BatchResult::Done {
                        continue;
                    }
                    let wait = pause;
                    pause = LAST_PAUSE.min(pause * 2);
                    wait
                }
                InvokeResult::NotRun(why) => {
                    self.note(&why);
                    LOOK_AGAIN
                }
                InvokeResult::Fitting(count) => {
                    batch.cut(count);
                    continue;
                }
                InvokeResult::Stopping => return false,
            };
            if batch.current().is_some() && self.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return false;
            }
        }
    }

    /// Invokes the function with these records once.
    async fn call(&self, items: &[StreamItem]) -> InvokeResult {
        let frame = self.frame();
        let size = EMPTY + frame.length(items);
        if size > EVENT_LIMIT && items.len() > 1 {
            // The batch fitted when it was made. Every record contains the role, which may have been changed since.
            return InvokeResult::Fitting(frame.fitting(items));
        }
        if size > EVENT_LIMIT {
            // The service cannot deliver it either (docs/facts/kinesis.md, Write limits).
            let (id, shard) = (&items[0].sequence_number, &self.shard_id);
            return InvokeResult::NotRun(format!(
                "PROBLEM: Function call failed: the record {id} of {shard} makes an event of {size} bytes, and a \
                 function takes {EVENT_LIMIT}"
            ));
        }
        let is_lost = match self.lambda.deps().faults.inside("lambda", "Invoke").await {
            Inside::Goes => false,
            Inside::Lost => true,
            Inside::Refused(InjectedError::Throttled) => {
                self.lambda.count_throttle(&self.function);
                return InvokeResult::NotRun(THROTTLED.to_owned());
            }
            Inside::Refused(injected) => {
                let error = refusal("lambda", "Invoke", injected);
                return InvokeResult::NotRun(format!("PROBLEM: {}: {}", error.code, error.message));
            }
        };
        let invocation = Invocation::new(frame.event(items));
        #[cfg(test)]
        let _call = self.lambda.activity().begin(crate::lambda::activity::What::Call);
        let began = now_ms();
        let outcome = match invoke(&self.lambda, &self.function, &invocation).await {
            Ok(outcome) => outcome,
            Err(why) => return self.not_run(why, items.len()),
        };
        self.lambda.count_sent(&self.mapping, items, began);
        let verdict = if outcome.failed || is_lost {
            BatchResult::FAILED
        } else if self.mapping.understands_partial_answers(Timestamp::now().as_duration().as_secs_f64()) {
            batch_response::read(&outcome.payload, &items.iter().map(|item| item.sequence_number.as_str()))
        } else {
            BatchResult::Done
        };
        self.lambda.count_result(&self.mapping, items.len(), verdict);
        InvokeResult::Tried(verdict, LastAttempt { request_id: invocation.request_id, failed: outcome.failed })
    }

    fn not_run(&self, why: InvokeError, records: usize) -> InvokeResult {
        if matches!(why, InvokeError::Missing | InvokeError::NoRole | InvokeError::NoKey) {
            self.lambda.count_result(&self.mapping, records, BatchResult::FAILED);
        }
        InvokeResult::NotRun(match why {
            InvokeError::Missing => NO_FUNCTION.to_owned(),
            InvokeError::Pending => PENDING.to_owned(),
            InvokeError::Throttled(_) => THROTTLED.to_owned(),
            InvokeError::NoRole => format!("PROBLEM: {NO_ROLE}"),
            InvokeError::NoKey => format!("PROBLEM: {NO_KEY}"),
            InvokeError::Failed(why) => format!("PROBLEM: {why}"),
            InvokeError::Stopping => return InvokeResult::Stopping,
        })
    }

    /// Returns the time (epoch seconds) before which records are discarded: the maximum age, or the stream's retention.
    fn oldest(&self) -> Option<f64> {
        let retention = self.lambda.deps().kinesis.retention(&self.mapping.stream_arn);
        let limit = age_limit(self.mapping.settings.max_record_age, retention)?;
        Some(Timestamp::now().as_duration().as_secs_f64() - limit.as_secs_f64())
    }

    async fn give_up(&self, given_up: Option<GivenUp<StreamItem>>, last_try: Option<&LastAttempt>) {
        let Some(given_up) = given_up else { return };
        self.lambda.count_dropped(&self.mapping, given_up.records.len());
        let result =
            failure_destination::log_discarded(&self.lambda, &self.mapping, &self.shard_id, &given_up, last_try).await;
        self.note(&result);
        self.report(&given_up.records);
    }

    fn report(&self, items: &[StreamItem]) {
        if !items.is_empty() {
            // The receiver is gone only when the reader no longer tracks records.
            self.settled.send(items.iter().map(|item| item.index).collect()).unwrap_or_default();
        }
    }

    fn note(&self, result: &str) {
        self.lambda.note_result(&self.mapping.uuid, result);
    }

    fn frame(&self) -> EventEnvelope {
        let role = self.lambda.function(&self.function).map(|function| function.role.clone()).unwrap_or_default();
        let region = &self.lambda.deps().identity.region;
        EventEnvelope::new(self.mapping.source_arn(), &self.shard_id, region, &role)
    }
}

/// Returns the maximum age of a record.
///
/// It is the lower of the event source mapping's limit (-1: unlimited) and the stream's retention.
fn age_limit(max_record_age: i64, retention: Option<Duration>) -> Option<Duration> {
    let by_mapping = u64::try_from(max_record_age).ok().map(Duration::from_secs);
    by_mapping.into_iter().chain(retention).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_age_limit_is_the_lower_of_mapping_and_retention() {
        let day = Some(Duration::from_hours(24));
        assert_eq!(age_limit(-1, None), None);
        assert_eq!(age_limit(-1, day), day, "infinite means until it expires");
        assert_eq!(age_limit(60, day), Some(Duration::from_secs(60)));
        assert_eq!(age_limit(604_800, day), day);
    }
}
