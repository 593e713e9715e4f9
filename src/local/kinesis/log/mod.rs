//! The log of one shard: append-only files that roll, read through the page cache, checked by checksums.
//!
//! Indexes are given and entries written under one lock, and readers see only what was written: they can neither skip
//! nor repeat a record.

mod entry;
mod entry_reader;
mod segment;

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::entry::EntryRef;
use self::entry_reader::{EntryReader, Fault};
use self::segment::Segment;
use crate::local::data_dir::private_dir;

/// Index of a shard's first record.
pub(super) const FIRST_INDEX: u64 = 1;

/// How a log is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogOptions {
    /// A file that would grow past this many bytes is closed, and another begun.
    pub segment_bytes: u64,
    /// Whether every append is flushed to the disk: it then survives a power cut, not only a killed process.
    pub durable_full: bool,
}

/// A place where a log is damaged.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} is damaged at byte {offset}: {why}", path.display())]
pub(super) struct Damage {
    path: PathBuf,
    offset: u64,
    why: &'static str,
}

/// Why a log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is there is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
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
pub(super) struct Entry {
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
    state: Mutex<State>,
}

struct State {
    /// Oldest first; the last one is written to.
    segments: Vec<Segment>,
    /// The index that the next record gets.
    next: u64,
    /// Arrival of the newest record.
    last_arrival: u64,
    /// Damage in the file that would be written to: appending behind it would hide it.
    damage: Option<Damage>,
    /// An append failed and what it left behind could not be cut off yet.
    has_remains: bool,
}

impl ShardLog {
    /// Opens the log in a directory, which need not be there before the first record.
    ///
    /// An entry at its end that a kill cut short was never acknowledged: it is cut off, and told in the second value.
    /// Damage elsewhere is told to who reads or writes there.
    pub(super) fn open(directory: &Path, options: LogOptions) -> Result<(ShardLog, Option<String>), LogError> {
        let mut segments = segments_in(directory)?;
        let mut state =
            State { segments: Vec::new(), next: FIRST_INDEX, last_arrival: 0, damage: None, has_remains: false };
        let mut notice = None;
        if let Some(active) = segments.last_mut() {
            active.open_for_writing().map_err(|error| active.error(Fault::Io(error)))?;
            let found = active.length;
            match active.scan() {
                Ok(()) => {}
                Err(Fault::Torn(offset)) => {
                    cut(active, offset)?;
                    notice = Some(format!(
                        "{}: cut off {} bytes of a write that did not end, from byte {offset} on",
                        active.path().display(),
                        found - offset
                    ));
                }
                Err(fault) => match active.error(fault) {
                    LogError::Damaged(damage) => state.damage = Some(damage),
                    error @ LogError::Io { .. } => return Err(error),
                },
            }
            state.next = active.next();
            state.last_arrival = active.last_arrival().unwrap_or_default();
        }
        // Where the file written to is still empty, the newest record is in the one before.
        if state.last_arrival == 0
            && let [.., full, _] = segments.as_mut_slice()
            && full.ensure_scanned().is_ok()
        {
            state.last_arrival = full.last_arrival().unwrap_or_default();
        }
        state.segments = segments;
        let log = ShardLog { directory: directory.to_owned(), options, state: Mutex::new(state) };
        Ok((log, notice))
    }

