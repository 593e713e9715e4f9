//! The beginning of a file, as text.

use std::io::Read;

use super::super::decoding;
use super::super::decompression::decompressed;
use super::super::line_reader::MAX_LINE_BYTES;
use super::super::options::InputOptions;
use super::super::parser::{RecognizedInput, not_text, unreadable};
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
    pub recognized: RecognizedInput,
    pub is_complete: bool,
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
        Ok(Head { name, text, read, recognized, is_complete })
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
