//! The one table of prices. docs/facts/prices.md has the same figures and says where they are from.

use serde::Serialize;

/// The region and the date of the prices.
pub(crate) const PRICES_OF: &str = "us-east-1, November 2026, approximate";
/// The region of the prices.
pub(crate) const PRICES_REGION: &str = "us-east-1";
/// The month of the prices.
pub(crate) const PRICES_DATE: &str = "2026-11";
/// The source of the prices.
pub(crate) const PRICES_SOURCE: &str =
    "docs/facts/prices.md: third-party copies of the AWS price pages, none read from a live page";

/// A price: millionths of a USD for a number of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Price {
    /// Millionths of a USD.
    pub micro_usd: u64,
    /// For so many units.
    pub per: u64,
    /// The unit.
    pub unit: &'static str,
}

impl Price {
    const fn new(micro_usd: u64, per: u64, unit: &'static str) -> Self {
        Price { micro_usd, per, unit }
    }

    /// Returns the USD for `per` units.
    #[expect(clippy::cast_precision_loss, reason = "a price has fewer digits than a float keeps")]
    pub(crate) const fn usd(&self) -> f64 {
        self.micro_usd as f64 / 1e6
    }
}

/// A shard of a provisioned stream.
pub(crate) const SHARD_HOURS: Price = Price::new(15_000, 1, "shard-hour");
/// PUT payload units of a provisioned stream.
pub(crate) const PUT_UNITS: Price = Price::new(14_000, 1_000_000, "PUT units");
/// Retention of a provisioned stream above 24 hours, up to seven days.
pub(crate) const EXTENDED_SHARD_HOURS: Price = Price::new(20_000, 1, "shard-hour");
/// Retention of a provisioned or on-demand stream above seven days.
pub(crate) const LONG_RETENTION: Price = Price::new(23_000, 1, "GB-month");
/// An on-demand stream.
pub(crate) const STREAM_HOURS: Price = Price::new(40_000, 1, "stream-hour");
/// Writes to an on-demand stream.
pub(crate) const ON_DEMAND_IN: Price = Price::new(80_000, 1, "GB");
/// Reads from an on-demand stream.
pub(crate) const ON_DEMAND_OUT: Price = Price::new(40_000, 1, "GB");
/// Retention of an on-demand stream above 24 hours, up to seven days.
pub(crate) const ON_DEMAND_EXTENDED: Price = Price::new(100_000, 1, "GB-month");
/// Invocations of a function.
pub(crate) const REQUESTS: Price = Price::new(200_000, 1_000_000, "requests");
/// The time of a function on `x86_64`.
pub(crate) const X86_TIME: Price = Price::new(16_666_700, 1_000_000, "GB-seconds");
/// The time of a function on arm64.
pub(crate) const ARM_TIME: Price = Price::new(13_333_400, 1_000_000, "GB-seconds");
/// Writes of 1 KB to an on-demand table.
pub(crate) const TABLE_WRITES: Price = Price::new(625_000, 1_000_000, "write units");
/// The same for the class infrequent-access.
pub(crate) const RARE_TABLE_WRITES: Price = Price::new(780_000, 1_000_000, "write units");
/// Read units of an on-demand table.
pub(crate) const TABLE_READS: Price = Price::new(125_000, 1_000_000, "read units");
/// Provisioned write units.
pub(crate) const WRITE_UNIT_HOURS: Price = Price::new(650, 1, "unit-hour");
/// The same for the class infrequent-access.
pub(crate) const RARE_WRITE_UNIT_HOURS: Price = Price::new(810, 1, "unit-hour");
/// Provisioned read units.
pub(crate) const READ_UNIT_HOURS: Price = Price::new(130, 1, "unit-hour");
/// The same for the class infrequent-access.
pub(crate) const RARE_READ_UNIT_HOURS: Price = Price::new(160, 1, "unit-hour");
/// Storage of a table.
pub(crate) const TABLE_STORAGE: Price = Price::new(250_000, 1, "GB-month");
/// The same for the class infrequent-access.
pub(crate) const RARE_TABLE_STORAGE: Price = Price::new(100_000, 1, "GB-month");
/// Point-in-time recovery of a table.
pub(crate) const RECOVERY: Price = Price::new(200_000, 1, "GB-month");
/// Log lines that a log group takes in.
pub(crate) const LOG_INGESTION: Price = Price::new(500_000, 1, "GB");
/// Log lines that a log group keeps.
pub(crate) const LOG_STORAGE: Price = Price::new(30_000, 1, "GB-month");
/// Custom metrics, those in the embedded metric format included.
pub(crate) const METRICS: Price = Price::new(300_000, 1, "metric-month");

/// Bytes of a PUT payload unit. Each record is rounded up to whole ones.
pub(crate) const PUT_UNIT_BYTES: u64 = 25 * 1024;
/// Bytes to whose multiple an on-demand stream rounds up each record, and a table each item.
pub(crate) const ROUNDED_BYTES: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_those_of_the_document() {
        let document = include_str!("../../docs/facts/prices.md");
        let names = |name: &str| document.contains(&format!("| {name} |"));
        for price in [
            SHARD_HOURS,
            PUT_UNITS,
            EXTENDED_SHARD_HOURS,
            LONG_RETENTION,
            STREAM_HOURS,
            ON_DEMAND_IN,
            ON_DEMAND_OUT,
            ON_DEMAND_EXTENDED,
            REQUESTS,
            X86_TIME,
            ARM_TIME,
            TABLE_WRITES,
            RARE_TABLE_WRITES,
            TABLE_READS,
            WRITE_UNIT_HOURS,
            RARE_WRITE_UNIT_HOURS,
            READ_UNIT_HOURS,
            RARE_READ_UNIT_HOURS,
            TABLE_STORAGE,
            RARE_TABLE_STORAGE,
            RECOVERY,
            LOG_INGESTION,
            LOG_STORAGE,
            METRICS,
        ] {
            let text = price.usd().to_string();
            assert!(names(&text), "docs/facts/prices.md has no cell `{text}` for {price:?}");
        }
        assert!(document.contains("us-east-1, USD, November 2026"));
    }
}
