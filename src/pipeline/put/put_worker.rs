//! A put worker: sends one batch at a time, so that the readings of a sensor, which share a worker, keep their order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sensor_model::backoff::Backoff;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::batch::Batch;
use super::retry::{EntryResult, RetryQueue};
use crate::aws::{AwsFailure, FailureCause};
use crate::error::Error;
use crate::pipeline::{PutEvent, PutObserver, Record};

/// The pauses between the attempts of a request.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };
/// Time without progress after which a worker gives up. It is twice the time that the KPL keeps a record
/// (docs/facts/kinesis.md, Aggregation).
const GIVE_UP_AFTER: Duration = Duration::from_mins(1);

/// Maximum wait for a response after an abort.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// The signal that ends a bulk put early. All its workers share it.
#[derive(Debug)]
pub(crate) struct AbortSignal {
    token: CancellationToken,
    reason: Mutex<Option<Error>>,
    anything_accepted: AtomicBool,
}

impl AbortSignal {
    /// Creates a signal that an interrupt sets, too.
    pub(crate) fn under(interrupt: &CancellationToken) -> Self {
        AbortSignal {
            token: interrupt.child_token(),
            reason: Mutex::default(),
            anything_accepted: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.token.is_cancelled()
    }

    pub(crate) async fn set(&self) {
        self.token.cancelled().await;
    }

    /// Returns the error that caused the abort. Returns `None` without an abort, and after an interrupt.
    pub(crate) fn into_reason(self) -> Option<Error> {
        self.reason.into_inner()
    }

    fn abort_with(&self, error: Error) {
        self.reason.lock().get_or_insert(error);
        self.token.cancel();
    }
}

/// The results of a worker.
#[derive(Debug, Default)]
pub(crate) struct WorkerStats {
    pub accepted: u64,
    pub records: u64,
    pub bytes: u64,
    pub retries: u64,
    /// In input order.
    pub failed: Vec<Record>,
}

/// Sends batch after batch to the end. After an abort, only counts the rest.
pub(crate) async fn run<S>(
    mut batches: mpsc::Receiver<Batch>,
    send: &S,
    observer: &dyn PutObserver,
    halt: &AbortSignal,
) -> WorkerStats
where
    S: AsyncFn(&[&Record]) -> Result<Vec<EntryResult>, AwsFailure>,
{
    let mut tally = WorkerStats::default();
    while let Some(batch) = batches.recv().await {
        let records = batch.into_records();
        if halt.is_set() {
            tally.failed.extend(records);
        } else {
            deliver(records, send, observer, halt, &mut tally).await;
        }
    }
    tally
}

async fn deliver<S>(
    records: Vec<Record>,
    send: &S,
    observer: &dyn PutObserver,
    halt: &AbortSignal,
    tally: &mut WorkerStats,
) where
    S: AsyncFn(&[&Record]) -> Result<Vec<EntryResult>, AwsFailure>,
{
    let mut unsent = RetryQueue::all(records.len());
    let mut progressed = Instant::now();
    let mut attempt = 0;
    loop {
        let request: Vec<&Record> = unsent.pending().iter().map(|index| &records[*index]).collect();
        if attempt > 0 {
            tally.retries += request.len() as u64;
        }
        let code = match within(ANSWER_LIMIT, halt, send(&request)).await {
            None => "no answer".to_owned(),
            Some(Ok(answers)) => {
                let settled = unsent.settle(&records, &answers);
                tally.accepted += settled.readings;
                tally.records += settled.records;
                tally.bytes += settled.bytes;
                if settled.readings > 0 {
                    progressed = Instant::now();
                    attempt = 0;
                    halt.anything_accepted.store(true, Ordering::Relaxed);
                    observer.event(&PutEvent::Accepted { readings: settled.readings, bytes: settled.bytes });
                }
                let Some(code) = settled.code else { return };
                if progressed.elapsed() >= GIVE_UP_AFTER {
                    halt.abort_with(gave_up(&code));
                }
                code
            }
            Some(Err(failure)) => {
                let worth_it = may_pass(&failure, halt.anything_accepted.load(Ordering::Relaxed));
                let code = failure.code.clone().unwrap_or_else(|| "no answer".to_owned());
                if !worth_it || progressed.elapsed() >= GIVE_UP_AFTER {
                    halt.abort_with(failure.into());
                }
                code
            }
        };
        if !halt.is_set() {
            let pause = pause_before(attempt);
            attempt += 1;
            observer.event(&PutEvent::Resending { records: unsent.pending().len(), code: &code, pause });
            tokio::select! {
                () = halt.set() => {}
                () = sleep(pause) => {}
            }
        }
        if halt.is_set() {
            let mut left = vec![false; records.len()];
            unsent.pending().iter().for_each(|index| left[*index] = true);
            tally.failed.extend(records.into_iter().zip(left).filter_map(|(record, left)| left.then_some(record)));
            return;
        }
    }
}

/// Waits for a request in flight even after an abort, because the stream may accept it. The wait is bounded.
async fn within<T>(limit: Duration, halt: &AbortSignal, request: impl Future<Output = T>) -> Option<T> {
    let late = async {
        halt.set().await;
        sleep(limit).await;
    };
    tokio::select! {
        biased;
        answer = request => Some(answer),
        () = late => None,
    }
}

/// Returns a random pause between zero and the doubled pause (full jitter).
fn pause_before(attempt: u32) -> Duration {
    BACKOFF.full_jitter(attempt, rand::random())
}

/// Returns whether a failure of the whole request may be transient. An endpoint that never responded is more likely
/// wrong than busy.
fn may_pass(failure: &AwsFailure, anything_accepted: bool) -> bool {
    match failure.cause {
        FailureCause::Unreachable => anything_accepted,
        FailureCause::Other => {
            failure.code.as_deref().is_some_and(|code| code.starts_with("Internal") || code.starts_with("HTTP 5"))
        }
        _ => failure.is_transient(),
    }
}

fn gave_up(code: &str) -> Error {
    Error::failed(format!("the stream took nothing for {} s; it says {code}", GIVE_UP_AFTER.as_secs()))
        .hint("a shard takes 1 MiB and 1,000 records a second from all its writers: more shards, or a `--rate`, help")
}
