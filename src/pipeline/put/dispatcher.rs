//! Distributes readings to put workers: batches them, limits the rate, and bounds the wait for a full batch.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::batch::Batch;
use super::put_options::PutOptions;
use super::put_worker::AbortSignal;
use crate::error::Error;
use crate::pipeline::input::parsed_line::ParsedLine;
use crate::pipeline::{ParsedChunks, PutEvent, Record, RejectedLine};

/// Maximum wait of a reading for others to share its request, as in the KPL (docs/facts/kinesis.md, Aggregation).
const LINGER: Duration = Duration::from_millis(100);

/// Distributes readings to put workers. All readings of a sensor go to the same worker.
pub(crate) struct Dispatcher<'a> {
    lanes: Vec<mpsc::Sender<Batch>>,
    open: Vec<Batch>,
    /// The time when the open batches have to go.
    due: Option<Instant>,
    plan: PutOptions<'a>,
    halt: &'a AbortSignal,
    /// The time when the next reading may go, if the rate is limited.
    turn: Instant,
    done: Dispatched,
}

/// The counts and records that the dispatcher took from the input.
#[derive(Debug, Default)]
pub(crate) struct Dispatched {
    pub read: u64,
    pub rejected: u64,
    pub reasons: BTreeMap<&'static str, u64>,
    pub error: Option<Error>,
    pub left: Vec<Record>,
}

impl<'a> Dispatcher<'a> {
    pub(crate) fn new(lanes: Vec<mpsc::Sender<Batch>>, plan: PutOptions<'a>, halt: &'a AbortSignal) -> Self {
        let open = lanes.iter().map(|_| Batch::default()).collect();
        Dispatcher { lanes, open, due: None, plan, halt, turn: Instant::now(), done: Dispatched::default() }
    }

    /// Dispatches the whole input, until it ends or the put is aborted.
    pub(crate) async fn run(mut self, mut chunks: ParsedChunks) -> Dispatched {
        while !self.halt.is_set() {
            let next = tokio::select! {
                biased;
                () = self.halt.set() => break,
                next = receive(&mut chunks, self.due) => next,
            };
            let result = match next {
                DispatchEvent::Chunk(Ok(items)) => self.take(items).await,
                DispatchEvent::Chunk(Err(error)) => Err(error),
                DispatchEvent::Due => {
                    self.flush().await;
                    Ok(())
                }
                DispatchEvent::End => break,
            };
            if let Err(error) = result {
                // Records that were read before the error are still sent.
                self.done.error = Some(error);
                break;
            }
        }
        self.flush().await;
        if self.done.error.is_some() || self.halt.is_set() {
            self.leave(chunks.drain().await);
        }
        self.done
    }

    async fn take(&mut self, items: Vec<ParsedLine>) -> Result<(), Error> {
        let mut items = items.into_iter();
        let result = self.take_each(&mut items).await;
        self.leave(items);
        result
    }

    /// Counts items that were read and will not be sent.
    fn leave(&mut self, items: impl IntoIterator<Item = ParsedLine>) {
        for item in items {
            self.done.read += 1;
            match item {
                ParsedLine::Ready(record) => self.done.left.push(record),
                ParsedLine::Rejected(rejection) => {
                    self.done.rejected += 1;
                    // The first error is reported.
                    if let Err(error) = self.refuse(&rejection) {
                        self.done.error.get_or_insert(error);
                    }
                }
            }
        }
    }

    fn refuse(&mut self, rejection: &RejectedLine) -> Result<(), Error> {
        *self.done.reasons.entry(rejection.code).or_default() += 1;
        self.plan.observer.event(&PutEvent::Rejected(rejection));
        self.plan.rejects.as_mut().map_or(Ok(()), |file| file.write(rejection))
    }

    /// Dispatches the items one by one, until the put is aborted.
    async fn take_each(&mut self, items: &mut impl Iterator<Item = ParsedLine>) -> Result<(), Error> {
        while !self.halt.is_set() {
            let Some(item) = items.next() else { return Ok(()) };
            match item {
                ParsedLine::Ready(record) => {
                    self.keep_pace().await;
                    self.done.read += 1;
                    let lane = lane_of(&record.partition_key, self.lanes.len());
                    self.due.get_or_insert_with(|| Instant::now() + LINGER);
                    if let Some(batch) = self.open[lane].push(record) {
                        self.hand_over(lane, batch).await;
                    }
                }
                ParsedLine::Rejected(rejection) => {
                    self.done.read += 1;
                    self.done.rejected += 1;
                    self.refuse(&rejection)?;
                }
            }
        }
        Ok(())
    }

    async fn keep_pace(&mut self) {
        let Some(rate) = self.plan.rate else { return };
        // A small delay, from a slow timer, is made up for. A pause is not, or a burst would follow it.
        let turn = self.turn.max(Instant::now() - LINGER);
        self.turn = turn + Duration::from_secs_f64(rate.recip());
        while Instant::now() < turn && !self.halt.is_set() {
            match self.due {
                Some(due) if due < turn => {
                    sleep_until(due).await;
                    self.flush().await;
                }
                _ => {
                    tokio::select! {
                        () = self.halt.set() => {}
                        () = sleep_until(turn) => {}
                    }
                }
            }
        }
    }

    async fn flush(&mut self) {
        self.due = None;
        for lane in 0..self.lanes.len() {
            if let Some(batch) = self.open[lane].take() {
                self.hand_over(lane, batch).await;
            }
        }
    }

    async fn hand_over(&mut self, lane: usize, batch: Batch) {
        // A worker receives batches until its sender is dropped, so this cannot fail. If it did, the records would
        // still be counted.
        if let Err(refused) = self.lanes[lane].send(batch).await {
            self.done.left.extend(refused.0.into_records());
        }
    }
}

enum DispatchEvent {
    Chunk(Result<Vec<ParsedLine>, Error>),
    Due,
    End,
}

async fn receive(chunks: &mut ParsedChunks, due: Option<Instant>) -> DispatchEvent {
    let next = match due {
        Some(due) => timeout_at(due, chunks.next()).await,
        None => Ok(chunks.next().await),
    };
    match next {
        Err(_) => DispatchEvent::Due,
        Ok(Some(chunk)) => DispatchEvent::Chunk(chunk),
        Ok(None) => DispatchEvent::End,
    }
}

fn lane_of(partition_key: &str, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    partition_key.hash(&mut hasher);
    usize::try_from(hasher.finish() % lanes as u64).unwrap_or(0)
}
