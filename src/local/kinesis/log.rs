//! The log of one shard: append-only files that roll, read through the page cache, checked by checksums.
//!
//! Indexes are given and entries written under one lock, and readers see only what was written: they can neither skip
//! nor repeat a record. Nothing is read before it is needed, so that a start takes no longer for what lies on the disk.

mod entry;
mod entry_reader;
mod error;
mod segment;
mod segments;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use self::entry_reader::EntryError;
pub(super) use self::error::LogError;
use self::segments::Segments;
use crate::diagnostics::Diagnostics;
use crate::durability::Durability;

/// Index of a shard's first record.
pub(super) const FIRST_INDEX: u64 = 1;

/// How logs are kept.
#[derive(Clone)]
pub(super) struct LogOptions {
    /// A file that would grow past this many bytes is closed, and another begun.
    pub segment_bytes: u64,
    /// What an append survives.
    pub durability: Durability,
    /// Hears of what was found broken.
    pub notices: Diagnostics,
}

/// A record to append.
pub(super) struct NewRecord<'a> {
    /// The producer's key.
    pub partition_key: &'a str,
    /// The data.
    pub data: &'a [u8],
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its place in the shard, counted from [`FIRST_INDEX`].
    pub index: u64,
    /// When it arrived, in epoch milliseconds.
    pub arrival: u64,
    /// Whether the stream was encrypted then.
    pub encrypted: bool,
    /// The producer's key.
    pub partition_key: String,
    /// The data.
    pub data: Vec<u8>,
}

/// What an append gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Appended {
    /// Index of the first record; the others follow.
    pub first: u64,
    /// Their arrival, in epoch milliseconds.
    pub arrival: u64,
}

/// Records of a log, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// In order, without a gap.
    pub entries: Vec<Entry>,
    /// Index to read next.
    pub next: u64,
    /// Whether there was nothing after them.
    pub is_last: bool,
}

/// The log of one shard.
pub(super) struct ShardLog {
    directory: PathBuf,
    options: LogOptions,
    /// None before its first use.
    segments: Mutex<Option<Segments>>,
}

impl ShardLog {
    /// The log in a directory, which need not be there before the first record.
    pub(super) fn new(directory: &Path, options: LogOptions) -> ShardLog {
        ShardLog { directory: directory.to_owned(), options, segments: Mutex::new(None) }
    }

    /// Writes records in one piece: all of them are in the log when this returns, or none.
    pub(super) fn append(&self, records: &[NewRecord<'_>], encrypted: bool, now: u64) -> Result<Appended, LogError> {
        self.locked(|segments| segments.append(records, encrypted, now))
    }

    /// Reads from an index on: at most so many records, and so many bytes of data and keys, but one record at least.
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
                // What is good before a damage is handed out first.
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

    /// The index that the next record gets.
    pub(super) fn next_index(&self) -> Result<u64, LogError> {
        self.locked(|segments| Ok(segments.next_index()))
    }

    /// The first record that arrived at or after a time (epoch ms); the next one to come where there is none.
    pub(super) fn index_at(&self, time: u64) -> Result<u64, LogError> {
        self.locked(|segments| segments.index_at(time))
    }

    /// The first record that is no older than this time (epoch ms) and still there. Cheap while none is older.
    pub(super) fn horizon(&self, cutoff: u64) -> Result<u64, LogError> {
        self.locked(|segments| segments.horizon(cutoff))
    }

    /// Deletes all files, with their directory.
    pub(super) fn clear(&self) -> Result<(), LogError> {
        // A shard that is past for long has nothing to be opened for.
        if !self.directory.exists() {
            return Ok(());
        }
        self.locked(Segments::clear)
    }

    /// Deletes the files that hold only records older than this time (epoch ms).
    pub(super) fn trim(&self, cutoff: u64) -> Result<(), LogError> {
        self.locked(|segments| segments.trim(cutoff))
    }

    fn locked<T>(&self, work: impl FnOnce(&mut Segments) -> Result<T, LogError>) -> Result<T, LogError> {
        let mut segments = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *segments {
            Some(segments) => work(segments),
            none => work(none.insert(Segments::open(&self.directory, &self.options)?)),
        }
    }
}

#[cfg(test)]
mod tests;
