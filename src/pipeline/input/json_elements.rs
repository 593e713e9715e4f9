//! JSON values one after the other: glued, over several lines, or the elements of an array. None is held with another.

use std::io::{self, BufRead, BufReader, Read};

use memchr::{memchr, memchr3};

use super::line_reader::{LineReader, MAX_LINE_BYTES};

/// Outcome of one call of [`JsonElements::append`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementStatus {
    /// A value, whole or broken.
    Element,
    /// The beginning of a value that is too long; the rest of it was passed over, or is in the file.
    TooLong,
    /// The beginning of a value, or of an array, that the input ends in.
    Cut,
    /// Nothing more.
    End,
}

/// Splits an input into JSON values by their brackets.
pub(super) struct JsonElements {
    source: BufReader<Box<dyn Read + Send>>,
    line: u64,
    element_line: u64,
    offset: u64,
    is_in_array: bool,
    arrays: u64,
    /// Bytes of the object that [`JsonElements::object_line`] found.
    object_line: usize,
    /// How often it found none, or one that was no whole object, since it was of use.
    misses: u8,
}

/// Bytes within which an object ends that is looked at as a line.
const OBJECT_LINE_BYTES: usize = 16 * 1024;
/// How many misses show that values and lines are not the same.
const MAX_MISSES: u8 = 4;

/// How far a value is read.
#[derive(Default)]
struct Scan {
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
    /// The last byte outside of strings that is no blank.
    last: u8,
}

/// Where a scan of some bytes ended.
enum Step {
    /// All bytes belong to the value.
    More,
    /// The value ends behind so many bytes.
    Ends(usize),
}

impl JsonElements {
    /// Begins at the first byte of line `line`, which has `offset` bytes before it.
    pub(super) fn new(source: BufReader<Box<dyn Read + Send>>, line: u64, offset: u64) -> Self {
        JsonElements {
            source,
            line,
            element_line: line,
            offset,
            is_in_array: false,
            arrays: 0,
            object_line: 0,
            misses: 0,
        }
    }

    /// Leaves out [`JsonElements::object_line`].
    #[cfg(test)]
    pub(super) fn without_object_lines(self) -> Self {
        JsonElements { misses: MAX_MISSES, ..self }
    }

    /// Goes on where lines were read before.
    pub(super) fn of(lines: LineReader) -> Self {
        let (line, offset) = (lines.number() + 1, lines.offset());
        JsonElements::new(lines.into_rest(), line, offset)
    }

    /// Returns whether reading the next value may block.
    pub(super) fn may_block(&self) -> bool {
        memchr(b'}', self.source.buffer()).is_none()
    }

    /// Returns the line in which the value that was read last begins.
    pub(super) fn number(&self) -> u64 {
        self.element_line
    }

    /// Returns lines and bytes that were read.
    pub(super) fn position(&self) -> (u64, u64) {
        (self.line.saturating_sub(1), self.offset)
    }

    /// Returns how many arrays were begun.
    pub(super) fn arrays(&self) -> u64 {
        self.arrays
    }

    /// Returns the next value where it seems to be an object on one line, as in most files: what is between its first
    /// bracket and the end of the line, and the line's number. The caller sees whether it is a whole object, which spares a
    /// search for its end.
    pub(super) fn object_line(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        self.object_line = 0;
        if self.misses >= MAX_MISSES || self.skip_to_value()? != Some(b'{') {
            return Ok(None);
        }
        let ready = self.source.buffer();
        let ready = &ready[..ready.len().min(OBJECT_LINE_BYTES)];
        let Some(end) = memchr(b'\n', ready) else {
            self.misses += u8::from(ready.len() == OBJECT_LINE_BYTES);
            return Ok(None);
        };
        let line = ready[..end].trim_ascii_end();
        let line = line.strip_suffix(b",").unwrap_or(line).trim_ascii_end();
        if !line.ends_with(b"}") {
            self.misses += 1;
            return Ok(None);
        }
        self.object_line = line.len();
        Ok(Some((self.line, &self.source.buffer()[..self.object_line])))
    }

    /// Passes over the object that [`JsonElements::object_line`] found, if it was whole; else it is read as any value.
    pub(super) fn pass_object_line(&mut self, is_whole: bool) {
        let bytes = std::mem::take(&mut self.object_line);
        if is_whole {
            self.misses = 0;
            self.element_line = self.line;
            self.source.consume(bytes);
            self.offset += bytes as u64;
        } else {
            self.misses += 1;
        }
    }

    /// Appends the next value to `element`, which never grows beyond [`MAX_LINE_BYTES`].
    pub(super) fn append(&mut self, element: &mut Vec<u8>) -> io::Result<ElementStatus> {
        self.append_or_keep(element, |_| Ok(()))
    }

