//! Finds the header of a CSV file: by its place, or by its names below lines of another kind.

use std::collections::VecDeque;
use std::io;

use super::super::csv_columns::{CsvColumns, Surroundings};
use super::super::decoding;
use super::super::line_reader::{LineReader, LineStatus, MAX_LINE_BYTES};
use super::super::number::DecimalSign;
use super::super::options::{Delimiter, InputOptions};
use super::super::output::{Output, RawLine};
use super::super::row_splitter::RowSplitter;
use super::comments::CommentRule;
use super::cut_row::LastCells;
use super::header_cells::{has_values, split};
use super::joined_files::JoinedFiles;
use super::no_header::{Candidate, NotCsv, no_header};
use super::{CsvParser, MAX_UNIT_ROWS, RowLine, delimiter, is_blank};

/// Lines before the header that are looked at.
const MAX_PREAMBLE_LINES: usize = 64;
/// Lines that a header with line feeds in quoted names may have.
const MAX_HEADER_LINES: usize = 8;

/// The header that was found.
#[derive(Clone, Debug)]
pub(crate) struct HeaderInfo {
    /// Its line, from 1; nothing where `--columns` names the columns.
    pub line: Option<u64>,
    pub delimiter: Delimiter,
    pub names: Vec<String>,
    /// The unit that the columns of the temperatures name.
    pub temperature_unit: Option<&'static str>,
}

impl CsvParser {
    /// Finds the header.
    ///
    /// # Errors
    /// When a line cannot be read; within it, when there is no header.
    pub(in super::super) fn open(
        mut lines: LineReader,
        options: &InputOptions,
        stem: &str,
        output: &mut Output,
    ) -> io::Result<Result<Self, NotCsv>> {
        let first = RowLine::read(&mut lines)?;
        let mut search = Search {
            lines,
            ahead: VecDeque::from([first]),
            options,
            surroundings: Surroundings { stem: stem.to_owned(), preamble: Vec::new() },
            delimiter: options.delimiter.unwrap_or_default(),
            comments: CommentRule::new(options),
            commented: None,
            above: Vec::new(),
            best: None,
        };
        let found = match search.find(output)? {
            Ok(found) => found,
            Err(not_csv) => return Ok(Err(not_csv)),
        };
        let Found { mut columns, delimiter, line } = found;
        let Search { lines, ahead, surroundings, above, comments, .. } = search;
        let offset =
            columns.offset_in_header().map_or(Ok(()), |offset| output.builder.take_offset(&offset.to_string()));
        if let Err(error) = offset {
            return Ok(Err(NotCsv::of_csv(error.reason)));
        }
        let is_defaults = |row: &&Vec<String>| row.first().is_some_and(|cell| cell == "#default");
        let above_header = surroundings.preamble.iter().rev().find(is_defaults);
        if let Some(defaults) = above_header {
            columns.set_defaults(defaults.clone());
        }
        let names = columns.names().to_vec();
        let unit = columns.temperature_unit();
        output.builder.unit_watch.set_header(unit);
        let temperature_unit = unit.map(|unit| unit.name);
        let is_sign_open =
            options.decimal.unwrap_or_default() == DecimalSign::Auto && delimiter != Delimiter::Byte(b',');
        let mut parser = CsvParser {
            lines,
            line: Vec::new(),
            again: ahead,
            doubtful_until: 0,
            splitter: Box::new(RowSplitter::new(delimiter)),
            ranges: Vec::new(),
            spare: None,
            columns,
            options: options.clone(),
            joined: JoinedFiles::new(surroundings.preamble.len()),
            surroundings,
            header: HeaderInfo { line, delimiter, names, temperature_unit },
            comments,
            section: String::new(),
            defaults: Vec::new(),
            is_sign_open,
            unit_rows: if line.is_some() { MAX_UNIT_ROWS } else { 0 },
            unread_table: None,
            last_cells: LastCells::default(),
            may_part_numbers: CsvParser::may_part_numbers(delimiter, options),
        };
        for line in above.iter().filter(|above| Some(above.number) != parser.header.line) {
            parser.judge_above_header(RawLine { number: line.number, bytes: &line.bytes, is_truncated: false }, output);
        }
        parser.skip_after_header(output)?;
        let sampled = parser.sample_values(output);
        parser.take_zone_of_header(output);
        let chosen = sampled.and_then(|()| parser.check_scale()).and_then(|()| parser.choose_time_format(output));
        if let Err(wrong) = chosen.and_then(|()| parser.check_devices(output)) {
            return Ok(Err(wrong));
        }
        Ok(Ok(parser))
    }
}

