//! A stable sort of more entries than memory holds: sorted runs in temporary files, merged.
//!
//! The files have no name where the system has such files (on Unix always), so they are gone when the process is, however
//! it ends. They are in the folder of `TMPDIR`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

/// Bytes of entries that are sorted in memory, unless others are asked for.
const BUFFER_BYTES: usize = 8 * 1024 * 1024;
/// Runs that are merged at once; so many of one size become one of the next.
const FAN_IN: usize = 64;
/// Bytes that are read of a run at once: a MiB of all that are merged.
const READ_BYTES: usize = 16 * 1024;
/// Bytes that are written to a run at once.
const WRITE_BYTES: usize = 64 * 1024;
/// Bytes of an entry beside its key and its value, in memory and in a file: the length of each.
const LENGTHS: usize = 8;

/// A key, by which entries are sorted, and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Compared byte by byte.
    pub key: Vec<u8>,
    /// Anything.
    pub value: Vec<u8>,
}

/// Takes entries in any order.
#[derive(Debug)]
pub(crate) struct ExternalSorter {
    buffer: Vec<u8>,
    /// Where the entries begin.
    starts: Vec<u32>,
    /// Runs by size: each level's runs are [`FAN_IN`] times as large as those of the level before.
    levels: Vec<Vec<File>>,
    buffer_bytes: usize,
}

impl Default for ExternalSorter {
    fn default() -> Self {
        Self::with_buffer(BUFFER_BYTES)
    }
}

impl ExternalSorter {
    /// Creates a sorter that holds so many bytes in memory, at most 4 GiB. An entry is no larger.
    pub(crate) fn with_buffer(buffer_bytes: usize) -> Self {
        ExternalSorter { buffer: Vec::new(), starts: Vec::new(), levels: Vec::new(), buffer_bytes }
    }

    /// Takes an entry.
    ///
    /// # Errors
    /// When a temporary file cannot be written, or the entry is larger than the buffer.
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let bytes = LENGTHS + key.len() + value.len();
        if bytes > self.buffer_bytes {
            return Err(io::Error::other(format!("an entry of {bytes} bytes is too large to be sorted")));
        }
        // An entry's start takes four bytes more.
        if self.buffer.len() + self.starts.len() * 4 + bytes + 4 > self.buffer_bytes {
            self.spill().map_err(|error| in_temporary_file(&error))?;
        }
        if self.buffer.capacity() == 0 {
            // One allocation, of which the system gives only what is used.
            self.buffer.reserve_exact(self.buffer_bytes);
        }
        self.starts.push(start(self.buffer.len())?);
        self.buffer.extend(length(key)?);
        self.buffer.extend(length(value)?);
        self.buffer.extend_from_slice(key);
        self.buffer.extend_from_slice(value);
        Ok(())
    }

    /// Returns the entries in the order of their keys; those with equal keys in the order they came.
    ///
    /// # Errors
    /// When a temporary file cannot be written or read.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        if self.levels.is_empty() {
            self.sort_buffer();
            let ExternalSorter { buffer, starts, .. } = self;
            return Ok(Sorted(Source::Memory { buffer, starts: starts.into_iter() }));
        }
        self.spill().map_err(|error| in_temporary_file(&error))?;
        self.buffer = Vec::new();
        // Later levels hold earlier entries.
        let runs = self.levels.into_iter().rev().flatten();
        let merge = Merge::new(runs).map_err(|error| in_temporary_file(&error))?;
        Ok(Sorted(Source::Runs(merge)))
    }

    fn sort_buffer(&mut self) {
        let buffer = &self.buffer;
        self.starts.sort_by(|one, other| key_at(buffer, *one).cmp(key_at(buffer, *other)));
    }

    /// Writes the buffer as a run.
    fn spill(&mut self) -> io::Result<()> {
        if self.starts.is_empty() {
            return Ok(());
        }
        self.sort_buffer();
        let mut writer = BufWriter::with_capacity(WRITE_BYTES, temporary_file()?);
        for start in &self.starts {
            writer.write_all(entry_at(&self.buffer, *start))?;
        }
        self.buffer.clear();
        self.starts.clear();
        self.keep(0, rewound(writer)?)
    }

    /// Takes a run, and merges its level where it is full.
    fn keep(&mut self, level: usize, run: File) -> io::Result<()> {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(run);
        if self.levels[level].len() < FAN_IN {
            return Ok(());
        }
        let mut merge = Merge::new(std::mem::take(&mut self.levels[level]))?;
        let mut writer = BufWriter::with_capacity(WRITE_BYTES, temporary_file()?);
        while let Some(Entry { key, value }) = merge.next_entry()? {
            for part in [&length(&key)?[..], &length(&value)?, &key, &value] {
                writer.write_all(part)?;
            }
        }
        self.keep(level + 1, rewound(writer)?)
    }
}

/// Entries in their order.
#[derive(Debug)]
pub(crate) struct Sorted(Source);

#[derive(Debug)]
enum Source {
    Memory { buffer: Vec<u8>, starts: std::vec::IntoIter<u32> },
    Runs(Merge),
}

impl Iterator for Sorted {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Memory { buffer, starts } => {
                let start = starts.next()?;
                let key = key_at(buffer, start);
                let value = &entry_at(buffer, start)[LENGTHS + key.len()..];
                Some(Ok(Entry { key: key.to_vec(), value: value.to_vec() }))
            }
            Source::Runs(merge) => merge.next_entry().map_err(|error| in_temporary_file(&error)).transpose(),
        }
    }
}

