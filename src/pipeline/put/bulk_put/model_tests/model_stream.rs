//! A stream in memory with shards, resharding and faults.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sensor_model::aggregation::decode;
use tokio_util::sync::CancellationToken;

use crate::aws::{AwsFailure, FailureCause};
use crate::pipeline::put::parcel::PutEntry;
use crate::pipeline::put::retry::EntryResult;
use crate::pipeline::put::shard_map::{ShardRange, hash_key};
use crate::pipeline::put::stream_writer::StreamWriter;

/// A change of the shards. The number chooses among them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reshard {
    /// A shard becomes two halves.
    Split(usize),
    /// Two neighbors become one.
    Merge(usize),
}

/// How often calls fail, in percent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// Records that are throttled.
    pub throttled: u8,
    /// Records that fail.
    pub internal: u8,
    /// Requests that fail before they have an effect.
    pub refused: u8,
    /// Requests that have their effect and no answer.
    pub lost: u8,
    /// Lists of shards that fail.
    pub list_fails: u8,
    /// The call from which on all fail for this cause, or the put is interrupted.
    pub ends_at: Option<(usize, Option<FailureCause>)>,
}

#[derive(Debug)]
struct Shard {
    range: ShardRange,
    is_open: bool,
    /// Data, partition key and explicit hash key of its records.
    records: Vec<(Vec<u8>, String, Option<u128>)>,
}

/// The stream.
pub(super) struct ModelStream {
    /// In the order of their creation, so that a parent is before its children.
    shards: RefCell<Vec<Shard>>,
    /// Each after so many calls.
    reshards: Vec<(usize, Reshard)>,
    faults: Faults,
    luck: RefCell<StdRng>,
    calls: Cell<usize>,
    blocked: Cell<Option<usize>>,
    interrupt: CancellationToken,
    /// Called at the beginning of each call.
    at_call: Box<dyn Fn(&ModelStream)>,
}

impl ModelStream {
    /// Creates a stream with shards of the same size.
    pub(super) fn new(shards: usize, reshards: Vec<(usize, Reshard)>, faults: Faults, seed: u64) -> Self {
        let stream = ModelStream {
            shards: RefCell::default(),
            reshards,
            faults,
            luck: RefCell::new(StdRng::seed_from_u64(seed)),
            calls: Cell::new(0),
            blocked: Cell::new(None),
            interrupt: CancellationToken::new(),
            at_call: Box::new(|_| {}),
        };
        // A multiple of 16 hash keys each, as after splits.
        let step = (u128::MAX / shards as u128) & !0xF;
        for at in 0..shards as u128 {
            stream.add(at * step, if at + 1 == shards as u128 { u128::MAX } else { (at + 1) * step - 1 });
        }
        stream
    }

    fn add(&self, start: u128, end: u128) {
        let mut shards = self.shards.borrow_mut();
        let id = format!("shardId-{:012}", shards.len());
        shards.push(Shard { range: ShardRange { id, start, end }, is_open: true, records: Vec::new() });
    }

    /// Calls a function at the beginning of each call.
    pub(super) fn at_each_call(self, look: impl Fn(&ModelStream) + 'static) -> Self {
        ModelStream { at_call: Box::new(look), ..self }
    }

    /// Returns the token that interrupts the put.
    pub(super) fn interrupt(&self) -> CancellationToken {
        self.interrupt.clone()
    }

    /// Makes a shard throttle everything. Returns whether a sensor is in it.
    pub(super) fn block_shard(&self, shard: usize) -> impl Fn(u8) -> bool {
        self.blocked.set(Some(shard));
        let ShardRange { start, end, .. } = self.shards.borrow()[shard].range.clone();
        move |sensor| (start..=end).contains(&hash_key(&format!("s{sensor}")))
    }

    /// Returns the open shards, in any order.
    pub(super) fn open(&self) -> Vec<ShardRange> {
        let shards = self.shards.borrow();
        shards.iter().rev().filter(|shard| shard.is_open).map(|shard| shard.range.clone()).collect()
    }

    /// Returns the number of all records.
    pub(super) fn records(&self) -> u64 {
        self.shards.borrow().iter().map(|shard| shard.records.len() as u64).sum()
    }

