//! All segments of a shard's log: finds the append position, the position of a record, and expired segments.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::entry::EntryRef;
use super::entry_reader::{EntryError, EntryReader};
use super::error::{Damage, LogError};
use super::segment::Segment;
use super::{Appended, FIRST_INDEX, LogOptions, NewRecord};
use crate::data_dir::private_dir;

/// The segments of one log, oldest first; the last one is active.
pub(super) struct Segments {
    directory: PathBuf,
    options: LogOptions,
    list: Vec<Segment>,
    /// Index of the next record.
    next: u64,
    /// Arrival of the newest record.
    last_arrival: u64,
    /// True if an append failed and its partial bytes are not truncated yet.
    has_remains: bool,
}

impl Segments {
    /// Opens the segments in a directory.
    ///
    /// Truncates and reports an entry at the end that a kill cut short: it was never acknowledged. Damage elsewhere
    /// stays in place and is an error of the reads and writes that meet it.
    pub(super) fn open(directory: &Path, options: &LogOptions) -> Result<Segments, LogError> {
        let mut segments = Segments {
            directory: directory.to_owned(),
            options: options.clone(),
            list: found_in(directory)?,
            next: FIRST_INDEX,
            last_arrival: 0,
            has_remains: false,
        };
        let Some(active) = segments.list.last_mut() else { return Ok(segments) };
        if let Some((offset, bytes)) = active.scan_and_cut()? {
            let path = active.path().display();
            options
                .notices
                .tell(format!("{path}: cut off {bytes} bytes of a write that did not end, from byte {offset} on"));
        }
        if let Some(damage) = active.damage() {
            options.notices.tell(format!("{damage}; nothing is written behind it"));
        }
        segments.next = active.next();
        segments.last_arrival = active.last_arrival().unwrap_or_default();
        // If the active segment is still empty, the newest record is in the segment before.
        if segments.last_arrival == 0
            && let Some(full) = segments.list.len().checked_sub(2)
        {
            segments.list[full].ensure_scanned()?;
            segments.last_arrival = segments.list[full].last_arrival().unwrap_or_default();
        }
        Ok(segments)
    }

    /// Returns the index of the next record.
    pub(super) fn next_index(&self) -> u64 {
        self.next
    }

