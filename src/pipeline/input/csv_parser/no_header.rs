//! Why no line of a file is a header.

use super::super::csv_columns::HeaderError;
use super::header_cells::{has_values, holds_value};
use super::other_format::{OtherFormat, other_format};
use super::{RowLine, delimiter};
use crate::hint_flags::shell_word;

/// Why a file is not read: what is wrong, and what to type.
#[derive(Debug)]
pub(in super::super) struct NotCsv {
    pub reason: String,
    pub hints: Vec<String>,
    /// True if it is CSV with the columns of a reading, and something else is wrong.
    pub is_csv: bool,
}

impl NotCsv {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        NotCsv { reason: reason.into(), hints: Vec::new(), is_csv: false }
    }

    pub(super) fn of_csv(reason: impl Into<String>) -> Self {
        NotCsv { is_csv: true, ..NotCsv::new(reason) }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// A line that may be the header.
pub(super) struct Candidate {
    pub number: u64,
    pub cells: Vec<String>,
    pub error: HeaderError,
    /// True if the next line has numbers or times.
    pub is_before_values: bool,
}

impl Candidate {
    /// Returns how much it is like a header: by the names that it has, then by its form.
    pub(super) fn likeness(&self) -> (usize, bool) {
        let holds_values = has_values(&self.cells);
        // A value may have a name that is looked for: that of the quantity of its row.
        let found = if holds_values && self.error.found < 2 { 0 } else { self.error.found };
        (found, self.is_before_values && self.cells.len() > 1 && !holds_values)
    }
}

/// Says what is wrong, without showing what may be a reading.
pub(super) fn no_header(best: Option<Candidate>, above: &[RowLine]) -> NotCsv {
    let Some(Candidate { number, cells, error, is_before_values }) = best else {
        return NotCsv::new("it has no line that could be a header");
    };
    if let Some(OtherFormat { what, hint }) = above.iter().find_map(|line| other_format(&line.bytes)) {
        return NotCsv::new(what).hint(hint);
    }
    let place = if number == 1 { "its first line".to_owned() } else { format!("line {number}") };
    if error.is_header {
        return NotCsv::of_csv(error.reason);
    }
    if has_values(&cells) {
        let wanted = error.reason.split(';').next().unwrap_or_default();
        return NotCsv::new(format!("{wanted}; {place} holds values and no names")).hint(format!(
            "a file without a header: name its {} columns in their order, such as `--columns \
             sensor_id,current_time,temperature`; an empty name ignores a column",
            cells.len()
        ));
    }
    let is_unusual = cells.len() == 1 && delimiter::unusual(&cells[0]).is_some();
    if error.found == 0 && !is_before_values && !is_unusual {
        let wanted = error.reason.split(';').next().unwrap_or_default();
        return NotCsv::new(format!("{wanted} in {place}, nor in those behind it"));
    }
    let reason = if cells.len() == 1 || cells.iter().any(|cell| holds_value(cell)) {
        let (wanted, count) = (error.reason.split("; there are:").next().unwrap_or_default(), cells.len());
        format!("{wanted}; {place} has {count} column{}", if count == 1 { "" } else { "s" })
    } else {
        error.reason
    };
    let not_csv = NotCsv::new(reason);
    let not_csv = match cells.as_slice() {
        [line] => match delimiter::unusual(line) {
            Some(byte) => {
                let word = shell_word(&byte.to_string()).to_string();
                not_csv.hint(format!("if `{byte}` separates its columns: `--delimiter {word}`"))
            }
            None => not_csv,
        },
        cells => match cells.iter().position(String::is_empty).filter(|_| error.found > 0) {
            Some(at) => not_csv.hint(format!(
                "a column without a name is taken by its place, such as `--map current_time=@column.{}`",
                at + 1
            )),
            None => not_csv,
        },
    };
    let above = if number == 1 { String::new() } else { format!("; line {number} looks like the header") };
    NotCsv { reason: format!("{}{above}", not_csv.reason), ..not_csv }
}
