//! Properties of all rows of a file, by its first ones.

use super::super::measured::without_unit;
use super::super::number::DecimalSign;
use super::super::output::Output;
use super::super::row_splitter::RowSplitter;
use super::CsvParser;
use super::cut_row::LastCells;
use super::row_shape::{Evidence, decimal_evidence};

impl CsvParser {
    /// Looks at the rows that are read already: numbers with a comma are certain only by those that show more than three
    /// digits, or fewer, behind it, and whole days of a spreadsheet by those with a fraction.
    pub(super) fn sample_values(&mut self, output: &mut Output) {
        let mut splitter = RowSplitter::new(self.splitter.delimiter());
        let numeric: Vec<_> = self.columns.numeric().collect();
        let ahead = self.again.iter().map(|line| line.bytes.as_slice());
        // The part behind the last line end may be cut.
        let buffer = self.lines.buffer();
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let (whole, rest) = buffer.split_at(buffer.iter().rposition(is_end).map_or(0, |at| at + 1));
        let lines = ahead.chain(whole.split(is_end)).map(|line| (line, true)).chain([(rest, false)]);
        let mut last_cells = Vec::new();
        for (line, is_whole) in lines {
            let Ok(text) = std::str::from_utf8(line) else { continue };
            if splitter.needs_quotes(line) {
                continue;
            }
            let cells = splitter.plain(text);
            if is_whole && cells.len() == self.columns.names().len() {
                last_cells.push(cells.get(cells.len() - 1).to_owned());
            }
            if let Some(time) = self.columns.time() {
                output.builder.see_time(cells.get(time));
            }
            for at in numeric.iter().take_while(|_| self.is_sign_open) {
                match decimal_evidence(without_unit(cells.get(*at))) {
                    Some(Evidence::Comma) => output.builder.sign = DecimalSign::Comma,
                    Some(Evidence::Point) => output.builder.sign = DecimalSign::Point,
                    Some(Evidence::Either) | None => continue,
                }
                self.is_sign_open = false;
                break;
            }
        }
        self.last_cells = LastCells::of_rows(&last_cells);
    }
}
