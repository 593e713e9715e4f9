//! Rows out of lines: quoted values may hold delimiters, quotes and line feeds.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};
use memchr::{memchr, memchr_iter, memchr2};

use super::number::trimmed;
use super::options::Delimiter;

/// Splits the lines of one row into cells.
pub(super) struct RowSplitter {
    delimiter: Delimiter,
    quoted: Reader,
    text: Vec<u8>,
    written: usize,
    place: Place,
    /// True if text follows a closing quote: the quote before it closed no value, or opened none.
    has_stray_quote: bool,
    /// Ends of the cells in `text`, as the parser of quotes counts them.
    ends: Vec<usize>,
    cells: usize,
    /// Begin and end of each cell of a row without quotes.
    ranges: Vec<(usize, usize)>,
}

/// Where in a cell the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the first byte that is no blank.
    Begin,
    /// In a value without quotes, where a quote is a byte like any other.
    Plain,
    Quoted,
    /// Behind a quote that closes the value, unless another quote follows.
    Closed,
    /// Behind blanks that follow the closing quote.
    Behind,
}

/// The cells of one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cells<'a> {
    text: &'a str,
    /// Without blanks around them.
    ranges: &'a [(usize, usize)],
}

/// The cells of one row, of which some are made of two.
#[derive(Debug)]
pub(super) struct JoinedCells<'a> {
    text: &'a str,
    ranges: Vec<(usize, usize)>,
}

impl JoinedCells<'_> {
    pub(super) fn cells(&self) -> Cells<'_> {
        Cells { text: self.text, ranges: &self.ranges }
    }
}

impl<'a> Cells<'a> {
    pub(super) fn len(self) -> usize {
        self.ranges.len()
    }

    /// Returns a cell without blanks around it; an empty one behind the last.
    pub(super) fn get(self, at: usize) -> &'a str {
        self.ranges.get(at).and_then(|(begin, end)| self.text.get(*begin..*end)).unwrap_or_default()
    }

    /// Returns the cells with each pair from one on as one, where nothing but the delimiter stands between the two.
    pub(super) fn joined_from(self, begin: usize) -> Option<JoinedCells<'a>> {
        let (whole, pairs) = self.ranges.split_at_checked(begin)?;
        let mut ranges = whole.to_vec();
        for pair in pairs.chunks(2) {
            let [(begin, end), (next, last)] = pair else { return None };
            if *next != end + 1 {
                return None;
            }
            ranges.push((*begin, *last));
        }
        Some(JoinedCells { text: self.text, ranges })
    }

    pub(super) fn iter(self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).map(move |at| self.get(at))
    }
}

impl RowSplitter {
    pub(super) fn new(delimiter: Delimiter) -> Self {
        let byte = match delimiter {
            Delimiter::Byte(byte) => byte,
            Delimiter::Auto | Delimiter::Blanks => b',',
        };
        let quoted = ReaderBuilder::new().delimiter(byte).terminator(Terminator::Any(b'\n')).build();
        let (text, ends) = (vec![0; 1024], vec![0; 32]);
        let mut splitter = RowSplitter {
            delimiter,
            quoted,
            text,
            written: 0,
            place: Place::Begin,
            has_stray_quote: false,
            ends,
            cells: 0,
            ranges: Vec::new(),
        };
        splitter.reset();
        splitter
    }

    /// Returns the delimiter.
    pub(super) fn delimiter(&self) -> Delimiter {
        self.delimiter
    }

    /// Splits a line that holds a whole row without quotes.
    pub(super) fn plain<'a>(&'a mut self, line: &'a str) -> Cells<'a> {
        split_plain(self.delimiter, line, &mut self.ranges)
    }

    /// Returns the cells of a line without its end, or `None` if it does not hold a whole row, or is not UTF-8.
    pub(super) fn row_of_line<'a>(&'a mut self, line: &'a [u8]) -> Option<Cells<'a>> {
        let text = std::str::from_utf8(line).ok()?;
        if !self.needs_quotes(line) {
            return Some(self.plain(text));
        }
        self.reset();
        if self.feed(line) { self.fed() } else { None }
    }

    /// Returns whether a line has to be fed. So has one with zero bytes, which is looked at on that way.
    pub(super) fn needs_quotes(&self, line: &[u8]) -> bool {
        self.delimiter != Delimiter::Blanks && memchr2(b'"', 0, line).is_some()
    }

    /// Returns whether text follows the closing quote of a value that was fed, which makes the row uncertain.
    pub(super) fn has_stray_quote(&self) -> bool {
        self.has_stray_quote
    }

