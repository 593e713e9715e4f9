//! The contents of a Kinesis record: plain data, user records, or an aggregate that cannot be taken apart.

use std::fmt;

use super::{AggregatedUserRecords, decode, is_marked};
use crate::limits::LEAST_JSON_BYTES;

/// User records of an aggregated record that are always kept one by one.
pub const KEPT_ONE_BY_ONE: usize = 1000;

/// The contents of a Kinesis record.
#[derive(Debug)]
pub enum RecordContents<'a> {
    /// A plain record: its data is one user record.
    Plain,
    /// The user records of an aggregated record.
    Aggregated(AggregatedUserRecords<'a>),
    /// An aggregated record that stays whole.
    Broken(BrokenAggregate),
}

/// The reason why an aggregated record is not taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenAggregate {
    /// It begins like an aggregated record and cannot be decoded, or has no user records.
    Unreadable,
    /// It has more user records than readings fit into its bytes.
    TooManyRecords,
}

impl BrokenAggregate {
    /// Returns a short, stable name for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            BrokenAggregate::Unreadable => "broken-aggregation",
            BrokenAggregate::TooManyRecords => "too-many-records",
        }
    }
}

impl fmt::Display for BrokenAggregate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            BrokenAggregate::Unreadable => "marked as an aggregated record, but broken or empty",
            BrokenAggregate::TooManyRecords => "an aggregated record of more records than its bytes can hold readings",
        })
    }
}

/// Returns what the data of a Kinesis record holds.
#[must_use]
pub fn contents(data: &[u8]) -> RecordContents<'_> {
    if !is_marked(data) {
        return RecordContents::Plain;
    }
    match decode(data) {
        None => RecordContents::Broken(BrokenAggregate::Unreadable),
        Some(records) if are_too_many(&records, data) => RecordContents::Broken(BrokenAggregate::TooManyRecords),
        Some(records) => RecordContents::Aggregated(records),
    }
}

/// Returns whether an aggregated record has more user records than readings fit into its bytes. An empty user record
/// takes a few bytes. Millions of them, a reject each, would take longer than any invocation. Kept whole, they are a
/// few items.
fn are_too_many(records: &AggregatedUserRecords<'_>, data: &[u8]) -> bool {
    records.len() > KEPT_ONE_BY_ONE.max(data.len() / LEAST_JSON_BYTES)
}
