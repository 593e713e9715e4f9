//! The line about requests, read units and price of a scan.

use super::units;
use crate::pipeline::ReadUsage;
use crate::pipeline::prices::{PRICES_OF, TABLE_READS};

/// Returns the line for what was read, and its price.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a price of millions of units needs few digits")]
pub(crate) fn read_usage_line(usage: &ReadUsage, sensors: u64) -> String {
    let ReadUsage { requests, scanned, units, .. } = *usage;
    let each = requests as f64 / sensors.max(1) as f64;
    let sensors = if sensors == 0 {
        String::new()
    } else {
        format!(" ({each:.1} for each of {} sensors)", units::count(sensors))
    };
    let price = units * TABLE_READS.usd() / 1e6;
    let price = if price < 0.01 { "less than 0.01 USD".to_owned() } else { format!("{price:.2} USD") };
    format!(
        "Read {} in {}{sensors}: {units:.1} read units, {price} on demand ({PRICES_OF}).",
        units::counted(scanned, "item"),
        units::counted(requests, "request"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_names_units_and_price() {
        let usage = ReadUsage { requests: 250, scanned: 1_000_000, matched: 5, units: 25_000.5 };
        let line = read_usage_line(&usage, 0);
        assert!(line.starts_with("Read 1,000,000 items in 250 requests: 25000.5 read units, less than 0.01 USD on"));
        let line = read_usage_line(&ReadUsage { units: 1_000_000.0, ..usage }, 100);
        assert!(line.contains("250 requests (2.5 for each of 100 sensors): 1000000.0 read units, 0.12 USD"), "{line}");
        let line = read_usage_line(&ReadUsage { requests: 1, scanned: 1, ..usage }, 0);
        assert!(line.starts_with("Read 1 item in 1 request: "), "{line}");
    }
}
