//! CSV rows out of lines: quoted values may hold commas, quotes and line feeds.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

/// Puts the lines of one row together and splits them into cells.
pub(crate) struct RowParser {
    parser: Reader,
    text: Vec<u8>,
    written: usize,
    ends: Vec<usize>,
    cells: usize,
}

impl RowParser {
    pub(crate) fn new() -> Self {
        let parser = ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build();
        let mut row = RowParser { parser, text: vec![0; 1024], written: 0, ends: vec![0; 32], cells: 0 };
        row.reset();
        row
    }

    /// Takes a line with its end; false while a quoted value goes on in the next one.
    pub(crate) fn feed(&mut self, line: &[u8]) -> bool {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        self.parse(content);
        let complete = self.parse(b"\n");
        if complete && content.ends_with(b"\r") {
            // Half of a line end, taken for the last byte of the last value. Where a quote is open it is one.
            self.written -= 1;
            self.ends[self.cells - 1] -= 1;
        }
        complete
    }

    /// Forgets the row, to begin the next one.
    pub(crate) fn reset(&mut self) {
        self.parser.reset();
        self.written = 0;
        self.cells = 0;
        // The parser drops a byte order mark from the beginning of what it reads, which a row is not; after an empty
        // line, which it passes over, it no longer looks for one.
        self.parse(b"\n");
    }

    /// The cells of a whole row; nothing where one is not UTF-8.
    pub(crate) fn cells(&self) -> Option<Vec<&str>> {
        let text = std::str::from_utf8(&self.text[..self.written]).ok()?;
        let mut begin = 0;
        let mut cells = Vec::with_capacity(self.cells);
        for end in &self.ends[..self.cells] {
            cells.push(text.get(begin..*end)?);
            begin = *end;
        }
        Some(cells)
    }

    fn parse(&mut self, mut input: &[u8]) -> bool {
        while !input.is_empty() {
            let (result, read, written, cells) =
                self.parser.read_record(input, &mut self.text[self.written..], &mut self.ends[self.cells..]);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_hold_commas_quotes_and_line_feeds_together() {
        let mut row = RowParser::new();
        assert!(row.feed(br#"a,"b,""c""",,d"e"#));
        assert_eq!(row.cells().unwrap(), ["a", "b,\"c\"", "", "d\"e"]);
        row.reset();
        assert!(!row.feed(b"x,\"one\n"));
        assert!(row.feed(b"two\",y"));
        assert_eq!(row.cells().unwrap(), ["x", "one\ntwo", "y"]);
    }

    #[test]
    fn line_ends_in_quotes_and_a_byte_order_mark_within_the_file_are_part_of_the_value() {
        let mut row = RowParser::new();
        assert!(!row.feed(b"\"one\r\n"));
        assert!(row.feed(b"two\",x\r\n"));
        assert_eq!(row.cells().unwrap(), ["one\r\ntwo", "x"]);
        row.reset();
        assert!(row.feed("\u{feff}a,b\r\n".as_bytes()));
        assert_eq!(row.cells().unwrap(), ["\u{feff}a", "b"]);
    }

    #[test]
    fn a_cell_that_is_not_utf_8_is_noticed() {
        let mut row = RowParser::new();
        assert!(row.feed(b"a,\xff"));
        assert_eq!(row.cells(), None);
    }

    proptest! {
        #[test]
        fn whatever_the_csv_writer_writes_is_read(rows in prop::collection::vec(
            prop::collection::vec("[a-z,\"\r\n é]{0,40}", 2..60), 1..6), windows in any::<bool>()) {
            let mut parser = RowParser::new();
            for cells in rows {
                let end = if windows { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
                let mut writer = csv::WriterBuilder::new().terminator(end).from_writer(Vec::new());
                writer.write_record(&cells).unwrap();
                let bytes = writer.into_inner().unwrap();
                parser.reset();
                let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
                for (index, part) in lines.iter().enumerate() {
                    prop_assert_eq!(parser.feed(part), index + 1 == lines.len());
                }
                prop_assert_eq!(parser.cells().unwrap(), cells);
            }
        }
    }
}
