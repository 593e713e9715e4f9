//! A lane of a shard: takes records in order, makes batches of them, and brings each to the function until it is
//! settled.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::batch::{Batch, Policy};
use super::batch_answer::{self, Verdict};
use super::event::{EVENT_LIMIT, Frame};
use super::names::FunctionName;
use super::records::Item;
use super::service::{Lambda, NotRun};
use super::state::Mapping;
use super::worker::Invocation;

/// What the service says of the last batch (facts: C3; the last three texts are our own).
const OK: &str = "OK";
const FAILED: &str = "PROBLEM: Function call failed";
const NO_FUNCTION: &str = "PROBLEM: Function not found";
const THROTTLED: &str = "PROBLEM: Function call throttled";
/// Pauses between tries: doubling from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// A function that is not there, or not free, is looked for this often.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// One lane.
pub(super) struct Lane {
    pub lambda: Lambda,
    pub mapping: Arc<Mapping>,
    pub shard_id: String,
    /// The function's bare name.
    pub function: String,
    /// No new batch is begun after this.
    pub stop: CancellationToken,
    /// Records to work on, in order.
    pub records: mpsc::UnboundedReceiver<Item>,
    /// Indexes of the records that are settled.
    pub settled: mpsc::UnboundedSender<Vec<u64>>,
}

impl Lane {
    /// Works until there are no more records, or it is stopped.
    pub(super) async fn run(mut self) {
        let mut queue = VecDeque::new();
        while self.fill(&mut queue).await {
            let count = self.frame().fitting(queue.iter().take(self.mapping.settings.batch_size)).min(queue.len());
            let batch = queue.drain(..count).collect();
            if !self.bring(Batch::new(batch)).await {
                return;
            }
        }
    }

    /// Waits until a batch can be made; false when there is none to come.
    async fn fill(&mut self, queue: &mut VecDeque<Item>) -> bool {
        let stop = self.stop.clone();
        if queue.is_empty() {
            let Some(Some(item)) = stop.run_until_cancelled(self.records.recv()).await else { return false };
            queue.push_back(item);
        }
        let deadline = Instant::now() + Duration::from_secs(self.mapping.settings.window_seconds);
        let frame = self.frame();
        let mut bytes = frame.length(queue.iter());
        loop {
            while queue.len() < self.mapping.settings.batch_size {
                match self.records.try_recv() {
                    Ok(item) => {
                        bytes += frame.length([&item]);
                        queue.push_back(item);
                    }
                    Err(_) => break,
                }
            }
            let is_full = self.mapping.settings.window_seconds == 0
                || queue.len() >= self.mapping.settings.batch_size
                || bytes > EVENT_LIMIT;
            if is_full {
                break;
            }
            match stop.run_until_cancelled(timeout_at(deadline, self.records.recv())).await {
                None => return false,
                Some(Ok(Some(item))) => {
                    bytes += frame.length([&item]);
                    queue.push_back(item);
                }
                // The window has passed, or the shard has ended.
                Some(Err(_) | Ok(None)) => break,
            }
        }
        !stop.is_cancelled()
    }

    /// Brings a batch to the function until every record is settled; false when stopped before.
    async fn bring(&self, mut batch: Batch<Item>) -> bool {
        let settings = &self.mapping.settings;
        let policy = Policy { max_retries: settings.max_retries, bisect: settings.bisect };
        let mut pause = FIRST_PAUSE;
        loop {
            if let Ok(limit) = u64::try_from(settings.max_record_age) {
                let now = Timestamp::now().as_duration().as_secs_f64();
                let oldest = now - Duration::from_secs(limit).as_secs_f64();
                self.report(&batch.give_up_while(|item| item.arrival < oldest));
            }
            let Some(current) = batch.current() else { return true };
            if self.stop.is_cancelled() {
                return false;
            }
            let invocation = Invocation::new(self.frame().event(current));
            let wait = match self.lambda.invoke(&self.function, &invocation).await {
                Ok(outcome) => {
                    let verdict = if outcome.failed {
                        Verdict::FAILED
                    } else if settings.report_failures {
                        batch_answer::read(&outcome.payload, &current.iter().map(|item| item.sequence_number.as_str()))
                    } else {
                        Verdict::Done
                    };
                    self.note(if verdict == Verdict::Done { OK } else { FAILED });
                    let settled = batch.settle(verdict, policy);
                    if !settled.done.is_empty() || !settled.given_up.is_empty() {
                        pause = FIRST_PAUSE;
                    }
                    self.report(&settled.done);
                    self.report(&settled.given_up);
                    if verdict == Verdict::Done {
                        continue;
                    }
                    let wait = pause;
                    pause = LAST_PAUSE.min(pause * 2);
                    wait
                }
                // What did not get as far as the function is no try.
                Err(NotRun::Missing) => {
                    self.note(NO_FUNCTION);
                    LOOK_AGAIN
                }
                Err(NotRun::Throttled(_)) => {
                    self.note(THROTTLED);
                    LOOK_AGAIN
                }
                Err(NotRun::Stopping) => return false,
            };
            if batch.current().is_some() && self.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return false;
            }
        }
    }

    fn report(&self, items: &[Item]) {
        if !items.is_empty() {
            // The reader has gone only when it no longer keeps count.
            self.settled.send(items.iter().map(|item| item.index).collect()).unwrap_or_default();
        }
    }

    fn note(&self, result: &str) {
        self.lambda.note_result(&self.mapping.uuid, result);
    }

    fn frame(&self) -> Frame {
        Frame {
            stream_arn: self.mapping.stream_arn.clone(),
            shard_id: self.shard_id.clone(),
            region: self.lambda.deps().identity.region.clone(),
            role: self.lambda.function(&self.function).map(|function| function.role.clone()).unwrap_or_default(),
        }
    }
}

/// The bare name in a function ARN.
pub(super) fn function_of(lambda: &Lambda, arn: &str) -> String {
    FunctionName::parse(arn, None, &lambda.deps().identity).map(|name| name.name).unwrap_or_default()
}
