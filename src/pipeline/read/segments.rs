//! The number of segments of a parallel Scan.

use std::num::NonZero;
use std::thread::available_parallelism;

use aws_sdk_dynamodb::types::{BillingMode, TableDescription};

/// Segments at least. The table's size is some hours old, and a new table is said to be empty.
pub(super) const LEAST_SEGMENTS: u32 = 4;
/// Segments for each processor: a page takes longer to come than to be shown, mostly.
const PER_PROCESSOR: u64 = 4;
/// Segments at most. The pages in flight are the memory that a scan takes.
const MOST: u64 = 16;
/// Bytes of a table for which one more segment is worth its first request.
const BYTES_PER_SEGMENT: u64 = 4 * 1024 * 1024;
/// Read units that a page of 1 MB takes, eventually consistent (docs/facts/dynamodb.md, Capacity).
const UNITS_PER_PAGE: u64 = 128;

/// The facts about a table that decide how it is scanned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableFacts {
    /// Its size in bytes, some hours old; `None` if it is unknown or said to be empty.
    pub bytes: Option<u64>,
    /// Read units a second of a provisioned table.
    pub read_units: Option<u64>,
}

impl From<&TableDescription> for TableFacts {
    fn from(table: &TableDescription) -> Self {
        let on_demand = table.billing_mode_summary.as_ref().and_then(|summary| summary.billing_mode.as_ref());
        let units = table.provisioned_throughput.as_ref().and_then(|throughput| throughput.read_capacity_units);
        let positive =
            |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0);
        TableFacts {
            bytes: positive(table.table_size_bytes),
            read_units: positive(units).filter(|_| on_demand != Some(&BillingMode::PayPerRequest)),
        }
    }
}

impl TableFacts {
    /// Returns the number of segments for this machine.
    pub(crate) fn segments(self) -> u32 {
        self.segments_on(available_parallelism().map_or(1, NonZero::get) as u64)
    }

    fn segments_on(self, processors: u64) -> u32 {
        let least = u64::from(LEAST_SEGMENTS);
        let by_size = self.bytes.map_or(least, |bytes| bytes.div_ceil(BYTES_PER_SEGMENT).max(least));
        let by_machine = (processors * PER_PROCESSOR).clamp(least, MOST);
        // More segments than pages a second would only be throttled.
        let by_capacity = self.read_units.map_or(MOST, |units| units.div_ceil(UNITS_PER_PAGE));
        u32::try_from(by_size.min(by_machine).min(by_capacity).max(1)).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_follow_size_machine_and_capacity() {
        let of = |megabytes: Option<u64>, read_units, processors| {
            TableFacts { bytes: megabytes.map(|size| size * 1_000_000), read_units }.segments_on(processors)
        };
        assert_eq!(of(None, None, 2), 4, "nothing is known");
        assert_eq!(of(Some(1), None, 2), 4);
        assert_eq!(of(Some(25), None, 2), 6);
        assert_eq!(of(Some(10_000), None, 1), 4);
        assert_eq!(of(Some(10_000), None, 2), 8);
        assert_eq!(of(Some(10_000), None, 64), 16);
        assert_eq!(of(Some(10_000), Some(5), 64), 1);
        assert_eq!(of(Some(10_000), Some(300), 64), 3);
        assert_eq!(of(None, Some(40_000), 8), 4);
    }
}