    /// As [`JsonElements::append`]; all bytes of a value that is too long go to `keep`.
    pub(super) fn append_or_keep(
        &mut self,
        element: &mut Vec<u8>,
        mut keep: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<ElementStatus> {
        let Some(first) = self.skip_to_value()? else {
            let found = if self.is_in_array { ElementStatus::Cut } else { ElementStatus::End };
            self.is_in_array = false;
            return Ok(found);
        };
        self.element_line = self.line;
        let mut scan = Scan::default();
        let is_structure = matches!(first, b'{' | b'[');
        let mut found = ElementStatus::Element;
        loop {
            let ready = fill(&mut self.source)?;
            if ready.is_empty() {
                let is_whole = !is_structure && !scan.is_in_string;
                self.is_in_array = false;
                return Ok(if is_whole || found == ElementStatus::TooLong { found } else { ElementStatus::Cut });
            }
            let step = if is_structure { scan.structure(ready) } else { scan.scalar(ready) };
            let (taken, is_end) = match step {
                Step::More => (ready.len(), false),
                Step::Ends(at) => (at, true),
            };
            let room = MAX_LINE_BYTES - element.len();
            if taken > room && found != ElementStatus::TooLong {
                found = ElementStatus::TooLong;
                keep(element)?;
            }
            if found == ElementStatus::TooLong {
                keep(&ready[..taken])?;
            }
            element.extend_from_slice(&ready[..taken.min(room)]);
            self.line += count_lines(&ready[..taken]);
            self.source.consume(taken);
            self.offset += taken as u64;
            if is_end {
                return Ok(found);
            }
        }
    }

    /// Passes over blanks, commas, record separators (RFC 7464), the brackets of the outermost array, and the byte order mark
    /// of a file that was joined to another one.
    fn skip_to_value(&mut self) -> io::Result<Option<u8>> {
        loop {
            let ready = fill(&mut self.source)?;
            if ready.is_empty() {
                return Ok(None);
            }
            let mut taken = 0;
            let mut first = None;
            for byte in ready {
                match byte {
                    b'\n' => self.line += 1,
                    b' ' | b'\t' | b'\r' | b',' | 0x1e | 0xef | 0xbb | 0xbf => {}
                    b'[' if !self.is_in_array => {
                        self.is_in_array = true;
                        self.arrays += 1;
                    }
                    b']' if self.is_in_array => self.is_in_array = false,
                    other => {
                        first = Some(*other);
                        break;
                    }
                }
                taken += 1;
            }
            self.source.consume(taken);
            self.offset += taken as u64;
            if first.is_some() {
                return Ok(first);
            }
        }
    }
}

impl Scan {
    /// Passes over an object or array. A string that a line ends in, or a bracket where none can begin, breaks the value
    /// off, so that the next one is whole.
    fn structure(&mut self, ready: &[u8]) -> Step {
        let mut at = 0;
        while at < ready.len() {
            if self.is_in_string {
                if self.is_escaped {
                    self.is_escaped = false;
                    at += 1;
                    continue;
                }
                let Some(next) = memchr3(b'"', b'\\', b'\n', &ready[at..]) else { return Step::More };
                at += next + 1;
                match ready[at - 1] {
                    b'"' => {
                        self.is_in_string = false;
                        self.last = b'"';
                    }
                    b'\\' => self.is_escaped = true,
                    _ => return Step::Ends(at - 1),
                }
                continue;
            }
            match ready[at] {
                b'"' => self.is_in_string = true,
                b'{' | b'[' => {
                    if self.depth > 0 && !matches!(self.last, b':' | b',' | b'[') {
                        return Step::Ends(at);
                    }
                    self.depth += 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Step::Ends(at + 1);
                    }
                }
                _ => {}
            }
            if !ready[at].is_ascii_whitespace() {
                self.last = ready[at];
            }
            at += 1;
        }
        Step::More
    }

    /// Passes over anything else, up to where an object or line may begin.
    fn scalar(&mut self, ready: &[u8]) -> Step {
        let end = ready.iter().position(|byte| matches!(byte, b'\n' | b',' | b'{' | b']'));
        match end {
            // At least one byte, or it would be read for ever.
            Some(0) if self.last == 0 => Step::Ends(1),
            Some(at) => Step::Ends(at),
            None => {
                self.last = b'x';
                Step::More
            }
        }
    }
}

