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

/// Returns whether a word of a cell is a number with a fraction or a time, so that the cell may be no name.
pub(crate) fn holds_value(cell: &str) -> bool {
    let is_value = |word: &str| {
        let has_fraction = word.contains(['.', ',']) && word.trim_matches(['.', ',']).contains(['.', ',']);
        (has_fraction || word.len() >= 9) && is_value(word)
    };
    cell.split(|sign: char| sign.is_whitespace() || "=:;|".contains(sign)).any(is_value)
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
