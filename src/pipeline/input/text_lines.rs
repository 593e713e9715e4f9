//! Inputs with a document on each line: NDJSON, the line protocol of `InfluxDB`, and what MQTT clients print.

use std::io;

use serde::de::IgnoredAny;

use super::csv_columns::unmarked;
use super::json_lines;
use super::json_mapper::JsonMapper;
use super::large_value::{KeptBytes, LargeValue};
use super::line_protocol;
use super::line_reader::{LineReader, LineStatus, trim_line_ending};
use super::mqtt;
use super::output::{CUT_LINE, Output, RawLine};
use super::row_error::row_error;
use super::time_format::is_part_of_time;

/// The lines of an input.
pub(super) struct TextLines {
    reader: LineReader,
    form: LineForm,
    /// Space for the JSON of a line in another form.
    document: String,
    /// A line that is too long to be held, and is read by its rows.
    large: Option<LargeValue>,
    /// True if the first line has no end, and is a whole document: what a server answered.
    is_one_document: bool,
}

/// How a line becomes a JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineForm {
    Json,
    LineProtocol,
    /// With one field on each line, whose name is a value, too.
    LineProtocolField,
    Mqtt,
}

impl LineForm {
    /// Returns the form of line protocol; with `_field` as the quantity, each line holds one.
    pub(super) fn of_line_protocol(quantity: Option<&str>) -> Self {
        if quantity == Some("_field") { LineForm::LineProtocolField } else { LineForm::LineProtocol }
    }
}

impl TextLines {
    pub(super) fn new(reader: LineReader, form: LineForm) -> Self {
        TextLines { reader, form, document: String::new(), large: None, is_one_document: false }
    }

    /// Returns how far the lines were read: lines, and bytes.
    pub(super) fn position(&self) -> (u64, u64) {
        self.large.as_ref().map_or((self.reader.number(), self.reader.offset()), LargeValue::position)
    }

    /// Returns whether reading on may block.
    pub(super) fn may_block(&mut self) -> bool {
        self.large.is_none() && self.reader.may_block()
    }

    /// Puts what the next line holds; false at the end.
    pub(super) fn advance(&mut self, mapper: Option<&JsonMapper>, output: &mut Output) -> io::Result<bool> {
        let TextLines { reader, form, document, large, is_one_document } = self;
        if let (Some(value), Some(mapper)) = (large.as_mut(), mapper) {
            if !value.advance(mapper, output)? {
                *large = None;
            }
            return Ok(true);
        }
        let position = (reader.number(), reader.offset());
        let mut kept = KeptBytes::new(mapper.filter(|_| *form == LineForm::Json));
        let status = reader.read_or_keep(|bytes| kept.keep(bytes))?;
        let line = reader.line();
        let raw = RawLine { number: reader.number(), bytes: line, is_truncated: false };
        match status {
            LineStatus::End => {
                output.builder.facts.last_line_unterminated |= !reader.is_terminated() && !*is_one_document;
                return Ok(false);
            }
            LineStatus::TooLong => {
                *large = kept.into_value(raw, position, output)?;
                // One that was cut is rejected when its end is read.
                *is_one_document = raw.number == 1 && large.is_some();
            }
            LineStatus::Line if is_blank(line) => {}
            LineStatus::Line if is_line_protocol(*form) && !reader.is_terminated() && ends_in_part(line) => {
                let reason = "the file ends in this line, and its time is shorter than one of this century: it may have been \
                              cut; a line end behind it says that it is whole";
                output.reject(raw, row_error("cut-line", reason));
            }
            LineStatus::Line => take_line(raw, *form, document, mapper, output),
        }
        if status == LineStatus::Line && !reader.is_terminated() {
            *is_one_document = *form == LineForm::Json && reader.number() == 1 && is_whole(reader.line());
            output.name_cut_line(&CUT_LINE);
        }
        Ok(true)
    }
}

/// A line as a JSON document, and what is in it.
fn take_line(
    raw: RawLine<'_>,
    form: LineForm,
    document: &mut String,
    mapper: Option<&JsonMapper>,
    output: &mut Output,
) {
    if form == LineForm::Json {
        return json_lines::take(raw, mapper, output);
    }
    let line = trim_line_ending(raw.bytes);
    let Ok(line) = std::str::from_utf8(line) else { return output.reject(raw, Output::not_utf_8(raw.bytes)) };
    let line = unmarked(line);
    let written = match form {
        LineForm::LineProtocol | LineForm::LineProtocolField
            if line.starts_with('#') || line.as_bytes().starts_with(line_protocol::DATABASE) =>
        {
            output.builder.facts.passed_over += 1;
            return;
        }
        LineForm::LineProtocol | LineForm::LineProtocolField => {
            let write =
                if form == LineForm::LineProtocol { line_protocol::to_json } else { line_protocol::field_to_json };
            write(line, document)
                .map_err(|error| row_error("not-line-protocol", format!("not InfluxDB line protocol: {}", error.0)))
        }
        LineForm::Mqtt => mqtt::to_json(line, document),
        LineForm::Json => Ok(()),
    };
    match (written, mapper) {
        (Ok(()), Some(mapper)) => json_lines::map(document, raw, mapper, output),
        (Ok(()), None) => {}
        (Err(error), _) => output.reject(raw, error),
    }
}

/// Returns whether a line is JSON up to its end.
fn is_whole(line: &[u8]) -> bool {
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<IgnoredAny>();
    values.all(|value| value.is_ok())
}

fn is_line_protocol(form: LineForm) -> bool {
    matches!(form, LineForm::LineProtocol | LineForm::LineProtocolField)
}

/// Returns whether the last word of a line may be the beginning of a time.
fn ends_in_part(line: &[u8]) -> bool {
    let text = std::str::from_utf8(line).unwrap_or_default();
    text.rsplit_once(' ').is_some_and(|(_, time)| is_part_of_time(time.trim_end()))
}

pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}