fn fill(source: &mut BufReader<Box<dyn Read + Send>>) -> io::Result<&[u8]> {
    // The borrow of the first call would live on: look first, then hand out.
    loop {
        match source.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    source.fill_buf()
}

fn count_lines(bytes: &[u8]) -> u64 {
    let mut lines = 0;
    let mut rest = bytes;
    while let Some(at) = memchr(b'\n', rest) {
        lines += 1;
        rest = &rest[at + 1..];
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(text: &str, capacity: usize) -> Vec<(u64, String, ElementStatus)> {
        let bytes: Box<dyn Read + Send> = Box::new(io::Cursor::new(text.as_bytes().to_vec()));
        let mut elements = JsonElements::new(BufReader::with_capacity(capacity, bytes), 1, 0);
        let mut all = Vec::new();
        loop {
            let mut element = Vec::new();
            match elements.append(&mut element).unwrap() {
                ElementStatus::End => {
                    assert_eq!(elements.offset, text.len() as u64);
                    return all;
                }
                found => all.push((elements.number(), String::from_utf8(element).unwrap(), found)),
            }
        }
    }

    fn whole(line: u64, text: &str) -> (u64, String, ElementStatus) {
        (line, text.to_owned(), ElementStatus::Element)
    }

    #[test]
    fn values_are_split_whatever_stands_between_them() {
        for capacity in [1, 2, 7, 4096] {
            assert_eq!(split("{\"a\":1}{\"b\":[{}]}", capacity), [whole(1, "{\"a\":1}"), whole(1, "{\"b\":[{}]}")]);
            assert_eq!(
                split("[\n{\"a\":1},\n{\"b\":2}\n]\n", capacity),
                [whole(2, "{\"a\":1}"), whole(3, "{\"b\":2}")]
            );
            assert_eq!(split("{\"a\":1},\r\n\x1e{\"b\":2},\r\n", capacity).len(), 2);
            assert_eq!(split("{\n  \"a\": 1\n}\n{\n}\n", capacity), [whole(1, "{\n  \"a\": 1\n}"), whole(4, "{\n}")]);
            assert_eq!(
                split("[{\"a\":\"}\\\"{,]\"}][{}]", capacity),
                [whole(1, "{\"a\":\"}\\\"{,]\"}"), whole(1, "{}")]
            );
            assert_eq!(split("[[{}],1]", capacity), [whole(1, "[{}]"), whole(1, "1")]);
            assert_eq!(split("", capacity), []);
        }
    }

    #[test]
    fn broken_value_costs_itself_and_not_the_next() {
        let texts = |text: &str| split(text, 64).into_iter().map(|(_, text, _)| text).collect::<Vec<_>>();
        assert_eq!(texts("{\"a:1}\n{\"b\":2}"), ["{\"a:1}", "{\"b\":2}"]);
        assert_eq!(texts("{\"a\":1\n{\"b\":2}"), ["{\"a\":1\n", "{\"b\":2}"]);
        assert_eq!(texts("not json\n{\"b\":2}"), ["not json", "{\"b\":2}"]);
        assert_eq!(texts("}{\"b\":2}"), ["}", "{\"b\":2}"]);
    }

    #[test]
    fn cut_value_and_cut_array_are_known() {
        assert_eq!(split("{\"a\":1}{\"b", 64)[1], (1, "{\"b".to_owned(), ElementStatus::Cut));
        assert_eq!(split("[{\"a\":1},", 64)[1], (1, String::new(), ElementStatus::Cut));
    }

    #[test]
    fn long_value_is_passed_over_without_being_held() {
        let text = format!("{{\"a\":\"{}\"}}{{\"b\":2}}", "x".repeat(3 * MAX_LINE_BYTES));
        let all = split(&text, 64 * 1024);
        assert_eq!((all[0].1.len(), all[0].2), (MAX_LINE_BYTES, ElementStatus::TooLong));
        assert_eq!(all[1], whole(1, "{\"b\":2}"));
    }

    proptest! {
        #[test]
        fn any_values_are_split_as_they_were_joined(
            values in prop::collection::vec("\\{(\"[a-z\\[\\]{},\\\\n]{0,6}\":(1|\"x,y\"|\\[\\]|\\{\\}))?\\}", 0..8),
            between in prop_oneof![Just(""), Just(","), Just("\n"), Just(" ,\r\n ")],
            is_array in any::<bool>(),
            capacity in 1_usize..9,
        ) {
            let values: Vec<_> = values.into_iter().filter(|value| serde_json::from_str::<serde_json::Value>(value).is_ok()).collect();
            let joined = values.join(between);
            let text = if is_array { format!("[{joined}]") } else { joined };
            let split: Vec<_> = split(&text, capacity).into_iter().map(|(_, text, _)| text).collect();
            prop_assert_eq!(split, values);
        }
    }
}
