//! Reads the entries of a log file in order, through a bounded buffer.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::entry::{self, EntryRef, Parsed};

/// Size of a file's first read: a reader at the tip needs little.
const SMALL_READ: usize = 32 << 10;

/// Size of a file's later reads.
const LARGE_READ: usize = 512 << 10;

/// An error that prevents reading the next entry.
#[derive(Debug)]
pub(crate) enum EntryError {
    /// The file could not be read.
    Io(io::Error),
    /// The entry at this offset continues past the end of the file.
    Torn(u64),
    /// The bytes at this offset are not a valid entry.
    Damaged(u64, &'static str),
}

/// A position in a file of entries.
pub(crate) struct EntryReader {
    file: Arc<File>,
    /// Offset where the entries end.
    end: u64,
    /// File offset of the buffer's first byte.
    base: u64,
    buffer: Vec<u8>,
    /// Position of the next entry's first byte in the buffer.
    at: usize,
}

impl EntryReader {
    /// Creates a reader from an entry's first byte up to `end`.
    pub(crate) fn new(file: Arc<File>, start: u64, end: u64) -> Self {
        EntryReader { file, end, base: start, buffer: Vec::new(), at: 0 }
    }

    /// Returns the offset of the next entry.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Returns the next entry, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<EntryRef<'_>>, EntryError> {
        let length = loop {
            let offset = self.offset();
            if offset >= self.end {
                return Ok(None);
            }
            match entry::parse(&self.buffer[self.at..]) {
                Parsed::Entry(entry) => break entry.len(),
                Parsed::Incomplete(needed) if offset + needed as u64 > self.end => {
                    return Err(EntryError::Torn(offset));
                }
                Parsed::Incomplete(needed) => self.fill(needed).map_err(EntryError::Io)?,
                // After a power cut a file may end in zeros that were never written.
                Parsed::Damaged(_) if self.only_zeros_follow()? => return Err(EntryError::Torn(offset)),
                Parsed::Damaged(why) => return Err(EntryError::Damaged(offset, why)),
            }
        };
        let start = self.at;
        self.at += length;
        let entry = entry::reread(&self.buffer[start..self.at]);
        entry.map(Some).map_err(|why| EntryError::Damaged(self.base + start as u64, why))
    }

    /// Fills the buffer with at least `needed` bytes from the next entry's first byte.
    fn fill(&mut self, needed: usize) -> io::Result<()> {
        let size = if self.buffer.is_empty() { SMALL_READ } else { LARGE_READ };
        self.buffer.drain(..self.at);
        self.base += self.at as u64;
        self.at = 0;
        let left = usize::try_from(self.end - self.base).unwrap_or(usize::MAX);
        let had = self.buffer.len();
        self.buffer.resize(needed.max(had + size).min(left), 0);
        self.file.read_exact_at(&mut self.buffer[had..], self.base + had as u64)
    }

    fn only_zeros_follow(&self) -> Result<bool, EntryError> {
        let mut offset = self.offset();
        let mut chunk = vec![0; SMALL_READ];
        while offset < self.end {
            let size = usize::try_from(self.end - offset).unwrap_or(usize::MAX).min(chunk.len());
            self.file.read_exact_at(&mut chunk[..size], offset).map_err(EntryError::Io)?;
            if chunk[..size].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            offset += size as u64;
        }
        Ok(true)
    }
}
