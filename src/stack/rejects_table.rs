//! The table of readings that the function could not store; its items expire by themselves.

use super::Kind;
use super::table::Table;

/// The attribute that holds when an item expires, in epoch seconds; the function writes it.
const EXPIRES: &str = "ExpiresAt";

impl Table {
    /// The table of rejected readings.
    #[must_use]
    pub fn of_rejects(name: &str) -> Self {
        Self::new(Kind::RejectsTable, name, include_str!("../../templates/rejects-table.json"), Some(EXPIRES))
    }
}
