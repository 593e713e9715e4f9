//! Counts the records that readings become when they share them, without making the records.

use std::time::Duration;

use sensor_model::aggregation::AggregateSize;
use tokio::time::Instant;

use super::aggregation::{GroupKeys, RememberedKey};
use super::group_layout::GroupLayout;
use super::key_groups::LINGER;
use super::key_slots::KeySlots;
use super::shard_map::ShardMap;
use crate::pipeline::Record;

/// The size of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordSize {
    /// Bytes of its data.
    pub data: usize,
    /// Bytes of its partition key.
    pub partition_key: usize,
}

impl RecordSize {
    /// Returns the size of a reading that is a record of its own.
    pub(crate) fn of(record: &Record) -> Self {
        RecordSize { data: record.data.len(), partition_key: record.partition_key.len() }
    }
}

/// The records of readings as [`KeyGroups`](super::key_groups::KeyGroups) forms them for a stream of one shard that takes
/// them at once.
#[derive(Debug)]
pub(crate) struct AggregateCount {
    layout: GroupLayout,
    slots: KeySlots,
    groups: Vec<CountedGroup>,
    aggregates: u64,
    /// The time between two readings, where the rate is limited.
    interval: Option<Duration>,
    /// The time of the put, which goes on by the rate only.
    now: Instant,
    /// The time of the next look at groups that wait for others.
    wake: Option<Instant>,
}

/// The open aggregate of a group.
#[derive(Debug)]
struct CountedGroup {
    keys: GroupKeys,
    size: AggregateSize,
    /// The number of the aggregate.
    number: u64,
    /// Its first reading, as it is sent when it stays alone.
    first: RecordSize,
    due: Instant,
}

impl AggregateCount {
    /// Begins. `rate` is that of the readings per second.
    pub(crate) fn new(rate: Option<f64>) -> Self {
        let layout = GroupLayout::new(ShardMap::unknown());
        let now = Instant::now();
        let first = RecordSize { data: 0, partition_key: 0 };
        let group =
            |at| CountedGroup { keys: layout.keys_of(at), size: AggregateSize::default(), number: 0, first, due: now };
        AggregateCount {
            groups: (0..layout.len()).map(group).collect(),
            layout,
            slots: KeySlots::default(),
            aggregates: 0,
            interval: rate.map(|rate| Duration::from_secs_f64(rate.recip())),
            now,
            wake: None,
        }
    }

    /// Adds a reading. `each` gets the size of every record that is complete by now.
    pub(crate) fn add(&mut self, record: &Record, mut each: impl FnMut(RecordSize)) {
        let slot = self.slots.slot_of(&record.partition_key, &self.layout);
        let group = &mut self.groups[slot.group];
        if !group.fits(record, slot.key) {
            each(group.seal());
        }
        group.push(record, &mut slot.key, &mut self.aggregates, self.now);
        if let Some(interval) = self.interval {
            self.now += interval;
            if self.wake.is_none_or(|wake| self.now >= wake) {
                self.seal_due(each);
            }
        }
    }

    /// Completes all records.
    pub(crate) fn finish(&mut self, each: impl FnMut(RecordSize)) {
        self.groups.iter_mut().filter(|group| !group.size.is_empty()).map(CountedGroup::seal).for_each(each);
    }

    fn seal_due(&mut self, each: impl FnMut(RecordSize)) {
        let is_due = |group: &CountedGroup| group.due <= self.now;
        let open = self.groups.iter_mut().filter(|group| !group.size.is_empty());
        let (due, later): (Vec<_>, Vec<_>) = open.partition(|group| is_due(group));
        due.into_iter().map(CountedGroup::seal).for_each(each);
        self.wake = later.iter().map(|group| group.due).min();
    }
}

impl CountedGroup {
    fn fits(&self, record: &Record, key: RememberedKey) -> bool {
        let is_known = key.index_in(self.number).is_some();
        self.size.is_empty() || self.keys.leave_room_for(record, is_known, self.size.encoded_bytes())
    }

