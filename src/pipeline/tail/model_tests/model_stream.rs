//! A stream in memory with shards, resharding, a delay until records can be read, and faults.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep};

use crate::aws::{AwsFailure, FailureCause};
use crate::pipeline::tail::stream_reader::{
    ChildShard, ListFrom, ListedShard, RecordPage, ShardPosition, StreamReader, StreamRecord,
};

/// The time of the model's beginning, in milliseconds since 1970.
const EPOCH_MS: i64 = 1_700_000_000_000;
/// How long an iterator lives.
const ITERATOR_MS: i64 = 300_000;
/// The longest time until a record can be read.
const MAX_DELAY_MS: i64 = 500;
/// The age of a list that is not up to date.
const STALE_MS: i64 = 800;

/// A change of the shards. The number chooses among them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reshard {
    /// A shard becomes two.
    Split(usize),
    /// Two shards become one.
    Merge(usize),
}

/// How often calls fail, in percent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// Calls that are throttled.
    pub throttled: u8,
    /// Calls that fail.
    pub failed: u8,
    /// Calls whose answer is lost.
    pub lost: u8,
    /// Iterators that are not known any more.
    pub expired: u8,
    /// Answers without records although there are some.
    pub empty: u8,
    /// Lists that are not up to date.
    pub stale: u8,
    /// True if the end of a shard does not name its children.
    pub hides_children: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Shard {
    pub(super) parents: Vec<usize>,
    opened_ms: i64,
    closed_ms: Option<i64>,
    first_number: u64,
    is_trimmed: bool,
    pub(super) records: Vec<Record>,
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) arrived_ms: i64,
    readable_ms: i64,
}

pub(super) struct Inner {
    pub(super) shards: Vec<Shard>,
    next_number: u64,
    luck: StdRng,
    is_deleted: bool,
    fails_with: Option<FailureCause>,
    /// When the clock was looked at first: the clock of a test's runtime is paused.
    began: Option<Instant>,
    lists: usize,
}

/// The stream; clones share it.
#[derive(Clone)]
pub(super) struct ModelStream {
    pub(super) inner: Arc<Mutex<Inner>>,
    faults: Faults,
}

/// An iterator.
pub(super) struct ModelIterator {
    shard: usize,
    first_number: u64,
    next: usize,
    made_ms: i64,
}

fn failure(operation: &'static str, cause: FailureCause, code: &str, message: &str) -> AwsFailure {
    AwsFailure {
        service: "Kinesis",
        operation,
        resource: "stream s".into(),
        location: "here".into(),
        code: Some(code.into()),
        message: message.into(),
        cause,
    }
}

fn id(shard: usize) -> String {
    format!("shardId-{shard:012}")
}

impl ModelStream {
    pub(super) fn new(shards: usize, faults: Faults, seed: u64) -> Self {
        let luck = StdRng::seed_from_u64(seed);
        let inner = Inner {
            shards: Vec::new(),
            next_number: 1,
            luck,
            is_deleted: false,
            fails_with: None,
            began: None,
            lists: 0,
        };
        let stream = ModelStream { inner: Arc::new(Mutex::new(inner)), faults };
        (0..shards).for_each(|_| stream.add(Vec::new(), EPOCH_MS));
        stream
    }

    pub(super) fn now_ms(&self) -> i64 {
        let now = Instant::now();
        let began = *self.inner.lock().began.get_or_insert(now);
        EPOCH_MS + 1 + i64::try_from(now.saturating_duration_since(began).as_millis()).unwrap()
    }

    fn add(&self, parents: Vec<usize>, opened_ms: i64) {
        let mut inner = self.inner.lock();
        let first_number = inner.next_number;
        inner.next_number += 1;
        inner.shards.push(Shard {
            parents,
            opened_ms,
            closed_ms: None,
            first_number,
            is_trimmed: false,
            records: Vec::new(),
        });
    }

    /// Puts a record into an open shard.
    pub(super) fn put(&self) {
        let now = self.now_ms();
        let mut inner = self.inner.lock();
        let open: Vec<_> = (0..inner.shards.len()).filter(|at| inner.shards[*at].closed_ms.is_none()).collect();
        let shard = open[inner.luck.random_range(0..open.len())];
        let delay = inner.luck.random_range(0..MAX_DELAY_MS);
        let number = inner.next_number;
        inner.next_number += 1;
        // Records become readable in their order.
        let before = inner.shards[shard].records.last().map_or(0, |last| last.readable_ms);
        inner.shards[shard].records.push(Record { number, arrived_ms: now, readable_ms: before.max(now + delay) });
    }

