//! Judges the last line of a file that does not end with a line end: it may be cut anywhere.

use super::super::row_error::{RowError, row_error};
use super::super::row_splitter::Cells;
use super::super::time_format::{is_part_of_time, is_written_whole};
use super::CsvParser;
use super::row_shape::decimals;

/// The form of the cells in the rows before the last one.
#[derive(Debug, Default)]
pub(super) struct LastCells {
    /// Bytes of the time of the row before.
    pub time_bytes: usize,
    /// Digits behind the decimal sign that the last cell of each of the first rows has at least; nothing without any, or
    /// where one is no number.
    pub least_decimals: Option<usize>,
}

impl LastCells {
    /// Takes the last cells of some rows.
    pub(super) fn of_rows(rows: &[String]) -> Self {
        let all: Option<Vec<_>> = rows.iter().map(|cell| decimals(cell)).collect();
        let least_decimals = all.and_then(|all| all.into_iter().min()).filter(|least| *least > 0);
        LastCells { time_bytes: 0, least_decimals }
    }
}

impl CsvParser {
    /// Refuses a last row that has all columns, where its last cell is shorter than those before: a time that is shorter
    /// than the one before, or a number with fewer decimals than all of the first rows have.
    pub(super) fn check_cut(&self, time: &str, cells: Cells<'_>) -> Result<(), RowError> {
        let last = cells.len().saturating_sub(1);
        let LastCells { time_bytes, least_decimals } = self.last_cells;
        let is_time = self.columns.time() == Some(last);
        let format = self.options.time_format.as_deref().filter(|_| !self.options.has_time_format_of_file());
        let is_whole = || format.is_some_and(|format| is_written_whole(format, time));
        if is_time && time_bytes > 0 && time.len() < time_bytes && !is_whole() {
            return Err(row_error(
                "cut-line",
                "the file ends in this line, and its time is shorter than the one before: it was cut",
            ));
        }
        // Where no row is before it, a number that is no time of this century may be a part of one.
        let is_part = time_bytes == 0 && format.is_none() && is_part_of_time(time);
        if is_time && is_part {
            let reason = "the file ends in this line, and its time is shorter than one of this century: it may have been cut; \
                          a line end behind it says that it is whole";
            return Err(row_error("cut-line", reason));
        }
        let has_fewer = |least: usize| decimals(cells.get(last)).is_some_and(|found| found < least);
        if !is_time && least_decimals.is_some_and(has_fewer) {
            return Err(row_error(
                "cut-line",
                "the file ends in this line, and its last number has fewer decimals than the others: it may have been cut; a \
                 line end behind it says that it is whole",
            ));
        }
        Ok(())
    }
}
