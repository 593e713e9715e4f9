//! Lines of bytes of bounded length, with their numbers.

use std::io::{self, BufRead, BufReader, Read};

/// The longest line that is looked at: no longer one fits into a Kinesis record (1 MiB by default,
/// docs/facts/kinesis.md, Write limits).
pub(crate) const MAX_LINE_BYTES: usize = 1024 * 1024;

/// What one call of [`LineReader::append`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineStatus {
    /// A line, with its line feed if it has one.
    Line,
    /// The beginning of a line that is too long; the rest of it was passed over.
    TooLong,
    /// Nothing more.
    End,
}

/// Reads lines one by one into a buffer of the caller.
pub(crate) struct LineReader {
    reader: BufReader<Box<dyn Read + Send>>,
    number: u64,
    offset: u64,
}

impl LineReader {
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Self {
        LineReader { reader: BufReader::with_capacity(64 * 1024, reader), number: 0, offset: 0 }
    }

    /// The number of the line that was read last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Returns the bytes up to the end of the line that was read last.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the next line may have to be waited for.
    pub(crate) fn may_block(&self) -> bool {
        !self.reader.buffer().contains(&b'\n')
    }

    /// Appends the next line to `line`, which never grows beyond [`MAX_LINE_BYTES`].
    pub(crate) fn append(&mut self, line: &mut Vec<u8>) -> io::Result<LineStatus> {
        let mut found = LineStatus::End;
        loop {
            let ready = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            if ready.is_empty() {
                return Ok(found);
            }
            if found == LineStatus::End {
                self.number += 1;
                found = LineStatus::Line;
            }
            let end = ready.iter().position(|byte| *byte == b'\n');
            let part = &ready[..end.map_or(ready.len(), |at| at + 1)];
            let room = MAX_LINE_BYTES - line.len();
            if part.len() > room {
                found = LineStatus::TooLong;
            }
            line.extend_from_slice(&part[..part.len().min(room)]);
            let taken = part.len();
            self.reader.consume(taken);
            self.offset += taken as u64;
            if end.is_some() {
                return Ok(found);
            }
        }
    }
}

/// The line without its line feed or carriage return and line feed.
pub(crate) fn trim_line_ending(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: Vec<u8>) -> Vec<(u64, usize, LineStatus)> {
        let mut lines = LineReader::new(Box::new(io::Cursor::new(bytes)));
        let mut all = Vec::new();
        loop {
            let mut line = Vec::new();
            match lines.append(&mut line).unwrap() {
                LineStatus::End => return all,
                found => all.push((lines.number(), trim_line_ending(&line).len(), found)),
            }
        }
    }

    #[test]
    fn every_line_has_its_number_and_the_last_needs_no_line_feed() {
        let found = lines(b"a\r\n\nbcd".to_vec());
        assert_eq!(found, [(1, 1, LineStatus::Line), (2, 0, LineStatus::Line), (3, 3, LineStatus::Line)]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_one_is_whole() {
        let mut bytes = vec![b'x'; 3 * MAX_LINE_BYTES];
        bytes.extend_from_slice(b"\nnext\n");
        assert_eq!(lines(bytes), [(1, MAX_LINE_BYTES, LineStatus::TooLong), (2, 4, LineStatus::Line)]);
    }
}
