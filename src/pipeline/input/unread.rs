//! The unread part of the inputs of a bulk put that ended early.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use memchr::memchr_iter;
use parking_lot::Mutex;

use super::decoding::decoded;
use super::decompression::decompressed;
use crate::pipeline::InputOrigin;

/// How long the lines that are left are counted: a person waits for it.
pub(crate) const COUNT_LIMIT: Duration = Duration::from_secs(2);
const BLOCK: usize = 256 * 1024;

/// An input that was not read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    /// Which.
    pub origin: InputOrigin,
    /// Lines that were read; 0 where it was not begun.
    pub lines_read: u64,
    /// Lines that are left; none where they cannot be counted: a pipe, or more than can be counted in two seconds.
    pub lines: Option<u64>,
    /// Bytes that are left; none of a pipe.
    pub bytes: Option<u64>,
}

impl InputOrigin {
    /// Returns whether it can be read again from its beginning: a pipe cannot, whatever its name.
    #[must_use]
    pub(crate) fn is_replayable(&self) -> bool {
        match self {
            InputOrigin::Stdin => false,
            // `/dev/stdin` and `<(command)` are what this process got, and the next one gets something else.
            InputOrigin::File(path) => {
                let is_of_this_process = ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder));
                !is_of_this_process && path.metadata().is_ok_and(|found| found.is_file())
            }
        }
    }
}

/// How far each input has been read, shared with the thread that reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Positions(Arc<Mutex<Vec<Position>>>);

#[derive(Clone, Debug)]
struct Position {
    origin: InputOrigin,
    lines: u64,
    /// None where what is read is not what is in the file: compressed, or of another encoding.
    offset: Option<u64>,
    is_at_end: bool,
}

impl Positions {
    /// Every input at its beginning.
    pub(crate) fn at_beginning(origins: impl IntoIterator<Item = InputOrigin>) -> Self {
        let position = |origin| Position { origin, lines: 0, offset: Some(0), is_at_end: false };
        Positions(Arc::new(Mutex::new(origins.into_iter().map(position).collect())))
    }

    /// Notes how far the items go that were handed over.
    pub(crate) fn advance(&self, input: usize, (lines, offset): (u64, Option<u64>)) {
        self.change(input, |position| (position.lines, position.offset) = (lines, offset));
    }

    /// Notes that all items of an input were handed over.
    pub(crate) fn end(&self, input: usize) {
        self.change(input, |position| position.is_at_end = true);
    }

    fn change(&self, input: usize, change: impl FnOnce(&mut Position)) {
        let mut positions = self.0.lock();
        if let Some(position) = positions.get_mut(input) {
            change(position);
        }
    }

    /// Returns the bytes of all inputs that were read, if that is known of each.
    pub(crate) fn bytes_read(&self) -> Option<u64> {
        let length = |position: &Position| match &position.origin {
            InputOrigin::File(path) if position.is_at_end => path.metadata().ok().map(|found| found.len()),
            _ => position.offset,
        };
        self.0.lock().iter().map(length).sum()
    }

    /// Returns the inputs that were not read to their end, in their order, and counts what is left of them, for as long
    /// as the limit. Blocks.
    pub(crate) fn unread(&self, limit: Duration) -> Vec<Unread> {
        let positions = self.0.lock().clone();
        let deadline = Instant::now() + limit;
        positions.into_iter().filter(|position| !position.is_at_end).map(|position| position.rest(deadline)).collect()
    }
}

impl Position {
    fn rest(self, deadline: Instant) -> Unread {
        let Position { origin, lines: lines_read, offset, .. } = self;
        let (lines, bytes) = match &origin {
            InputOrigin::File(path) if origin.is_replayable() => {
                if let Some(offset) = offset {
                    let length = path.metadata().ok().map(|found| found.len().saturating_sub(offset));
                    (count_rest(path, offset, deadline).ok().flatten(), length)
                } else {
                    // A cut file ends in an error, wherever it is read again: how much was behind it is not known.
                    let all = count_text(path, deadline).ok().flatten();
                    (all.map(|all| all.saturating_sub(lines_read)), None)
                }
            }
            _ => (None, None),
        };
        Unread { origin, lines_read, lines, bytes }
    }
}

