//! The trait of every kind of rows.

use serde::Serialize;

use super::csv::{CsvCells, CsvColumns, OwnCell};
use super::time_style::TimeStyle;
use super::{Squeeze, json};
use crate::error::Error;
use crate::pipeline::RowField;

/// Something that is shown as one line.
pub(crate) trait Row: Serialize {
    /// The names of the columns; the same for every row of one kind.
    fn columns() -> &'static [&'static str];
    /// The texts of the columns.
    fn cells(&self) -> Vec<String>;
    /// The texts of the columns, with times in a style of their own.
    fn cells_in(&self, _times: &TimeStyle) -> Vec<String> {
        self.cells()
    }
    /// Returns the ways to make the table narrower, in their order.
    fn squeezes() -> &'static [Squeeze] {
        &[]
    }
    /// Returns the row as one line of JSON.
    fn json_line(&self) -> Result<String, Error> {
        json::to_line(self)
    }
    /// Returns the begin of a JSON document of rows, and its end behind so many of them.
    fn json_document(_count: u64) -> (&'static str, String) {
        ("[", "]\n".to_owned())
    }
    /// Returns the cell of a chosen column; `None` if the row has no such value.
    fn cell(&self, _column: &RowField) -> Option<OwnCell> {
        None
    }
    /// The columns in CSV, where they differ from a table's.
    fn csv_columns() -> CsvColumns {
        CsvColumns::fixed(Self::columns())
    }
    /// The texts in CSV.
    fn csv_cells(&self) -> CsvCells {
        CsvCells::fixed(self.cells())
    }
}
