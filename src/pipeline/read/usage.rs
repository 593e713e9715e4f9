//! Counts what reading rows took.

use std::ops::AddAssign;

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// Requests, items and read capacity of some pages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ReadUsage {
    /// Answered requests.
    pub requests: u64,
    /// Items that the service read, whether they matched or not.
    pub scanned: u64,
    /// Items that matched.
    pub matched: u64,
    /// Read capacity units, where they were asked for.
    pub units: f64,
}

impl ReadUsage {
    /// Returns the usage of one page.
    pub(super) fn of_page(scanned: i32, matched: i32, capacity: Option<&ConsumedCapacity>) -> Self {
        let count = |count: i32| u64::try_from(count).unwrap_or_default();
        let units = capacity.and_then(ConsumedCapacity::capacity_units).unwrap_or_default();
        ReadUsage { requests: 1, scanned: count(scanned), matched: count(matched), units }
    }
}

impl AddAssign for ReadUsage {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.scanned += other.scanned;
        self.matched += other.matched;
        self.units += other.units;
    }
}
