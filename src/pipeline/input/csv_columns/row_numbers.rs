//! A first column without a name that numbers the rows, as `pandas`, R and some loggers write it.

use super::CsvColumns;
use crate::hint_flags::shell_word;
use crate::pipeline::input::row_error::{RowError, row_error};
use crate::pipeline::input::row_splitter::Cells;

/// Columns that a hint writes out.
const MOST_NAMES: usize = 16;

impl CsvColumns {
    /// Returns whether the first column has no name, so that its values would reject their rows.
    pub(in super::super) fn may_number_rows(&self) -> bool {
        self.unnamed.first() == Some(&0)
    }

    /// Takes the first column for no part of the readings, where it counts the first rows from 0 or 1. Behind them may stand
    /// rows with a word for what they sum up, which are no readings.
    pub(in super::super) fn pass_over_row_numbers(&mut self, cells: impl Iterator<Item = String>) {
        let (mut last, mut is_behind): (Option<u64>, bool) = (None, false);
        for cell in cells {
            match cell.parse::<u64>() {
                Ok(_) if is_behind => return,
                Ok(number) if last.map_or(number > 1, |last| last.checked_add(1) != Some(number)) => return,
                Ok(number) => last = Some(number),
                Err(_) if last.is_some() && is_word(&cell) => is_behind = true,
                Err(_) => return,
            }
        }
        if last.is_some() {
            self.unnamed.remove(0);
            self.numbers_rows = true;
        }
    }

    /// Refuses a row that sums up others.
    #[cold]
    fn no_row_number(&self) -> RowError {
        let reason = format!(
            "its first column numbers the other rows, and has a word here: a row that sums up others{}",
            self.name_option(0)
        );
        row_error("unnamed-column", reason)
    }

    /// Refuses a row whose first column has no number.
    pub(super) fn check_row_number(&self, cells: Cells<'_>) -> Result<(), RowError> {
        if is_word(cells.get(0)) { Err(self.no_row_number()) } else { Ok(()) }
    }

    /// Returns the option that reads rows of another width than the header.
    pub(super) fn width_option(&self, cells: Cells<'_>) -> String {
        if cells.len() == self.names.len() + 1 && self.names.len() > 1 && self.names.len() <= MOST_NAMES {
            let names = shell_word(&format!(",{}", self.names.join(","))).to_string();
            return format!(
                "; if its first one has no name, as R writes it: `--skip-lines 1 --columns {names}` ignores it"
            );
        }
        let is_short = cells.len() < self.width && cells.len() > 1;
        let short = "; where only cells at the end are missing, `--short-rows` takes them as empty";
        if is_short { short.to_owned() } else { String::new() }
    }

    /// Returns the options for a column without a name.
    pub(super) fn name_option(&self, at: usize) -> String {
        let place = at + 1;
        if self.names.len() > MOST_NAMES {
            return format!("; `--map KEY=@column.{place}` takes it, and `--columns` with an empty name ignores it");
        }
        let names = shell_word(&self.names.join(",")).to_string();
        format!("; `--skip-lines 1 --columns {names}` ignores it, and `--map KEY=@column.{place}` takes it")
    }
}

/// Returns whether a cell is a word.
fn is_word(cell: &str) -> bool {
    cell.starts_with(char::is_alphabetic)
}
