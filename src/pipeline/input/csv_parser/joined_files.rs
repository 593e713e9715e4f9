//! Files that were joined: the header comes again, and with it the lines above it and the units below it, which may name
//! another device, zone or unit than those of the first.

use std::collections::{BTreeSet, VecDeque};
use std::io;

use super::super::csv_columns::{CsvColumns, Surroundings};
use super::super::device_names::DeviceColumn;
use super::super::keys::SENSOR;
use super::super::line_reader::LineStatus;
use super::super::output::Output;
use super::super::row_error::{RowError, row_error};
use super::super::row_splitter::{Cells, RowSplitter};
use super::super::unit::Unit;
use super::header_cells::{is_value, split};
use super::{CsvParser, RowLine, delimiter};

/// Bytes of a line above a header that are kept: longer ones have no names.
const MOST_BYTES: usize = 16 * 1024;

/// Rows below a header that is not read.
pub(super) struct UnreadTable {
    /// The line of the header.
    pub line: u64,
    /// The reason, where it is not that its columns are others.
    pub error: Option<RowError>,
}

/// The lines around the headers.
#[derive(Default)]
pub(super) struct JoinedFiles {
    /// How many lines stand above the first header.
    depth: usize,
    /// The last of the lines without a reading, since the last reading.
    above: VecDeque<Vec<u8>>,
    /// The units that the rows below the first header name for the temperatures.
    below: Vec<Vec<String>>,
    /// The next of these rows below a later header; nothing below the first.
    next_below: Option<usize>,
    /// Lines below this header that are passed over whatever they hold.
    skipped: u64,
}

impl JoinedFiles {
    /// Begins with the first header, which has so many lines above it.
    pub(super) fn new(depth: usize) -> Self {
        JoinedFiles { depth, ..JoinedFiles::default() }
    }

    /// Takes a line without a reading, which may stand above a header.
    pub(super) fn note(&mut self, line: &[u8]) {
        if self.depth == 0 {
            return;
        }
        let mut kept = if self.above.len() < self.depth { None } else { self.above.pop_front() }.unwrap_or_default();
        kept.clear();
        kept.extend_from_slice(&line[..line.len().min(MOST_BYTES)]);
        self.above.push_back(kept);
    }

    /// Ends the lines: what comes is a reading.
    #[inline]
    pub(super) fn end_lines(&mut self) {
        if !self.above.is_empty() {
            self.above.clear();
        }
        self.skipped = 0;
    }

    fn begin_below(&mut self, skipped: u64) {
        self.next_below = Some(0);
        self.skipped = skipped;
    }

    /// Returns whether a line below a header is passed over by its place.
    pub(super) fn skips(&mut self) -> bool {
        let is_skipped = self.skipped > 0;
        self.skipped = self.skipped.saturating_sub(1);
        is_skipped
    }

    /// Takes the cells of the temperatures in a row below a header.
    ///
    /// # Errors
    /// When one is another unit than below the first header.
    pub(super) fn take_below(&mut self, cells: Vec<String>) -> Result<(), RowError> {
        let Some(at) = self.next_below else {
            self.below.push(cells);
            return Ok(());
        };
        self.next_below = Some(at + 1);
        let Some(first) = self.below.get(at) else { return Ok(()) };
        let is_other = |(one, other): (&String, &String)| {
            Unit::named(one).zip(Unit::named(other)).is_some_and(|(one, other)| one != other)
        };
        if first.iter().zip(&cells).any(is_other) {
            let reason = "the row below it names another unit of temperature than that below the first header; put the \
                          files one by one";
            return Err(row_error("unit", reason));
        }
        Ok(())
    }

    /// Takes the units of the temperatures in a row between the rows of values. `of_file` is the unit that the file names
    /// elsewhere.
    ///
    /// # Errors
    /// When one is another than below the header, or none is known of the rows before.
    fn take_between(&self, cells: &[String], of_file: Option<Unit>) -> Result<(), RowError> {
        let below = |at: usize| self.below.iter().find_map(|row| Unit::named(row.get(at)?));
        let is_other = |(at, cell): (usize, &String)| below(at).or(of_file) != Unit::named(cell);
        if cells.iter().enumerate().any(is_other) {
            let reason = "it names another unit of temperature than the rows before have, or they name none; put the rows of \
                          each unit in a file of their own";
            return Err(row_error("unit", reason));
        }
        Ok(())
    }
}