    /// Writes records in one piece: all of them are in the log when this returns, or none.
    pub(super) fn append(&self, records: &[NewRecord<'_>], encrypted: bool, now: u64) -> Result<Appended, LogError> {
        let size: usize = records.iter().map(|record| record.data.len() + record.partition_key.len() + 64).sum();
        let mut buffer = Vec::with_capacity(size);
        let mut state = self.lock();
        if let Some(damage) = &state.damage {
            return Err(damage.clone().into());
        }
        let first = state.next;
        let arrival = now.max(state.last_arrival);
        let mut starts = Vec::with_capacity(records.len());
        for (index, record) in (first..).zip(records) {
            starts.push(buffer.len() as u64);
            let NewRecord { partition_key, data } = *record;
            EntryRef { index, arrival, encrypted, partition_key, data }.append_to(&mut buffer);
        }
        let bytes = buffer.len() as u64;
        self.make_room(&mut state, bytes)?;
        let durable = self.options.durable_full;
        if let Some(active) = state.segments.last_mut() {
            let written = active.file().and_then(|file| {
                file.write_all_at(&buffer, active.length)?;
                if durable { file.sync_data() } else { Ok(()) }
            });
            if let Err(error) = written {
                // A part may have been written, and must not be taken for a record.
                let cut = active.file().and_then(|file| file.set_len(active.length));
                let error = active.error(Fault::Io(error));
                state.has_remains = cut.is_err();
                return Err(error);
            }
            active.grew(first, &starts, arrival, bytes);
        }
        state.next = first + records.len() as u64;
        state.last_arrival = arrival;
        Ok(Appended { first, arrival })
    }

    /// Reads from an index on: at most so many records, and so many bytes of data and keys, but one record at least.
    pub(super) fn read(&self, from: u64, max_records: usize, max_bytes: usize) -> Result<Chunk, LogError> {
        let mut chunk = Chunk { entries: Vec::new(), next: from, is_last: false };
        let mut bytes = 0;
        loop {
            let Some((mut reader, path)) = self.reader(chunk.next)? else {
                chunk.is_last = true;
                return Ok(chunk);
            };
            loop {
                if chunk.entries.len() >= max_records {
                    chunk.is_last = self.lock().next <= chunk.next;
                    return Ok(chunk);
                }
                let entry = match reader.next() {
                    Ok(Some(entry)) => entry,
                    Ok(None) => break,
                    // What is good before the damage is handed out first.
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
    pub(super) fn next_index(&self) -> u64 {
        self.lock().next
    }

    /// The first record that arrived at or after a time (epoch ms); the next one to come where there is none.
    pub(super) fn index_at(&self, time: u64) -> Result<u64, LogError> {
        let mut state = self.lock();
        let State { segments, next, last_arrival, .. } = &mut *state;
        if *last_arrival < time {
            return Ok(*next);
        }
        // The last segment that begins before that time, else the first.
        let mut chosen = 0;
        for (at, segment) in segments.iter().enumerate().rev() {
            if segment.first_arrival()?.is_some_and(|first| first < time) {
                chosen = at;
                break;
            }
        }
        let Some(segment) = segments.get_mut(chosen) else { return Ok(*next) };
        segment.ensure_scanned()?;
        let file = segment.file().map_err(|error| segment.error(Fault::Io(error)))?;
        let mut reader = EntryReader::new(file, segment.offset_before_time(time), segment.length);
        while let Some(entry) = reader.next().map_err(|fault| segment.error(fault))? {
            if entry.arrival >= time {
                return Ok(entry.index);
            }
        }
        Ok(segment.next())
    }

    /// The first record that is no older than this time (epoch ms) and still there. Cheap while none is older.
    pub(super) fn horizon(&self, cutoff: u64) -> Result<u64, LogError> {
        {
            let state = self.lock();
            let Some(first) = state.segments.first() else { return Ok(state.next) };
            if first.first_arrival()?.is_none_or(|arrival| arrival >= cutoff) {
                return Ok(first.first);
            }
        }
        self.index_at(cutoff)
    }

    /// Deletes the files that hold only records older than this time (epoch ms).
    pub(super) fn trim(&self, cutoff: u64) -> Result<(), LogError> {
        let mut state = self.lock();
        // A file is wholly past when the one after it begins with a record that is past as well, or at the cut.
        while let [first, second, ..] = state.segments.as_slice() {
            if second.first_arrival()?.is_none_or(|arrival| arrival > cutoff) {
                break;
            }
            if let Err(source) = fs::remove_file(first.path())
                && source.kind() != io::ErrorKind::NotFound
            {
                return Err(first.error(Fault::Io(source)));
            }
            state.segments.remove(0);
        }
        Ok(())
    }

    /// Opens the segment that has the record, at a place before it; none where it is still to come.
    fn reader(&self, index: u64) -> Result<Option<(EntryReader, PathBuf)>, LogError> {
        let mut state = self.lock();
        let State { segments, next, damage, .. } = &mut *state;
        if index >= *next {
            return match damage {
                Some(damage) => Err(damage.clone().into()),
                None => Ok(None),
            };
        }
        let at = segments.partition_point(|segment| segment.first <= index).saturating_sub(1);
        let Some(segment) = segments.get_mut(at) else { return Ok(None) };
        segment.ensure_scanned()?;
        let file = segment.file().map_err(|error| segment.error(Fault::Io(error)))?;
        let reader = EntryReader::new(file, segment.offset_before(index), segment.length);
        Ok(Some((reader, segment.path().to_owned())))
    }

    /// Makes sure that the last segment takes these bytes.
    fn make_room(&self, state: &mut State, bytes: u64) -> Result<(), LogError> {
        let io_error = |source| LogError::Io { path: self.directory.clone(), source };
        if state.has_remains
            && let Some(active) = state.segments.last()
        {
            let cleaned = active.file().and_then(|file| file.set_len(active.length));
            cleaned.map_err(|error| active.error(Fault::Io(error)))?;
            state.has_remains = false;
        }
        let is_full = |active: &Segment| active.length > 0 && active.length + bytes > self.options.segment_bytes;
        if state.segments.last().is_some_and(|active| !is_full(active)) {
            return Ok(());
        }
        private_dir(&self.directory).map_err(io_error)?;
        let segment = Segment::create(&self.directory, state.next).map_err(io_error)?;
        if self.options.durable_full {
            fs::File::open(&self.directory).and_then(|directory| directory.sync_all()).map_err(io_error)?;
        }
        if let Some(full) = state.segments.last_mut() {
            full.close();
        }
        state.segments.push(segment);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogError {
    fn of(path: &Path, fault: Fault) -> LogError {
        let path = path.to_owned();
        match fault {
            Fault::Io(source) => LogError::Io { path, source },
            Fault::Torn(offset) => Damage { path, offset, why: "the entry does not end" }.into(),
            Fault::Damaged(offset, why) => Damage { path, offset, why }.into(),
        }
    }
}

/// The segments of a directory, oldest first; none where it is not there.
fn segments_in(directory: &Path) -> Result<Vec<Segment>, LogError> {
    let error = |source| LogError::Io { path: directory.to_owned(), source };
    let listed = match fs::read_dir(directory) {
        Ok(listed) => listed,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(error(source)),
    };
    let mut segments = Vec::new();
    for file in listed {
        let file = file.map_err(error)?;
        let length = file.metadata().map_err(error)?.len();
        segments.extend(Segment::at(&file.path(), length));
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

fn cut(segment: &Segment, offset: u64) -> Result<(), LogError> {
    let cut = segment.file().and_then(|file| file.set_len(offset));
    cut.map_err(|error| segment.error(Fault::Io(error)))
}

#[cfg(test)]
mod tests;