    /// Takes a line with its end; false while a quoted value goes on in the next one. A row with a stray quote is over.
    pub(super) fn feed(&mut self, line: &[u8]) -> bool {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        self.parse_quoted(content);
        let is_complete = self.parse(b"\n");
        if is_complete && content.ends_with(b"\r") {
            // Half of a line end, taken for the last byte of the last value. Where a quote is open it is one.
            self.written -= 1;
            self.ends[self.cells - 1] -= 1;
        }
        is_complete || self.has_stray_quote
    }

    /// Forgets the row, to begin the next one.
    pub(super) fn reset(&mut self) {
        self.quoted.reset();
        self.written = 0;
        self.place = Place::Begin;
        self.has_stray_quote = false;
        self.cells = 0;
        // The parser drops a byte order mark from the beginning of its input, which a row is not; after an empty line,
        // which it passes over, it no longer looks for one.
        self.parse(b"\n");
    }

    /// Returns the cells of a row that was fed; nothing where one is not UTF-8.
    pub(super) fn fed(&mut self) -> Option<Cells<'_>> {
        self.ranges.clear();
        let mut begin = 0;
        for end in &self.ends[..self.cells] {
            self.ranges.push((begin, *end));
            begin = *end;
        }
        let text = std::str::from_utf8(&self.text[..self.written]).ok()?;
        for range in &mut self.ranges {
            *range = without_blanks(text, *range)?;
        }
        Some(Cells { text, ranges: &self.ranges })
    }

    /// Parses a line without the blanks between a delimiter and a quote, which would make the quote a part of the value.
    fn parse_quoted(&mut self, content: &[u8]) {
        let Delimiter::Byte(delimiter) = self.delimiter else {
            self.parse(content);
            return;
        };
        let (mut begin, mut at) = (0, 0);
        while at < content.len() {
            let byte = content[at];
            let is_blank = matches!(byte, b' ' | b'\t') && byte != delimiter;
            if self.place == Place::Begin && is_blank {
                let end = content[at..].iter().position(|byte| !matches!(byte, b' ' | b'\t') || *byte == delimiter);
                let end = end.map_or(content.len(), |length| at + length);
                if content.get(end) == Some(&b'"') {
                    self.parse(&content[begin..at]);
                    begin = end;
                }
                at = end;
                continue;
            }
            self.place = match self.place {
                Place::Quoted => {
                    let Some(length) = memchr(b'"', &content[at..]) else { break };
                    at += length;
                    Place::Closed
                }
                Place::Closed if byte == b'"' => Place::Quoted,
                _ if byte == delimiter => Place::Begin,
                Place::Begin if byte == b'"' => Place::Quoted,
                Place::Closed | Place::Behind if is_blank || byte == b'\r' && at + 1 == content.len() => Place::Behind,
                Place::Closed | Place::Behind => {
                    self.has_stray_quote = true;
                    Place::Plain
                }
                Place::Begin | Place::Plain => Place::Plain,
            };
            at += 1;
        }
        self.parse(&content[begin..]);
    }

    fn parse(&mut self, mut input: &[u8]) -> bool {
        while !input.is_empty() {
            let (result, read, written, cells) =
                self.quoted.read_record(input, &mut self.text[self.written..], &mut self.ends[self.cells..]);
            input = &input[read..];
            self.written += written;
            self.cells += cells;
            match result {
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => return true,
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
            }
        }
        false
    }
}

/// Splits a line that holds a whole row without quotes; `ranges` may have been used before.
pub(super) fn split_plain<'a>(delimiter: Delimiter, line: &'a str, ranges: &'a mut Vec<(usize, usize)>) -> Cells<'a> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    ranges.clear();
    let delimiter = match delimiter {
        Delimiter::Blanks => {
            for part in line.split_ascii_whitespace() {
                let begin = part.as_ptr().addr() - line.as_ptr().addr();
                ranges.extend(without_blanks(line, (begin, begin + part.len())));
            }
            return Cells { text: line, ranges };
        }
        Delimiter::Byte(delimiter) => delimiter,
        Delimiter::Auto => b',',
    };
    let mut begin = 0;
    for at in memchr_iter(delimiter, line.as_bytes()).chain([line.len()]) {
        // A delimiter is ASCII, so both ends are character boundaries.
        ranges.push(without_blanks(line, (begin, at)).unwrap_or((begin, begin)));
        begin = at + 1;
    }
    Cells { text: line, ranges }
}

