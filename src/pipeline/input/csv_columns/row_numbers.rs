//! A first column without a name that numbers the rows, as `pandas` and some loggers write it.

use super::CsvColumns;

impl CsvColumns {
    /// Returns whether the first column has no name, so that its values would reject their rows.
    pub(in super::super) fn may_number_rows(&self) -> bool {
        self.unnamed.first() == Some(&0)
    }

    /// Takes the first column for no part of the readings, where it counts the first rows from 0 or 1.
    pub(in super::super) fn pass_over_row_numbers(&mut self, cells: impl Iterator<Item = String>) {
        let mut last: Option<u64> = None;
        for cell in cells {
            let Ok(number) = cell.parse::<u64>() else { return };
            if last.map_or(number > 1, |last| last.checked_add(1) != Some(number)) {
                return;
            }
            last = Some(number);
        }
        if last.is_some() {
            self.unnamed.remove(0);
        }
    }
}
