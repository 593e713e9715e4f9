//! CSV: finds the header, then reads row by row.

mod column_signs;
mod comments;
mod cut_row;
mod decimal_sign;
mod delimiter;
mod devices;
mod header;
mod header_cells;
mod header_row;
mod joined_files;
mod no_header;
mod other_format;
mod parted_numbers;
mod row_line;
mod row_shape;
mod sample;
mod scale;
mod time_choice;
mod zone;

use std::collections::VecDeque;
use std::io;

use memchr::{memchr, memchr2};

use self::comments::CommentRule;
use self::cut_row::LastCells;
use self::header_row::left_out_header;
use self::joined_files::{JoinedFiles, UnreadTable};
use self::row_line::{RowLine, is_blank};
use self::row_shape::{cells_of, decimal_evidence};
use super::csv_columns::{CsvColumns, RowReading, Surroundings};
use super::keys::TEMPERATURE;
use super::line_reader::{LineReader, LineStatus, MAX_LINE_BYTES};
use super::options::InputOptions;
use super::output::{CUT_ROW, Output, RawLine};
use super::row_error::{RowError, row_error};
use super::row_splitter::{Cells, JoinedCells, RowSplitter, split_plain};

pub(super) use self::header::HeaderInfo;
pub(super) use self::no_header::NotCsv;
pub(super) use self::other_format::is_other_format;
pub(super) use self::parted_numbers::parted_numbers;

/// Returns whether a number has a comma before its fraction.
pub(super) fn decimal_comma(cell: &str) -> bool {
    cell.contains(',') && decimal_evidence(cell).is_some()
}

/// The beginning of the row of annotated CSV (`InfluxDB`) that says what empty cells of the table stand for.
const DEFAULTS: &[u8] = b"#default";
const ZERO_BYTES: &str = "it holds zero bytes, as a file does that lost power while it was written";
const NEVER_CLOSED: &str = "a quoted value is never closed";
const STRAY_QUOTE: &str = "text follows the closing quote of a value; a quote within a value is written twice";

/// Rows of units that may follow a header: names of units, and how values were processed.
const MAX_UNIT_ROWS: u8 = 2;

/// Memory of a kept line beside its bytes, so that many short lines do not take more than a long one.
const LINE_OVERHEAD: usize = 128;
/// How far a value goes on, with [`LINE_OVERHEAD`] for each line, within lines that stand behind an open quote and are
/// read again: were it as far as elsewhere, a quote in each of them would make the time quadratic.
const MAX_DOUBTFUL_BYTES: usize = 4096;

/// A CSV file behind its header.
pub(super) struct CsvParser {
    lines: LineReader,
    line: Vec<u8>,
    /// Lines that were read ahead, or that stand behind a quote that was never closed.
    again: VecDeque<RowLine>,
    /// The last line that was looked at for the end of a quoted value which has none.
    doubtful_until: u64,
    splitter: Box<RowSplitter>,
    /// Kept from row to row for its memory.
    ranges: Vec<(usize, usize)>,
    /// In place of `splitter` while a row is read.
    spare: Option<Box<RowSplitter>>,
    columns: CsvColumns,
    options: InputOptions,
    surroundings: Surroundings,
    header: HeaderInfo,
    comments: CommentRule,
    section: String,
    /// Values of empty cells under the next header.
    defaults: Vec<String>,
    /// True until a row shows the file's decimal sign.
    is_sign_open: bool,
    /// How many rows of units may still come; none after the first row of values.
    unit_rows: u8,
    unread_table: Option<UnreadTable>,
    joined: JoinedFiles,
    last_cells: LastCells,
    may_part_numbers: bool,
}

