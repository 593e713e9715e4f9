//! One input, whatever its format, reading by reading.

mod unit_of_input;
mod unread_file;

use std::io::{self, Read};
use std::sync::Arc;

use clap::ValueEnum as _;

use self::unread_file::not_csv;
pub(crate) use self::unread_file::unreadable;
pub(super) use self::unread_file::{not_text, stem};
use super::csv_parser::{CsvParser, HeaderInfo};
use super::decoding;
use super::decompression::decompressed;
use super::end_watch::{EndCount, EndWatch};
use super::facts::InputFacts;
use super::format::recognize;
use super::json_devices;
use super::json_documents::JsonDocuments;
use super::json_elements::JsonElements;
use super::json_mapper::{DefaultPaths, JsonMapper};
use super::json_series;
use super::json_zone::{WatchedPaths, see_times, zone_path};
use super::line_reader::LineReader;
use super::number::DecimalSign;
use super::options::{InputFormat, InputOptions};
use super::output::Output;
use super::parsed_line::ParsedLine;
use super::reading_builder::ReadingBuilder;
use super::recognized_input::RecognizedInput;
use super::senml_records::SenmlRecords;
use super::spare_texts::SpareTexts;
use super::text_lines::{LineForm, TextLines, is_blank};
use super::time_format::TimeUnit;
use super::unit_values::unit_paths;
use crate::error::Error;
use crate::pipeline::RejectedLine;

/// An input whose beginning has been looked at.
pub(crate) struct Input {
    name: Arc<str>,
    source: Source,
    /// Paths into JSON; nothing where objects are read by their own keys.
    mapper: Option<JsonMapper>,
    output: Output,
    recognized: RecognizedInput,
    /// True if all lines were read: what is left comes out of the join.
    is_at_end: bool,
    ends: EndCount,
    /// Times that the end was read before the first item.
    ends_at_open: u64,
    /// True if all items may be others when the input grows.
    may_change: bool,
    /// Items in the output that stay the same when the input grows.
    stable: usize,
}

/// Where the values come from.
enum Source {
    Empty,
    Lines(TextLines),
    Documents(JsonDocuments),
    Senml(SenmlRecords),
    Csv(Box<CsvParser>),
}

/// Why a chunk of an input has no more lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChunkEnd {
    /// It has as many as were asked for, or one line gave more.
    Full,
    /// The next line may not be there yet.
    MayBlock,
    /// There are no more.
    End,
}

impl Input {
    /// Opens the only input.
    pub(crate) fn open(name: Arc<str>, source: Box<dyn Read + Send>, options: &InputOptions) -> Result<Self, Error> {
        Self::open_numbered(0, name, source, options)
    }