    /// Appends records atomically: either all are in the log when this returns, or none.
    ///
    /// Never appends after a damage, which would hide it.
    pub(super) fn append(
        &mut self,
        records: &[NewRecord<'_>],
        encrypted: bool,
        now: u64,
    ) -> Result<Appended, LogError> {
        if let Some(damage) = self.list.last().and_then(Segment::damage) {
            return Err(damage.clone().into());
        }
        let size = records.iter().map(|record| record.data.len() + record.partition_key.len() + 64).sum();
        let mut buffer = Vec::with_capacity(size);
        let first = self.next;
        let arrival = now.max(self.last_arrival);
        let mut starts = Vec::with_capacity(records.len());
        for (index, record) in (first..).zip(records) {
            starts.push(buffer.len() as u64);
            let NewRecord { partition_key, data } = *record;
            EntryRef { index, arrival, encrypted, partition_key, data }.append_to(&mut buffer);
        }
        let bytes = buffer.len() as u64;
        self.make_room(bytes)?;
        let durability = self.options.durability;
        if let Some(active) = self.list.last_mut() {
            let file = active.file()?;
            let written = file.write_all_at(&buffer, active.length).and_then(|()| durability.sync(&file));
            if let Err(error) = written {
                // A partial write must not be read as a record.
                self.has_remains = file.set_len(active.length).is_err();
                return Err(active.error(EntryError::Io(error)));
            }
            active.grew(first, &starts, arrival, bytes);
        }
        self.next = first + records.len() as u64;
        self.last_arrival = arrival;
        Ok(Appended { first, arrival })
    }

    /// Opens the record's segment at a position before the record, with its path; `None` for a future record.
    pub(super) fn reader(&mut self, index: u64) -> Result<Option<(EntryReader, PathBuf)>, LogError> {
        // Expired records were deleted.
        let index = index.max(self.list.first().map_or(index, |oldest| oldest.first));
        if index >= self.next && self.list.last().is_none_or(|active| active.damage().is_none()) {
            return Ok(None);
        }
        let at = self.list.partition_point(|segment| segment.first <= index).saturating_sub(1);
        let follows = self.list.get(at + 1).map(|segment| segment.first);
        let Some(segment) = self.list.get_mut(at) else { return Ok(None) };
        segment.ensure_scanned()?;
        if index >= segment.next() {
            let lost = follows.unwrap_or(index).saturating_sub(segment.next());
            let missing = || Damage {
                path: segment.path().to_owned(),
                offset: segment.length,
                why: format!("the {lost} records before those of the next file are missing").into(),
            };
            return Err(segment.damage().cloned().unwrap_or_else(missing).into());
        }
        let reader = EntryReader::new(segment.file()?, segment.offset_before(index), segment.length);
        Ok(Some((reader, segment.path().to_owned())))
    }

    /// Returns the index of the first record that arrived at or after `time` (epoch ms), or else the next index.
    pub(super) fn index_at(&mut self, time: u64) -> Result<u64, LogError> {
        if self.last_arrival < time {
            return Ok(self.next);
        }
        // The last segment that begins before that time, else the first.
        let mut chosen = 0;
        for (at, segment) in self.list.iter_mut().enumerate().rev() {
            if segment.first_arrival()?.is_some_and(|first| first < time) {
                chosen = at;
                break;
            }
        }
        let Some(segment) = self.list.get_mut(chosen) else { return Ok(self.next) };
        segment.ensure_scanned()?;
        let mut reader = EntryReader::new(segment.file()?, segment.offset_before_time(time), segment.length);
        while let Some(entry) = reader.next().map_err(|fault| segment.error(fault))? {
            if entry.arrival >= time {
                return Ok(entry.index);
            }
        }
        Ok(segment.next())
    }

    /// Returns the index of the first remaining record no older than `cutoff` (epoch ms). Cheap if none is older.
    pub(super) fn horizon(&mut self, cutoff: u64) -> Result<u64, LogError> {
        let Some(first) = self.list.first_mut() else { return Ok(self.next) };
        if first.first_arrival()?.is_none_or(|arrival| arrival >= cutoff) {
            return Ok(first.first);
        }
        self.index_at(cutoff)
    }

    /// Deletes the segments with only records older than `cutoff` (epoch ms).
    pub(super) fn trim(&mut self, cutoff: u64) -> Result<(), LogError> {
        // A segment is wholly expired if the next one begins with a record that is expired too, or exactly at the
        // cutoff.
        while let [first, second, ..] = self.list.as_mut_slice() {
            if second.first_arrival()?.is_none_or(|arrival| arrival > cutoff) {
                break;
            }
            if let Err(source) = fs::remove_file(first.path())
                && source.kind() != io::ErrorKind::NotFound
            {
                return Err(first.error(EntryError::Io(source)));
            }
            self.list.remove(0);
        }
        Ok(())
    }

    /// Deletes all files and their directory.
    pub(super) fn clear(&mut self) -> Result<(), LogError> {
        self.list.clear();
        match fs::remove_dir_all(&self.directory) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(LogError::io(&self.directory, source)),
            _ => Ok(()),
        }
    }

    /// Ensures that the active segment has room for this many bytes.
    fn make_room(&mut self, bytes: u64) -> Result<(), LogError> {
        if self.has_remains
            && let Some(active) = self.list.last()
        {
            let cleaned = active.file()?.set_len(active.length);
            cleaned.map_err(|error| active.error(EntryError::Io(error)))?;
            self.has_remains = false;
        }
        let is_full = |active: &Segment| active.length > 0 && active.length + bytes > self.options.segment_bytes;
        if self.list.last().is_some_and(|active| !is_full(active)) {
            return Ok(());
        }
        let durability = self.options.durability;
        let names = |directory: &Path| durability.sync_names(directory);
        let made = private_dir(&self.directory).and_then(|()| self.directory.parent().map_or(Ok(()), names));
        made.map_err(|error| LogError::io(&self.directory, error))?;
        let segment = Segment::create(&self.directory, self.next)?;
        names(&self.directory).map_err(|error| LogError::io(&self.directory, error))?;
        if let Some(full) = self.list.last_mut() {
            full.close();
        }
        self.list.push(segment);
        Ok(())
    }
}

/// Returns the segments of a directory, oldest first; empty if the directory does not exist.
pub(super) fn found_in(directory: &Path) -> Result<Vec<Segment>, LogError> {
    let error = |source| LogError::io(directory, source);
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