impl CsvParser {
    /// The next lines of readings go to `output`; false at the end.
    pub(super) fn advance(&mut self, output: &mut Output) -> io::Result<bool> {
        if self.again.is_empty() {
            self.line.clear();
            let offset = self.lines.offset();
            let status = self.lines.append(&mut self.line)?;
            if self.line.starts_with(DEFAULTS) {
                self.defaults = cells_of(self.splitter.delimiter(), &self.line);
            }
            let is_line = status == LineStatus::Line && self.lines.is_terminated();
            if is_line && self.is_passed_over(&self.line, self.lines.number(), output) {
                self.joined.note(&self.line);
                return Ok(true);
            }
            let is_plain = is_line && !self.splitter.needs_quotes(&self.line);
            if is_plain {
                let line = std::mem::take(&mut self.line);
                self.plain_row(&line, self.lines.number(), output);
                self.line = line;
                return Ok(true);
            }
            if status == LineStatus::Line && is_blank(&self.line) {
                return Ok(true);
            }
            let bytes = std::mem::take(&mut self.line);
            let (number, is_terminated) = (self.lines.number(), self.lines.is_terminated());
            self.again.push_back(RowLine { number, offset, status, is_terminated, bytes });
        }
        self.quoted_row(output)
    }

    /// Returns whether reading the next row may block.
    pub(super) fn may_block(&mut self) -> bool {
        self.again.is_empty() && self.lines.may_block()
    }

    /// Returns lines and bytes of what was read. Lines behind an open quote are still to be read.
    pub(super) fn position(&self) -> (u64, u64) {
        let again = self.again.front().map(|line| (line.number - 1, line.offset));
        again.unwrap_or((self.lines.number(), self.lines.offset()))
    }

    /// Returns what was recognized.
    pub(super) fn header(&self) -> &HeaderInfo {
        &self.header
    }

    /// Returns whether a line holds no row; blank lines are not counted.
    fn is_passed_over(&self, line: &[u8], number: u64, output: &mut Output) -> bool {
        if is_blank(line) {
            return true;
        }
        let is_comment = self.comments.is_comment(line, self.splitter.delimiter());
        if is_comment {
            self.take_comment(RawLine { number, bytes: line, is_truncated: false }, output);
        }
        is_comment
    }

    fn plain_row(&mut self, line: &[u8], number: u64, output: &mut Output) {
        let raw = RawLine { number, bytes: line, is_truncated: false };
        let Ok(text) = std::str::from_utf8(line) else { return output.reject(raw, Output::not_utf_8(line)) };
        let mut ranges = std::mem::take(&mut self.ranges);
        self.row(split_plain(self.splitter.delimiter(), text, &mut ranges), raw, true, output);
        self.ranges = ranges;
    }

    /// A row that may have several lines, because a quote is open.
    fn quoted_row(&mut self, output: &mut Output) -> io::Result<bool> {
        let mut row: Vec<RowLine> = Vec::new();
        let mut bytes = 0;
        self.splitter.reset();
        loop {
            let line = match self.again.pop_front() {
                Some(line) => line,
                None => RowLine::read(&mut self.lines)?,
            };
            match line.status {
                LineStatus::End if row.is_empty() => {
                    output.builder.facts.last_line_unterminated |= !self.lines.is_terminated();
                    return Ok(false);
                }
                LineStatus::Line if row.is_empty() && self.is_passed_over(&line.bytes, line.number, output) => {
                    self.joined.note(&line.bytes);
                    return Ok(true);
                }
                LineStatus::TooLong if row.is_empty() => {
                    output.too_long(RawLine { number: line.number, bytes: &line.bytes, is_truncated: true });
                    return Ok(true);
                }
                LineStatus::Line if row.is_empty() => {}
                LineStatus::Line if bytes + line.bytes.len() <= self.most_bytes(row[0].number) => {}
                LineStatus::Line | LineStatus::TooLong | LineStatus::End => {
                    row.push(line);
                    self.open_quote(row, NEVER_CLOSED, output);
                    return Ok(true);
                }
            }
            bytes += line.bytes.len() + LINE_OVERHEAD;
            let is_complete =
                !self.splitter.needs_quotes(&line.bytes) && row.is_empty() || self.splitter.feed(&line.bytes);
            row.push(line);
            if is_complete {
                if self.splitter.has_stray_quote() {
                    self.open_quote(row, STRAY_QUOTE, output);
                } else {
                    self.whole_row(row, output);
                }
                return Ok(true);
            }
        }
    }

