//! Evidence in a row's cells about the file: its decimal sign, and rows of units.

use super::super::csv_columns::CsvColumns;
use super::super::number::without_groups;
use super::super::options::Delimiter;
use super::super::row_splitter::{Cells, RowSplitter};

/// The evidence of a cell about the decimal sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Evidence {
    Comma,
    Point,
    /// Three digits behind it: it may separate thousands.
    Either,
}

/// Returns the evidence of a number; `None` if the cell is not a number, or has no sign.
pub(in super::super) fn decimal_evidence(cell: &str) -> Option<Evidence> {
    let unsigned = cell.strip_prefix(['-', '+', '\u{2212}']).unwrap_or(cell);
    // `1.013,25` shows its decimal sign behind the thousands.
    for (decimal, evidence) in [(',', Evidence::Comma), ('.', Evidence::Point)] {
        if unsigned.contains(decimal) && without_groups(unsigned, decimal).is_some() {
            return Some(evidence);
        }
    }
    let at = unsigned.find([',', '.'])?;
    let (whole, fraction) = (&unsigned[..at], &unsigned[at + 1..]);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let may_group = fraction.len() == 3 && !whole.is_empty() && !whole.starts_with('0') && whole.len() <= 3;
    Some(match (unsigned.as_bytes()[at], may_group) {
        (_, true) => Evidence::Either,
        (b',', false) => Evidence::Comma,
        (_, false) => Evidence::Point,
    })
}

/// Returns how many digits a number has behind its decimal sign; nothing where it is no number.
pub(in super::super) fn decimals(cell: &str) -> Option<usize> {
    let unsigned = cell.strip_prefix(['-', '+', '\u{2212}']).unwrap_or(cell);
    let (whole, fraction) = unsigned.split_once(['.', ',']).unwrap_or((unsigned, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (!whole.is_empty() && digits(whole) && digits(fraction)).then_some(fraction.len())
}

/// Words that stand for a unit under a header, in small letters.
const UNITS: [&str; 20] = [
    "c",
    "°c",
    "℃",
    "degc",
    "deg c",
    "deg. c",
    "degrees c",
    "celsius",
    "f",
    "°f",
    "℉",
    "degf",
    "deg f",
    "fahrenheit",
    "k",
    "kelvin",
    "deg",
    "degrees",
    "degrees celsius",
    "degrees fahrenheit",
];
/// Words for how a logger makes one value of many, in small letters (TOA5, line 4).
const PROCESSING: [&str; 7] = ["", "avg", "smp", "min", "max", "std", "tot"];

/// Returns whether a row after the header names units, or a row after that names how values were processed. Such a row
/// holds no value.
pub(in super::super) fn is_unit_row(cells: Cells<'_>, columns: &CsvColumns, is_second: bool) -> bool {
    let mut temperatures = columns.temperatures().peekable();
    let has_digits = |at: usize| cells.get(at).bytes().any(|byte| byte.is_ascii_digit());
    if temperatures.peek().is_none() || columns.time().is_some_and(has_digits) {
        return false;
    }
    temperatures.all(|at| {
        let cell = cells.get(at).to_lowercase();
        let unit = cell.trim_matches(['[', ']', '(', ')']);
        UNITS.contains(&unit) || is_second && PROCESSING.contains(&cell.as_str())
    })
}

/// Returns the cells of a line; none where it is no text, or a quote stays open.
pub(in super::super) fn cells_of(delimiter: Delimiter, line: &[u8]) -> Vec<String> {
    let mut splitter = RowSplitter::new(delimiter);
    let cells = match std::str::from_utf8(line) {
        Ok(text) if !splitter.needs_quotes(line) => Some(splitter.plain(text)),
        Ok(_) if splitter.feed(line) => splitter.fed(),
        _ => None,
    };
    cells.map(|cells| cells.iter().map(str::to_owned).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_sign_shows_unless_three_digits_follow() {
        for (cell, evidence) in [
            ("21,5", Some(Evidence::Comma)),
            ("-3,0", Some(Evidence::Comma)),
            ("0,125", Some(Evidence::Comma)),
            ("1234,567", Some(Evidence::Comma)),
            (",5", Some(Evidence::Comma)),
            ("1,234", Some(Evidence::Either)),
            ("1.234", Some(Evidence::Either)),
            ("21.5", Some(Evidence::Point)),
            ("1,234.5", Some(Evidence::Point)),
            ("1.013,25", Some(Evidence::Comma)),
            ("1.013,25,1", None),
            ("41", None),
            ("a,b", None),
            ("", None),
        ] {
            assert_eq!(decimal_evidence(cell), evidence, "{cell}");
        }
    }
}
