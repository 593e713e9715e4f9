//! Cells of lines that may be the header.

use super::super::options::Delimiter;
use super::super::row_splitter::RowSplitter;

pub(crate) fn has_values(cells: &[String]) -> bool {
    cells.iter().any(|cell| is_value(cell))
}

/// Returns whether a cell is a number or a time, and therefore not a name.
pub(crate) fn is_value(cell: &str) -> bool {
    let starts = cell.trim_start_matches(['-', '+', '.']).starts_with(|first: char| first.is_ascii_digit());
    let is_plain = cell.bytes().all(|byte| byte.is_ascii_digit() || b"+-.,:/ TZeE".contains(&byte));
    starts && is_plain || crate::pipeline::parse_time(cell).is_ok()
}

/// Splits a line into cells; nothing where a quote stays open.
pub(crate) fn split(delimiter: Delimiter, text: &str) -> Option<Vec<String>> {
    let mut splitter = RowSplitter::new(delimiter);
    if !splitter.needs_quotes(text.as_bytes()) {
        return Some(splitter.plain(text).iter().map(str::to_owned).collect());
    }
    let mut is_complete = false;
    for line in text.split_inclusive('\n') {
        is_complete = splitter.feed(line.as_bytes());
    }
    if !is_complete {
        return None;
    }
    splitter.fed().map(|cells| cells.iter().map(str::to_owned).collect())
}
