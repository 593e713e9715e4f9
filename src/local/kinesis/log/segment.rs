//! One segment file of a shard's log, with a sparse index from record to offset.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry_reader::{EntryError, EntryReader};
use super::error::{Damage, LogError};

/// Distance between two samples of the index, in bytes of entries.
const SAMPLE: u64 = 32 << 10;

/// The offset of one sampled record.
#[derive(Clone, Copy, Debug)]
struct Sample {
    index: u64,
    arrival: u64,
    offset: u64,
}

/// A segment: the records from `first` up to the next segment's first.
pub(super) struct Segment {
    path: PathBuf,
    /// Index of the first record.
    pub first: u64,
    /// Index after the last record; unknown before the scan.
    next: Option<u64>,
    /// Size of all whole entries, in bytes.
    pub length: u64,
    /// Arrival of the first record; `None` until first needed.
    first_arrival: Option<u64>,
    /// Arrival of the last record.
    last_arrival: Option<u64>,
    samples: Vec<Sample>,
    /// Open file, kept while the segment is active.
    file: Option<Arc<File>>,
    /// True if the file ends in a partial entry.
    is_torn: bool,
    damage: Option<Damage>,
}

impl Segment {
    /// Returns the segment of an existing file, not scanned yet, or `None` if the name is not a segment's.
    pub(super) fn at(path: &Path, length: u64) -> Option<Segment> {
        let first = path.file_name()?.to_str()?.strip_suffix(".log")?.parse().ok()?;
        Some(Segment::new(path.to_owned(), first, length))
    }

    fn new(path: PathBuf, first: u64, length: u64) -> Segment {
        Segment {
            path,
            first,
            next: None,
            length,
            first_arrival: None,
            last_arrival: None,
            samples: Vec::new(),
            file: None,
            is_torn: false,
            damage: None,
        }
    }

    /// Creates an empty segment, or reuses one that a crash left empty.
    pub(super) fn create(directory: &Path, first: u64) -> Result<Segment, LogError> {
        let path = directory.join(format!("{first:020}.log"));
        let mut segment = Segment::new(path, first, 0);
        segment.next = Some(first);
        segment.open_for_writing()?;
        let length = segment.file()?.metadata().map_err(|error| segment.error(EntryError::Io(error)))?.len();
        if length > 0 {
            return Err(segment.error(EntryError::Damaged(0, "it was not there when the log was opened")));
        }
        Ok(segment)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the file: the open one of the active segment, else a newly opened one.
    pub(super) fn file(&self) -> Result<Arc<File>, LogError> {
        self.opened().map_err(|error| self.error(EntryError::Io(error)))
    }

    fn opened(&self) -> io::Result<Arc<File>> {
        self.file.clone().map_or_else(|| File::open(&self.path).map(Arc::new), Ok)
    }

    /// Opens the file for writing and keeps it open.
    fn open_for_writing(&mut self) -> Result<(), LogError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&self.path).map_err(|error| self.error(EntryError::Io(error)))?;
        self.file = Some(Arc::new(file));
        Ok(())
    }

    /// Closes the full segment for writing.
    pub(super) fn close(&mut self) {
        self.file = None;
    }

    /// Records entries appended at the end: the offset of each within the bytes, and the number of bytes.
    pub(super) fn grew(&mut self, first: u64, starts: &[u64], arrival: u64, bytes: u64) {
        for (index, start) in (first..).zip(starts) {
            self.note(index, arrival, self.length + start);
        }
        self.length += bytes;
        self.next = Some(first + starts.len() as u64);
    }

    /// Scans and verifies the file once. Entries before a damage stay readable.
    pub(super) fn ensure_scanned(&mut self) -> Result<(), LogError> {
        if self.next.is_some() {
            return Ok(());
        }
        match self.scan() {
            Ok(()) => {}
            Err(fault) => match self.error(fault) {
                LogError::Damaged(damage) => self.damage = Some(damage),
                error @ LogError::Io { .. } => return Err(error),
            },
        }
        Ok(())
    }

    /// Scans the active segment like [`Segment::ensure_scanned`], and truncates a partial entry at its end.
    ///
    /// A kill cut that entry short, so it was never acknowledged. Returns the offset of the cut and the number of
    /// bytes.
    pub(super) fn scan_and_cut(&mut self) -> Result<Option<(u64, u64)>, LogError> {
        self.open_for_writing()?;
        let found = self.length;
        self.ensure_scanned()?;
        let end = self.length;
        if !self.is_torn {
            return Ok(None);
        }
        self.file()?.set_len(end).map_err(|error| self.error(EntryError::Io(error)))?;
        self.is_torn = false;
        self.damage = None;
        Ok(Some((end, found - end)))
    }

    /// Reads every entry; `length` becomes the end of the last whole one.
    fn scan(&mut self) -> Result<(), EntryError> {
        let mut reader = EntryReader::new(self.opened().map_err(EntryError::Io)?, 0, self.length);
        let mut next = self.first;
        self.samples.clear();
        let fault = loop {
            let offset = reader.offset();
            match reader.next() {
                Ok(None) => break None,
                Ok(Some(entry)) if entry.index != next => {
                    break Some(EntryError::Damaged(offset, "it is not the record that follows"));
                }
                Ok(Some(entry)) => {
                    self.note(next, entry.arrival, offset);
                    next += 1;
                }
                Err(EntryError::Io(error)) => return Err(EntryError::Io(error)),
                Err(fault) => break Some(fault),
            }
        };
        self.next = Some(next);
        if let Some(EntryError::Torn(offset)) = fault {
            self.length = offset;
            self.is_torn = true;
        }
        fault.map_or(Ok(()), Err)
    }

    /// Adds a record to the statistics and the sparse index.
    fn note(&mut self, index: u64, arrival: u64, offset: u64) {
        if self.samples.last().is_none_or(|last| offset - last.offset >= SAMPLE) {
            self.samples.push(Sample { index, arrival, offset });
        }
        self.first_arrival.get_or_insert(arrival);
        self.last_arrival = Some(arrival);
    }

    /// Returns the damage that the scan found.
    pub(super) fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// Returns the index after the last record of a scanned segment.
    pub(super) fn next(&self) -> u64 {
        self.next.unwrap_or(self.first)
    }

    /// Returns the arrival of the last record of a scanned segment, if it has any.
    pub(super) fn last_arrival(&self) -> Option<u64> {
        self.last_arrival
    }

    /// Returns the first record's arrival, read from the file if needed.
    pub(super) fn first_arrival(&mut self) -> Result<Option<u64>, LogError> {
        if self.first_arrival.is_none() && self.length > 0 {
            let mut reader = EntryReader::new(self.file()?, 0, self.length);
            let entry = reader.next().map_err(|fault| self.error(fault))?;
            self.first_arrival = entry.map(|entry| entry.arrival);
        }
        Ok(self.first_arrival)
    }

    /// Returns an offset at or shortly before the record with this index, in a scanned segment.
    pub(super) fn offset_before(&self, index: u64) -> u64 {
        let after = self.samples.partition_point(|sample| sample.index <= index);
        after.checked_sub(1).map_or(0, |at| self.samples[at].offset)
    }

    /// Returns an offset that no record arriving at or after this time precedes, in a scanned segment.
    pub(super) fn offset_before_time(&self, arrival: u64) -> u64 {
        let after = self.samples.partition_point(|sample| sample.arrival < arrival);
        after.checked_sub(1).map_or(0, |at| self.samples[at].offset)
    }

    /// Converts an entry error, adding the file's name.
    pub(super) fn error(&self, fault: EntryError) -> LogError {
        LogError::of(&self.path, fault)
    }
}
