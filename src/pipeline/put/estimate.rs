//! Estimates what a put would send, how long the shards would take it, and what it would cost. Nothing is looked up.

use serde::Serialize;

use super::aggregate_count::{AggregateCount, RecordSize};
use super::aggregation_mode::AggregationChoice;
use super::rate_limit::{SHARD_BYTES, SHARD_RECORDS};
use crate::pipeline::Record;
use crate::pipeline::prices::{ON_DEMAND_IN, PRICES_OF, PUT_UNIT_BYTES, PUT_UNITS, ROUNDED_BYTES, TABLE_WRITES};

/// Bytes that an item of the table has beside those of the reading as JSON: the names and values of shard and sequence
/// number.
pub(crate) const ITEM_OVERHEAD: u64 = 120;

/// An estimate of a put, without resends.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct PutEstimate {
    /// With readings that share records; nothing with `--aggregation never`.
    pub aggregated: Option<RecordEstimate>,
    /// With a record for each reading; nothing with `--aggregation always`.
    pub separate: Option<RecordEstimate>,
    /// The price of the writes to an on-demand table.
    pub table_usd: f64,
    /// The region and the date of the prices.
    pub prices: &'static str,
}

/// The records of a put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct RecordEstimate {
    /// Their number.
    pub records: u64,
    /// Their data bytes.
    pub bytes: u64,
    /// Seconds for which they fill one shard at its limits.
    pub shard_seconds: f64,
    /// PUT payload units.
    pub put_units: u64,
    /// The price of these units on a provisioned stream.
    pub provisioned_usd: f64,
    /// The price of their bytes on an on-demand stream.
    pub on_demand_usd: f64,
}

/// Records that are counted.
#[derive(Debug, Default)]
struct Volume {
    records: u64,
    bytes: u64,
    /// Data and partition keys.
    limited_bytes: u64,
    put_units: u64,
    rounded_bytes: u64,
}

/// Counts the readings of an input.
#[derive(Debug)]
pub(crate) struct Estimator {
    aggregated: Option<(AggregateCount, Volume)>,
    separate: Option<Volume>,
    writes: u64,
}

impl Estimator {
    /// Begins. With `auto`, both forms are estimated: which of them it would be is not known without a look at the stream.
    pub(crate) fn new(choice: AggregationChoice, rate: Option<f64>) -> Self {
        let aggregated = || (AggregateCount::new(rate), Volume::default());
        Estimator {
            aggregated: (choice != AggregationChoice::Never).then(aggregated),
            separate: (choice != AggregationChoice::Always).then(Volume::default),
            writes: 0,
        }
    }

    /// Counts a reading.
    pub(crate) fn add(&mut self, record: &Record) {
        self.writes += (record.data.len() as u64 + ITEM_OVERHEAD).div_ceil(ROUNDED_BYTES);
        if let Some(separate) = &mut self.separate {
            separate.add(RecordSize::of(record));
        }
        if let Some((aggregates, volume)) = &mut self.aggregated {
            aggregates.add(record, |size| volume.add(size));
        }
    }

    /// Returns the estimate.
    pub(crate) fn finish(self) -> PutEstimate {
        let aggregated = self.aggregated.map(|(mut aggregates, mut volume)| {
            aggregates.finish(|size| volume.add(size));
            volume.estimate()
        });
        PutEstimate {
            aggregated,
            separate: self.separate.map(|separate| separate.estimate()),
            table_usd: usd(as_float(self.writes) / 1e6 * TABLE_WRITES.usd()),
            prices: PRICES_OF,
        }
    }
}

impl Volume {
    fn add(&mut self, size: RecordSize) {
        let limited = (size.data + size.partition_key) as u64;
        self.records += 1;
        self.bytes += size.data as u64;
        self.limited_bytes += limited;
        self.put_units += limited.div_ceil(PUT_UNIT_BYTES);
        self.rounded_bytes += limited.next_multiple_of(ROUNDED_BYTES);
    }

    fn estimate(&self) -> RecordEstimate {
        let seconds = (as_float(self.records) / SHARD_RECORDS).max(as_float(self.limited_bytes) / SHARD_BYTES);
        RecordEstimate {
            records: self.records,
            bytes: self.bytes,
            shard_seconds: (seconds * 1000.0).round() / 1000.0,
            put_units: self.put_units,
            provisioned_usd: usd(as_float(self.put_units) / 1e6 * PUT_UNITS.usd()),
            on_demand_usd: usd(as_float(self.rounded_bytes) / f64::from(1 << 30) * ON_DEMAND_IN.usd()),
        }
    }
}

/// Rounds a price to a millionth.
fn usd(price: f64) -> f64 {
    (price * 1e6).round() / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(choice: AggregationChoice, rate: Option<f64>, readings: u64, bytes: usize) -> PutEstimate {
        let mut estimator = Estimator::new(choice, rate);
        for at in 0..readings {
            let partition_key = format!("sensor-{}", at % 100);
            estimator.add(&Record {
                data: "x".repeat(bytes),
                partition_key: partition_key.into(),
                row: 0,
                input: 0,
                line: at,
            });
        }
        estimator.finish()
    }

    fn is_close(found: f64, expected: f64) -> bool {
        (found - expected).abs() < expected.abs() * 0.01 + 1e-9
    }

    #[tokio::test]
    async fn estimate_of_separate_records_counts_each_by_the_limits_and_prices_of_a_shard() {
        let estimate = estimate(AggregationChoice::Never, None, 100_000, 80);
        assert_eq!(estimate.aggregated, None);
        let separate = estimate.separate.unwrap();
        assert_eq!((separate.records, separate.bytes, separate.put_units), (100_000, 8_000_000, 100_000));
        assert!(is_close(separate.shard_seconds, 100.0), "1,000 records a second");
        assert!(is_close(separate.provisioned_usd, 0.0014));
        assert!(is_close(separate.on_demand_usd, 0.08 * 100_000.0 / 1024.0 / 1024.0), "1 KB a record");
        assert!(is_close(estimate.table_usd, 0.0625));
    }

    #[tokio::test]
    async fn estimate_of_large_records_counts_several_units_and_the_bytes_of_a_shard() {
        let large = estimate(AggregationChoice::Never, None, 100, 100_000);
        let separate = large.separate.unwrap();
        assert_eq!(separate.put_units, 400);
        assert!(is_close(separate.shard_seconds, 100.0 * 100_009.0 / 1_048_576.0));
        assert!(is_close(large.table_usd, 100.0 * 98.0 / 1e6 * 0.625));
    }

    #[tokio::test]
    async fn estimate_of_aggregates_fills_them_unless_the_rate_is_low() {
        let full = estimate(AggregationChoice::Always, None, 100_000, 80);
        assert_eq!(full.separate, None);
        let full = full.aggregated.unwrap();
        assert!((8_200_000..9_500_000).contains(&full.bytes), "{full:?}");
        let records = full.bytes / 24_900;
        assert!((records..records + 18).contains(&full.records), "{full:?}");
        assert_eq!(full.put_units, full.records);
        assert!(is_close(full.shard_seconds, 8.6) || full.shard_seconds < 9.5, "{full:?}");
        // Fifty readings a second and sixteen groups: most are alone within 100 ms.
        let slow = estimate(AggregationChoice::Always, Some(50.0), 1000, 80).aggregated.unwrap();
        assert!((700..=1000).contains(&slow.records), "{slow:?}");
        let both = estimate(AggregationChoice::Auto, None, 10, 80);
        assert!(both.aggregated.is_some() && both.separate.is_some());
    }
}
