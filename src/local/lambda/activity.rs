//! Counts the activity of event source mappings, so that tests can check that nothing more happens, without waiting.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::state::MappingRecord;
use crate::kinesis::Shard;

/// The counts of one Lambda service; clones share them.
#[derive(Clone, Default)]
pub(super) struct Activity(Arc<watch::Sender<Counts>>);

/// Counts since the service started.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// Event source mappings that read their stream.
    pub reading: Gauge,
    /// Batches for which a function call is in progress.
    pub calls: Gauge,
    /// Records that wait in a shard worker for a full batch.
    pub waiting: Gauge,
    shards: BTreeMap<ShardKey, Polls>,
}

/// A count of events with a duration.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gauge {
    pub begun: usize,
    pub now: usize,
    /// Maximum at the same time.
    pub most: usize,
}

/// UUID of the event source mapping, ID of the shard, and the shard's creation time.
type ShardKey = (String, String, u64);

/// Poll counts of a shard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Polls {
    /// All polls.
    pub all: usize,
    /// Polls that found nothing new.
    pub empty: usize,
    /// Records that were read and not settled at the last poll.
    pub unsettled: usize,
    /// True if the shard is closed and all its records are done.
    pub is_finished: bool,
}

/// The gauge that an activity counts for.
#[derive(Clone, Copy)]
pub(super) enum What {
    Reading,
    Call,
    /// This many waiting records.
    Waiting(usize),
}

/// An activity that lasts until it is dropped.
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

    /// Returns a receiver of the counts and all their changes.
    pub(super) fn watch(&self) -> watch::Receiver<Counts> {
        self.0.subscribe()
    }
}

impl Counts {
    /// Returns the poll counts of a shard.
    pub(super) fn polls(&self, mapping: &MappingRecord, shard: &Shard) -> Polls {
        self.shards.get(&key(mapping, shard)).copied().unwrap_or_default()
    }

    /// Returns the number of polls of all shards.
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