/// Returns whether lines above a header name something else than those above the first: a device, a place, an interval. When
/// a file was written is nothing else.
fn tell_other(first: &[Vec<String>], here: &[Vec<String>]) -> bool {
    let is_moment = |cell: &String| {
        let digits = cell.bytes().filter(u8::is_ascii_digit).count();
        digits >= 6 && cell.matches([':', '-', '/', '.']).count() >= 2
    };
    let is_said = |line: &[String]| {
        let Some(comment) = line.first().and_then(|cell| cell.strip_prefix('#')) else { return true };
        let name = comment.split([':', '=']).next().unwrap_or_default().trim();
        DeviceColumn::named(name).is_some()
    };
    first.iter().zip(here).filter(|(first, here)| is_said(first) || is_said(here)).any(|(first, here)| {
        let is_other = |(one, other): (&String, &String)| one != other && !(is_moment(one) && is_moment(other));
        first.len() != here.len() || first.iter().zip(here).any(is_other)
    })
}

/// Returns the serial numbers of loggers in names of columns: `Temp, °C (LGR S/N: 20158974)`.
fn serials<'n>(names: impl Iterator<Item = &'n str>) -> BTreeSet<String> {
    let of_name = |name: &str| {
        let (_, rest) = name.split_once("LGR S/N:")?;
        Some(rest.trim_start().chars().take_while(|sign| sign.is_alphanumeric()).collect())
    };
    names.filter_map(of_name).collect()
}

impl CsvParser {
    /// Returns whether all rows are put as one sensor that an option names.
    fn is_one_sensor(&self) -> bool {
        self.options.sensor.is_some() && self.options.mapped(SENSOR).next().is_none()
    }

    /// Notes a line that is no reading, unless it is a row by its form.
    pub(super) fn note_line(&mut self, cells: Cells<'_>, bytes: &[u8]) {
        let is_row = self.columns.check_width(cells, self.options.short_rows).is_ok()
            && self.columns.time().is_some_and(|at| is_value(cells.get(at)));
        if !is_row {
            self.joined.note(bytes);
        }
    }

    /// Returns why a header of other names is not read: it names another logger, or another unit.
    pub(super) fn check_names(&self, names: &[&str], columns: &CsvColumns) -> Result<(), String> {
        let (before, here) = (serials(self.columns.names().iter().map(String::as_str)), serials(names.iter().copied()));
        if self.is_one_sensor() && !before.is_empty() && before != here {
            return Err(
                "its logger has another serial number, and all rows are put as one sensor; put the files one by \
                        one, each with its `--sensor`"
                    .to_owned(),
            );
        }
        match (self.columns.temperature_unit(), columns.temperature_unit()) {
            (Some(before), Some(here)) if before != here => Err(format!(
                "its temperatures are in {}, and those before in {}; put the files one by one",
                here.name, before.name
            )),
            _ => Ok(()),
        }
    }