    fn push(&mut self, record: &Record, key: &mut RememberedKey, numbers: &mut u64, now: Instant) {
        if self.size.is_empty() {
            *numbers += 1;
            self.number = *numbers;
            self.size.push_explicit_hash_key(&self.keys.explicit_hash_key);
            self.first = RecordSize::of(record);
            self.due = now + LINGER;
        }
        let index = key.index_in(self.number).unwrap_or_else(|| {
            let index = self.size.push_partition_key(&record.partition_key);
            *key = RememberedKey { aggregate: self.number, index };
            index
        });
        self.size.push(index, Some(0), record.data.as_bytes());
    }

    fn seal(&mut self) -> RecordSize {
        let size = std::mem::take(&mut self.size);
        if size.len() == 1 {
            return self.first;
        }
        RecordSize { data: size.encoded_bytes(), partition_key: self.keys.partition_key.len() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pipeline::put::aggregation::Aggregation;
    use crate::pipeline::put::key_groups::KeyGroups;
    use crate::pipeline::put::key_slots::MAX_KEYS;
    use crate::pipeline::put::rate_limit::{ShardLimits, ShardRate};
    use crate::pipeline::put::request::PutRequest;

    fn reading(sensor: usize, bytes: usize, line: u64) -> Record {
        let partition_key = format!("sensor-{sensor}").into();
        Record { data: "x".repeat(bytes), partition_key, row: 0, input: 0, line }
    }

    fn counted(records: &[Record], rate: Option<f64>) -> Vec<(usize, usize)> {
        let mut sizes = Vec::new();
        let mut each = |size: RecordSize| sizes.push((size.data, size.partition_key));
        let mut count = AggregateCount::new(rate);
        for record in records {
            count.add(record, &mut each);
        }
        count.finish(each);
        sizes.sort_unstable();
        sizes
    }

    /// Returns the sizes of the records that key groups make, each sent as soon as it is ready.
    fn made(records: Vec<Record>, rate: Option<f64>) -> Vec<(usize, usize)> {
        let mut now = Instant::now();
        let mut groups = KeyGroups::new(ShardMap::unknown(), Aggregation::On { keeps_group_key: false });
        let mut rates = [ShardRate::new(ShardLimits::Unknown, now)];
        let mut sizes = Vec::new();
        let mut take = |groups: &mut KeyGroups, now, is_last| {
            loop {
                let mut request = PutRequest::default();
                groups.take_ready(now, is_last, &mut rates, &mut request);
                if request.is_empty() {
                    return;
                }
                sizes.extend(request.entries().iter().map(|entry| (entry.data.len(), entry.partition_key.len())));
                request.into_parcels().into_iter().for_each(|(group, _)| groups.land(group, None));
            }
        };
        for (number, record) in records.into_iter().enumerate() {
            groups.push(record, number as u64, now);
            now += rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(rate.recip()));
            take(&mut groups, now, false);
        }
        take(&mut groups, now, true);
        sizes.sort_unstable();
        sizes
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn aggregate_count_equals_the_records_that_key_groups_make(
            readings in prop::collection::vec(
                (0_usize..300, prop_oneof![20 => 20_usize..400, 2 => 400_usize..9000, 1 => 20_000_usize..60_000]), 1..800),
            rate in prop::option::of(prop_oneof![1.0..200.0, 200.0..20_000.0]),
        ) {
            let readings = (1..).zip(readings).map(|(line, (sensor, bytes))| reading(sensor, bytes, line));
            let readings: Vec<_> = readings.collect();
            prop_assert_eq!(counted(&readings, rate), made(readings, rate));
        }
    }

    #[tokio::test]
    async fn aggregate_count_equals_the_records_of_more_partition_keys_than_are_remembered() {
        let readings: Vec<_> =
            (0..2).flat_map(|_| 0..MAX_KEYS + 100).zip(1..).map(|(at, line)| reading(at, 60, line)).collect();
        let sizes = counted(&readings, None);
        assert!(sizes.len() > 400, "{}", sizes.len());
        assert!(sizes == made(readings, None));
    }
}
