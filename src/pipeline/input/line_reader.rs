//! Lines of bytes of bounded length, with their numbers.

use std::io::{self, BufRead, BufReader, Read};

use memchr::{memchr, memchr2};

/// The longest line that is looked at: no longer one fits into a Kinesis record (1 MiB by default,
/// docs/facts/kinesis.md, Write limits).
pub(super) const MAX_LINE_BYTES: usize = 1024 * 1024;

/// Outcome of one call of [`LineReader::append`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineStatus {
    /// A line, with a line feed if it has an end.
    Line,
    /// The beginning of a line that is too long; the rest of it was passed over.
    TooLong,
    /// Nothing more.
    End,
}

/// The line end of an input; the first one decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnd {
    Unknown,
    /// A line feed, mostly behind a carriage return.
    Feed,
    /// A carriage return alone, as old devices write it.
    Return,
}

/// Reads lines one by one: where they are in its own buffer, or into one of the caller.
pub(super) struct LineReader {
    reader: BufReader<Box<dyn Read + Send>>,
    /// Bytes at the beginning of the reader's buffer that are the line that [`LineReader::read_or_keep`] found.
    taken: usize,
    /// The current line, where the reader's buffer does not hold all of it.
    apart: Vec<u8>,
    /// Bytes of the next line, where all of it is known to be in the reader's buffer.
    ahead: Option<usize>,
    number: u64,
    offset: u64,
    end: LineEnd,
    is_terminated: bool,
}