    /// Opens an input under a name, recognizes its format, and finds the header of CSV. Its records have its number.
    pub(crate) fn open_numbered(
        number: u32,
        name: Arc<str>,
        source: Box<dyn Read + Send>,
        options: &InputOptions,
    ) -> Result<Self, Error> {
        let unread = |error| unreadable(&name, error);
        let plain = decompressed(source).map_err(unread)?.map_err(|other| not_text(&name, &other))?;
        let text = decoding::decoded(plain.reader, options.encoding.map(|encoding| encoding.0)).map_err(unread)?;
        let mut recognized = RecognizedInput {
            compression: plain.compression,
            encoding: text.encoding.map(encoding_rs::Encoding::name),
            has_mark: text.has_mark,
            format: None,
        };
        let (text, ends) = EndWatch::around(text.reader);
        let mut reader = LineReader::new(text);
        let is_empty = skip_blank_lines(&mut reader).map_err(unread)?;
        let beginning = reader.peek().map_err(unread)?;
        let format = options.format.unwrap_or_else(|| recognize(beginning));
        let default_unit = if format == InputFormat::LineProtocol { TimeUnit::Nanoseconds } else { TimeUnit::Auto };
        let wrong = |reason: String| Error::usage(format!("{name}: {reason}"));
        let mut builder = ReadingBuilder::new(options, default_unit).map_err(wrong)?;
        builder.input = number;
        let mut output = Output::new(Arc::clone(&name), builder, options.join_within);
        if is_empty {
            let source = Source::Empty;
            let (mapper, is_at_end, ends_at_open, may_change, stable) = (None, false, 0, false, 0);
            return Ok(Input {
                name,
                source,
                mapper,
                output,
                recognized,
                is_at_end,
                ends,
                ends_at_open,
                may_change,
                stable,
            });
        }
        if let Some(flag) = options.flag_of_other_format(format) {
            let format = format.to_possible_value().map(|format| format.get_name().to_owned()).unwrap_or_default();
            return Err(wrong(format!("`{flag}` is for CSV, and the file is {format}"))
                .hint("`--format csv` reads it as CSV; without the flag it is read as what it is"));
        }
        if options.has_time_format_of_file() && format != InputFormat::Csv {
            return Err(wrong("`--time-format auto` is for CSV".to_owned())
                .hint("`--time-format '%d.%m.%Y %H:%M'` names the form"));
        }
        recognized.format = Some(format);
        let stem = stem(&name);
        let mapper = match format {
            InputFormat::Csv => None,
            InputFormat::Ndjson | InputFormat::Json if options.has_own_keys() => {
                let beginning = reader.peek().map_err(unread)?;
                output.builder.unit_watch.fields = unit_paths(beginning, format, options);
                None
            }
            _ => {
                let beginning = reader.peek().map_err(unread)?;
                let devices = json_devices::check(&name, beginning, format, options)?;
                let series = json_series::check(&name, beginning, format, options)?;
                output.builder.facts.possible_devices.extend(series.found);
                if format != InputFormat::LineProtocol {
                    see_times(beginning, format, options, &mut output.builder);
                }
                let watched = WatchedPaths {
                    devices,
                    constant: series.constant,
                    zone: zone_path(beginning, format, options),
                    units: unit_paths(beginning, format, options),
                };
                output.builder.paths = DefaultPaths::of(format).with(options);
                let mapper = JsonMapper::new(options, DefaultPaths::of(format), &stem, &watched).map_err(wrong)?;
                Some(if format == InputFormat::LineProtocol { mapper.with_tags(options) } else { mapper })
            }
        };
        let lines = |reader, form| Source::Lines(TextLines::new(reader, form));
        let source = match format {
            InputFormat::Ndjson => lines(reader, LineForm::Json),
            InputFormat::LineProtocol => lines(reader, LineForm::of_line_protocol(options.quantity.as_deref())),
            InputFormat::Mqtt => lines(reader, LineForm::Mqtt),
            InputFormat::Json => Source::Documents(JsonDocuments::new(JsonElements::of(reader))),
            InputFormat::Senml => Source::Senml(SenmlRecords::new(JsonElements::of(reader))),
            InputFormat::Csv => {
                let parser = CsvParser::open(reader, options, &stem, &mut output).map_err(unread)?;
                Source::Csv(Box::new(parser.map_err(|error| not_csv(&name, error))?))
            }
        };
        let ends_at_open = match &source {
            // The header was looked for up to the last line, which is cut.
            Source::Csv(parser) if !parser.is_terminated() => 0,
            _ => ends.get(),
        };
        let may_change = matches!(&source, Source::Csv(parser) if parser.may_choose_otherwise());
        let (is_at_end, stable) = (false, 0);
        Ok(Input { name, source, mapper, output, recognized, is_at_end, ends, ends_at_open, may_change, stable })
    }

    /// Returns the next reading or rejected line.
    pub(crate) fn next(&mut self) -> io::Result<Option<ParsedLine>> {
        loop {
            if let Some(item) = self.output.take() {
                self.stable = self.stable.saturating_sub(1);
                return Ok(Some(self.checked(item)));
            }
            if !self.read_on()? {
                return Ok(None);
            }
        }
    }

    /// Reads on until there is a chunk of readings and rejected lines, or reading on may block. Returns them with the number
    /// of the leading ones that stay the same when the input grows. Nothing at the end; an error may follow lines that were
    /// read before it.
    pub(crate) fn next_chunk(&mut self) -> (Vec<ParsedLine>, usize, io::Result<ChunkEnd>) {
        let end = loop {
            if self.output.has_full_chunk() {
                break Ok(ChunkEnd::Full);
            }
            match self.read_on() {
                Ok(true) if !self.output.is_empty() && self.may_block() => break Ok(ChunkEnd::MayBlock),
                Ok(true) => {}
                Ok(false) => break Ok(ChunkEnd::End),
                Err(error) => break Err(error),
            }
        };
        let mut chunk = self.output.take_chunk();
        let stable = self.stable.min(chunk.len());
        self.stable -= stable;
        if self.recognized.encoding.is_some() {
            chunk = chunk.into_iter().map(|item| self.checked(item)).collect();
        }
        (chunk, stable, end)
    }

    /// Puts the readings of the next line, or of the next join; false at the end.
    fn read_on(&mut self) -> io::Result<bool> {
        let more = self.read_line_or_join()?;
        if !self.depends_on_end() {
            self.stable = self.output.len();
        }
        Ok(more)
    }

    fn read_line_or_join(&mut self) -> io::Result<bool> {
        if !self.is_at_end {
            if self.advance()? {
                return Ok(true);
            }
            self.is_at_end = true;
            if let Some(failure) = self.output.take_failure() {
                return Err(failure);
            }
        }
        let is_joined = self.output.advance_join()?;
        if !is_joined {
            let builder = &mut self.output.builder;
            builder.facts.unmatched = Some(builder.kept.unmatched());
        }
        Ok(is_joined)
    }

    /// Takes the memory of its readings from these texts.
    pub(super) fn use_spares(&mut self, spares: &SpareTexts) {
        self.output.builder.spares = spares.clone();
    }

    /// Returns whether reading on may block.
    fn may_block(&mut self) -> bool {
        !self.is_at_end
            && match &mut self.source {
                Source::Empty => false,
                Source::Lines(lines) => lines.may_block(),
                Source::Documents(documents) => documents.may_block(),
                Source::Senml(records) => records.may_block(),
                Source::Csv(parser) => parser.may_block(),
            }
    }

