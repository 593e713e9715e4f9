//! The number of readings.

use serde::Serialize;

use crate::output::Report;

/// How many readings there are.
#[derive(Debug, Serialize)]
pub(super) struct RowCount {
    pub count: u64,
}

impl Report for RowCount {
    fn table(&self) -> String {
        self.count.to_string()
    }
}
