//! Puts items until each is stored, refused, or out of time.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use tokio::time::{Instant, sleep, timeout_at};

use crate::dynamodb::{Client, Failure, Kind, MAX_BATCH_BYTES, MAX_BATCH_ITEMS, Table, batch_body, unprocessed};

/// Requests in flight at a time.
const CONCURRENCY: usize = 8;
/// Longest wait before the first repetition; doubles with each.
const FIRST_BACKOFF: Duration = Duration::from_millis(25);
/// Longest wait before any repetition.
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// An item to put.
#[derive(Debug)]
pub struct Put {
    /// Partition and sort key as text.
    pub key: (String, String),
    /// The item in the service's JSON.
    pub item: String,
}

/// What became of an item.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is in the table.
    Stored,
    /// The service does not accept this item.
    Refused(Failure),
    /// It could not be stored now.
    Unstored(Failure),
}

/// Writes for one invocation.
#[derive(Debug)]
pub struct Store<'a> {
    client: &'a Client,
    /// When everything must be finished or given up.
    deadline: Instant,
    repetitions: Cell<u64>,
}

/// The writes of one call to one table.
struct Run<'a> {
    store: &'a Store<'a>,
    table: &'a Table,
    puts: &'a [Put],
    /// Why no further request makes sense.
    stopped: RefCell<Option<Failure>>,
}

/// Indices of puts that go into one request.
type Batch = Vec<usize>;

impl<'a> Store<'a> {
    /// A store that gives up at `deadline`.
    pub fn new(client: &'a Client, deadline: Instant) -> Self {
        Store { client, deadline, repetitions: Cell::new(0) }
    }

    /// Requests that had to be sent again, as a whole or in part.
    pub fn repetitions(&self) -> u64 {
        self.repetitions.get()
    }

    /// Puts all items, no two of which have the same key; tells what became of each, in their order. Nothing is in
    /// flight when it returns.
    pub async fn put_all(&self, table: &Table, puts: &[Put]) -> Vec<Outcome> {
        let run = Run { store: self, table, puts, stopped: RefCell::new(None) };
        let mut written =
            futures::stream::iter(batches(puts)).map(|batch| run.write(batch)).buffer_unordered(CONCURRENCY);
        let mut outcomes = vec![Outcome::Unstored(Failure::out_of_time()); puts.len()];
        while let Some(settled) = written.next().await {
            for (index, outcome) in settled {
                outcomes[index] = outcome;
            }
        }
        outcomes
    }
}

