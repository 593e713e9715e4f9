//! Numbers that a decimal comma parts, where commas separate the columns, too: `14/11/23 22:13:01,C,21,5`.

use super::super::number::DecimalSign;
use super::super::options::{Delimiter, InputOptions};
use super::super::row_splitter::{Cells, JoinedCells};
use super::CsvParser;

impl CsvParser {
    /// Returns whether numbers may be parted: `--decimal comma` says that they have commas, and so have the columns.
    pub(super) fn may_part_numbers(delimiter: Delimiter, options: &InputOptions) -> bool {
        delimiter == Delimiter::Byte(b',') && options.decimal == Some(DecimalSign::Comma)
    }

    /// Returns a row with the numbers at its end whole, where that gives as many cells as there are columns.
    pub(super) fn joined<'a>(&self, cells: Cells<'a>) -> Option<JoinedCells<'a>> {
        let width = self.columns.names().len();
        let begin = parted_numbers(width, cells.len(), |at| cells.get(at))?;
        cells.joined_from(begin)
    }
}

/// Returns where the numbers begin that commas part: all columns from there on, up to the last.
pub(in super::super) fn parted_numbers<'c>(
    columns: usize,
    cells: usize,
    cell: impl Fn(usize) -> &'c str,
) -> Option<usize> {
    let parted = cells.checked_sub(columns).filter(|parted| *parted > 0)?;
    let begin = columns.checked_sub(parted)?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_pair = |at: usize| is_digits(cell(at).trim_start_matches(['-', '+'])) && is_digits(cell(at + 1));
    // Were the cell before digits, too, the comma behind it might be that of a number.
    let is_number = |before: &str| is_digits(before.trim_start_matches(['-', '+']));
    // Behind the seconds of a time, the first half may be their fraction; a sign says that it is not.
    let may_go_on = |before: &str| ends_in_seconds(before) && !cell(begin).starts_with(['-', '+']);
    let is_certain = begin > 0 && !is_number(cell(begin - 1)) && !may_go_on(cell(begin - 1));
    (is_certain && (begin..cells).step_by(2).all(is_pair)).then_some(begin)
}

/// Returns whether a cell is a time that ends in its seconds: `22:13:20`, `20231114T221320`.
fn ends_in_seconds(cell: &str) -> bool {
    let clock = cell.rsplit([' ', 'T']).next().unwrap_or(cell);
    let is_digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = clock.rsplit(':');
    let has_seconds =
        parts.next().is_some_and(is_digits) && parts.next().is_some_and(is_digits) && parts.next().is_some();
    has_seconds || clock.len() == 6 && clock.len() < cell.len() && clock.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_the_end_are_parted_where_all_are() {
        let begin = |columns: usize, row: &str| {
            let cells: Vec<_> = row.split(',').collect();
            parted_numbers(columns, cells.len(), |at| cells[at])
        };
        assert_eq!(begin(3, "t,C,21,5"), Some(2));
        assert_eq!(begin(3, "t,-21,5,40,0"), Some(1));
        assert_eq!(begin(3, "t,21,40"), None, "as many cells as columns");
        assert_eq!(begin(3, "t,21,5,x"), None);
        assert_eq!(begin(3, "t,21,40,5"), None, "one of two may be whole");
        assert_eq!(begin(1, "21,5,1"), None);
        for time in ["2023-11-14 22:13:20", "2023-11-14T22:13:20", "20231114 221320", "22:13:20"] {
            assert_eq!(begin(2, &format!("{time},123,21")), None, "{time}: 123 may be milliseconds");
            assert_eq!(begin(2, &format!("{time},-3,5")), Some(1), "{time}");
        }
        assert_eq!(begin(2, "2023-11-14 22:13,21,5"), Some(1));
    }
}