/// Returns the range of a cell without the blanks around it; nothing where it is not on character boundaries.
fn without_blanks(text: &str, (begin, end): (usize, usize)) -> Option<(usize, usize)> {
    let cell = text.get(begin..end)?;
    let trimmed = trimmed(cell);
    let begin = begin + (trimmed.as_ptr().addr() - cell.as_ptr().addr());
    Some((begin, begin + trimmed.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMMA: Delimiter = Delimiter::Byte(b',');

    fn fed(row: &mut RowSplitter) -> Option<Vec<String>> {
        row.fed().map(|cells| cells.iter().map(str::to_owned).collect())
    }

    #[test]
    fn quotes_hold_commas_quotes_and_line_feeds_together() {
        let mut row = RowSplitter::new(COMMA);
        assert!(row.feed(br#"a,"b,""c""",,d"e"#));
        assert_eq!(fed(&mut row).unwrap(), ["a", "b,\"c\"", "", "d\"e"]);
        row.reset();
        assert!(!row.feed(b"x,\"one\n"));
        assert!(row.feed(b"two\",y"));
        assert_eq!(fed(&mut row).unwrap(), ["x", "one\ntwo", "y"]);
        row.reset();
        assert!(row.feed(b" \"a\", \"b, \"\"c\"\"\" ,  d , \t\"e\"\r\n"));
        assert_eq!(fed(&mut row).unwrap(), ["a", "b, \"c\"", "d", "e"]);
        row.reset();
        assert!(!row.feed(b"x, \"one,\n"));
        assert!(row.feed(b" \"\"two, \",y"));
        assert_eq!(fed(&mut row).unwrap(), ["x", "one,\n \"two,", "y"]);
    }

    #[test]
    fn text_behind_a_closing_quote_is_noticed_and_quotes_within_a_plain_value_are_text() {
        let stray = |lines: &[&str]| {
            let mut row = RowSplitter::new(COMMA);
            let complete: Vec<_> = lines.iter().map(|line| row.feed(line.as_bytes())).collect();
            assert_eq!(complete.iter().filter(|complete| **complete).count(), 1);
            row.has_stray_quote()
        };
        assert!(stray(&["\"a\"b,1\n"]) && stray(&["x, \"a\" b\n"]) && stray(&["x,\"a\" \"b\"\n"]));
        assert!(stray(&["x,\"5 inch\n", "1,2\n", "y,\"6 inch\n"]));
        assert!(!stray(&["\"a\" ,\"b\"\r\n"]) && !stray(&["5\",x\"y\"z,\"a\"\"b\"\n"]));
        assert!(!stray(&["x\",\"one\n", "\"\"two\"\"\n", "\",y\n"]));
    }

    #[test]
    fn line_ends_in_quotes_and_a_byte_order_mark_within_the_file_are_part_of_the_value() {
        let mut row = RowSplitter::new(COMMA);
        assert!(!row.feed(b"\"one\r\n"));
        assert!(row.feed(b"two\",x\r\n"));
        assert_eq!(fed(&mut row).unwrap(), ["one\r\ntwo", "x"]);
        row.reset();
        assert!(row.feed("\u{feff}a,b\r\n".as_bytes()));
        assert_eq!(fed(&mut row).unwrap(), ["\u{feff}a", "b"]);
    }

    #[test]
    fn a_cell_that_is_not_utf_8_is_noticed() {
        let mut row = RowSplitter::new(COMMA);
        assert!(row.feed(b"a,\xff"));
        assert_eq!(fed(&mut row), None);
    }

    #[test]
    fn blanks_separate_however_many_there_are_and_are_trimmed_in_every_cell() {
        let cells =
            |delimiter, line| RowSplitter::new(delimiter).plain(line).iter().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(cells(Delimiter::Blanks, "  2031 03  02\t7\r\n"), ["2031", "03", "02", "7"]);
        assert_eq!(cells(Delimiter::Byte(b';'), " a ; b;;\r\n"), ["a", "b", "", ""]);
    }

    proptest! {
        #[test]
        fn whatever_the_csv_writer_writes_is_read(rows in prop::collection::vec(
            prop::collection::vec("[a-z,\"\r\né]{0,40}", 2..60), 1..6), is_windows in any::<bool>(),
            delimiter in prop::sample::select(vec![b',', b';', b'\t'])) {
            let mut splitter = RowSplitter::new(Delimiter::Byte(delimiter));
            for cells in rows {
                let end = if is_windows { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
                let mut writer = csv::WriterBuilder::new().delimiter(delimiter).terminator(end).from_writer(Vec::new());
                writer.write_record(&cells).unwrap();
                let bytes = writer.into_inner().unwrap();
                splitter.reset();
                let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
                for (index, part) in lines.iter().enumerate() {
                    prop_assert_eq!(splitter.feed(part), index + 1 == lines.len());
                }
                let trimmed: Vec<_> = cells.iter().map(|cell| cell.trim().to_owned()).collect();
                prop_assert_eq!(fed(&mut splitter).unwrap(), trimmed.clone());
                if lines.len() == 1 && !splitter.needs_quotes(&bytes) {
                    let plain: Vec<_> = splitter.plain(std::str::from_utf8(&bytes).unwrap()).iter().map(str::to_owned).collect();
                    prop_assert_eq!(plain, trimmed);
                }
            }
        }
    }
}
