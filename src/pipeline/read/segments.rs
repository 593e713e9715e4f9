//! The number of segments of a parallel Scan.

use std::num::NonZero;
use std::thread::available_parallelism;

use aws_sdk_dynamodb::types::{BillingMode, TableDescription};

/// Segments at least. The table's size is some hours old, and a new table is said to be empty.
pub(super) const LEAST_SEGMENTS: u32 = 4;
/// Segments for each processor: a page takes longer to come than to be shown, mostly.
const PER_PROCESSOR: u64 = 4;
/// Segments at most.
const MOST: u64 = 16;
/// Bytes of a page (API reference of `DynamoDB`, Scan: "1 MB"). That many for each of the least segments are in flight
/// at most: they are the memory that a scan takes.
const PAGE_BYTES: u64 = 1024 * 1024;
/// Bytes of a table for which one more segment is worth its first request.
const BYTES_PER_SEGMENT: u64 = 4 * 1024 * 1024;
/// Read units that a page of 1 MB takes, eventually consistent (docs/facts/dynamodb.md, Capacity).
const UNITS_PER_PAGE: u64 = 128;

/// The facts about a table that decide how it is scanned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableFacts {
    /// Its size in bytes, some hours old; `None` if it is unknown or said to be empty.
    pub bytes: Option<u64>,
    /// Its items, as old as its size.
    pub items: Option<u64>,
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
            items: positive(table.item_count),
            read_units: positive(units).filter(|_| on_demand != Some(&BillingMode::PayPerRequest)),
        }
    }
}

/// How a table is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScanShape {
    /// Segments that are read at once.
    pub segments: u32,
    /// Items that a page looks at; as many as it holds if there is no number.
    pub page_items: Option<u64>,
}

impl Default for ScanShape {
    fn default() -> Self {
        ScanShape { segments: LEAST_SEGMENTS, page_items: None }
    }
}

impl TableFacts {
    /// Returns the shape of a scan on this machine.
    pub(crate) fn shape(self) -> ScanShape {
        self.shape_on(available_parallelism().map_or(1, NonZero::get) as u64)
    }

    fn shape_on(self, processors: u64) -> ScanShape {
        let segments = self.segments_on(processors);
        let in_flight = PAGE_BYTES * u64::from(LEAST_SEGMENTS) / u64::from(segments);
        let each = self.bytes.zip(self.items).map(|(bytes, items)| bytes.div_ceil(items));
        ScanShape {
            segments,
            page_items: each.filter(|_| in_flight < PAGE_BYTES).map(|each| (in_flight / each).max(1)),
        }
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
            TableFacts { bytes: megabytes.map(|size| size * 1_000_000), items: None, read_units }
                .segments_on(processors)
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

    #[test]
    fn pages_are_smaller_where_more_of_them_are_in_flight() {
        let items_of = |bytes, processors| {
            TableFacts { bytes: Some(bytes), items: Some(bytes / 128), read_units: None }
                .shape_on(processors)
                .page_items
        };
        assert_eq!(items_of(1 << 30, 2), Some(4 * (1 << 20) / 8 / 128));
        assert_eq!(items_of(1 << 30, 64), Some(4 * (1 << 20) / 16 / 128));
        assert_eq!(items_of(1 << 20, 64), None);
        let huge = TableFacts { bytes: Some(1 << 40), items: Some(1 << 21), read_units: None };
        assert_eq!(huge.shape_on(64).page_items, Some(1), "an item above the size of a page");
    }
}
