//! The beginning of a file, as text.

use std::io::Read;

use super::super::decoding;
use super::super::decompression::decompressed;
use super::super::json_beginning::closed;
use super::super::line_reader::MAX_LINE_BYTES;
use super::super::options::{InputOptions, TextEncoding};
use super::super::parser::{not_text, unreadable};
use super::super::recognized_input::RecognizedInput;
use crate::error::Error;

/// Bytes of text that are looked at.
const HEAD_BYTES: usize = 1024 * 1024;
/// Bytes of text that are read, so that a line or value which begins within those that are looked at is seen to be too
/// long.
const READ_BYTES: usize = HEAD_BYTES + MAX_LINE_BYTES + 4096;
/// Bytes of text in which options are tried out.
const SAMPLE_BYTES: usize = 64 * 1024;

/// The beginning of a file, as text in UTF-8.
pub(super) struct Head {
    pub name: String,
    /// The part to inspect: whole lines, or one that is too long.
    pub text: Vec<u8>,
    /// All that was read.
    pub read: Vec<u8>,
    /// The beginning of a first value of JSON that goes on behind what is looked at, as a whole value.
    closed: Option<Vec<u8>>,
    pub recognized: RecognizedInput,
    pub is_complete: bool,
    /// True if the options name the columns.
    pub has_columns: bool,
}

impl Head {
    pub(super) fn read(name: String, source: Box<dyn Read + Send>, options: &InputOptions) -> Result<Self, Error> {
        let unread = |error| unreadable(&name, error);
        let plain = decompressed(source).map_err(unread)?.map_err(|other| not_text(&name, &other))?;
        let text = decoding::decoded(plain.reader, options.encoding.map(|encoding| encoding.0)).map_err(unread)?;
        let recognized = RecognizedInput {
            compression: plain.compression,
            encoding: text.encoding.map(encoding_rs::Encoding::name),
            has_mark: text.has_mark,
            format: None,
        };
        let mut read = Vec::new();
        text.reader.take(READ_BYTES as u64).read_to_end(&mut read).map_err(unread)?;
        let is_complete = read.len() <= HEAD_BYTES;
        let text = if is_complete {
            std::mem::take(&mut read)
        } else {
            // A line that goes on is no cut one. One that goes on to the end of what was read is too long.
            let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
            let begin = read[..HEAD_BYTES].iter().rposition(is_end).map_or(0, |at| at + 1);
            let is_long = !read[HEAD_BYTES..].iter().any(is_end) && read.len() - begin > MAX_LINE_BYTES;
            read[..if begin == 0 || is_long { read.len() } else { begin }].to_vec()
        };
        let closed = if is_complete { None } else { closed(&text[..text.len().min(HEAD_BYTES)]) };
        let has_columns = !options.columns.is_empty();
        Ok(Head { name, text, read, closed, recognized, is_complete, has_columns })
    }

    /// Returns the encoding that the text is likely in, where it is not UTF-8: no line of it is that has more than ASCII.
    pub(super) fn likely_encoding(&self, options: &InputOptions) -> Option<TextEncoding> {
        let is_known = options.encoding.is_some() || self.recognized.encoding.is_some();
        if is_known || decoding::is_tar(&self.text) {
            return None;
        }
        // UTF-16 without a mark is UTF-8 with zero bytes where it is ASCII.
        let utf_16 = decoding::guess(&self.text[..self.text.len().min(SAMPLE_BYTES)]);
        if utf_16.starts_with("utf-16") {
            return utf_16.parse().ok();
        }
        if std::str::from_utf8(&self.text).is_ok() {
            return None;
        }
        let lines = || self.text.split(|byte| *byte == b'\n').filter(|line| !line.is_ascii());
        let is_mixed = lines().any(|line| std::str::from_utf8(line).is_ok());
        let line = lines().next().filter(|line| !is_mixed && !decoding::is_binary(line))?;
        // Where it may be one of several, the user has to say which.
        decoding::guess(line).parse().ok()
    }

    /// Returns what options are looked for in: JSON as whole values.
    pub(super) fn values(&self) -> &[u8] {
        self.closed.as_deref().unwrap_or(&self.text)
    }

    /// Returns the text that is read with some options: those that make many readings of one value of JSON read the part
    /// of it that is there.
    pub(super) fn text_for<'t>(&'t self, options: &InputOptions, text: &'t [u8]) -> &'t [u8] {
        let mapped = options.map.iter().map(|mapping| &mapping.source);
        let mut sources = mapped.chain(&options.quantity).chain(&options.value);
        let iterates = sources.any(|source| source.contains("[]") || source.contains('*'));
        self.closed.as_deref().filter(|_| iterates).unwrap_or(text)
    }

    /// True if the first JSON value goes on behind the bytes that are looked at.
    pub(super) fn is_cut_value(&self) -> bool {
        self.closed.is_some()
    }

    /// Returns the first whole lines; all of it where it is one line.
    pub(super) fn sample(&self) -> &[u8] {
        let most = &self.text[..self.text.len().min(SAMPLE_BYTES)];
        match most.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) {
            Some(at) if most.len() < self.text.len() => &most[..=at],
            _ => &self.text,
        }
    }
}