fn batches(puts: &[Put]) -> Vec<Batch> {
    let mut batches = Vec::with_capacity(puts.len().div_ceil(MAX_BATCH_ITEMS));
    let mut batch = Batch::new();
    let mut bytes = 0;
    for (index, put) in puts.iter().enumerate() {
        if batch.len() == MAX_BATCH_ITEMS || (!batch.is_empty() && bytes + put.item.len() > MAX_BATCH_BYTES) {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += put.item.len();
        batch.push(index);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// What one request did.
enum Step {
    /// All of it is settled.
    Done,
    /// These are to be sent again, for this reason.
    Again(Batch, Failure),
    /// An item of it is not acceptable; sent in halves, it is found.
    Halves(Batch, Batch),
}

impl Run<'_> {
    async fn write(&self, batch: Batch) -> Vec<(usize, Outcome)> {
        let mut settled = Vec::with_capacity(batch.len());
        let mut waiting = vec![batch];
        while let Some(mut batch) = waiting.pop() {
            let mut attempt = 0;
            loop {
                match self.attempt(batch, &mut settled).await {
                    Step::Done => break,
                    Step::Halves(first, second) => {
                        waiting.extend([second, first]);
                        break;
                    }
                    Step::Again(left, failure) => {
                        let pause = backoff(attempt);
                        if Instant::now() + pause >= self.store.deadline {
                            settle(&mut settled, left, &Outcome::Unstored(failure));
                            break;
                        }
                        sleep(pause).await;
                        attempt += 1;
                        self.store.repetitions.set(self.store.repetitions.get() + 1);
                        batch = left;
                    }
                }
            }
        }
        settled
    }

    async fn attempt(&self, batch: Batch, settled: &mut Vec<(usize, Outcome)>) -> Step {
        if let Some(failure) = self.stopped.borrow().clone() {
            settle(settled, batch, &Outcome::Unstored(failure));
            return Step::Done;
        }
        let body = batch_body(self.table, batch.iter().map(|&index| self.puts[index].item.as_str()));
        let request = self.store.client.batch_write(Bytes::from(body));
        // Dropping the request at the deadline closes its connection.
        let answer = timeout_at(self.store.deadline, request).await.unwrap_or_else(|_| Err(Failure::out_of_time()));
        match answer {
            Ok(answer) => self.accepted(batch, &answer, settled),
            Err(failure) => self.failed(batch, failure, settled),
        }
    }

    fn accepted(&self, batch: Batch, answer: &[u8], settled: &mut Vec<(usize, Outcome)>) -> Step {
        let left = match unprocessed(self.table, answer) {
            Ok(left) => left,
            Err(error) => return Step::Again(batch, Failure::connection(&error)),
        };
        let (again, stored): (Batch, Batch) = batch.iter().partition(|&&index| left.contains(&self.puts[index].key));
        if again.len() != left.len() {
            // Left over, but not known by its key: all of it is sent again, which changes nothing that is stored.
            return Step::Again(batch, left_over());
        }
        settle(settled, stored, &Outcome::Stored);
        if again.is_empty() { Step::Done } else { Step::Again(again, left_over()) }
    }

    fn failed(&self, mut batch: Batch, failure: Failure, settled: &mut Vec<(usize, Outcome)>) -> Step {
        match failure.kind {
            Kind::Passing => Step::Again(batch, failure),
            Kind::Item if batch.len() > 1 => {
                let second = batch.split_off(batch.len() / 2);
                Step::Halves(batch, second)
            }
            Kind::Item => {
                settle(settled, batch, &Outcome::Refused(failure));
                Step::Done
            }
            Kind::Lasting => {
                *self.stopped.borrow_mut() = Some(failure.clone());
                settle(settled, batch, &Outcome::Unstored(failure));
                Step::Done
            }
        }
    }
}

fn settle(settled: &mut Vec<(usize, Outcome)>, batch: Batch, outcome: &Outcome) {
    settled.extend(batch.into_iter().map(|index| (index, outcome.clone())));
}

fn left_over() -> Failure {
    Failure {
        kind: Kind::Passing,
        code: "UnprocessedItems".to_owned(),
        message: "the table's capacity was used up".to_owned(),
    }
}

/// Exponential backoff with full jitter.
fn backoff(attempt: u32) -> Duration {
    let ceiling = FIRST_BACKOFF.saturating_mul(1 << attempt.min(16)).min(LONGEST_BACKOFF);
    ceiling.mul_f64(rand::random::<f64>())
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_BACKOFF, MAX_BATCH_BYTES, Put, backoff, batches};

    fn put(bytes: usize) -> Put {
        Put { key: (String::new(), String::new()), item: "x".repeat(bytes) }
    }

    #[test]
    fn batches_keep_both_limits_and_every_item() {
        let sizes = |sizes: &[usize]| {
            let puts: Vec<_> = sizes.iter().copied().map(put).collect();
            let batches = batches(&puts);
            assert!(batches.iter().flatten().copied().eq(0..puts.len()));
            batches.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[]), [0_usize; 0]);
        assert_eq!(sizes(&[1; 60]), [25, 25, 10]);
        assert_eq!(sizes(&[MAX_BATCH_BYTES / 2; 5]), [2, 2, 1]);
        assert_eq!(sizes(&[1, MAX_BATCH_BYTES + 1, 1]), [1, 1, 1]);
    }

    #[test]
    fn the_wait_is_bounded_however_often_it_failed() {
        assert!((0..100).all(|attempt| backoff(attempt) <= LONGEST_BACKOFF));
    }
}
