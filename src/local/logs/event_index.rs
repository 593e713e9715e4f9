//! A time index of a log stream's file: a page is read from where it begins.
//!
//! It is in memory and built on the first read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use serde::Deserialize;

use super::event_file::Event;

/// Size of the lines in one block of the index, in bytes.
const BLOCK: u64 = 64 << 10;

/// A position in a stream: the time of an event in epoch milliseconds, and its ordinal in the file.
pub(super) type Place = (u64, usize);

/// The index of one file; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct EventIndex(Arc<Mutex<Indexed>>);

#[derive(Debug, Default)]
struct Indexed {
    blocks: Vec<Block>,
    /// Offset where the indexed lines end.
    end: u64,
    /// Number of indexed lines.
    lines: usize,
}

/// A block of consecutive lines.
#[derive(Clone, Debug)]
struct Block {
    offset: u64,
    length: u64,
    /// Ordinal of the first line.
    ordinal: usize,
    lines: usize,
    /// `None`: no line is an event.
    contents: Option<Contents>,
}

/// Statistics of a set of events; times in epoch milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contents {
    /// Time of the earliest event.
    pub first: u64,
    /// Time of the latest event.
    pub last: u64,
    /// Latest ingestion time.
    pub newest: u64,
    /// Number of events.
    pub count: u64,
}

/// The first and the last possible position of an event in a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub first: Place,
    pub last: Place,
}

/// An event without its text.
#[derive(Deserialize)]
struct Times {
    t: u64,
    i: u64,
}

impl EventIndex {
    /// Clears the index, after the file was deleted or truncated.
    pub(super) fn forget(&self) {
        *self.indexed() = Indexed::default();
    }

    /// Visits each event with its ordinal, in the wanted blocks, from the beginning of the file or from its end.
    pub(super) fn scan<S>(
        &self,
        path: &Path,
        from_end: bool,
        state: &mut S,
        wants: impl Fn(&S, Span) -> bool,
        mut each: impl FnMut(&mut S, usize, Event),
    ) -> io::Result<()> {
        let Some((file, mut blocks)) = self.blocks(path)? else { return Ok(()) };
        if from_end {
            blocks.reverse();
        }
        for block in blocks {
            if block.span().is_some_and(|span| wants(state, span)) {
                block.read(&file, |ordinal, event| each(state, ordinal, event))?;
            }
        }
        Ok(())
    }

    /// Returns the statistics of the events at or after `oldest` (epoch ms).
    pub(super) fn contents(&self, path: &Path, oldest: u64) -> io::Result<Option<Contents>> {
        let Some((file, blocks)) = self.blocks(path)? else { return Ok(None) };
        let mut found: Option<Contents> = None;
        for block in blocks {
            let Some(contents) = block.contents.filter(|contents| contents.last >= oldest) else { continue };
            if contents.first >= oldest {
                add(&mut found, contents);
                continue;
            }
            block.read(&file, |_, event| {
                if event.timestamp >= oldest {
                    add(&mut found, Contents::of(event.timestamp, event.ingested));
                }
            })?;
        }
        Ok(found)
    }

    /// Returns the file and its current blocks, or `None` if the file does not exist.
    fn blocks(&self, path: &Path) -> io::Result<Option<(File, Vec<Block>)>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        let mut indexed = self.indexed();
        if length < indexed.end {
            *indexed = Indexed::default();
        }
        let unfinished = if length > indexed.end { indexed.grow(&file)? } else { None };
        let blocks = indexed.blocks.iter().cloned().chain(unfinished).collect();
        drop(indexed);
        Ok(Some((file, blocks)))
    }

    fn indexed(&self) -> MutexGuard<'_, Indexed> {
        self.0.lock()
    }
}

impl Indexed {
    /// Indexes the added lines. Returns an unfinished last line as a block: it may still be being written.
    fn grow(&mut self, mut file: &File) -> io::Result<Option<Block>> {
        file.seek(SeekFrom::Start(self.end))?;
        let (mut reader, mut line) = (BufReader::with_capacity(256 << 10, file), Vec::new());
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)? as u64;
            if length == 0 {
                return Ok(None);
            }
            let (text, is_whole) = line.strip_suffix(b"\n").map_or((&line[..], false), |text| (text, true));
            let contents = parse::<Times>(text, self.lines)?.map(|times| Contents::of(times.t, times.i));
            let added = Block { offset: self.end, length, ordinal: self.lines, lines: 1, contents };
            if !is_whole {
                return Ok(Some(added));
            }
            self.end += length;
            self.lines += 1;
            match self.blocks.last_mut().filter(|block| block.length < BLOCK) {
                Some(block) => block.join(&added),
                None => self.blocks.push(added),
            }
        }
    }
}

