//! Writes items until each is stored, refused, or out of time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use sensor_model::backoff::Backoff;
use tokio::time::{Instant, sleep, timeout_at};

use crate::dynamodb::{
    Client, FailureKind, MAX_BATCH_BYTES, MAX_BATCH_ITEMS, Table, WriteFailure, batch_body, unprocessed,
};

/// Maximum requests in flight.
const CONCURRENCY: usize = 8;
/// The pauses before the retries.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(25), longest: Duration::from_secs(2) };
/// Maximum time for a response. A batch takes tens of milliseconds. A slower request is sent again on another
/// connection.
const SLOWEST_ANSWER: Duration = Duration::from_secs(10);
/// Minimum time for a response when little time is left.
const SLOW_ANSWER: Duration = Duration::from_secs(1);

/// An item to put.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Put<'a> {
    /// Its key attributes in the service's JSON.
    pub key: &'a str,
    /// The put request in the service's JSON.
    pub request: &'a str,
}

/// The outcome of a write.
#[derive(Clone, Debug)]
pub(crate) enum PutOutcome {
    /// Stored in the table.
    Stored,
    /// Refused by the service.
    Refused(Rc<WriteFailure>),
    /// Not stored now, for a transient or permanent failure.
    Unstored(Rc<WriteFailure>),
}

/// The writes of one invocation.
#[derive(Debug)]
pub(crate) struct Store<'a> {
    client: &'a Client,
    repetitions: Cell<u64>,
}

/// The writes of one call to one table.
struct Run<'a> {
    store: &'a Store<'a>,
    table: &'a Table,
    puts: &'a [Put<'a>],
    /// The time when everything must be finished or given up.
    deadline: Instant,
    /// The reason why no further request makes sense.
    stopped: RefCell<Option<Rc<WriteFailure>>>,
}

/// Indices of the puts in one request.
type Batch = Vec<usize>;

impl<'a> Store<'a> {
    /// Creates a store without writes.
    pub(crate) fn new(client: &'a Client) -> Self {
        Store { client, repetitions: Cell::new(0) }
    }

    /// Returns the number of retried requests, in whole or in part.
    pub(crate) fn repetitions(&self) -> u64 {
        self.repetitions.get()
    }

