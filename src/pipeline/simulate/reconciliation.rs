//! The ledger of a verified simulation: what became of each reading, in six bytes a reading.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::outcome::{Counts, Fate, ShardVerification, Verification};
use super::plan::SimulationPlan;
use crate::pipeline::StoredReading;

/// Slots of a segment. The ledger grows by whole segments, so that it is never copied.
const SEGMENT: usize = 1 << 16;
/// Bytes that the ledger needs for a slot: a time, a state and a count.
pub(crate) const BYTES_PER_READING: u64 = 6;

/// A ledger that the feeder and the observer of the table share.
pub(crate) type SharedLedger = Arc<Mutex<Ledger>>;

#[derive(Clone, Copy, Debug)]
struct Slot {
    fate: Fate,
    /// Copies that were sent and not known to have failed.
    copies: u8,
}

/// The ledger of a simulation.
#[derive(Debug)]
pub(crate) struct Ledger {
    plan: Arc<SimulationPlan>,
    began: Instant,
    /// The time of sending while a reading is open; then the time from sending to seeing it. In milliseconds.
    times: Vec<Box<[u32]>>,
    slots: Vec<Box<[Slot]>>,
    sensors: Vec<SensorState>,
    shards: Vec<String>,
    open: u64,
}

#[derive(Clone, Debug)]
struct SensorState {
    /// The first interval that may be open.
    oldest: u64,
    /// The first interval that may be open and is not late yet.
    young: u64,
    /// One more than the last interval that was sent.
    end: u64,
    open: u32,
    /// Index of the shard that its rows name, or `u16::MAX`.
    shard: u16,
}

/// A range of a sensor's intervals that the table is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenRange {
    /// The sensor.
    pub sensor: u64,
    /// First interval.
    pub first: u64,
    /// Last interval.
    pub last: u64,
}

impl Ledger {
    /// Creates an empty ledger.
    #[must_use]
    pub(crate) fn new(plan: Arc<SimulationPlan>) -> Self {
        let sensor = SensorState { oldest: 0, young: 0, end: 0, open: 0, shard: u16::MAX };
        let sensors = vec![sensor; usize::try_from(plan.sensors).unwrap_or_default()];
        let (times, slots, shards) = (Vec::new(), Vec::new(), Vec::new());
        Ledger { plan, began: Instant::now(), times, slots, sensors, shards, open: 0 }
    }

    /// Returns the number of readings whose fate is open.
    #[must_use]
    pub(crate) fn open(&self) -> u64 {
        self.open
    }

    /// Notes that readings are handed to the sender now.
    pub(crate) fn note_sent(&mut self, slots: &[u64]) {
        let now = milliseconds(self.began.elapsed());
        for &slot in slots {
            let (segment, index) = place(slot);
            while self.slots.len() <= segment {
                self.slots.push(vec![Slot { fate: Fate::Unsent, copies: 0 }; SEGMENT].into());
                self.times.push(vec![0; SEGMENT].into());
            }
            let known = &mut self.slots[segment][index];
            known.copies = known.copies.saturating_add(1);
            if known.fate != Fate::Unsent {
                continue;
            }
            known.fate = Fate::Open;
            self.times[segment][index] = now;
            self.open += 1;
            let (sensor, step) = self.plan.place(slot);
            let state = &mut self.sensors[index_of(sensor)];
            state.open += 1;
            state.oldest = state.oldest.min(step);
            state.young = state.young.min(step);
            state.end = state.end.max(step + 1);
        }
    }

    /// Notes that the stream did not take one copy of a reading.
    pub(crate) fn note_failed(&mut self, slot: u64) {
        let Some(known) = self.slot_mut(slot) else { return };
        known.copies = known.copies.saturating_sub(1);
        if known.copies == 0 && known.fate == Fate::Open {
            self.settle(slot, Fate::Failed);
        }
    }

    /// Notes a row of the table. Returns whether it is a reading of this simulation as it was sent.
    pub(crate) fn note_row(&mut self, sensor: u64, row: &StoredReading) -> bool {
        let Some(slot) = self.open_slot(sensor, &row.reading.current_time) else { return false };
        // Until the reading is stored there may be another row under its key.
        if self.plan.reading(slot).as_ref() != Some(&row.reading) {
            return false;
        }
        if let Some(shard) = &row.shard_id {
            self.sensors[index_of(sensor)].shard = shard_index(&mut self.shards, shard);
        }
        self.settle(slot, Fate::Stored);
        true
    }

    /// Notes a row at the end: now a row with other values has replaced the reading.
    pub(crate) fn note_last_row(&mut self, sensor: u64, row: &StoredReading) {
        if !self.note_row(sensor, row)
            && let Some(slot) = self.open_slot(sensor, &row.reading.current_time)
        {
            self.settle(slot, Fate::Replaced);
        }
    }

