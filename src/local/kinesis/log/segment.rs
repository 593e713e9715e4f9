//! One file of a shard's log, with a sparse index from record to offset.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::LogError;
use super::entry_reader::{EntryReader, Fault};

/// Bytes of entries between two samples of the index.
const SAMPLE: u64 = 32 << 10;

/// Where a record is.
#[derive(Clone, Copy, Debug)]
struct Sample {
    index: u64,
    arrival: u64,
    offset: u64,
}

/// A log file: the records from `first` on, up to the next segment's first.
pub(super) struct Segment {
    path: PathBuf,
    /// Index of the first record.
    pub first: u64,
    /// Index after the last record; not known before the file was scanned.
    next: Option<u64>,
    /// Bytes of whole entries.
    pub length: u64,
    /// The last record's arrival.
    last_arrival: Option<u64>,
    samples: Vec<Sample>,
    /// Kept open while it is written.
    file: Option<Arc<File>>,
}

impl Segment {
    /// The segment of a file that is there, not scanned yet. None where the name is no segment's.
    pub(super) fn at(path: &Path, length: u64) -> Option<Segment> {
        let first = path.file_name()?.to_str()?.strip_suffix(".log")?.parse().ok()?;
        let path = path.to_owned();
        Some(Segment { path, first, next: None, length, last_arrival: None, samples: Vec::new(), file: None })
    }

    /// A new, empty segment; one that a crash left empty is taken over.
    pub(super) fn create(directory: &Path, first: u64) -> io::Result<Segment> {
        let path = directory.join(format!("{first:020}.log"));
        let file = open_for_writing(&path)?;
        file.set_len(0)?;
        Ok(Segment {
            path,
            first,
            next: Some(first),
            length: 0,
            last_arrival: None,
            samples: Vec::new(),
            file: Some(Arc::new(file)),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file: open if it is the one written to, else opened now.
    pub(super) fn file(&self) -> io::Result<Arc<File>> {
        self.file.clone().map_or_else(|| File::open(&self.path).map(Arc::new), Ok)
    }

    /// Opens the file for writing and keeps it open.
    pub(super) fn open_for_writing(&mut self) -> io::Result<()> {
        self.file = Some(Arc::new(open_for_writing(&self.path)?));
        Ok(())
    }

    /// Takes note that the segment is full.
    pub(super) fn close(&mut self) {
        self.file = None;
    }

    /// Takes note of entries that were written at the end: where each begins among the bytes, and how many bytes.
    pub(super) fn grew(&mut self, first: u64, starts: &[u64], arrival: u64, bytes: u64) {
        for (index, start) in (first..).zip(starts) {
            let offset = self.length + start;
            if self.samples.last().is_none_or(|last| offset - last.offset >= SAMPLE) {
                self.samples.push(Sample { index, arrival, offset });
            }
        }
        self.length += bytes;
        self.next = Some(first + starts.len() as u64);
        self.last_arrival = Some(arrival);
    }

    /// Reads the whole file once, checking it; `length` becomes the end of the last whole entry.
    ///
    /// # Errors
    /// [`Fault::Torn`] after everything before the torn entry was taken in: the caller decides what it means.
    pub(super) fn scan(&mut self) -> Result<(), Fault> {
        let file = self.file().map_err(Fault::Io)?;
        let mut reader = EntryReader::new(file, 0, self.length);
        let mut next = self.first;
        self.samples.clear();
        let fault = loop {
            let offset = reader.offset();
            match reader.next() {
                Ok(None) => break None,
                Ok(Some(entry)) if entry.index != next => {
                    break Some(Fault::Damaged(offset, "it is not the record that follows"));
                }
                Ok(Some(entry)) => {
                    if self.samples.last().is_none_or(|last| offset - last.offset >= SAMPLE) {
                        self.samples.push(Sample { index: next, arrival: entry.arrival, offset });
                    }
                    self.last_arrival = Some(entry.arrival);
                    next += 1;
                }
                Err(fault) => break Some(fault),
            }
        };
        self.next = Some(next);
        match fault {
            None => Ok(()),
            Some(Fault::Torn(offset)) => {
                self.length = offset;
                Err(Fault::Torn(offset))
            }
            Some(fault) => Err(fault),
        }
    }

    /// Scans a full segment unless that was done: none of its entries may be torn.
    pub(super) fn ensure_scanned(&mut self) -> Result<(), LogError> {
        if self.next.is_some() {
            return Ok(());
        }
        let scanned = self.scan();
        if let Err(fault) = scanned {
            self.next = None;
            return Err(self.error(fault));
        }
        Ok(())
    }

    /// The index after the last record, of a scanned segment.
    pub(super) fn next(&self) -> u64 {
        self.next.unwrap_or(self.first)
    }

    /// The last record's arrival, of a scanned segment that has any.
    pub(super) fn last_arrival(&self) -> Option<u64> {
        self.last_arrival
    }

    /// The first record's arrival, read from the file if need be.
    pub(super) fn first_arrival(&self) -> Result<Option<u64>, LogError> {
        if let Some(first) = self.samples.first() {
            return Ok(Some(first.arrival));
        }
        let file = self.file().map_err(|error| self.error(Fault::Io(error)))?;
        let mut reader = EntryReader::new(file, 0, self.length);
        let entry = reader.next().map_err(|fault| self.error(fault))?;
        Ok(entry.map(|entry| entry.arrival))
    }

    /// An offset from which the record of this index is near, of a scanned segment.
    pub(super) fn offset_before(&self, index: u64) -> u64 {
        let after = self.samples.partition_point(|sample| sample.index <= index);
        after.checked_sub(1).map_or(0, |at| self.samples[at].offset)
    }

    /// An offset before which no record arrived at or after this time, of a scanned segment.
    pub(super) fn offset_before_time(&self, arrival: u64) -> u64 {
        let after = self.samples.partition_point(|sample| sample.arrival < arrival);
        after.checked_sub(1).map_or(0, |at| self.samples[at].offset)
    }

    /// The fault with the file's name.
    pub(super) fn error(&self, fault: Fault) -> LogError {
        LogError::of(&self.path, fault)
    }
}

fn open_for_writing(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}
