//! Groups readings by the shard that will take them, and within a shard by their partition key.
//!
//! A sensor is always in the same group, and a group sends one parcel at a time, so that the readings of a sensor keep
//! their order. A shard has several groups, so that several batches of it can be in flight, here and at Lambda
//! (`ParallelizationFactor`).

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::aggregation::{Aggregation, GroupKeys, OpenAggregate};
use super::group_layout::GroupLayout;
use super::key_slots::KeySlots;
use super::parcel::Parcel;
use super::rate_limit::ShardRate;
use super::record::MAX_RECORD_BYTES;
use super::request::{MAX_RECORDS, PutRequest};
use super::shard_map::ShardMap;
use crate::pipeline::Record;

/// Maximum wait of a reading for others to share its record or request, as in the KPL (docs/facts/kinesis.md,
/// Aggregation).
pub(crate) const LINGER: Duration = Duration::from_millis(100);
/// Memory of a reading that waits as a record of its own, beside its bytes.
const RECORD_OVERHEAD: usize = 128;

/// A group.
#[derive(Debug)]
struct KeyGroup {
    shard: usize,
    keys: GroupKeys,
    aggregate: OpenAggregate,
    records: Vec<Record>,
    record_bytes: usize,
    /// The number of the first reading that is not in a parcel.
    first: u64,
    /// The time when that reading has to go.
    due: Instant,
    waiting: VecDeque<Parcel>,
    /// The number of the first reading of its parcel in flight.
    in_flight: Option<u64>,
    /// The bytes of the readings that are not in a parcel.
    open_bytes: usize,
}

/// The groups of a stream, and the readings that wait in them.
#[derive(Debug)]
pub(crate) struct KeyGroups {
    layout: GroupLayout,
    aggregation: Aggregation,
    groups: Vec<KeyGroup>,
    slots: KeySlots,
    aggregates: u64,
    /// The bytes that wait in all groups.
    bytes: usize,
    /// The group that is asked first: each in its turn.
    next: usize,
}

impl KeyGroups {
    /// Creates the groups of the shards.
    pub(crate) fn new(map: ShardMap, aggregation: Aggregation) -> Self {
        let layout = GroupLayout::new(map);
        let now = Instant::now();
        let group = |at: usize| KeyGroup {
            shard: layout.shard_of(at),
            keys: layout.keys_of(at),
            aggregate: OpenAggregate::default(),
            records: Vec::new(),
            record_bytes: 0,
            first: 0,
            due: now,
            waiting: VecDeque::new(),
            in_flight: None,
            open_bytes: 0,
        };
        let groups = (0..layout.len()).map(group).collect();
        KeyGroups { layout, aggregation, groups, slots: KeySlots::default(), aggregates: 0, bytes: 0, next: 0 }
    }

    /// Returns the shards.
    pub(crate) fn map(&self) -> &ShardMap {
        self.layout.map()
    }

    /// Returns the bytes that wait, without those in flight.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the shard of a group.
    pub(crate) fn shard_of(&self, group: usize) -> usize {
        self.groups[group].shard
    }

    /// Adds a reading. `number` counts the readings of the input. Returns its text if it was copied.
    pub(crate) fn push(&mut self, record: Record, number: u64, now: Instant) -> Option<String> {
        let slot = self.slots.slot_of(&record.partition_key, &self.layout);
        let group = &mut self.groups[slot.group];
        let bytes = record.bytes();
        match self.aggregation {
            Aggregation::On { keeps_group_key } => {
                if !group.aggregate.fits(&record, slot.key, &group.keys) {
                    group.seal(keeps_group_key);
                }
                group.begin(number, now);
                group.open_bytes += bytes;
                self.bytes += bytes;
                group.aggregate.push(&record, &mut slot.key, &group.keys, &mut self.aggregates);
                Some(record.data)
            }
            Aggregation::Off => {
                if group.record_bytes + bytes > MAX_RECORD_BYTES {
                    group.seal(false);
                }
                group.begin(number, now);
                group.open_bytes += bytes + RECORD_OVERHEAD;
                self.bytes += bytes + RECORD_OVERHEAD;
                group.record_bytes += bytes;
                group.records.push(record);
                if group.records.len() == MAX_RECORDS {
                    group.seal(false);
                }
                None
            }
        }
    }