    pub(super) fn reshard(&self, reshard: Reshard) {
        let now = self.now_ms();
        let open: Vec<_> = {
            let inner = self.inner.lock();
            (0..inner.shards.len()).filter(|at| inner.shards[*at].closed_ms.is_none()).collect()
        };
        let close = |shard: usize| self.inner.lock().shards[shard].closed_ms = Some(now);
        match reshard {
            Reshard::Split(choice) => {
                let parent = open[choice % open.len()];
                close(parent);
                self.add(vec![parent], now);
                self.add(vec![parent], now);
            }
            Reshard::Merge(choice) if open.len() > 1 => {
                let at = choice % (open.len() - 1);
                close(open[at]);
                close(open[at + 1]);
                self.add(vec![open[at], open[at + 1]], now);
            }
            Reshard::Merge(_) => {}
        }
    }

    pub(super) fn delete(&self) {
        self.inner.lock().is_deleted = true;
    }

    /// Replaces the stream by another of its name.
    pub(super) fn create_again(&self) {
        self.inner.lock().shards.clear();
        self.add(Vec::new(), self.now_ms());
    }

    /// Deletes a shard at the end of its retention.
    pub(super) fn trim(&self, shard: usize) {
        self.inner.lock().shards[shard].is_trimmed = true;
    }

    /// Fails all calls that read.
    pub(super) fn fail_with(&self, cause: Option<FailureCause>) {
        self.inner.lock().fails_with = cause;
    }

    fn chance(&self, percent: u8) -> bool {
        self.inner.lock().luck.random_range(0..100) < percent
    }

    async fn pause(&self) {
        let pause = self.inner.lock().luck.random_range(0..30);
        sleep(Duration::from_millis(pause)).await;
    }

    /// Returns the failure of a call, if it fails before it has an effect.
    fn refused(&self, operation: &'static str) -> Result<(), AwsFailure> {
        let fails_with = self.inner.lock().fails_with;
        if let Some(cause) = fails_with {
            return Err(failure(operation, cause, "Code", "no"));
        }
        if self.inner.lock().is_deleted {
            let message = "Stream s under account 1 not found.";
            return Err(failure(operation, FailureCause::Missing, "ResourceNotFoundException", message));
        }
        if self.chance(self.faults.throttled) {
            let code = "ProvisionedThroughputExceededException";
            return Err(failure(operation, FailureCause::Throttled, code, "Rate exceeded for shard"));
        }
        if self.chance(self.faults.failed) {
            return Err(failure(operation, FailureCause::ServerError, "InternalFailure", "no"));
        }
        Ok(())
    }

    fn lost(&self, operation: &'static str) -> Result<(), AwsFailure> {
        if self.chance(self.faults.lost) {
            return Err(failure(operation, FailureCause::Unreachable, "none", "connection closed"));
        }
        Ok(())
    }
}

impl StreamReader for ModelStream {
    type Session = ModelIterator;

    const IS_PUSHED: bool = false;

