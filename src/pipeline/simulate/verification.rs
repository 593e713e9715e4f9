//! Follows simulated readings into the table: while they are sent, and until the pipeline has drained.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::outcome::Verification;
use super::plan::{SEED_FIELD, SimulationPlan};
use super::reconciliation::{OpenRange, SharedLedger};
use super::rejected::rejected_readings;
use crate::aws::Clients;
use crate::error::Error;
use crate::pipeline::{PageRetry, ReadQuery, RowPage, StoredReading, TableReader};

/// Queries in flight.
const CONCURRENT_QUERIES: usize = 8;
/// Time between two looks at the table: on AWS each costs a read unit for every sensor, on this machine nothing.
const PAUSE: Duration = Duration::from_millis(500);
const LOCAL_PAUSE: Duration = Duration::from_millis(50);
/// Time between two looks at readings that are late already, while others are sent.
const LATE_PAUSE: Duration = Duration::from_secs(5);
/// Rows that such a look reads of a sensor, because rows after a lost reading are read again each time.
const LATE_ROWS: u64 = 1000;
/// How long a query is repeated while the table's read capacity is used up.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// Compares a table with the readings that a simulation sends.
pub(crate) struct Verifier<'a> {
    /// SDK clients.
    pub clients: &'a Clients,
    /// The table of readings.
    pub table: &'a str,
    /// The dead-letter table.
    pub rejects_table: &'a str,
    /// The plan of the readings.
    pub plan: Arc<SimulationPlan>,
    /// The ledger of the readings that were sent.
    pub ledger: SharedLedger,
    /// A reading that is stored after more than this is late.
    pub late_after: Duration,
}

/// Which open readings a look is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Those that are not late yet.
    Young,
    /// The oldest.
    Late,
    /// All.
    All,
    /// All, for the last time.
    Last,
}

impl Verifier<'_> {
    /// Fails if the table holds readings of this plan already: they would pass for those that are sent.
    ///
    /// # Errors
    /// If there is such a row, or if the table cannot be read.
    pub(crate) async fn check_unused(&self) -> Result<(), Error> {
        let looks = stream::iter(0..self.plan.sensors).map(|sensor| async move {
            let mut found = false;
            let query = ReadQuery { since: self.plan.time(sensor, 0).map(Into::into), ..query(sensor) };
            let each = |row: StoredReading| {
                let step = self.plan.step_at(sensor, &row.reading.current_time);
                found |= step.is_some() && row.reading.fields.contains_key(SEED_FIELD);
                !found
            };
            self.read(&query, each).await.map(|()| found)
        });
        let mut looks = looks.buffer_unordered(CONCURRENT_QUERIES);
        while let Some(found) = looks.next().await {
            if found? {
                return Err(Error::failed(format!(
                    "table {} holds readings of this simulation already (seed {}); nothing was sent",
                    self.table, self.plan.seed
                ))
                .hint("`sensorctl simulate --delete` deletes them; another `--seed` or `--start` has other keys"));
            }
        }
        Ok(())
    }

    /// Looks at the table again and again until all readings are sent. Returns the longest time between two looks.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(crate) async fn watch(&self, all_sent: &CancellationToken) -> Result<Duration, Error> {
        let mut longest = self.pause();
        let mut late = Instant::now();
        while !all_sent.is_cancelled() {
            let began = Instant::now();
            tokio::select! {
                () = sleep(self.pause()) => {}
                () = all_sent.cancelled() => break,
            }
            self.look(Look::Young).await?;
            longest = longest.max(began.elapsed());
            if late.elapsed() >= LATE_PAUSE {
                self.look(Look::Late).await?;
                late = Instant::now();
            }
        }
        Ok(longest)
    }

    /// Looks at both tables until each reading is in one of them, or the limit passes. `waiting` learns how many are
    /// open. Returns the longest time between two looks.
    ///
    /// # Errors
    /// If a table cannot be read.
    pub(crate) async fn drain(&self, limit: Duration, waiting: &dyn Fn(u64)) -> Result<Duration, Error> {
        let end = Instant::now() + limit;
        let mut longest = self.pause();
        loop {
            let began = Instant::now();
            self.look(Look::All).await?;
            let open = self.ledger.lock().open();
            waiting(open);
            if open > 0 {
                self.note_dead_letters().await?;
            }
            if self.ledger.lock().open() == 0 {
                return Ok(longest);
            }
            if Instant::now() >= end {
                self.look(Look::Last).await?;
                return Ok(longest);
            }
            sleep(self.pause()).await;
            longest = longest.max(began.elapsed());
        }
    }

    /// Returns the result so far.
    pub(crate) fn verification(&self, poll: Duration) -> Verification {
        self.ledger.lock().verification(self.late_after, poll)
    }

    fn pause(&self) -> Duration {
        if self.clients.is_loopback() { LOCAL_PAUSE } else { PAUSE }
    }

    async fn look(&self, look: Look) -> Result<(), Error> {
        let ranges = self.ledger.lock().open_ranges((look == Look::Young).then_some(self.late_after));
        let looks = stream::iter(ranges).map(|OpenRange { sensor, first, last }| async move {
            let query = ReadQuery {
                since: self.plan.time(sensor, first).map(Into::into),
                until: self.plan.time(sensor, last).map(Into::into),
                limit: (look == Look::Late).then_some(LATE_ROWS),
                ..query(sensor)
            };
            let each = |row: StoredReading| {
                let mut ledger = self.ledger.lock();
                if look == Look::Last {
                    ledger.note_last_row(sensor, &row);
                } else {
                    ledger.note_row(sensor, &row);
                }
                true
            };
            self.read(&query, each).await
        });
        let mut looks = looks.buffer_unordered(CONCURRENT_QUERIES);
        while let Some(result) = looks.next().await {
            result?;
        }
        Ok(())
    }

    async fn note_dead_letters(&self) -> Result<(), Error> {
        let found = rejected_readings(self.clients, self.rejects_table).await?;
        let mut ledger = self.ledger.lock();
        for reading in found {
            if let Some(sensor) = self.plan.sensor(&reading.sensor_id) {
                ledger.note_dead_letter(sensor, &reading.current_time);
            }
        }
        Ok(())
    }

    /// Reads the rows of a query until `each` returns false.
    async fn read(&self, query: &ReadQuery, mut each: impl FnMut(StoredReading) -> bool) -> Result<(), Error> {
        let retry = PageRetry { limit: READ_LIMIT, waiting: &|_, _| {} };
        let reader = TableReader::new(self.clients, self.table, retry);
        reader.read_pages(query, |page: RowPage<StoredReading>| Ok(page.rows.into_iter().all(&mut each))).await
    }
}

fn query(sensor: u64) -> ReadQuery {
    ReadQuery { sensors: vec![SimulationPlan::sensor_id(sensor)], consistent: true, ..ReadQuery::default() }
}