    /// Moves parcels into the request, of each group one, while the rates of their shards allow it and the request has
    /// room. With `is_last`, no reading waits for others. Returns the time of the next look.
    pub(crate) fn take_ready(
        &mut self,
        now: Instant,
        is_last: bool,
        rates: &mut [ShardRate],
        request: &mut PutRequest,
    ) -> Option<Instant> {
        let mut wake: Option<Instant> = None;
        let count = self.groups.len();
        let keeps_group_key = self.keeps_group_key();
        for at in (0..count).map(|at| (self.next + at) % count) {
            let group = &mut self.groups[at];
            if group.in_flight.is_some() {
                continue;
            }
            if group.waiting.is_empty() && group.is_open() && (is_last || group.due <= now) {
                group.seal(keeps_group_key);
            }
            let later = match group.waiting.front() {
                None if group.is_open() => group.due,
                None => continue,
                Some(parcel) if !request.fits(parcel) => {
                    self.next = at;
                    return Some(now);
                }
                Some(parcel) => {
                    if let Err(later) = rates[group.shard].try_take(parcel.len(), parcel.bytes(), now) {
                        later
                    } else {
                        if let Some(parcel) = group.waiting.pop_front() {
                            group.in_flight = Some(parcel.first());
                            self.bytes -= parcel.weight();
                            request.push(at, parcel);
                        }
                        continue;
                    }
                }
            };
            wake = Some(wake.map_or(later, |wake| wake.min(later)));
        }
        wake
    }

    /// Ends the flight of a group's parcel. What is left of it goes first.
    pub(crate) fn land(&mut self, group: usize, left: Option<Parcel>) {
        let group = &mut self.groups[group];
        group.in_flight = None;
        if let Some(parcel) = left {
            self.bytes += parcel.weight();
            group.waiting.push_front(parcel);
        }
    }

    fn keeps_group_key(&self) -> bool {
        matches!(self.aggregation, Aggregation::On { keeps_group_key: true })
    }

    /// Returns the number of the first reading that is not settled.
    pub(crate) fn first_unsettled(&self) -> Option<u64> {
        self.groups.iter().filter_map(KeyGroup::first_unsettled).min()
    }

    /// Takes all readings that wait. Those of a sensor are in order.
    pub(crate) fn into_waiting(self) -> Vec<Record> {
        let keeps_group_key = self.keeps_group_key();
        let waiting = self.groups.into_iter().flat_map(|mut group| {
            group.seal(keeps_group_key);
            group.waiting
        });
        waiting.flat_map(Parcel::into_unsent).collect()
    }

    /// Returns the records that wait to be sent again.
    pub(crate) fn resent(&self) -> u64 {
        let parcels = self.groups.iter().flat_map(|group| &group.waiting).filter(|parcel| parcel.is_resent());
        parcels.map(|parcel| parcel.len() as u64).sum()
    }
}

impl KeyGroup {
    fn is_open(&self) -> bool {
        self.aggregate.len() > 0 || !self.records.is_empty()
    }

    fn begin(&mut self, number: u64, now: Instant) {
        if !self.is_open() {
            self.first = number;
            self.due = now + LINGER;
        }
    }

    /// Makes the readings that are not in a parcel one.
    fn seal(&mut self, keeps_group_key: bool) {
        let weight = std::mem::take(&mut self.open_bytes);
        let parcel = if self.aggregate.len() > 0 {
            self.aggregate.seal(&self.keys, keeps_group_key, self.first)
        } else if self.records.is_empty() {
            return;
        } else {
            self.record_bytes = 0;
            Parcel::of_records(std::mem::take(&mut self.records), self.first)
        };
        self.waiting.push_back(parcel.with_weight(weight));
    }

    fn first_unsettled(&self) -> Option<u64> {
        let open = self.is_open().then_some(self.first);
        self.in_flight.into_iter().chain(self.waiting.iter().map(Parcel::first)).chain(open).min()
    }
}
