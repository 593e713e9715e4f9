//! A line of a CSV file, kept until its row is complete.

use std::io;

use super::super::line_reader::{LineReader, LineStatus};
use super::CsvParser;

/// A line of the file.
pub(crate) struct RowLine {
    pub number: u64,
    /// Bytes before it.
    pub offset: u64,
    pub status: LineStatus,
    pub is_terminated: bool,
    pub bytes: Vec<u8>,
}

impl RowLine {
    pub(crate) fn read(lines: &mut LineReader) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let offset = lines.offset();
        let status = lines.append(&mut bytes)?;
        Ok(RowLine { number: lines.number(), offset, status, is_terminated: lines.is_terminated(), bytes })
    }
}

pub(crate) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

impl CsvParser {
    /// Returns whether the last line that was read has a line end.
    pub(in super::super) fn is_terminated(&self) -> bool {
        self.lines.is_terminated()
    }
}
