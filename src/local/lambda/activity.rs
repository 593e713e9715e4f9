//! What the event source mappings do, counted: a test says with it that nothing more happens, and waits for nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::state::MappingRecord;
use crate::kinesis::Shard;

/// The counts of one Lambda service; clones share them.
#[derive(Clone, Default)]
pub(super) struct Activity(Arc<watch::Sender<Counts>>);

/// What has happened since the service started.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// Event source mappings that read their stream.
    pub reading: Gauge,
    /// Batches that a function is called with.
    pub calls: Gauge,
    /// Records that wait in their lane for others, to fill a batch.
    pub waiting: Gauge,
    shards: BTreeMap<ShardKey, Polls>,
}

/// Something that begins and ends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gauge {
    pub begun: usize,
    pub now: usize,
    /// The most at the same time.
    pub most: usize,
}

/// UUID of the mapping, id of the shard, and when that was made.
type ShardKey = (String, String, u64);

/// The polls of a shard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Polls {
    /// All of them.
    pub all: usize,
    /// Those that found nothing new.
    pub empty: usize,
    /// Records that were read and not settled at the last poll.
    pub unsettled: usize,
    /// The shard is closed, and everything in it is done.
    pub is_finished: bool,
}

/// What a gauge counts.
#[derive(Clone, Copy)]
pub(super) enum What {
    Reading,
    Call,
    /// So many records.
    Waiting(usize),
}

/// Goes on until it is dropped.
pub(super) struct Ongoing(Activity, What);

impl Activity {
    pub(super) fn begin(&self, what: What) -> Ongoing {
        self.0.send_modify(|counts| {
            let (gauge, amount) = counts.gauge(what);
            gauge.begun += amount;
            gauge.now += amount;
            gauge.most = gauge.most.max(gauge.now);
        });
        Ongoing(self.clone(), what)
    }

    pub(super) fn polled(&self, mapping: &MappingRecord, shard: &Shard, is_empty: bool, unsettled: usize) {
        self.change(mapping, shard, |polls| {
            polls.all += 1;
            polls.empty += usize::from(is_empty);
            polls.unsettled = unsettled;
        });
    }

    pub(super) fn finished(&self, mapping: &MappingRecord, shard: &Shard) {
        self.change(mapping, shard, |polls| {
            polls.unsettled = 0;
            polls.is_finished = true;
        });
    }

    fn change(&self, mapping: &MappingRecord, shard: &Shard, change: impl FnOnce(&mut Polls)) {
        self.0.send_modify(|counts| change(counts.shards.entry(key(mapping, shard)).or_default()));
    }

    /// The counts, and every change of them from now on.
    pub(super) fn watch(&self) -> watch::Receiver<Counts> {
        self.0.subscribe()
    }
}

impl Counts {
    /// The polls of a shard.
    pub(super) fn polls(&self, mapping: &MappingRecord, shard: &Shard) -> Polls {
        self.shards.get(&key(mapping, shard)).copied().unwrap_or_default()
    }

    /// The polls of all shards.
    pub(super) fn all_polls(&self) -> usize {
        self.shards.values().map(|polls| polls.all).sum()
    }

    fn gauge(&mut self, what: What) -> (&mut Gauge, usize) {
        match what {
            What::Reading => (&mut self.reading, 1),
            What::Call => (&mut self.calls, 1),
            What::Waiting(amount) => (&mut self.waiting, amount),
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        let Ongoing(activity, what) = self;
        activity.0.send_modify(|counts| {
            let (gauge, amount) = counts.gauge(*what);
            gauge.now -= amount;
        });
    }
}

fn key(mapping: &MappingRecord, shard: &Shard) -> ShardKey {
    (mapping.uuid.clone(), shard.id.clone(), shard.created)
}