    /// Notes a dead letter of a simulated reading.
    pub(crate) fn note_dead_letter(&mut self, sensor: u64, time: &sensor_model::Decimal) {
        if let Some(slot) = self.open_slot(sensor, time) {
            self.settle(slot, Fate::DeadLetter);
        }
    }

    /// Returns the range of each sensor's open readings; only those sent within `young`, if given.
    pub(crate) fn open_ranges(&mut self, young: Option<Duration>) -> Vec<OpenRange> {
        let now = milliseconds(self.began.elapsed());
        let limit = young.map(milliseconds);
        let mut ranges = Vec::new();
        for sensor in 0..self.plan.sensors {
            let state = &self.sensors[index_of(sensor)];
            if state.open == 0 {
                continue;
            }
            let (oldest, end) = (state.oldest, state.end);
            let is_open = |step: u64, limit: Option<u32>| {
                let (segment, index) = place(self.plan.slot(sensor, step));
                self.slots[segment][index].fate == Fate::Open
                    && limit.is_none_or(|limit| now.saturating_sub(self.times[segment][index]) <= limit)
            };
            let from = if limit.is_some() { state.young } else { oldest };
            let first = (from..end).find(|step| is_open(*step, limit)).unwrap_or(end);
            let last = (first..end).rev().find(|step| is_open(*step, None));
            let state = &mut self.sensors[index_of(sensor)];
            if limit.is_some() {
                state.young = first;
            } else {
                state.oldest = first;
            }
            ranges.extend(last.map(|last| OpenRange { sensor, first, last }));
        }
        ranges
    }

    /// Returns what became of all readings.
    pub(crate) fn verification(&self, late_after: Duration, poll: Duration) -> Verification {
        let late_after = milliseconds(late_after);
        let mut all = Counts::default();
        let mut by_shard: BTreeMap<u16, Counts> = BTreeMap::new();
        for (segment, (slots, times)) in self.slots.iter().zip(&self.times).enumerate() {
            for (index, (slot, time)) in slots.iter().zip(times).enumerate() {
                let number = (segment * SEGMENT + index) as u64;
                let shard = self.sensors[index_of(self.plan.place(number).0)].shard;
                all.add(slot.fate, *time, late_after);
                if self.shards.len() > 1 && !matches!(slot.fate, Fate::Unsent | Fate::Failed) {
                    by_shard.entry(shard).or_default().add(slot.fate, *time, late_after);
                }
            }
        }
        let [p50_ms, p99_ms, max_ms] = all.percentiles();
        let shards = by_shard.into_iter().map(|(shard, mut counts)| {
            let [p50_ms, p99_ms, max_ms] = counts.percentiles();
            let shard_id = self.shards.get(usize::from(shard)).cloned();
            let Counts { stored, lost, late, .. } = counts;
            ShardVerification { shard_id, stored, lost, late, p50_ms, p99_ms, max_ms }
        });
        Verification {
            distinct: all.stored + all.lost + all.replaced + all.dead_letters,
            stored: all.stored,
            lost: all.lost,
            replaced: all.replaced,
            dead_letters: all.dead_letters,
            late: all.late,
            p50_ms,
            p99_ms,
            max_ms,
            poll_ms: u64::from(milliseconds(poll)),
            shards: shards.collect(),
        }
    }

    fn slot_mut(&mut self, slot: u64) -> Option<&mut Slot> {
        let (segment, index) = place(slot);
        self.slots.get_mut(segment)?.get_mut(index)
    }

    fn open_slot(&mut self, sensor: u64, time: &sensor_model::Decimal) -> Option<u64> {
        let slot = self.plan.slot(sensor, self.plan.step_at(sensor, time)?);
        (self.slot_mut(slot)?.fate == Fate::Open).then_some(slot)
    }

    fn settle(&mut self, slot: u64, fate: Fate) {
        let now = milliseconds(self.began.elapsed());
        let (segment, index) = place(slot);
        self.slots[segment][index].fate = fate;
        let time = &mut self.times[segment][index];
        *time = now.saturating_sub(*time);
        self.open -= 1;
        let (sensor, _) = self.plan.place(slot);
        self.sensors[index_of(sensor)].open -= 1;
    }
}

fn place(slot: u64) -> (usize, usize) {
    let slot = usize::try_from(slot).unwrap_or(usize::MAX);
    (slot / SEGMENT, slot % SEGMENT)
}

fn index_of(sensor: u64) -> usize {
    usize::try_from(sensor).unwrap_or(usize::MAX)
}

fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

