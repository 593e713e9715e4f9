//! Prices, approximate, of the region and the date that docs/facts/prices.md has.

/// The region and the date of the prices.
pub(crate) const PRICES_OF: &str = "us-east-1, November 2026, approximate";
/// USD for a million PUT payload units of a provisioned stream.
pub(crate) const PUT_UNITS_USD: f64 = 0.014;
/// USD for a GB that an on-demand stream takes in.
pub(crate) const ON_DEMAND_GB_USD: f64 = 0.08;
/// USD for a million writes of 1 KB to an on-demand table.
pub(crate) const TABLE_WRITES_USD: f64 = 0.625;
/// USD for a million read units of an on-demand table.
pub(crate) const TABLE_READS_USD: f64 = 0.125;

/// Bytes of a PUT payload unit. Each record is rounded up to whole ones.
pub(crate) const PUT_UNIT_BYTES: u64 = 25 * 1024;
/// Bytes to whose multiple an on-demand stream rounds up each record, and a table each item.
pub(crate) const ROUNDED_BYTES: u64 = 1024;