impl Block {
    fn join(&mut self, next: &Block) {
        self.length += next.length;
        self.lines += next.lines;
        if let Some(contents) = next.contents {
            add(&mut self.contents, contents);
        }
    }

    fn span(&self) -> Option<Span> {
        let contents = self.contents?;
        Some(Span { first: (contents.first, self.ordinal), last: (contents.last, self.ordinal + self.lines - 1) })
    }

    fn read(&self, file: &File, mut each: impl FnMut(usize, Event)) -> io::Result<()> {
        let mut text = vec![0; usize::try_from(self.length).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut text, self.offset)?;
        for (ordinal, line) in (self.ordinal..self.ordinal + self.lines).zip(text.split(|byte| *byte == b'\n')) {
            if let Some(event) = parse(line, ordinal)? {
                each(ordinal, event);
            }
        }
        Ok(())
    }
}

impl Contents {
    fn of(timestamp: u64, ingested: u64) -> Contents {
        Contents { first: timestamp, last: timestamp, newest: ingested, count: 1 }
    }
}

fn add(found: &mut Option<Contents>, more: Contents) {
    *found = Some(found.map_or(more, |found| Contents {
        first: found.first.min(more.first),
        last: found.last.max(more.last),
        newest: found.newest.max(more.newest),
        count: found.count + more.count,
    }));
}

/// Parses an event of a line, or returns `None` if a crash cut the line short: it was never acknowledged then.
fn parse<'a, T: Deserialize<'a>>(line: &'a [u8], ordinal: usize) -> io::Result<Option<T>> {
    match serde_json::from_slice(line) {
        Ok(event) => Ok(Some(event)),
        Err(error) if error.is_eof() => Ok(None),
        Err(error) => {
            let damage = format!("it is damaged in line {}: {error}", ordinal + 1);
            Err(io::Error::new(io::ErrorKind::InvalidData, damage))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event_file;
    use super::*;
    use crate::durability::Durability;

    fn append(path: &Path, times: impl IntoIterator<Item = u64>) {
        let events = times.into_iter().map(|time| (time, format!("{time} {}", "x".repeat(1000)))).collect();
        event_file::append(path, events, Durability::Process).unwrap();
    }

    /// Returns the times of the events in blocks that overlap `from..=to`, and the number of these blocks.
    fn times(index: &EventIndex, path: &Path, from: u64, to: u64) -> (Vec<u64>, usize) {
        let parts = std::cell::Cell::new(0);
        let wants = |_: &Vec<u64>, span: Span| {
            let wants = span.last.0 >= from && span.first.0 <= to;
            parts.set(parts.get() + usize::from(wants));
            wants
        };
        let mut found = Vec::new();
        index.scan(path, false, &mut found, wants, |found, _, event| found.push(event.timestamp)).unwrap();
        (found, parts.get())
    }

    #[test]
    fn event_index_reads_few_blocks_for_few_events() {
        let folder = tempfile::tempdir().unwrap();
        let (path, index) = (folder.path().join("events"), EventIndex::default());
        append(&path, 0..2000);
        let (found, parts) = times(&index, &path, 1000, 1000);
        assert!(found.contains(&1000) && found.len() < 100 && parts == 1, "{parts} parts, {} events", found.len());
        // Added events are found, even out of order.
        append(&path, (2000..2100).chain([5]));
        assert_eq!(times(&index, &path, 0, u64::MAX).0.len(), 2101);
        let (found, parts) = times(&index, &path, 5, 5);
        assert_eq!((found.iter().filter(|time| **time == 5).count(), parts), (2, 2));
    }

    #[test]
    fn event_index_truncated_or_replaced_file_is_reindexed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, index) = (folder.path().join("events"), EventIndex::default());
        append(&path, 0..100);
        assert_eq!(times(&index, &path, 0, 99).0.len(), 100);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(times(&index, &path, 0, 99).0.len(), 0);
        append(&path, [7, 8]);
        assert_eq!(times(&index, &path, 0, 99).0, [7, 8]);
        // The length is the same, so only the code that replaced the file knows.
        std::fs::remove_file(&path).unwrap();
        append(&path, [5, 6]);
        index.forget();
        assert_eq!(times(&index, &path, 0, 99).0, [5, 6]);
    }

    #[test]
    fn event_index_contents_cover_the_retained_events() {
        let folder = tempfile::tempdir().unwrap();
        let (path, index) = (folder.path().join("events"), EventIndex::default());
        assert!(index.contents(&path, 0).unwrap().is_none());
        append(&path, 0..300);
        let shown = |oldest| {
            let contents = index.contents(&path, oldest).unwrap();
            contents.map(|contents| (contents.first, contents.last, contents.count))
        };
        assert_eq!(shown(0), Some((0, 299, 300)));
        assert_eq!(shown(130), Some((130, 299, 170)));
        assert_eq!(shown(300), None);
    }
}