fn shard_index(shards: &mut Vec<String>, shard: &str) -> u16 {
    let index = shards.iter().position(|known| known == shard).unwrap_or_else(|| {
        shards.push(shard.to_owned());
        shards.len() - 1
    });
    u16::try_from(index).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::plan::plan_of;
    use super::*;
    use sensor_model::{Decimal, Reading};

    fn ledger() -> (Arc<SimulationPlan>, Ledger) {
        let plan = Arc::new(plan_of(5, 3));
        (Arc::clone(&plan), Ledger::new(plan))
    }

    fn row(reading: Reading, shard: &str) -> StoredReading {
        StoredReading { reading, shard_id: Some(shard.to_owned()), sequence_number: Some("1".to_owned()) }
    }

    const LATE: Duration = Duration::from_secs(10);
    const POLL: Duration = Duration::from_millis(50);

    #[tokio::test(start_paused = true)]
    async fn ledger_tells_stored_late_lost_replaced_dead_and_failed_readings_apart() {
        let (plan, mut ledger) = ledger();
        ledger.note_sent(&(0..12).collect::<Vec<_>>());
        // Copies of the same reading.
        ledger.note_sent(&[0, 5]);
        assert_eq!(ledger.open(), 12);
        tokio::time::advance(Duration::from_secs(1)).await;
        let reading = |slot| plan.reading(slot).unwrap();
        assert!(ledger.note_row(0, &row(reading(0), "a")));
        assert!(!ledger.note_row(0, &row(reading(0), "a")), "a second look finds nothing new");
        tokio::time::advance(Duration::from_secs(11)).await;
        assert!(ledger.note_row(1, &row(reading(1), "b")));
        // Another value may still be followed by the right one.
        let other = Reading { temperature: Decimal::parse("999").unwrap(), ..reading(2) };
        assert!(!ledger.note_row(2, &row(other.clone(), "a")));
        ledger.note_last_row(2, &row(other, "a"));
        ledger.note_dead_letter(0, &reading(3).current_time);
        // One copy of slot 5 was accepted, none of slot 4.
        ledger.note_failed(4);
        ledger.note_failed(5);
        let found = ledger.verification(LATE, POLL);
        assert_eq!((found.distinct, found.stored, found.late), (11, 2, 1));
        assert_eq!((found.replaced, found.dead_letters, found.lost), (1, 1, 7));
        assert_eq!((found.p50_ms, found.p99_ms, found.max_ms), (Some(1000), Some(12_000), Some(12_000)));
        assert!(!found.is_good());
        let of = |id: Option<&str>| found.shards.iter().find(|shard| shard.shard_id.as_deref() == id).unwrap();
        assert_eq!((of(Some("a")).stored, of(Some("a")).late), (1, 0));
        assert_eq!((of(Some("b")).stored, of(Some("b")).late), (1, 1));
        assert_eq!(found.shards.iter().map(|shard| shard.lost).sum::<u64>(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn open_ranges_leave_out_late_readings_until_all_are_asked_for() {
        let (plan, mut ledger) = ledger();
        ledger.note_sent(&[0, 3, 6]);
        tokio::time::advance(Duration::from_secs(20)).await;
        ledger.note_sent(&[9, 12]);
        let young = OpenRange { sensor: 0, first: 3, last: 4 };
        assert_eq!(ledger.open_ranges(Some(LATE)), [young]);
        assert_eq!(ledger.open_ranges(None), [OpenRange { first: 0, ..young }]);
        for slot in [0, 12] {
            ledger.note_row(0, &row(plan.reading(slot).unwrap(), "a"));
        }
        assert_eq!(ledger.open_ranges(None), [OpenRange { first: 1, last: 3, ..young }]);
        // Sent late, before those that were sent already.
        ledger.note_sent(&[15]);
        ledger.note_sent(&[0, 3]);
        assert_eq!(ledger.open_ranges(Some(LATE)), [OpenRange { first: 3, last: 5, ..young }]);
        for slot in [3, 6, 9, 15] {
            ledger.note_row(0, &row(plan.reading(slot).unwrap(), "a"));
        }
        assert_eq!((ledger.open(), ledger.open_ranges(None)), (0, Vec::new()));
        assert!(ledger.verification(LATE, POLL).shards.is_empty(), "one shard differs from nothing");
    }

    #[test]
    fn ledger_grows_by_segments_and_takes_few_bytes() {
        let (_, mut ledger) = ledger();
        ledger.note_sent(&[0, SEGMENT as u64 * 2 + 7]);
        assert_eq!((ledger.slots.len(), ledger.open()), (3, 2));
        let bytes = size_of::<Slot>() + size_of::<u32>();
        assert_eq!(bytes as u64, BYTES_PER_READING);
    }
}
