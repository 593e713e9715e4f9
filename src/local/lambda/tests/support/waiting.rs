//! Waits for conditions and for idle event source mappings, and stops the clock.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::TestLambda;
use crate::kinesis::Shard;
use crate::lambda::activity::Counts;
use crate::lambda::state::{MappingRecord, MappingState};
use crate::lambda::tests::numbers;

/// Polling interval.
const LOOK: Duration = Duration::from_millis(5);
/// Long enough for a busy machine; no test measures it.
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// Time that passes on a lapsing clock between two polls.
const LAPSE: Duration = Duration::from_millis(100);

/// Stops the clock of this process; other processes continue to run.
pub(super) struct StoppedClock {
    _held: mpsc::Sender<()>,
    /// True if time passes quickly while a test waits and no event source mapping calls a function.
    lapses: bool,
}

impl TestLambda {
    /// Waits until this many records are handled, and no more can come.
    pub(crate) async fn handled_all(&self, count: usize) -> Vec<String> {
        self.handled_but(count, 0).await
    }

    /// Waits as `handled_all` does, but with `waiting` records left that wait for a full batch.
    pub(crate) async fn handled_but(&self, count: usize, waiting: usize) -> Vec<String> {
        self.until(async || self.handled().len() >= count).await;
        self.settled_but(waiting).await;
        self.handled()
    }

    /// Waits until all read records are settled, and two more polls of every shard have found nothing.
    pub(crate) async fn settled(&self) {
        self.settled_but(0).await;
    }

    async fn settled_but(&self, waiting: usize) {
        for _ in 0..2 {
            let shards = self.mapped_shards().await;
            let empty_polls = |counts: &Counts| -> Vec<usize> {
                shards.iter().map(|(mapping, shard)| counts.polls(mapping, shard).empty).collect()
            };
            let before = empty_polls(&self.counts());
            self.deps.kinesis.wake();
            self.until(async || {
                let counts = self.counts();
                let polls = shards.iter().map(|(mapping, shard)| counts.polls(mapping, shard));
                let is_polled =
                    polls.clone().zip(&before).all(|(polls, before)| polls.is_finished || polls.empty > *before);
                let unsettled: usize = polls.map(|polls| polls.unsettled).sum();
                is_polled && unsettled == waiting && counts.waiting.now == waiting
            })
            .await;
        }
    }

    /// Returns the number of records read and not settled at the last poll of their shards.
    pub(crate) async fn unsettled(&self) -> usize {
        let (shards, counts) = (self.mapped_shards().await, self.counts());
        shards.iter().map(|(mapping, shard)| counts.polls(mapping, shard).unsettled).sum()
    }

    /// Returns the number of polls of a shard.
    pub(crate) async fn polls_of(&self, shard_id: &str) -> usize {
        let (shards, counts) = (self.mapped_shards().await, self.counts());
        let of_shard = shards.iter().filter(|(_, shard)| shard.id == shard_id);
        of_shard.map(|(mapping, shard)| counts.polls(mapping, shard).all).sum()
    }

    /// Returns every shard that an event source mapping reads.
    async fn mapped_shards(&self) -> Vec<(MappingRecord, Shard)> {
        let mut shards = Vec::new();
        for mapping in self.lambda.mappings().into_iter().filter(|mapping| mapping.state == MappingState::Enabled) {
            let of_stream = self.deps.kinesis.shards(&mapping.stream_arn).await.unwrap();
            shards.extend(of_stream.into_iter().map(|shard| (mapping.clone(), shard)));
        }
        shards
    }

    /// Returns the activity of the event source mappings since Lambda was started.
    pub(crate) fn counts(&self) -> Counts {
        self.lambda.activity().watch().borrow().clone()
    }

    /// Asserts that no event source mapping reads, even after a put; returns the sequence numbers of the put records.
    pub(crate) async fn assert_nothing_reads(&self) -> Vec<String> {
        let before = self.counts();
        assert_eq!((before.reading.now, before.calls.now), (0, 0));
        let put = self.put_many(4, 1).await;
        let after = self.counts();
        assert_eq!((after.reading.begun, after.all_polls()), (before.reading.begun, before.all_polls()));
        numbers(&put)
    }

    /// Stops the clock while an event source mapping calls a function, which takes the time it needs.
    ///
    /// Time passes quickly while a test waits for anything else, such as intervals and backoff.
    ///
    /// For tests with one thread, whose functions respond: the end of a process is awaited in time that does not pass.
    pub(crate) fn lapsing(mut self) -> Self {
        self.stop_clock();
        self.clock = self.clock.map(|clock| StoppedClock { lapses: true, ..clock });
        self
    }

    /// Stops the clock of this process. For tests with one thread.
    ///
    /// Timers advance only by `pass`; the processes of functions take the time they need.
    pub(crate) fn stop_clock(&mut self) {
        tokio::time::pause();
        // A paused clock advances to the next timer by itself when nothing runs, unless a blocking task is in progress.
        let (held, until_dropped) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || until_dropped.recv().unwrap_or_default());
        self.clock = Some(StoppedClock { _held: held, lapses: false });
    }

    /// Advances a stopped clock, and runs the tasks that waited for it.
    pub(crate) async fn pass(&self, time: Duration) {
        // A timer that ends within a millisecond fires at the end of it.
        tokio::time::advance(time + Duration::from_millis(1)).await;
        // Timers are processed when every task waits.
        self.pause().await;
    }

    /// Advances a stopped clock step by step until a condition holds.
    pub(crate) async fn pass_until(&self, step: Duration, condition: impl AsyncFn() -> bool) {
        self.until(async || {
            let holds = condition().await;
            if !holds {
                tokio::time::advance(step).await;
            }
            holds
        })
        .await;
    }

    /// Waits for a condition.
    pub(crate) async fn until(&self, condition: impl AsyncFn() -> bool) {
        let began = Instant::now();
        let mut activity = self.lambda.activity().watch();
        while !condition().await {
            assert!(began.elapsed() < WAIT_TIMEOUT, "it did not happen; handled so far: {:?}", self.handled());
            if self.clock.as_ref().is_some_and(|clock| clock.lapses) && self.counts().calls.now == 0 {
                tokio::time::advance(LAPSE).await;
            }
            self.look_again(&mut activity).await;
        }
    }

    /// Waits for one polling interval, or less if an event source mapping does something.
    async fn look_again(&self, activity: &mut watch::Receiver<Counts>) {
        tokio::select! {
            Ok(()) = activity.changed() => {}
            () = self.pause() => {}
        }
    }

    async fn pause(&self) {
        if self.clock.is_some() {
            tokio::task::spawn_blocking(|| std::thread::sleep(LOOK)).await.unwrap();
        } else {
            tokio::time::sleep(LOOK).await;
        }
    }
}
