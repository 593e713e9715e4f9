//! The readings of a simulation in the order in which they are sent. The same plan gives the same readings, byte for
//! byte, at any rate.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use sensor_model::Decimal;

use super::plan::{END_MS, SEED_FIELD, SimulationPlan, push_digits, push_scaled};
use crate::pipeline::Record;

/// A reading on its way to the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SimulatedReading {
    /// Its slot in the plan. The record's line is one more.
    pub slot: u64,
    /// True if it was sent before.
    pub is_duplicate: bool,
    /// The reading.
    pub record: Record,
}

/// Generates the readings of a plan, until the year 2100 of its own time.
#[derive(Debug)]
pub(crate) struct Generator {
    plan: Arc<SimulationPlan>,
    /// The next slot.
    next: u64,
    /// Readings to be sent when their time has come: the slot before which they are due, whether they are duplicates,
    /// and their own slot. At most as many as readings fall due within a few intervals.
    held_back: BinaryHeap<Reverse<(u64, bool, u64)>>,
}

impl Generator {
    /// Generates from the beginning of the plan.
    #[must_use]
    pub(crate) fn new(plan: Arc<SimulationPlan>) -> Self {
        Generator { plan, next: 0, held_back: BinaryHeap::new() }
    }

    fn emit(&mut self, slot: u64, is_duplicate: bool) -> Option<SimulatedReading> {
        if !is_duplicate && let Some(after) = self.plan.repetition(slot) {
            self.held_back.push(Reverse((self.next + after, true, slot)));
        }
        Some(SimulatedReading { slot, is_duplicate, record: self.record(slot)? })
    }

    fn record(&self, slot: u64) -> Option<Record> {
        let (sensor, step) = self.plan.place(slot);
        let (temperature, humidity) = self.plan.values(sensor, step);
        let sensor_id = SimulationPlan::sensor_id(sensor);
        let mut time = String::with_capacity(16);
        push_scaled(&mut time, self.plan.time_ms(sensor, step), 3);
        let mut json = String::with_capacity(128);
        json.push_str("{\"sensor_id\":\"");
        json.push_str(&sensor_id);
        json.push_str("\",\"temperature\":");
        push_scaled(&mut json, temperature, 2);
        json.push_str(",\"current_time\":");
        json.push_str(&time);
        json.push_str(",\"humidity\":");
        push_scaled(&mut json, humidity, 0);
        json.push_str(",\"");
        json.push_str(SEED_FIELD);
        json.push_str("\":");
        push_digits(&mut json, self.plan.seed, 1);
        json.push('}');
        let time = Decimal::parse(&time).ok()?;
        Record::from_json(json, &sensor_id, time.as_str(), 0, slot + 1).ok()
    }
}

impl Iterator for Generator {
    type Item = SimulatedReading;

    fn next(&mut self) -> Option<SimulatedReading> {
        loop {
            if let Some(Reverse((due, is_duplicate, slot))) = self.held_back.peek().copied()
                && due <= self.next
            {
                self.held_back.pop();
                return self.emit(slot, is_duplicate);
            }
            let slot = self.next;
            let (sensor, step) = self.plan.place(slot);
            if self.plan.time_ms(sensor, step) >= END_MS {
                return None;
            }
            self.next += 1;
            if self.plan.is_outage(slot) {
                continue;
            }
            match self.plan.delay(slot) {
                Some(after) => self.held_back.push(Reverse((slot + after, false, slot))),
                None => return self.emit(slot, false),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;
    use sensor_model::Reading;

    use super::super::plan::plan_of;
    use super::*;

    fn generate(seed: u64, sensors: u64, count: usize) -> Vec<SimulatedReading> {
        Generator::new(Arc::new(plan_of(seed, sensors))).take(count).collect()
    }

    #[test]
    fn generator_has_late_duplicate_missing_and_implausible_readings_at_about_their_shares() {
        let readings = generate(1, 20, 40_000);
        let duplicates = readings.iter().filter(|reading| reading.is_duplicate).count();
        assert!((1500..2500).contains(&duplicates), "{duplicates}");
        let mut newest = HashMap::new();
        let mut late = 0;
        for reading in readings.iter().filter(|reading| !reading.is_duplicate) {
            let newest = newest.entry(reading.slot % 20).or_insert(0);
            late += usize::from(reading.slot < *newest);
            *newest = reading.slot.max(*newest);
        }
        assert!((1400..2500).contains(&late), "{late}");
        let slots: HashSet<_> = readings.iter().map(|reading| reading.slot).collect();
        let missing = readings.iter().map(|reading| reading.slot).max().unwrap() - slots.len() as u64;
        assert!((1000..3500).contains(&missing), "outages: {missing}");
        let disconnected = readings.iter().filter(|reading| reading.record.data.contains("\"temperature\":-127,"));
        assert!((100..400).contains(&disconnected.count()));
    }

    #[test]
    fn duplicate_is_the_same_bytes_as_the_reading_before() {
        let mut first = HashMap::new();
        for SimulatedReading { slot, is_duplicate, record } in generate(3, 5, 5000) {
            assert_eq!(record.line, slot + 1);
            if is_duplicate {
                assert_eq!(first[&slot], record.data);
            } else {
                assert!(first.insert(slot, record.data).is_none());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
        #[test]
        fn generator_same_seed_gives_same_bytes_and_every_record_is_its_planned_reading(
            seed in any::<u64>(), sensors in 1_u64..300, count in 1_usize..400,
        ) {
            let readings = generate(seed, sensors, count);
            prop_assert_eq!(&readings[..], &generate(seed, sensors, count + 50)[..count]);
            let plan = plan_of(seed, sensors);
            for SimulatedReading { slot, record, .. } in readings {
                let parsed = Reading::from_json(record.data.as_bytes()).unwrap();
                prop_assert_eq!(parsed.to_json(), record.data.as_str(), "canonical");
                prop_assert_eq!(&parsed, &plan.reading(slot).unwrap());
                prop_assert_eq!(&parsed.sensor_id, &record.partition_key);
                prop_assert!(parsed.has_plausible_time());
            }
        }
    }
}
