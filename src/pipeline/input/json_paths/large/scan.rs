//! Finds the members and elements of a value in a file. The file holds JSON that was checked before.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use memchr::memchr2;

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Reads a part of a file.
pub(super) fn read(file: &File, part: &Range<u64>) -> io::Result<Vec<u8>> {
    let length = usize::try_from(part.end - part.start).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, part.start)?;
    Ok(bytes)
}

/// Goes through the values directly below an object or array.
pub(super) struct Scanner<'f> {
    file: &'f File,
    end: u64,
    /// Where the buffer begins in the file.
    start: u64,
    buffer: Vec<u8>,
    at: usize,
    is_begun: bool,
}

impl<'f> Scanner<'f> {
    pub(super) fn new(file: &'f File, part: Range<u64>) -> Self {
        Scanner { file, end: part.end, start: part.start, buffer: Vec::new(), at: 0, is_begun: false }
    }

    /// Returns the first byte that is no blank.
    pub(super) fn first(&mut self) -> io::Result<u8> {
        self.skip_blanks()?;
        self.byte()?.ok_or_else(cut)
    }

    /// Returns the name and the place of the next member.
    pub(super) fn next_member(&mut self) -> io::Result<Option<(String, Range<u64>)>> {
        if !self.enter(b'}')? {
            return Ok(None);
        }
        let name = self.value()?;
        let name = serde_json::from_slice(&read(self.file, &name)?)?;
        self.skip_blanks()?;
        // The colon.
        self.at += 1;
        self.skip_blanks()?;
        Ok(Some((name, self.value()?)))
    }

    /// Returns the place of the next element.
    pub(super) fn next_element(&mut self) -> io::Result<Option<Range<u64>>> {
        if self.enter(b']')? { self.value().map(Some) } else { Ok(None) }
    }

    /// Goes to the next value; false at the closing bracket.
    fn enter(&mut self, closing: u8) -> io::Result<bool> {
        self.skip_blanks()?;
        if !self.is_begun {
            self.is_begun = true;
            self.at += 1;
        } else if self.byte()? == Some(b',') {
            self.at += 1;
        }
        self.skip_blanks()?;
        Ok(self.byte()?.is_some_and(|byte| byte != closing))
    }

    fn position(&self) -> u64 {
        self.start + self.at as u64
    }

    /// Returns the byte that is next, reading on where the buffer ends.
    fn byte(&mut self) -> io::Result<Option<u8>> {
        if self.at >= self.buffer.len() {
            self.start += self.at as u64;
            self.at = 0;
            let length = self.end.saturating_sub(self.start).min(BUFFER_BYTES as u64);
            self.buffer.resize(usize::try_from(length).unwrap_or(BUFFER_BYTES), 0);
            self.file.read_exact_at(&mut self.buffer, self.start)?;
        }
        Ok(self.buffer.get(self.at).copied())
    }

    fn skip_blanks(&mut self) -> io::Result<()> {
        while self.byte()?.is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        Ok(())
    }

    /// Passes over a value and returns its place.
    fn value(&mut self) -> io::Result<Range<u64>> {
        let start = self.position();
        match self.byte()?.ok_or_else(cut)? {
            b'"' => self.string()?,
            b'{' | b'[' => self.nested()?,
            _ => {
                while self
                    .byte()?
                    .is_some_and(|byte| !matches!(byte, b',' | b']' | b'}') && !byte.is_ascii_whitespace())
                {
                    self.at += 1;
                }
            }
        }
        Ok(start..self.position())
    }

    fn string(&mut self) -> io::Result<()> {
        self.at += 1;
        loop {
            self.byte()?.ok_or_else(cut)?;
            match memchr2(b'"', b'\\', &self.buffer[self.at..]) {
                None => self.at = self.buffer.len(),
                Some(at) => {
                    self.at += at + 1;
                    if self.buffer[self.at - 1] == b'"' {
                        return Ok(());
                    }
                    self.byte()?;
                    self.at += 1;
                }
            }
        }
    }

    fn nested(&mut self) -> io::Result<()> {
        let mut depth = 0_usize;
        loop {
            match self.byte()?.ok_or_else(cut)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

fn cut() -> io::Error {
    io::Error::from(io::ErrorKind::UnexpectedEof)
}