    /// Takes the lines above a header that comes again: the values that are read from them are those of the rows below.
    ///
    /// # Errors
    /// When they lack such a value, or name another device while all rows are put as one sensor.
    pub(super) fn take_lines_above(&mut self, output: &mut Output) -> Result<(), RowError> {
        let lines: Vec<_> = self.joined.above.drain(..).collect();
        self.joined.begin_below(self.options.skip_after_header.unwrap_or_default());
        if lines.iter().all(|line| line.trim_ascii().is_empty()) {
            return Ok(());
        }
        let given = self.options.delimiter.unwrap_or_default();
        let cells = |line: &Vec<u8>| {
            let text = String::from_utf8_lossy(line);
            let text = text.trim_start_matches('\u{feff}');
            let delimiters = delimiter::candidates(given, text);
            delimiters.first().map_or_else(Vec::new, |delimiter| split(*delimiter, text).unwrap_or_default())
        };
        let preamble: Vec<_> = lines.iter().map(cells).collect();
        let before = &self.surroundings.preamble;
        let is_same = |(one, other): (&Vec<String>, &Vec<String>)| {
            one.iter().map(|cell| cell.trim_start_matches('\u{feff}')).eq(other.iter().map(String::as_str))
        };
        if preamble.len() == before.len() && before.iter().zip(&preamble).all(is_same) {
            return Ok(());
        }
        let is_read = self.options.map.iter().any(|mapping| mapping.source.contains('@'));
        if preamble.len() < before.len() {
            let reason = "fewer lines stand above it than above the first header; put the files one by one";
            return if is_read { Err(row_error("other-header", reason)) } else { Ok(()) };
        }
        let has_serial = !serials(self.columns.names().iter().map(String::as_str)).is_empty();
        if self.is_one_sensor() && !has_serial && tell_other(before, &preamble) {
            let reason = "the lines above it are not those above the first header, and all rows are put as one sensor; \
                          put the files one by one, each with its `--sensor`";
            return Err(row_error("other-device", reason));
        }
        let surroundings = Surroundings { stem: self.surroundings.stem.clone(), preamble };
        if is_read {
            let names: Vec<_> = self.columns.names().iter().map(String::as_str).collect();
            let mut columns =
                CsvColumns::bind(&names, &self.options, &output.builder, &surroundings).map_err(|error| {
                    let reason = error.reason.split("; there are:").next().unwrap_or_default().to_owned();
                    row_error("other-header", reason)
                })?;
            columns.keep_device(&mut self.columns);
            self.columns = columns;
        }
        self.surroundings = surroundings;
        self.take_zone_of_header(output);
        Ok(())
    }

    /// Passes over the lines below the first header that options count off.
    pub(super) fn skip_after_header(&mut self, output: &mut Output) -> io::Result<()> {
        for _ in 0..self.options.skip_after_header.unwrap_or_default() {
            let line = match self.again.pop_front() {
                Some(line) => line,
                None => RowLine::read(&mut self.lines)?,
            };
            if line.status == LineStatus::End {
                return Ok(());
            }
            let mut splitter = RowSplitter::new(self.splitter.delimiter());
            if let Some(cells) = splitter.row_of_line(&line.bytes)
                && let Err(error) = self.take_line_below(cells, output)
            {
                self.unread_table = Some(UnreadTable { line: line.number, error: Some(error) });
            }
            output.builder.facts.passed_over += 1;
        }
        Ok(())
    }

    /// Takes a row below a header that names units, or is passed over by its place.
    ///
    /// # Errors
    /// When its unit of temperature is not that of the first header, or not that which `--unit` converts from.
    pub(super) fn take_line_below(&mut self, cells: Cells<'_>, output: &Output) -> Result<(), RowError> {
        let units = self.units_of(cells);
        let watch = &output.builder.unit_watch;
        let check = |unit: &String| watch.check(unit).map_err(|reason| row_error("unit", reason));
        let checked = units.iter().try_for_each(check);
        self.joined.take_below(units).and(checked)
    }

    /// Takes a row of units between the rows of values.
    ///
    /// # Errors
    /// When its unit of temperature is another than before.
    pub(super) fn take_units_between(&mut self, cells: Cells<'_>, output: &Output) -> Result<(), RowError> {
        let of_file = self.columns.temperature_unit().or(output.builder.unit_watch.unit());
        self.joined.take_between(&self.units_of(cells), of_file)
    }

    fn units_of(&self, cells: Cells<'_>) -> Vec<String> {
        let unit = |at: usize| cells.get(at).trim().trim_matches(['[', ']', '(', ')']).to_owned();
        self.columns.temperatures().map(unit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_above_a_header_tell_another_device_unless_they_only_tell_a_time() {
        let tells = |one: &str, other: &str| {
            let cells = |line: &str| vec![line.split(',').map(str::to_owned).collect::<Vec<_>>()];
            tell_other(&cells(one), &cells(other))
        };
        for (one, other) in
            [("ATC_A1", "ATC_B2"), ("50.8,4.3", "52.5,4.3"), ("# serial: 1", "# serial: 2"), ("a", "a,b")]
        {
            assert!(tells(one, other), "{one}");
        }
        for (one, other) in [
            ("ATC_A1", "ATC_A1"),
            ("Exported,2023-11-14 22:13:20", "Exported,2023-12-14 08:13:20"),
            ("# made by 1", "# made by 2"),
        ] {
            assert!(!tells(one, other), "{one}");
        }
    }
}