/// Counts the lines from a byte on. None at the deadline.
fn count_rest(path: &Path, offset: u64, deadline: Instant) -> io::Result<Option<u64>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    count_lines(file, deadline)
}

/// Counts the lines of a text that is compressed, or in another encoding. None at the deadline.
fn count_text(path: &Path, deadline: Instant) -> io::Result<Option<u64>> {
    let Ok(plain) = decompressed(Box::new(File::open(path)?))? else { return Ok(None) };
    count_lines(decoded(plain.reader, None)?.reader, deadline)
}

/// Counts lines, which end with a carriage return where there is no line feed; the last one needs no end.
fn count_lines(mut source: impl Read, deadline: Instant) -> io::Result<Option<u64>> {
    let mut block = vec![0; BLOCK];
    let (mut feeds, mut returns, mut last) = (0, 0, None);
    loop {
        if Instant::now() >= deadline {
            return Ok(None);
        }
        let read = match source.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        };
        let block = &block[..read];
        if block.is_empty() {
            let (end, lines) = if feeds == 0 && returns > 0 { (b'\r', returns) } else { (b'\n', feeds) };
            return Ok(Some(lines + u64::from(last.is_some_and(|last| last != end))));
        }
        last = block.last().copied();
        feeds += memchr_iter(b'\n', block).count() as u64;
        returns += memchr_iter(b'\r', block).count() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_of_a_file_is_counted_in_lines_and_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "one\ntwo\nthree").unwrap();
        let positions = Positions::at_beginning([InputOrigin::File(path.clone()), InputOrigin::Stdin]);
        let rest =
            |lines_read, lines, bytes| Unread { origin: InputOrigin::File(path.clone()), lines_read, lines, bytes };
        let pipe = |lines_read| Unread { origin: InputOrigin::Stdin, lines_read, lines: None, bytes: None };
        assert_eq!(positions.unread(COUNT_LIMIT), [rest(0, Some(3), Some(13)), pipe(0)]);
        positions.advance(0, (1, Some(4)));
        positions.advance(1, (7, Some(70)));
        assert_eq!(positions.unread(COUNT_LIMIT), [rest(1, Some(2), Some(9)), pipe(7)]);
        positions.end(0);
        assert_eq!(positions.unread(COUNT_LIMIT), [pipe(7)]);
        let late = Position { origin: InputOrigin::File(path.clone()), lines: 0, offset: Some(0), is_at_end: false };
        assert_eq!(late.rest(Instant::now()), rest(0, None, Some(13)), "too long to be counted");
    }

    #[test]
    fn rest_of_a_compressed_file_is_counted_unless_it_is_cut() {
        use std::io::Write as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.gz");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        let lines: u32 = 10_000;
        (0..lines).for_each(|n| writeln!(encoder, "{}", n.wrapping_mul(2_654_435_761)).unwrap());
        let bytes = encoder.finish().unwrap();
        let rest = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let positions = Positions::at_beginning([InputOrigin::File(path.clone())]);
            positions.advance(0, (1000, None));
            positions.unread(Duration::from_secs(60))[0].lines
        };
        assert_eq!(rest(&bytes), Some(9000));
        assert_eq!(rest(&bytes[..bytes.len() / 2]), None);
    }

    #[test]
    fn carriage_returns_end_lines_where_there_is_no_line_feed() {
        let count = |text: &'static str| count_lines(text.as_bytes(), Instant::now() + COUNT_LIMIT).unwrap().unwrap();
        assert_eq!([count("a\rb\rc"), count("a\rb\r"), count("a\r\nb"), count("")], [3, 2, 2, 0]);
    }

    #[test]
    fn only_a_regular_file_is_replayable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "").unwrap();
        assert!(InputOrigin::File(path).is_replayable());
        for other in ["/dev/stdin", "/dev/null", "/proc/self/cmdline", "no-such-file"] {
            assert!(!InputOrigin::File(other.into()).is_replayable(), "{other}");
        }
        assert!(!InputOrigin::Stdin.is_replayable() && !InputOrigin::File(dir.path().into()).is_replayable());
    }
}
