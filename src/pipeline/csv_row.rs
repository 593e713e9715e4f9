//! CSV rows out of lines: quoted values may hold commas, quotes and line feeds.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

/// Puts the lines of one row together and splits them into cells.
pub(super) struct RowParser {
    parser: Reader,
    text: Vec<u8>,
    written: usize,
    ends: Vec<usize>,
    cells: usize,
}

impl RowParser {
    pub(super) fn new() -> Self {
        let parser = ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build();
        RowParser { parser, text: vec![0; 1024], written: 0, ends: vec![0; 32], cells: 0 }
    }

    /// Takes a line without its end; false while a quoted value goes on in the next one.
    pub(super) fn feed(&mut self, line: &[u8]) -> bool {
        self.parse(line);
        self.parse(b"\n")
    }

    /// Forgets the row, to begin the next one.
    pub(super) fn reset(&mut self) {
        self.parser.reset();
        self.written = 0;
        self.cells = 0;
    }

    /// The cells of a whole row; nothing where one is not UTF-8.
    pub(super) fn cells(&self) -> Option<Vec<&str>> {
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
        assert!(!row.feed(b"x,\"one"));
        assert!(row.feed(b"two\",y"));
        assert_eq!(row.cells().unwrap(), ["x", "one\ntwo", "y"]);
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
            prop::collection::vec("[a-z,\"\n é]{0,40}", 2..60), 1..6)) {
            let mut parser = RowParser::new();
            for cells in rows {
                let mut writer = csv::Writer::from_writer(Vec::new());
                writer.write_record(&cells).unwrap();
                let bytes = writer.into_inner().unwrap();
                let line = bytes.strip_suffix(b"\n").unwrap();
                parser.reset();
                let lines: Vec<_> = line.split(|byte| *byte == b'\n').collect();
                for (index, part) in lines.iter().enumerate() {
                    prop_assert_eq!(parser.feed(part), index + 1 == lines.len());
                }
                prop_assert_eq!(parser.cells().unwrap(), cells);
            }
        }
    }
}
