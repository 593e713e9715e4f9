//! The log of one shard: append-only segment files, read through the page cache, verified by checksums.
//!
//! Indexes are assigned and entries written under one lock, and readers see only written entries: they can neither skip
//! nor repeat a record. Segments are read on first use, so that start time does not depend on the amount of data.

mod entry;
mod entry_reader;
mod error;
mod segment;
mod segments;

use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use self::entry_reader::EntryError;
pub(super) use self::error::LogError;
use self::segments::Segments;
use crate::diagnostics::Diagnostics;
use crate::durability::Durability;

/// Index of a shard's first record.
pub(super) const FIRST_INDEX: u64 = 1;

/// Options of a shard's log.
#[derive(Clone)]
pub(super) struct LogOptions {
    /// Segment size limit: a segment that would grow past it is closed, and another one begins.
    pub segment_bytes: u64,
    /// Durability of an append.
    pub durability: Durability,
    /// Receives reports of damage.
    pub notices: Diagnostics,
}

/// A record to append.
pub(super) struct NewRecord<'a> {
    /// The producer's key.
    pub partition_key: &'a str,
    /// The data.
    pub data: &'a [u8],
}

/// A record read from the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Index in the shard, counted from [`FIRST_INDEX`].
    pub index: u64,
    /// When it arrived, in epoch milliseconds.
    pub arrival: u64,
    /// True if the stream was encrypted at arrival.
    pub encrypted: bool,
    /// The producer's key.
    pub partition_key: String,
    /// The data.
    pub data: Vec<u8>,
}

/// The result of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Appended {
    /// Index of the first record; the others follow.
    pub first: u64,
    /// Their arrival, in epoch milliseconds.
    pub arrival: u64,
}

/// Records of a log and the index to continue at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Entries in order, without a gap.
    pub entries: Vec<Entry>,
    /// Index of the next read.
    pub next: u64,
    /// True if no record follows.
    pub is_last: bool,
}

/// The log of one shard.
pub(super) struct ShardLog {
    directory: PathBuf,
    options: LogOptions,
    /// `None` before the first use.
    segments: Mutex<Option<Segments>>,
}

impl ShardLog {
    /// Returns the log in a directory, which may not exist before the first record.
    pub(super) fn new(directory: &Path, options: LogOptions) -> ShardLog {
        ShardLog { directory: directory.to_owned(), options, segments: Mutex::new(None) }
    }

    /// Appends records atomically: either all are in the log when this returns, or none.
    pub(super) fn append(&self, records: &[NewRecord<'_>], encrypted: bool, now: u64) -> Result<Appended, LogError> {
        self.locked(|segments| segments.append(records, encrypted, now))
    }

    /// Reads from an index: at most `max_records` records and `max_bytes` of data and keys, but at least one record.
    pub(super) fn read(&self, from: u64, max_records: usize, max_bytes: usize) -> Result<Chunk, LogError> {
        let mut chunk = Chunk { entries: Vec::new(), next: from, is_last: false };
        let mut bytes = 0;
        loop {
            let (mut reader, path) = match self.locked(|segments| segments.reader(chunk.next)) {
                Ok(Some(found)) => found,
                Ok(None) => {
                    chunk.is_last = true;
                    return Ok(chunk);
                }
                // Return the good entries before the damage first.
                Err(_) if !chunk.entries.is_empty() => return Ok(chunk),
                Err(error) => return Err(error),
            };
            let before = chunk.next;
            loop {
                if chunk.entries.len() >= max_records {
                    chunk.is_last = self.next_index()? <= chunk.next;
                    return Ok(chunk);
                }
                let entry = match reader.next() {
                    Ok(Some(entry)) => entry,
                    Ok(None) if chunk.next > before => break,
                    Ok(None) => {
                        return Err(LogError::of(
                            &path,
                            EntryError::Damaged(reader.offset(), "it ends before its last record"),
                        ));
                    }
                    Err(_) if !chunk.entries.is_empty() => return Ok(chunk),
                    Err(fault) => return Err(LogError::of(&path, fault)),
                };
                if entry.index < chunk.next {
                    continue;
                }
                bytes += entry.data.len() + entry.partition_key.len();
                if bytes > max_bytes && !chunk.entries.is_empty() {
                    return Ok(chunk);
                }
                chunk.next = entry.index + 1;
                chunk.entries.push(Entry {
                    index: entry.index,
                    arrival: entry.arrival,
                    encrypted: entry.encrypted,
                    partition_key: entry.partition_key.to_owned(),
                    data: entry.data.to_vec(),
                });
            }
        }
    }

    /// Returns the index of the next record.
    pub(super) fn next_index(&self) -> Result<u64, LogError> {
        self.locked(|segments| Ok(segments.next_index()))
    }

    /// Returns the index of the first record that arrived at or after `time` (epoch ms), or else the next index.
    pub(super) fn index_at(&self, time: u64) -> Result<u64, LogError> {
        self.locked(|segments| segments.index_at(time))
    }

    /// Returns the index of the first remaining record no older than `cutoff` (epoch ms). Cheap if none is older.
    pub(super) fn horizon(&self, cutoff: u64) -> Result<u64, LogError> {
        self.locked(|segments| segments.horizon(cutoff))
    }

    /// Deletes all files and their directory.
    pub(super) fn clear(&self) -> Result<(), LogError> {
        // A shard whose files are already deleted needs no open log.
        if !self.directory.exists() {
            return Ok(());
        }
        self.locked(Segments::clear)
    }

    /// Deletes the segments with only records older than `cutoff` (epoch ms).
    pub(super) fn trim(&self, cutoff: u64) -> Result<(), LogError> {
        self.locked(|segments| segments.trim(cutoff))
    }

    fn locked<T>(&self, work: impl FnOnce(&mut Segments) -> Result<T, LogError>) -> Result<T, LogError> {
        let mut segments = self.segments.lock();
        match &mut *segments {
            Some(segments) => work(segments),
            none => work(none.insert(Segments::open(&self.directory, &self.options)?)),
        }
    }
}

#[cfg(test)]
mod tests;