    /// How many bytes a row may have that begins in this line.
    fn most_bytes(&self, first_line: u64) -> usize {
        if first_line <= self.doubtful_until { MAX_DOUBTFUL_BYTES } else { MAX_LINE_BYTES }
    }

    fn whole_row(&mut self, row: Vec<RowLine>, output: &mut Output) {
        let (first, last) = (&row[0], &row[row.len() - 1]);
        let all = row.iter().flat_map(|line| &line.bytes).copied().collect::<Vec<_>>();
        let raw = RawLine { number: first.number, bytes: &all, is_truncated: false };
        let is_terminated = last.is_terminated;
        if memchr(0, &all).is_some() {
            return output.reject(raw, row_error("zero-bytes", ZERO_BYTES));
        }
        let spare = self.spare.take().unwrap_or_else(|| Box::new(RowSplitter::new(self.splitter.delimiter())));
        let mut splitter = std::mem::replace(&mut self.splitter, spare);
        let is_plain = row.len() == 1 && !splitter.needs_quotes(&all);
        let cells = match (is_plain, std::str::from_utf8(&all)) {
            (true, Ok(text)) => Some(splitter.plain(text)),
            (false, Ok(_)) => splitter.fed(),
            (_, Err(_)) => None,
        };
        // A quote that was opened by mistake ends at the next one, and the rows between become a part of a value.
        let swallows_rows = |cells: Cells<'_>| {
            row.len() > 1
                && !(cells.len() == 1 && self.columns.has_sections())
                && self
                    .columns
                    .check_width(cells, self.options.short_rows)
                    .is_err_and(|error| error.code == "column-count")
                && !self.is_header_row(cells, output)
        };
        let is_mistake = cells.is_some_and(swallows_rows);
        match cells {
            Some(_) if is_mistake => {}
            Some(cells) => self.row(cells, raw, is_terminated, output),
            None => {
                output.reject(raw, Output::not_utf_8(&all));
                if !is_terminated {
                    output.name_cut_line(&CUT_ROW);
                }
            }
        }
        self.spare = Some(std::mem::replace(&mut self.splitter, splitter));
        if is_mistake {
            self.open_quote(row, NEVER_CLOSED, output);
        }
    }

    /// Rejects the line with the quote, and it alone: what comes behind it is read again.
    fn open_quote(&mut self, row: Vec<RowLine>, reason: &'static str, output: &mut Output) {
        let mut lines = row.into_iter().filter(|line| line.status != LineStatus::End);
        let Some(first) = lines.next() else { return };
        let rest: Vec<_> = lines.collect();
        self.doubtful_until = rest.last().map_or(first.number, |line| line.number).max(self.doubtful_until);
        rest.into_iter().rev().for_each(|line| self.again.push_front(line));
        let raw = RawLine { number: first.number, bytes: &first.bytes, is_truncated: false };
        output.reject(raw, row_error("open-quote", reason));
        if !first.is_terminated {
            output.name_cut_line(&CUT_ROW);
        }
    }

    fn row(&mut self, cells: Cells<'_>, raw: RawLine<'_>, is_terminated: bool, output: &mut Output) {
        let joined = if self.may_part_numbers { self.joined(cells) } else { None };
        let cells = joined.as_ref().map_or(cells, JoinedCells::cells);
        if self.columns.has_sections() && cells.len() == 1 && self.columns.names().len() > 1 {
            cells.get(0).clone_into(&mut self.section);
            output.builder.facts.passed_over += 1;
            return;
        }
        if self.unread_table.is_some() {
            return self.unread_row(cells, raw, output);
        }
        if self.is_sign_open
            && memchr2(b',', b'.', raw.bytes).is_some()
            && let Err(error) = self.watch_decimal_sign(cells, output)
        {
            return output.reject(raw, error);
        }
        let left_out = output.builder.facts.left_out;
        let result = self.readings(cells, raw, is_terminated, output);
        match result {
            Ok(()) => {
                self.unit_rows = 0;
                if output.builder.facts.left_out == left_out {
                    self.joined.end_lines();
                    self.columns.see_constant(cells, &mut output.builder.facts);
                }
            }
            Err(error) => {
                if !self.take_header(cells, raw, output) {
                    self.note_line(cells, raw.bytes);
                    output.reject(raw, error);
                    if !is_terminated {
                        output.name_cut_line(&CUT_ROW);
                    }
                }
            }
        }
    }

    fn readings(
        &mut self,
        cells: Cells<'_>,
        raw: RawLine<'_>,
        is_terminated: bool,
        output: &mut Output,
    ) -> Result<(), RowError> {
        if !self.columns.is_wanted(cells, &self.section, &output.builder) {
            if self.is_other_header(cells) {
                return Err(left_out_header());
            }
            output.builder.facts.passed_over += 1;
            output.builder.facts.left_out += 1;
            return Ok(());
        }
        self.columns.check_width(cells, self.options.short_rows)?;
        if let Some(at) = self.columns.time() {
            if !is_terminated {
                self.check_cut(cells.get(at), cells)?;
            }
            self.last_cells.time_bytes = cells.get(at).len();
        }
        if let Some(offset) = self.columns.utc_offset(cells, &self.section) {
            output.builder.take_offset(&offset)?;
        }
        if let Some(zone) = self.columns.zone(cells) {
            output.builder.take_zone(zone);
        }
        self.columns.check_device(cells, &output.builder)?;
        if let Some(row) = self.columns.single(cells, &self.section) {
            // Only a row of values: in a repeated header, the cell has the column's name.
            if self.columns.is_of_another_quantity(cells, &self.section) && output.builder.is_reading(&row) {
                output.builder.facts.passed_over += 1;
                output.builder.facts.left_out += 1;
                return Ok(());
            }
            let fields = self.columns.fields(cells, &self.section);
            let record = output.builder.record(&row, fields, raw.number)?;
            self.columns.check_units_of_row(cells, &output.builder)?;
            output.ready(record);
            return Ok(());
        }
        let readings = self.columns.readings(cells, &self.section, &output.builder)?;
        if readings.is_empty() {
            if self.is_other_header(cells) {
                return Err(left_out_header());
            }
            // A quantity that no key is mapped to.
            output.builder.facts.passed_over += 1;
            output.builder.facts.left_out += 1;
            self.columns.note_other_quantity(cells, &self.section, output);
        }
        output.builder.facts.unassigned += self.columns.unassigned(cells, &output.builder);
        let mut first_error = None;
        let several = readings.len() > 1;
        for reading in readings {
            let result = match reading {
                RowReading::Probe(probe, row) => {
                    let fields = self.columns.fields_of_probe(probe, cells, &self.section);
                    let record = output
                        .builder
                        .record(&row, fields, raw.number)
                        .and_then(|record| self.columns.check_units_of_row(cells, &output.builder).map(|()| record));
                    record.map(|record| output.ready(record))
                }
                RowReading::Quantity { name, key, value, sensor, time } => {
                    let unit = if key == TEMPERATURE {
                        self.columns.check_units_of_row(cells, &output.builder)
                    } else {
                        Ok(())
                    };
                    unit.and_then(|()| self.columns.check_series(cells, &name, sensor.as_ref(), &mut output.series))
                        .and_then(|()| output.quantity(&name, &key, &value, sensor.as_ref(), time.as_ref(), raw.number))
                }
            };
            match result {
                Ok(()) => {}
                Err(error) if several => output.reject(raw, error),
                Err(error) => first_error = Some(error),
            }
        }
        first_error.map_or(Ok(()), Err)
    }
}