    /// Returns the numbers of all readings as a KCL application sees them: parents before children, and without any
    /// aggregate that has a user record outside its shard.
    pub(super) fn read_as_kcl(&self) -> Vec<usize> {
        let mut numbers = Vec::new();
        for shard in self.shards.borrow().iter() {
            for (data, _, _) in &shard.records {
                let Some(records) = decode(data) else {
                    numbers.push(number_of(data));
                    continue;
                };
                let records: Vec<_> = records.collect();
                let hash_key = |record: &sensor_model::aggregation::AggregatedUserRecord<'_>| {
                    record.explicit_hash_key.map_or_else(|| hash_key(record.partition_key), |key| key.parse().unwrap())
                };
                let range = &shard.range;
                if records.iter().all(|record| (range.start..=range.end).contains(&hash_key(record))) {
                    numbers.extend(records.iter().map(|record| number_of(record.data)));
                }
            }
        }
        numbers
    }

    fn chance(&self, percent: u8) -> bool {
        self.luck.borrow_mut().random_range(0..100) < percent
    }

    async fn pause(&self) {
        let pause = self.luck.borrow_mut().random_range(0..50);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }

    fn reshard(&self, reshard: Reshard) {
        let mut open: Vec<_> = self.open();
        open.sort_by_key(|shard| shard.start);
        let close = |id: &str| {
            self.shards.borrow_mut().iter_mut().filter(|shard| shard.range.id == id).for_each(|it| it.is_open = false);
        };
        match reshard {
            Reshard::Split(choice) => {
                let ShardRange { id, start, end } = &open[choice % open.len()];
                let middle = start + (end - start) / 2;
                if (end - start) / 2 % 16 == 15 || *end == u128::MAX {
                    close(id);
                    self.add(*start, middle);
                    self.add(middle + 1, *end);
                }
            }
            Reshard::Merge(choice) if open.len() > 1 => {
                let at = choice % (open.len() - 1);
                close(&open[at].id);
                close(&open[at + 1].id);
                self.add(open[at].start, open[at + 1].end);
            }
            Reshard::Merge(_) => {}
        }
    }

    fn take(&self, entry: &PutEntry<'_>) -> EntryResult {
        let explicit = entry.explicit_hash_key.map(|key| key.parse().unwrap());
        let key = explicit.unwrap_or_else(|| hash_key(entry.partition_key));
        let mut shards = self.shards.borrow_mut();
        let owner = |shard: &Shard| shard.is_open && (shard.range.start..=shard.range.end).contains(&key);
        let at = shards.iter().position(owner).unwrap();
        if self.chance(self.faults.throttled) || self.blocked.get() == Some(at) {
            return EntryResult::Failed("ProvisionedThroughputExceededException".into());
        }
        if self.chance(self.faults.internal) {
            return EntryResult::Failed("InternalFailure".into());
        }
        shards[at].records.push((entry.data.to_vec(), entry.partition_key.to_owned(), explicit));
        EntryResult::Accepted { shard_id: shards[at].range.id.clone() }
    }
}

fn failure(cause: FailureCause) -> AwsFailure {
    AwsFailure {
        service: "Kinesis",
        operation: "PutRecords",
        resource: "stream s".into(),
        location: "here".into(),
        code: Some("Code".into()),
        message: "no".into(),
        cause,
    }
}

fn number_of(data: &[u8]) -> usize {
    let value: serde_json::Value = serde_json::from_slice(data).unwrap();
    usize::try_from(value["number"].as_u64().unwrap()).unwrap()
}

impl StreamWriter for ModelStream {
    async fn put(&self, entries: &[PutEntry<'_>]) -> Result<Vec<EntryResult>, AwsFailure> {
        self.pause().await;
        (self.at_call)(self);
        let call = self.calls.get();
        self.calls.set(call + 1);
        for (_, reshard) in self.reshards.iter().filter(|(at, _)| *at == call) {
            self.reshard(*reshard);
        }
        match self.faults.ends_at.filter(|(at, _)| call >= *at) {
            Some((_, Some(cause))) => return Err(failure(cause)),
            Some((_, None)) => self.interrupt.cancel(),
            None => {}
        }
        if self.chance(self.faults.refused) {
            return Err(failure(FailureCause::Throttled));
        }
        let answers = entries.iter().map(|entry| self.take(entry)).collect();
        self.pause().await;
        if self.chance(self.faults.lost) { Err(failure(FailureCause::ServerError)) } else { Ok(answers) }
    }

    async fn open_shards(&self) -> Result<Vec<ShardRange>, AwsFailure> {
        self.pause().await;
        if self.chance(self.faults.list_fails) {
            return Err(failure(FailureCause::Throttled));
        }
        let mut shards = self.open();
        if self.chance(self.faults.list_fails) {
            // A list with a gap, as of pages that were read during a reshard.
            shards.pop();
        }
        Ok(shards)
    }
}
