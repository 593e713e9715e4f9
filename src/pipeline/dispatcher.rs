//! Readings to lanes: batches them, keeps a rate, and lets none wait long for others.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::batch::Batch;
use super::bulk_put::Plan;
use super::input::Item;
use super::put_worker::Halt;
use super::{Chunks, Event, Record, Rejection};
use crate::error::Error;

/// A reading waits no longer than this for others to share its request, as in the KPL (docs/facts/kinesis.md,
/// Aggregation).
const LINGER: Duration = Duration::from_millis(100);

/// Hands readings to lanes, each sensor's always to the same.
pub(super) struct Dispatcher<'a> {
    lanes: Vec<mpsc::Sender<Batch>>,
    open: Vec<Batch>,
    /// When what waits in `open` has to go.
    due: Option<Instant>,
    plan: Plan<'a>,
    halt: &'a Halt,
    /// When the next reading may go, under a rate.
    turn: Instant,
    done: Dispatched,
}

/// What was taken from the input.
#[derive(Debug, Default)]
pub(super) struct Dispatched {
    pub read: u64,
    pub rejected: u64,
    pub error: Option<Error>,
    pub left: Vec<Record>,
}

impl<'a> Dispatcher<'a> {
    pub(super) fn new(lanes: Vec<mpsc::Sender<Batch>>, plan: Plan<'a>, halt: &'a Halt) -> Self {
        let open = lanes.iter().map(|_| Batch::default()).collect();
        Dispatcher { lanes, open, due: None, plan, halt, turn: Instant::now(), done: Dispatched::default() }
    }

    /// Takes everything, until the input ends or the halt.
    pub(super) async fn run(mut self, mut chunks: Chunks) -> Dispatched {
        while !self.halt.is_set() {
            let next = tokio::select! {
                biased;
                () = self.halt.set() => break,
                next = receive(&mut chunks, self.due) => next,
            };
            let result = match next {
                Next::Chunk(Ok(items)) => self.take(items).await,
                Next::Chunk(Err(error)) => Err(error),
                Next::Due => {
                    self.flush().await;
                    Ok(())
                }
                Next::End => break,
            };
            if let Err(error) = result {
                // What was read before the error is still sent.
                self.done.error = Some(error);
                break;
            }
        }
        self.flush().await;
        if self.done.error.is_some() || self.halt.is_set() {
            self.leave(chunks.rest().await);
        }
        self.done
    }

    async fn take(&mut self, items: Vec<Item>) -> Result<(), Error> {
        let mut items = items.into_iter();
        let result = self.take_each(&mut items).await;
        self.leave(items);
        result
    }

    /// Items that were read and will not be sent.
    fn leave(&mut self, items: impl IntoIterator<Item = Item>) {
        for item in items {
            self.done.read += 1;
            match item {
                Item::Ready(record) => self.done.left.push(record),
                Item::Rejected(rejection) => {
                    self.done.rejected += 1;
                    // The first error is the one that is told.
                    if let Err(error) = self.refuse(&rejection) {
                        self.done.error.get_or_insert(error);
                    }
                }
            }
        }
    }

    fn refuse(&mut self, rejection: &Rejection) -> Result<(), Error> {
        self.plan.observer.event(&Event::Rejected(rejection));
        self.plan.rejects.as_mut().map_or(Ok(()), |file| file.write(rejection))
    }

    /// Takes them one by one, as long as there is no halt.
    async fn take_each(&mut self, items: &mut impl Iterator<Item = Item>) -> Result<(), Error> {
        while !self.halt.is_set() {
            let Some(item) = items.next() else { return Ok(()) };
            match item {
                Item::Ready(record) => {
                    self.keep_pace().await;
                    self.done.read += 1;
                    let lane = lane_of(&record.partition_key, self.lanes.len());
                    self.due.get_or_insert_with(|| Instant::now() + LINGER);
                    if let Some(batch) = self.open[lane].push(record) {
                        self.hand_over(lane, batch).await;
                    }
                }
                Item::Rejected(rejection) => {
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
        // What was late a little, by a slow timer, is made up for; a pause is not, or a burst would follow it.
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
        // A lane takes batches until its sender is dropped, so this cannot fail; if it did, nothing is lost.
        if let Err(refused) = self.lanes[lane].send(batch).await {
            self.done.left.extend(refused.0.into_records());
        }
    }
}

enum Next {
    Chunk(Result<Vec<Item>, Error>),
    Due,
    End,
}

async fn receive(chunks: &mut Chunks, due: Option<Instant>) -> Next {
    let next = match due {
        Some(due) => timeout_at(due, chunks.next()).await,
        None => Ok(chunks.next().await),
    };
    match next {
        Err(_) => Next::Due,
        Ok(Some(chunk)) => Next::Chunk(chunk),
        Ok(None) => Next::End,
    }
}

fn lane_of(partition_key: &str, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    partition_key.hash(&mut hasher);
    usize::try_from(hasher.finish() % lanes as u64).unwrap_or(0)
}