    /// Rejects a reading with a character that its bytes did not give in the file's encoding.
    fn checked(&self, item: ParsedLine) -> ParsedLine {
        match (item, self.recognized.encoding) {
            (ParsedLine::Ready(record), Some(encoding)) if holds_no_text(&record.data) => {
                let encoding = encoding.to_ascii_lowercase();
                ParsedLine::Rejected(RejectedLine {
                    file: Arc::clone(&self.name),
                    line: record.line,
                    code: "wrong-encoding",
                    reason: format!("it has bytes that are not valid {encoding}; `--encoding` names another encoding"),
                    raw: record.data.into_bytes(),
                    truncated: false,
                })
            }
            (item, _) => item,
        }
    }

    /// Returns whether the items that were read last may be others when the input grows.
    fn depends_on_end(&self) -> bool {
        self.may_change || self.ends.get() > self.ends_at_open
    }

    /// Returns how far its items go: lines, and bytes where those that are read are those of the file.
    pub(crate) fn position(&self) -> (u64, Option<u64>) {
        if self.output.joins() {
            // Readings come only after all rows were read: before the last of them, none is whole.
            return (0, Some(0).filter(|_| self.is_plain()));
        }
        let (lines, offset) = match &self.source {
            Source::Empty => (0, 0),
            Source::Lines(lines) => lines.position(),
            Source::Documents(documents) => documents.position(),
            Source::Senml(records) => records.position(),
            Source::Csv(parser) => parser.position(),
        };
        let mark = if self.recognized.has_mark { decoding::UTF_8_MARK.len() as u64 } else { 0 };
        (lines, Some(offset + mark).filter(|_| self.is_plain()))
    }

    fn is_plain(&self) -> bool {
        self.recognized.compression.is_none() && self.recognized.encoding.is_none()
    }

    /// Returns what was counted since the last call.
    pub(crate) fn facts(&mut self) -> &mut InputFacts {
        &mut self.output.builder.facts
    }

    /// Returns what the input turned out to be.
    pub(crate) fn recognized(&self) -> &RecognizedInput {
        &self.recognized
    }

    /// Says which encoding the text was decoded from before it came here.
    pub(super) fn set_encoding(&mut self, encoding: Option<&'static str>) {
        self.recognized.encoding = encoding;
    }

    /// Returns the header of CSV.
    pub(crate) fn csv(&self) -> Option<&HeaderInfo> {
        match &self.source {
            Source::Csv(parser) => Some(parser.header()),
            _ => None,
        }
    }

    /// Returns the forms that the times of CSV may have, as far as the first rows tell.
    pub(super) fn time_forms(&self) -> Vec<String> {
        match &self.source {
            Source::Csv(parser) => parser.time_forms(),
            _ => Vec::new(),
        }
    }

    /// Returns the decimal sign of the file's numbers, as far as they show it.
    pub(crate) fn decimal_sign(&self) -> Option<&'static str> {
        match self.output.builder.sign {
            DecimalSign::Auto => None,
            DecimalSign::Point => Some("point"),
            DecimalSign::Comma => Some("comma"),
        }
    }

    /// An error of reading, with the place.
    pub(crate) fn unreadable(&self, error: io::Error) -> Error {
        unreadable(&format!("{} after line {}", self.name, self.position().0), error)
    }

    /// Returns the error for an input whose items up to a line are not those that were put before.
    pub(super) fn changed(&self, line: u64) -> Error {
        Error::usage(format!("{} is not as it was: its lines up to {line} were put with other content", self.name))
    }

    /// Puts what the next line or element holds; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        let Input { source, mapper, output, .. } = self;
        match source {
            Source::Empty => Ok(false),
            Source::Csv(parser) => parser.advance(output),
            Source::Lines(lines) => lines.advance(mapper.as_ref(), output),
            Source::Documents(documents) => documents.advance(mapper.as_ref(), output),
            Source::Senml(records) => records.advance(mapper.as_ref(), output),
        }
    }
}

/// Returns whether a character shows bytes of another encoding: U+FFFD for wrong ones, and the control characters from U+0080
/// to U+009F for places that an encoding does not use.
fn holds_no_text(data: &str) -> bool {
    let bytes = data.as_bytes();
    let is_wrong = |at: usize| matches!(bytes[at..], [0xc2, 0x80..=0x9f, ..] | [0xef, 0xbf, 0xbd, ..]);
    memchr::memchr2_iter(0xc2, 0xef, bytes).any(is_wrong)
}

/// Passes over blank lines at the beginning; true where there is nothing else.
fn skip_blank_lines(reader: &mut LineReader) -> io::Result<bool> {
    loop {
        let ready = reader.peek()?;
        if ready.is_empty() {
            return Ok(true);
        }
        let end = ready.iter().position(|byte| *byte == b'\n').map_or(ready.len(), |at| at + 1);
        if !is_blank(&ready[..end]) {
            return Ok(false);
        }
        reader.append(&mut Vec::new())?;
    }
}

#[cfg(test)]
mod tests;
