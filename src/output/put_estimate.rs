//! The estimate of a put, in words.

use std::time::Duration;

use super::units;
use crate::pipeline::{PutEstimate, RecordEstimate};

impl PutEstimate {
    /// Returns the estimate, a line for each form of the records and one for the table.
    #[must_use]
    pub(crate) fn lines(&self) -> Vec<String> {
        let forms = [("aggregated", &self.aggregated), ("a record for each reading", &self.separate)];
        let found = forms.into_iter().filter_map(|(form, records)| Some(line(form, records.as_ref()?)));
        found
            .chain([format!("estimate, writes to an on-demand table: {} ({})", usd(self.table_usd), self.prices)])
            .collect()
    }
}

fn line(form: &str, estimate: &RecordEstimate) -> String {
    let RecordEstimate { records, bytes, shard_seconds, provisioned_usd, on_demand_usd, .. } = estimate;
    format!(
        "estimate, {form}: {} records of {}, {} of one shard's limits; {} on a provisioned stream, {} on demand",
        units::count(*records),
        units::bytes(*bytes),
        units::duration(Duration::from_secs_f64(*shard_seconds)),
        usd(*provisioned_usd),
        usd(*on_demand_usd),
    )
}

fn usd(price: f64) -> String {
    if price < 0.01 { "less than 0.01 USD".to_owned() } else { format!("{price:.2} USD") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimate_names_each_form_and_where_prices_are_from() {
        let records = RecordEstimate {
            records: 100_000,
            bytes: 8_000_000,
            shard_seconds: 100.0,
            put_units: 100_000,
            provisioned_usd: 0.0014,
            on_demand_usd: 0.0763,
        };
        let estimate =
            PutEstimate { aggregated: None, separate: Some(records), table_usd: 0.0625, prices: "somewhere, once" };
        assert_eq!(
            estimate.lines(),
            [
                "estimate, a record for each reading: 100,000 records of 7.6 MiB, 100 s of one shard's limits; \
                 less than 0.01 USD on a provisioned stream, 0.08 USD on demand",
                "estimate, writes to an on-demand table: 0.06 USD (somewhere, once)",
            ]
        );
    }
}