    /// Writes all items, the first ones first, and gives up at `deadline`. No two items may have the same key. Returns
    /// the outcome of each, in their order. Nothing is in flight when it returns.
    pub(crate) async fn put_all(&self, table: &Table, puts: &[Put<'_>], deadline: Instant) -> Vec<PutOutcome> {
        let run = Run { store: self, table, puts, deadline, stopped: RefCell::new(None) };
        let mut written =
            futures::stream::iter(batches(puts)).map(|batch| run.write(batch)).buffer_unordered(CONCURRENCY);
        let mut outcomes = vec![PutOutcome::Unstored(Rc::new(WriteFailure::out_of_time())); puts.len()];
        while let Some(settled) = written.next().await {
            for (index, outcome) in settled {
                outcomes[index] = outcome;
            }
        }
        outcomes
    }
}

fn batches(puts: &[Put<'_>]) -> Vec<Batch> {
    let mut batches = Vec::with_capacity(puts.len().div_ceil(MAX_BATCH_ITEMS));
    let mut batch = Batch::new();
    let mut bytes = 0;
    for (index, put) in puts.iter().enumerate() {
        if batch.len() == MAX_BATCH_ITEMS || (!batch.is_empty() && bytes + put.request.len() > MAX_BATCH_BYTES) {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += put.request.len();
        batch.push(index);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// The result of one request.
enum AttemptResult {
    /// All of it is settled.
    Done,
    /// These are to be retried, for this reason.
    Again(Batch, WriteFailure),
    /// An item is refused. Smaller requests will find it.
    Refused(Batch, WriteFailure),
}

impl Run<'_> {
    /// Returns the time when an attempt that begins now is given up: early enough for another one, if there is time for
    /// two.
    fn attempt_ends(&self) -> Instant {
        let now = Instant::now();
        let half = self.deadline.saturating_duration_since(now) / 2;
        self.deadline.min(now + half.clamp(SLOW_ANSWER, SLOWEST_ANSWER))
    }

    async fn write(&self, batch: Batch) -> Vec<(usize, PutOutcome)> {
        let mut settled = Vec::with_capacity(batch.len());
        let mut waiting = vec![batch];
        let mut refusals_in_a_row = 0;
        while let Some(mut batch) = waiting.pop() {
            let mut attempt = 0;
            loop {
                let sent = batch.len();
                match self.attempt(batch, &mut settled).await {
                    AttemptResult::Done => {
                        refusals_in_a_row = 0;
                        break;
                    }
                    AttemptResult::Refused(batch, failure) => {
                        refusals_in_a_row += 1;
                        if batch.len() == 1 {
                            settle(&mut settled, batch, &PutOutcome::Refused(Rc::new(failure)));
                        } else {
                            // One refused item among many is found by halving. If all are refused, halves are a waste.
                            let part = if refusals_in_a_row == 1 { batch.len().div_ceil(2) } else { 1 };
                            waiting.extend(batch.chunks(part).rev().map(<[usize]>::to_vec));
                        }
                        break;
                    }
                    AttemptResult::Again(left, failure) => {
                        if left.len() < sent {
                            // A batch that makes progress, however slow, needs no longer waits.
                            attempt = 0;
                        }
                        let pause = BACKOFF.full_jitter(attempt, rand::random::<f64>());
                        attempt += 1;
                        if Instant::now() + pause >= self.deadline {
                            settle(&mut settled, left, &PutOutcome::Unstored(Rc::new(failure)));
                            break;
                        }
                        sleep(pause).await;
                        if Instant::now() >= self.deadline {
                            // The pause took longer than planned: report the failure before it, not the time.
                            settle(&mut settled, left, &PutOutcome::Unstored(Rc::new(failure)));
                            break;
                        }
                        self.store.repetitions.set(self.store.repetitions.get() + 1);
                        batch = left;
                    }
                }
            }
        }
        settled
    }

    async fn attempt(&self, batch: Batch, settled: &mut Vec<(usize, PutOutcome)>) -> AttemptResult {
        if let Some(failure) = self.stopped.borrow().clone() {
            settle(settled, batch, &PutOutcome::Unstored(failure));
            return AttemptResult::Done;
        }
        if Instant::now() >= self.deadline {
            settle(settled, batch, &PutOutcome::Unstored(Rc::new(WriteFailure::out_of_time())));
            return AttemptResult::Done;
        }
        let requests = || batch.iter().map(|&index| self.puts[index].request);
        let bytes = requests().map(|request| request.len() + 1).sum();
        let body = Bytes::from(batch_body(self.table, requests(), bytes));
        // Dropping the request closes its connection.
        let answer = timeout_at(self.attempt_ends(), self.store.client.batch_write(body)).await;
        match answer.unwrap_or_else(|_| Err(WriteFailure::too_slow())) {
            Ok(answer) => self.accepted(batch, &answer, settled),
            Err(failure) => self.failed(batch, failure, settled),
        }
    }

    fn accepted(&self, batch: Batch, answer: &[u8], settled: &mut Vec<(usize, PutOutcome)>) -> AttemptResult {
        let left = match unprocessed(self.table, answer) {
            Ok(left) => left,
            Err(message) => return AttemptResult::Again(batch, WriteFailure::nonsense(message)),
        };
        let is_left = |index: &usize| left.iter().any(|key| key == self.puts[*index].key);
        let (again, stored): (Batch, Batch) = batch.iter().partition(|index| is_left(index));
        if again.len() != left.len() {
            // Unprocessed items with unknown keys: the whole batch is sent again, which does not change stored items.
            return AttemptResult::Again(batch, left_over());
        }
        settle(settled, stored, &PutOutcome::Stored);
        if again.is_empty() { AttemptResult::Done } else { AttemptResult::Again(again, left_over()) }
    }

    fn failed(&self, batch: Batch, failure: WriteFailure, settled: &mut Vec<(usize, PutOutcome)>) -> AttemptResult {
        match failure.kind {
            FailureKind::Transient => AttemptResult::Again(batch, failure),
            FailureKind::ItemRejected => AttemptResult::Refused(batch, failure),
            FailureKind::Permanent => {
                let failure = Rc::new(failure);
                *self.stopped.borrow_mut() = Some(Rc::clone(&failure));
                settle(settled, batch, &PutOutcome::Unstored(failure));
                AttemptResult::Done
            }
        }
    }
}

fn settle(settled: &mut Vec<(usize, PutOutcome)>, batch: Batch, outcome: &PutOutcome) {
    settled.extend(batch.into_iter().map(|index| (index, outcome.clone())));
}

fn left_over() -> WriteFailure {
    WriteFailure {
        kind: FailureKind::Transient,
        code: "UnprocessedItems".to_owned(),
        message: "the table's capacity was used up".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_BATCH_BYTES, Put, PutOutcome, Store, batches};
    use crate::dynamodb::{Client, Endpoint, READINGS, Table};
    use aws_credential_types::Credentials;
    use tokio::time::Instant;

    #[tokio::test]
    async fn put_all_after_deadline_sends_nothing() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Some(format!("http://{}", listener.local_addr().unwrap()));
        let credentials = Credentials::new("a", "s", None, None, "test");
        let endpoint = Endpoint { url, ..Endpoint::default() };
        let client = Client::new(credentials, "us-east-1".to_owned(), &endpoint).unwrap();
        let table = Table { name: "SensorData".to_owned(), key: &READINGS };
        let puts = vec![Put { key: "k", request: "{}" }; 1000];
        let outcomes = Store::new(&client).put_all(&table, &puts, Instant::now()).await;
        assert_eq!(outcomes.len(), puts.len());
        for outcome in outcomes {
            let PutOutcome::Unstored(failure) = outcome else { panic!("{outcome:?}") };
            assert_eq!(failure.code, "OutOfTime");
        }
    }

    #[test]
    fn batches_respect_count_and_byte_limits_and_keep_every_item() {
        let sizes = |sizes: &[usize]| {
            let requests: Vec<_> = sizes.iter().map(|&bytes| "x".repeat(bytes)).collect();
            let puts: Vec<_> = requests.iter().map(|request| Put { key: "", request }).collect();
            let batches = batches(&puts);
            assert!(batches.iter().flatten().copied().eq(0..puts.len()));
            batches.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[]), [0_usize; 0]);
        assert_eq!(sizes(&[1; 60]), [25, 25, 10]);
        assert_eq!(sizes(&[MAX_BATCH_BYTES / 2; 5]), [2, 2, 1]);
        assert_eq!(sizes(&[1, MAX_BATCH_BYTES + 1, 1]), [1, 1, 1]);
    }
}