impl LineReader {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        let reader = BufReader::with_capacity(64 * 1024, reader);
        LineReader {
            reader,
            taken: 0,
            apart: Vec::new(),
            ahead: None,
            number: 0,
            offset: 0,
            end: LineEnd::Unknown,
            is_terminated: true,
        }
    }

    /// Returns the number of the line that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Returns the bytes up to the end of the line that was read last.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns whether reading the next line may block.
    pub(super) fn may_block(&mut self) -> bool {
        let end = if self.end == LineEnd::Return { b'\r' } else { b'\n' };
        self.ahead = memchr(end, self.buffer()).map(|at| at + 1);
        self.ahead.is_none()
    }

    /// Returns whether the last line that was read has a line end.
    pub(super) fn is_terminated(&self) -> bool {
        self.is_terminated
    }

    /// Returns the bytes that come next, as many as are ready; none at the end.
    pub(super) fn peek(&mut self) -> io::Result<&[u8]> {
        self.pass_line();
        while self.reader.buffer().is_empty() {
            match self.reader.fill_buf() {
                Ok([]) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        Ok(self.reader.buffer())
    }

    /// Returns the bytes that are read already, to be looked at.
    pub(super) fn buffer(&self) -> &[u8] {
        &self.reader.buffer()[self.taken..]
    }

    /// Returns what was not read as lines yet.
    pub(super) fn into_rest(mut self) -> BufReader<Box<dyn Read + Send>> {
        self.pass_line();
        self.reader
    }

    /// Goes to the next line. [`LineReader::line`] is the line, or of one that is too long its beginning.
    /// All bytes of a line that is too long go to `keep`.
    #[inline]
    pub(super) fn read_or_keep(&mut self, keep: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<LineStatus> {
        let ahead = self.ahead;
        self.pass_line();
        if self.end == LineEnd::Feed
            && let Some(bytes) = ahead.or_else(|| memchr(b'\n', self.reader.buffer()).map(|at| at + 1))
            && bytes <= MAX_LINE_BYTES
        {
            self.number += 1;
            self.offset += bytes as u64;
            self.is_terminated = true;
            self.taken = bytes;
            return Ok(LineStatus::Line);
        }
        let mut apart = std::mem::take(&mut self.apart);
        let found = self.append_or_keep(&mut apart, keep);
        self.apart = apart;
        found
    }

    /// Returns the line that [`LineReader::read_or_keep`] found, with its end, which is a line feed.
    pub(super) fn line(&self) -> &[u8] {
        if self.taken > 0 { &self.reader.buffer()[..self.taken] } else { &self.apart }
    }

    /// Leaves the line that was read.
    fn pass_line(&mut self) {
        self.reader.consume(self.taken);
        self.taken = 0;
        self.ahead = None;
        self.apart.clear();
    }

    /// Appends the next line to `line`, which never grows beyond [`MAX_LINE_BYTES`]. Its end becomes a line feed.
    pub(super) fn append(&mut self, line: &mut Vec<u8>) -> io::Result<LineStatus> {
        self.append_or_keep(line, |_| Ok(()))
    }

    /// As [`LineReader::append`]; all bytes of a line that is too long go to `keep`.
    #[inline]
    pub(super) fn append_or_keep(
        &mut self,
        line: &mut Vec<u8>,
        mut keep: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<LineStatus> {
        self.pass_line();
        let mut found = LineStatus::End;
        // True while the bytes taken so far end with a carriage return: the next byte decides the line end.
        let mut is_undecided = false;
        loop {
            let ready = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            if ready.is_empty() {
                if is_undecided {
                    end_with_feed(line);
                }
                if found != LineStatus::End {
                    self.is_terminated = is_undecided;
                }
                return Ok(found);
            }
            if is_undecided && ready[0] != b'\n' {
                self.end = LineEnd::Return;
                self.is_terminated = true;
                end_with_feed(line);
                return Ok(found);
            }
            if found == LineStatus::End {
                self.number += 1;
                found = LineStatus::Line;
            }
            if self.end == LineEnd::Unknown {
                (self.end, is_undecided) = decide(ready);
            }
            let end = match self.end {
                LineEnd::Unknown => None,
                LineEnd::Feed => memchr(b'\n', ready),
                LineEnd::Return => memchr(b'\r', ready),
            };
            let part = &ready[..end.map_or(ready.len(), |at| at + 1)];
            let room = MAX_LINE_BYTES - line.len();
            if part.len() > room && found != LineStatus::TooLong {
                found = LineStatus::TooLong;
                keep(line)?;
            }
            if found == LineStatus::TooLong {
                keep(part)?;
            }
            line.extend_from_slice(&part[..part.len().min(room)]);
            let taken = part.len();
            self.reader.consume(taken);
            self.offset += taken as u64;
            if end.is_some() {
                self.is_terminated = true;
                if self.end == LineEnd::Return {
                    end_with_feed(line);
                }
                return Ok(found);
            }
        }
    }
}

/// Returns what ends lines, as far as these bytes say, and whether the next byte will.
fn decide(ready: &[u8]) -> (LineEnd, bool) {
    match memchr2(b'\r', b'\n', ready) {
        None => (LineEnd::Unknown, false),
        Some(at) if ready[at] == b'\n' || memchr(b'\n', ready).is_some() => (LineEnd::Feed, false),
        Some(at) if at + 1 == ready.len() => (LineEnd::Unknown, true),
        Some(_) => (LineEnd::Return, false),
    }
}

fn end_with_feed(line: &mut [u8]) {
    if let Some(last) = line.last_mut().filter(|last| **last == b'\r') {
        *last = b'\n';
    }
}

/// Returns the line without its line feed or carriage return and line feed.
pub(super) fn trim_line_ending(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hands out one piece per call.
    struct Pieces(Vec<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            into[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    /// The number, the length and the status of each line.
    fn lines(source: impl Read + Send + 'static) -> Vec<(u64, usize, LineStatus)> {
        let mut lines = LineReader::new(Box::new(source));
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
        let three = [(1, 1, LineStatus::Line), (2, 0, LineStatus::Line), (3, 3, LineStatus::Line)];
        assert_eq!(lines(&b"a\r\n\nbcd"[..]), three);
        assert_eq!(lines(&b"a\r\rbcd"[..]), three);
        assert_eq!(lines(&b"a\r\rbcd\r"[..]), three);
    }

    #[test]
    fn line_end_is_decided_across_reads() {
        let pieces = |all: &[&str]| lines(Pieces(all.iter().map(|piece| piece.as_bytes().to_vec()).collect()));
        let two = [(1, 1, LineStatus::Line), (2, 2, LineStatus::Line)];
        assert_eq!(pieces(&["a\r", "\nbc\r\n"]), two);
        assert_eq!(pieces(&["a\r", "bc\r"]), two);
        assert_eq!(pieces(&["a", "\r", "bc"]), two);
        assert_eq!(pieces(&["a\r"]), two[..1]);
    }

    #[test]
    fn last_line_trim_line_ending_is_known() {
        let terminated = |text: &'static [u8]| {
            let mut lines = LineReader::new(Box::new(text));
            while lines.append(&mut Vec::new()).unwrap() != LineStatus::End {
                if lines.buffer().is_empty() {
                    break;
                }
            }
            lines.is_terminated()
        };
        assert!(terminated(b"a\nb\n") && terminated(b"a\rb\r") && terminated(b"a\r\n"));
        assert!(!terminated(b"a\nb") && !terminated(b"a\rb"));
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_one_is_whole() {
        let mut bytes = vec![b'x'; 3 * MAX_LINE_BYTES];
        bytes.extend_from_slice(b"\nnext\n");
        assert_eq!(lines(io::Cursor::new(bytes)), [(1, MAX_LINE_BYTES, LineStatus::TooLong), (2, 4, LineStatus::Line)]);
    }

    proptest! {
        #[test]
        fn read_and_append_find_the_same_lines_however_the_input_comes(
            pieces in prop::collection::vec("(a|bc|\r|\n|\r\n){0,9}", 0..9),
            asks in prop::collection::vec(any::<bool>(), 1..9),
        ) {
            let pieces: Vec<_> = pieces.into_iter().filter(|piece| !piece.is_empty()).map(String::into_bytes).collect();
            let mut appended = LineReader::new(Box::new(Pieces(pieces.clone())));
            let mut read = LineReader::new(Box::new(Pieces(pieces)));
            for asks in asks.iter().cycle() {
                let mut line = Vec::new();
                let found = appended.append(&mut line).unwrap();
                prop_assert_eq!(read.read_or_keep(|_| Ok(())).unwrap(), found);
                prop_assert_eq!(read.line(), line);
                prop_assert_eq!(read.number(), appended.number());
                prop_assert_eq!(read.offset(), appended.offset());
                prop_assert_eq!(read.is_terminated(), appended.is_terminated());
                prop_assert_eq!(read.buffer(), appended.buffer());
                if *asks {
                    prop_assert_eq!(read.may_block(), appended.may_block());
                }
                if found == LineStatus::End {
                    break;
                }
            }
        }
    }
}