/// The next entry of a run: its key, the run, and its value.
type Head = (Vec<u8>, usize, Vec<u8>);

/// Several sorted runs as one.
#[derive(Debug)]
struct Merge {
    runs: Vec<BufReader<File>>,
    /// The next entry of each run; of equal keys, the one of the earlier run comes first.
    next: BinaryHeap<Reverse<Head>>,
}

impl Merge {
    fn new(runs: impl IntoIterator<Item = File>) -> io::Result<Self> {
        let runs = runs.into_iter().map(|run| BufReader::with_capacity(READ_BYTES, run)).collect();
        let mut merge = Merge { runs, next: BinaryHeap::new() };
        for run in 0..merge.runs.len() {
            merge.advance(run)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, run: usize) -> io::Result<()> {
        if let Some(Entry { key, value }) = read_entry(&mut self.runs[run])? {
            self.next.push(Reverse((key, run, value)));
        }
        Ok(())
    }

    fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        let Some(Reverse((key, run, value))) = self.next.pop() else { return Ok(None) };
        self.advance(run)?;
        Ok(Some(Entry { key, value }))
    }
}

/// A file that only its owner can read, and that is removed when it is closed.
fn temporary_file() -> io::Result<File> {
    let file = tempfile::tempfile()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Says that it is not the input that could not be read, and what changes the place.
fn in_temporary_file(error: &io::Error) -> io::Error {
    let folder = std::env::temp_dir();
    io::Error::new(error.kind(), format!("a temporary file in {} (TMPDIR): {error}", folder.display()))
}

fn rewound(writer: BufWriter<File>) -> io::Result<File> {
    let mut file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

fn start(at: usize) -> io::Result<u32> {
    u32::try_from(at).map_err(io::Error::other)
}

fn length(part: &[u8]) -> io::Result<[u8; 4]> {
    start(part.len()).map(u32::to_le_bytes)
}

fn length_at(buffer: &[u8], at: usize) -> usize {
    let bytes = buffer[at..at + 4].try_into().unwrap_or_default();
    u32::from_le_bytes(bytes) as usize
}

fn key_at(buffer: &[u8], start: u32) -> &[u8] {
    let start = start as usize;
    &buffer[start + LENGTHS..start + LENGTHS + length_at(buffer, start)]
}

fn entry_at(buffer: &[u8], start: u32) -> &[u8] {
    let start = start as usize;
    &buffer[start..start + LENGTHS + length_at(buffer, start) + length_at(buffer, start + 4)]
}

fn read_entry(run: &mut impl Read) -> io::Result<Option<Entry>> {
    let mut lengths = [0; LENGTHS];
    // A run ends behind an entry.
    if run.read(&mut lengths[..1])? == 0 {
        return Ok(None);
    }
    run.read_exact(&mut lengths[1..])?;
    let mut key = vec![0; length_at(&lengths, 0)];
    let mut value = vec![0; length_at(&lengths, 4)];
    run.read_exact(&mut key)?;
    run.read_exact(&mut value)?;
    Ok(Some(Entry { key, value }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(entries: &[(Vec<u8>, Vec<u8>)], buffer_bytes: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut sorter = ExternalSorter::with_buffer(buffer_bytes);
        for (key, value) in entries {
            sorter.push(key, value).unwrap();
        }
        sorter.finish().unwrap().map(|entry| entry.map(|entry| (entry.key, entry.value)).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn order_is_that_of_a_stable_sort_in_memory_or_on_disk(
            entries in prop::collection::vec((prop::collection::vec(0_u8..4, 0..3), prop::collection::vec(any::<u8>(), 0..4)), 0..300),
            buffer_bytes in 20_usize..200,
        ) {
            let mut expected = entries.clone();
            expected.sort_by(|one, other| one.0.cmp(&other.0));
            prop_assert_eq!(&sorted(&entries, buffer_bytes), &expected);
            prop_assert_eq!(&sorted(&entries, BUFFER_BYTES), &expected);
        }
    }

    #[test]
    fn runs_are_merged_before_they_are_many() {
        let mut sorter = ExternalSorter::with_buffer(64);
        for number in (0..20_000_u32).rev() {
            sorter.push(&number.to_be_bytes(), &[]).unwrap();
        }
        assert!(sorter.levels.len() > 2);
        assert!(sorter.levels.iter().all(|runs| runs.len() < FAN_IN));
        let keys = sorter.finish().unwrap().map(|entry| u32::from_be_bytes(entry.unwrap().key.try_into().unwrap()));
        assert!(keys.eq(0..20_000));
    }

    #[test]
    fn entry_larger_than_the_buffer_is_refused() {
        let mut sorter = ExternalSorter::with_buffer(64);
        assert!(sorter.push(&[0; 64], &[]).is_err());
        sorter.push(&[0; 8], &[]).unwrap();
    }

    #[test]
    fn error_of_a_temporary_file_names_its_folder() {
        let error = in_temporary_file(&io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().contains("TMPDIR"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn temporary_file_is_private_and_has_no_name() {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = temporary_file().unwrap().metadata().unwrap();
        assert_eq!((metadata.mode() & 0o777, metadata.nlink()), (0o600, 0));
    }
}
