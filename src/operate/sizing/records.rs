//! How many Kinesis records readings become, and the shards that take them.

use super::arithmetic::Arithmetic;
use super::fixed::Fixed;
use super::limits::{AGGREGATE_FRAME, AGGREGATED_FRAME, FLUSHES_PER_SECOND, HALF_KB, KEY_FRAME, MAX_SHARDS};
use super::limits::{PUT_AGGREGATED, PUT_SEPARATE};
use super::load::Load;
use crate::error::Error;
use crate::pipeline::{AGGREGATE_BYTES, SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND, groups_at_most};

/// The records of a load in a stream of so many shards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records<'a> {
    load: &'a Load,
    shards: u64,
    /// Readings that fit into an aggregate; one where each reading is a record.
    fit: u64,
    /// Processes that put.
    producers: u64,
    /// Sensors of the fullest shard.
    hottest: u64,
}

impl<'a> Records<'a> {
    /// Returns the records in a stream of so many shards. Readings of which no two fit into an aggregate are records of
    /// their own in any case.
    pub(super) fn new(load: &'a Load, aggregated: bool, shards: u64) -> Self {
        let fit = if aggregated { fitting(load) } else { 1 };
        let most = if fit > 1 { PUT_AGGREGATED } else { PUT_SEPARATE };
        let producers = load.demand().value().over(Fixed::whole(most)).ceil().max(1);
        Records { load, shards, fit, producers, hottest: hottest_sensors(load.sensors, shards) }
    }

    /// Returns the records of an on-demand stream of so many shards: Kinesis splits those that get more than others.
    pub(super) fn on_demand(load: &'a Load, aggregated: bool, shards: u64) -> Self {
        let hottest = load.sensors.div_ceil(shards);
        Records { hottest, ..Records::new(load, aggregated, shards) }
    }

    /// Returns the shards.
    pub(super) fn shards(&self) -> u64 {
        self.shards
    }

    /// Returns whether readings share records.
    pub(super) fn is_aggregated(&self) -> bool {
        self.fit > 1
    }

    /// Returns the readings of a full record.
    pub(super) fn fit(&self) -> u64 {
        self.fit
    }

    /// Returns the processes that put.
    pub(super) fn producers(&self) -> u64 {
        self.producers
    }

    /// Returns the readings a second that all these processes put at most.
    pub(super) fn producer_limit(&self) -> Arithmetic {
        let most = if self.is_aggregated() { PUT_AGGREGATED } else { PUT_SEPARATE };
        Arithmetic::of(Fixed::whole(self.producers), "`put` processes").times(Fixed::whole(most), "readings/s")
    }

    /// Returns the records a second of so many readings a second: full ones, or those that went when their readings had
    /// waited for others, whichever are more.
    pub(super) fn count(&self, readings: Fixed) -> Arithmetic {
        let all = || Arithmetic::of(readings, "readings/s");
        if !self.is_aggregated() {
            return all();
        }
        let groups = groups_at_most(self.shards).saturating_mul(self.producers).min(self.load.sensors);
        let flushes = Fixed::whole(groups.saturating_mul(FLUSHES_PER_SECOND));
        let waited = all().times(flushes, "flushes/s").over(flushes.plus(readings), "flushes/s and readings/s");
        all().over(Fixed::whole(self.fit), "readings/record").or_more(waited)
    }

    /// Returns the bytes a second of so many readings a second, partition keys included.
    pub(super) fn bytes(&self, readings: Fixed) -> Arithmetic {
        let all = |bytes, label| Arithmetic::of(readings, "readings/s").times(bytes, label);
        let (data, key) = (self.load.data(), self.load.key());
        if !self.is_aggregated() {
            return all(data.plus(key), "bytes with key");
        }
        let reading = data.plus(key).plus(Fixed::whole(AGGREGATED_FRAME + KEY_FRAME));
        let records = Arithmetic::of(self.count(readings).value().tidy(), "records/s");
        all(reading, "bytes with key and frame").plus(records.times(Fixed::whole(AGGREGATE_FRAME), "bytes of its own"))
    }

    /// Returns the PUT payload units a second.
    pub(super) fn put_units(&self, readings: Fixed) -> Arithmetic {
        let count = Arithmetic::of(self.count(readings).value().tidy(), "records/s");
        // An aggregate is smaller than a unit.
        if self.is_aggregated() { count } else { count.times(self.load.put_units(), "PUT units/record") }
    }

    /// Returns the bytes a second, each record rounded up to 1 KB.
    pub(super) fn rounded_bytes(&self, readings: Fixed) -> Arithmetic {
        let count = || Arithmetic::of(self.count(readings).value().tidy(), "records/s");
        if !self.is_aggregated() {
            return count().times(self.load.rounded(), "bytes, rounded up to KB");
        }
        let least = count().times(Fixed::whole(1024), "bytes at least");
        let bytes = Arithmetic::of(self.bytes(readings).value().tidy(), "bytes/s");
        bytes.plus(count().times(Fixed::whole(HALF_KB), "bytes of rounding")).or_more(least)
    }

    /// Returns what the shard with the most sensors gets of all.
    pub(super) fn of_hottest_shard(&self, all: Fixed, label: &'static str) -> Arithmetic {
        let all = Arithmetic::of(all.tidy(), label);
        if self.shards == 1 {
            return all;
        }
        all.times(Fixed::whole(self.hottest), "sensors of the fullest shard")
            .over(Fixed::whole(self.load.sensors), "sensors")
    }