    fn name(&self) -> &'static str {
        "s"
    }

    fn now_ms(&self) -> i64 {
        ModelStream::now_ms(self)
    }

    async fn start_clock(&self) -> Result<(), AwsFailure> {
        self.pause().await;
        Ok(())
    }

    async fn shards(&self, from: ListFrom) -> Result<Vec<ListedShard>, AwsFailure> {
        self.pause().await;
        self.inner.lock().lists += 1;
        let is_first = self.inner.lock().lists == 1;
        if self.inner.lock().is_deleted || (!is_first && self.inner.lock().fails_with.is_none()) {
            self.refused("ListShards")?;
        }
        let now = self.now_ms();
        if let ListFrom::Time(time) = from {
            assert!(time < now, "a list from the future is refused");
        }
        let seen_ms = if self.chance(self.faults.stale) { now - STALE_MS } else { now };
        let inner = self.inner.lock();
        let listed = inner.shards.iter().enumerate().filter(|(_, shard)| {
            let is_asked = match from {
                ListFrom::TrimHorizon => true,
                ListFrom::Time(time) => shard.closed_ms.is_none_or(|closed| closed >= time),
            };
            is_asked && shard.opened_ms <= seen_ms && !shard.is_trimmed
        });
        let listed = listed.map(|(at, shard)| ListedShard {
            id: id(at),
            parents: shard.parents.iter().map(|parent| id(*parent)).collect(),
            range: None,
            first_sequence_number: shard.first_number.to_string(),
            is_closed: shard.closed_ms.is_some_and(|closed| closed <= seen_ms),
        });
        Ok(listed.collect())
    }

    async fn open(&self, shard: &str, position: &ShardPosition) -> Result<ModelIterator, AwsFailure> {
        self.pause().await;
        self.refused("GetShardIterator")?;
        let at: usize = shard.rsplit('-').next().unwrap().parse().unwrap();
        let made_ms = self.now_ms();
        let (first_number, next) = {
            let inner = self.inner.lock();
            let Some(shard) = inner.shards.get(at).filter(|shard| !shard.is_trimmed) else {
                let message = "Shard in stream s under account 1 does not exist";
                let code = "ResourceNotFoundException";
                return Err(failure("GetShardIterator", FailureCause::Missing, code, message));
            };
            let next = match position {
                ShardPosition::TrimHorizon => 0,
                ShardPosition::Time(time) => shard.records.partition_point(|record| record.arrived_ms < *time),
                ShardPosition::After(number) => {
                    let number: u64 = number.parse().unwrap();
                    let place = shard.records.iter().position(|record| record.number == number);
                    let Some(place) = place else {
                        let message = "StartingSequenceNumber is invalid because it did not come from this stream.";
                        let code = "InvalidArgumentException";
                        return Err(failure("GetShardIterator", FailureCause::Other, code, message));
                    };
                    place + 1
                }
            };
            (shard.first_number, next)
        };
        self.lost("GetShardIterator")?;
        Ok(ModelIterator { shard: at, first_number, next, made_ms })
    }

    async fn next(&self, iterator: &mut ModelIterator, limit: usize) -> Result<RecordPage, AwsFailure> {
        self.pause().await;
        self.refused("GetRecords")?;
        let now = self.now_ms();
        if now - iterator.made_ms > ITERATOR_MS || self.chance(self.faults.expired) {
            let (code, message) = if self.chance(50) {
                ("ExpiredIteratorException", "Iterator expired.")
            } else {
                ("InvalidArgumentException", "Invalid ShardIterator.")
            };
            return Err(failure("GetRecords", FailureCause::Other, code, message));
        }
        let is_empty = self.chance(self.faults.empty);
        let limit = if is_empty { 0 } else { self.inner.lock().luck.random_range(1..=limit) };
        let page = {
            let inner = self.inner.lock();
            let Some(shard) = inner.shards.get(iterator.shard).filter(|shard| !shard.is_trimmed) else {
                let message = "Shard in stream s under account 1 does not exist";
                return Err(failure("GetRecords", FailureCause::Missing, "ResourceNotFoundException", message));
            };
            if shard.first_number != iterator.first_number {
                return Err(failure("GetRecords", FailureCause::Other, "ExpiredIteratorException", "another stream"));
            }
            let rest = &shard.records[iterator.next..];
            let readable = rest.iter().take_while(|record| record.readable_ms <= now).count();
            let taken = &rest[..readable.min(limit)];
            let records = taken.iter().map(|record| StreamRecord {
                sequence_number: record.number.to_string(),
                partition_key: "k".into(),
                arrived_ms: Some(record.arrived_ms),
                data: vec![0; 2000],
            });
            let behind = taken.len() < readable;
            let is_end = shard.closed_ms.is_some() && taken.len() == rest.len();
            let children = inner
                .shards
                .iter()
                .enumerate()
                .filter(|(_, child)| child.parents.contains(&iterator.shard) && !self.faults.hides_children);
            let children = children.map(|(at, child)| ChildShard {
                id: id(at),
                parents: child.parents.iter().map(|parent| id(*parent)).collect(),
                range: None,
            });
            RecordPage {
                records: records.collect(),
                behind_ms: Some(i64::from(behind) * 1000),
                end: is_end.then(|| children.collect()),
                is_session_over: false,
            }
        };
        self.pause().await;
        self.lost("GetRecords")?;
        iterator.next += page.records.len();
        Ok(page)
    }
}