/// A search for the header.
struct Search<'s> {
    lines: LineReader,
    ahead: VecDeque<RowLine>,
    options: &'s InputOptions,
    surroundings: Surroundings,
    delimiter: Delimiter,
    comments: CommentRule,
    /// The last comment, where it has the needed names.
    commented: Option<Found>,
    /// Lines above the header that are not counted off.
    above: Vec<RowLine>,
    /// The line with most needed names, the first of them.
    best: Option<Candidate>,
}

struct Found {
    columns: CsvColumns,
    delimiter: Delimiter,
    line: Option<u64>,
}

impl Found {
    /// Returns whether a line has values for its columns.
    fn is_before(&self, line: &str) -> bool {
        split(self.delimiter, line).is_some_and(|cells| cells.len() >= self.columns.names().len() && has_values(&cells))
    }
}

impl Search<'_> {
    fn next(&mut self) -> io::Result<RowLine> {
        match self.ahead.pop_front() {
            Some(line) => Ok(line),
            None => RowLine::read(&mut self.lines),
        }
    }

    fn find(&mut self, output: &mut Output) -> io::Result<Result<Found, NotCsv>> {
        for _ in 0..self.options.skip_lines.unwrap_or_default() {
            let line = self.next()?;
            if line.status == LineStatus::End {
                return Ok(Err(NotCsv::new("`--skip-lines` skips all of its lines")));
            }
            self.pass(&line);
        }
        for attempt in 0..MAX_PREAMBLE_LINES {
            let line = self.next()?;
            match line.status {
                LineStatus::TooLong if attempt == 0 => {
                    let reason = format!("its first line is longer than {MAX_LINE_BYTES} bytes");
                    return Ok(Err(NotCsv::new(reason)));
                }
                LineStatus::TooLong | LineStatus::End => break,
                LineStatus::Line => {}
            }
            if is_blank(&line.bytes) {
                self.pass(&line);
                continue;
            }
            let text = match std::str::from_utf8(&line.bytes) {
                // A zero byte is UTF-8, but no text: UTF-16 without a mark.
                Ok(text) if !text.contains('\0') => text.to_owned(),
                _ => {
                    let hint = decoding::hint_at(&line.bytes, line.offset);
                    if decoding::is_tar(&line.bytes) {
                        let hint =
                            "`tar -xOf FILE | sensorctl put --file -` puts the files in it; `tar -tf FILE` lists them";
                        return Ok(Err(NotCsv::new("it is a tar archive").hint(hint)));
                    }
                    if decoding::is_binary(&line.bytes) {
                        let reason = format!("line {} holds bytes that no text has: it is binary data", line.number);
                        let hint = "export the readings as CSV or NDJSON with the program that wrote the file";
                        return Ok(Err(NotCsv::new(reason).hint(hint.to_owned())));
                    }
                    let not_csv = NotCsv::new(format!("line {} is not UTF-8", line.number));
                    return Ok(Err(not_csv.hint(hint)));
                }
            };
            if let Some(declared) = delimiter::declared(&text)
                && self.delimiter == Delimiter::Auto
            {
                self.delimiter = declared;
                self.pass(&line);
                continue;
            }
            if self.comments.is_comment(text.as_bytes(), Delimiter::Auto) {
                self.see_comment(&line, &text, output);
                self.pass(&line);
                self.above.push(line);
                continue;
            }
            if let Some(found) = self.commented.take_if(|found| found.is_before(&text)) {
                self.ahead.push_front(line);
                return Ok(Ok(found));
            }
            if !self.options.columns.is_empty() {
                return Ok(self.with_columns(line, &text, output));
            }
            if let Some(found) = self.try_header(&line, text, output)? {
                return Ok(Ok(found));
            }
            self.pass(&line);
            self.above.push(line);
            if self.lines.may_block() && self.ahead.is_empty() {
                break;
            }
        }
        Ok(Err(no_header(self.best.take(), &self.above)))
    }

    /// Remembers a line before the header.
    fn pass(&mut self, line: &RowLine) {
        let text = String::from_utf8_lossy(&line.bytes);
        let delimiters = delimiter::candidates(self.delimiter, &text);
        let cells = delimiters.first().map_or_else(Vec::new, |delimiter| split(*delimiter, &text).unwrap_or_default());
        self.surroundings.preamble.push(cells);
    }

    /// Keeps a comment that has the needed names, as some programs write the header. It is one where values follow.
    fn see_comment(&mut self, line: &RowLine, text: &str, output: &Output) {
        let text = self.comments.text(text);
        let is_wanted = self.options.columns.is_empty() && !self.comments.is_named();
        for delimiter in delimiter::candidates(self.delimiter, text).into_iter().filter(|_| is_wanted) {
            let Some(cells) = split(delimiter, text) else { continue };
            let names: Vec<_> = cells.iter().map(String::as_str).collect();
            let columns = CsvColumns::bind(&names, self.options, &output.builder, &self.surroundings);
            if let Ok(columns) = columns {
                self.commented = Some(Found { columns, delimiter, line: Some(line.number) });
                return;
            }
        }
    }

    /// Names the columns by `--columns`; the line is the first row.
    fn with_columns(&mut self, line: RowLine, text: &str, output: &mut Output) -> Result<Found, NotCsv> {
        let names: Vec<_> = self.options.columns.iter().map(|name| name.trim()).collect();
        let candidates = delimiter::candidates(self.delimiter, text);
        let as_many = candidates.iter().find(|delimiter| delimiter::count(**delimiter, text) == names.len());
        let delimiter = *as_many.or(candidates.first()).unwrap_or(&Delimiter::Byte(b','));
        let columns = CsvColumns::bind(&names, self.options, &output.builder, &self.surroundings)
            .map_err(|error| NotCsv::new(error.reason).hint("`--columns` names the columns in their order"))?;
        self.ahead.push_front(line);
        Ok(Found { columns, delimiter, line: None })
    }

    fn try_header(&mut self, line: &RowLine, mut text: String, output: &mut Output) -> io::Result<Option<Found>> {
        // Only the first line may go on: a stray quote elsewhere would swallow what follows.
        let mut more = Vec::new();
        while split(Delimiter::Byte(b','), &text).is_none() && more.len() < MAX_HEADER_LINES && self.best.is_none() {
            let next = self.next()?;
            let is_line = next.status == LineStatus::Line && text.len() + next.bytes.len() <= MAX_LINE_BYTES;
            let part = std::str::from_utf8(&next.bytes).map(str::to_owned);
            more.push(next);
            match part {
                Ok(part) if is_line => text.push_str(&part),
                _ => break,
            }
        }
        for delimiter in delimiter::candidates(self.delimiter, &text) {
            let Some(cells) = split(delimiter, &text) else { continue };
            let names: Vec<_> = cells.iter().map(String::as_str).collect();
            match CsvColumns::bind(&names, self.options, &output.builder, &self.surroundings) {
                Ok(columns) => return Ok(Some(Found { columns, delimiter, line: Some(line.number) })),
                Err(error) => {
                    let is_before_values = self.next_has_values(delimiter);
                    let candidate = Candidate { number: line.number, cells, error, is_before_values };
                    if self.best.as_ref().is_none_or(|best| best.likeness() < candidate.likeness()) {
                        self.best = Some(candidate);
                    }
                }
            }
        }
        more.into_iter().rev().for_each(|line| self.ahead.push_front(line));
        Ok(None)
    }

    fn next_has_values(&self, delimiter: Delimiter) -> bool {
        let next = match self.ahead.front() {
            Some(line) => line.bytes.as_slice(),
            None => self.lines.buffer().split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default(),
        };
        let next = std::str::from_utf8(next).unwrap_or_default();
        split(delimiter, next).is_some_and(|cells| has_values(&cells))
    }
}