    /// Returns the readings a second of a shard that is full.
    pub(super) fn full_shard(&self) -> Arithmetic {
        let bytes = Arithmetic::of(Fixed::whole(SHARD_BYTES_PER_SECOND.into()), "bytes/s of a shard");
        let data = self.load.data();
        if self.is_aggregated() {
            return bytes.over(data.plus(Fixed::whole(AGGREGATED_FRAME)), "bytes of a reading");
        }
        let records = Arithmetic::of(Fixed::whole(SHARD_RECORDS_PER_SECOND.into()), "records/s of a shard");
        records.or_less(bytes.over(data.plus(self.load.key()), "bytes of a reading"))
    }

    fn fits_shards(&self, readings: Fixed) -> bool {
        let records = self.of_hottest_shard(self.count(readings).value(), "").value();
        let bytes = self.of_hottest_shard(self.bytes(readings).value(), "").value();
        records <= Fixed::whole(SHARD_RECORDS_PER_SECOND.into()) && bytes <= Fixed::whole(SHARD_BYTES_PER_SECOND.into())
    }
}

/// Returns the fewest shards that take `readings` a second.
///
/// # Errors
/// There are not so many.
pub(super) fn shards_needed(load: &Load, aggregated: bool, readings: Fixed) -> Result<u64, Error> {
    let found = (least_shards(load, aggregated, readings)..=MAX_SHARDS)
        .find(|&shards| Records::new(load, aggregated, shards).fits_shards(readings));
    found.ok_or_else(|| {
        Error::usage(format!("the load needs more than {MAX_SHARDS} shards, which a stream has at most"))
    })
}

/// Returns the shards that take `readings` a second where all of them get the same.
pub(super) fn least_shards(load: &Load, aggregated: bool, readings: Fixed) -> u64 {
    let one = Records::new(load, aggregated, 1);
    let bytes = one.bytes(readings).value().over(Fixed::whole(SHARD_BYTES_PER_SECOND.into()));
    bytes.max(one.count(readings).value().over(Fixed::whole(SHARD_RECORDS_PER_SECOND.into()))).ceil().max(1)
}

fn fitting(load: &Load) -> u64 {
    let room = Fixed::whole(AGGREGATE_BYTES as u64 - AGGREGATE_FRAME);
    let reading = load.data().plus(load.key()).plus(Fixed::whole(AGGREGATED_FRAME + KEY_FRAME));
    room.over(reading).floor().max(1)
}

/// Returns the sensors of the shard that has most of them. Keys fall on shards at random: with m on average the fullest of
/// N shards has about m + √(2 m ln N).
fn hottest_sensors(sensors: u64, shards: u64) -> u64 {
    let average = sensors.div_ceil(shards);
    let logarithm = u64::from(shards.next_power_of_two().ilog2());
    // ln 2 is below 0.7.
    let square = average.saturating_mul(logarithm).saturating_mul(14).div_ceil(10);
    let more = if square == 0 { 0 } else { (square - 1).isqrt() + 1 };
    average.saturating_add(more).min(sensors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::ReadingSizes;

    fn load(sensors: u64, rate: u64) -> Load {
        let rate = Fixed::whole(rate);
        let sizes = ReadingSizes::of_one(86, 12);
        Load { sensors, rate, peak: rate, headroom_percent: 0, sizes, retention_days: None }
    }

    #[test]
    fn separate_records_are_limited_by_their_number_and_large_ones_by_their_bytes() {
        let shards = |load: &Load| shards_needed(load, false, load.peak).unwrap();
        assert_eq!(shards(&load(10_000, 1000)), 1);
        assert_eq!(shards(&load(10_000, 1001)), 2);
        let large = Load { sizes: ReadingSizes::of_one(100_000, 12), ..load(1000, 10) };
        assert_eq!((shards(&large), shards(&Load { peak: Fixed::whole(11), ..large })), (1, 2));
    }

    #[test]
    fn aggregates_are_full_where_there_are_many_readings_and_small_where_there_are_few() {
        let few = load(1000, 10);
        let records = Records::new(&few, true, 1).count(few.peak);
        assert_eq!(records.to_string(), "10 readings/s × 160 flushes/s ÷ 170 flushes/s and readings/s");
        let many = load(1000, 100_000);
        let records = Records::new(&many, true, 1).count(many.peak);
        assert_eq!(records.to_string(), "100,000 readings/s ÷ 224 readings/record");
        // docs/benchmarks.md, Sending: a shard takes 10,187 readings of 86 bytes a second, aggregated.
        let full = |rate| shards_needed(&load(1000, rate), true, Fixed::whole(rate)).unwrap();
        assert_eq!((full(9000), full(10_300)), (1, 2));
    }

    #[test]
    fn fullest_of_many_shards_has_more_sensors_than_the_average() {
        assert_eq!([1, 2, 1000].map(|shards| hottest_sensors(1000, shards)), [1000, 527, 5]);
        assert_eq!((hottest_sensors(1, 5), hottest_sensors(100, 10_000)), (1, 6));
    }

    #[test]
    fn load_of_one_sensor_that_a_shard_cannot_take_is_refused() {
        let one = load(1, 2000);
        assert!(shards_needed(&one, false, one.peak).unwrap_err().to_string().contains("more than 10000 shards"));
        assert!(one.check().unwrap_err().to_string().contains("one sensor takes 2,000 write units"));
    }
}
