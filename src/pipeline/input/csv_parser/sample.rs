//! Properties of all rows of a file, by its first ones.

use super::super::measured::without_unit;
use super::super::number::{DecimalSign, has_quality};
use super::super::options::Delimiter;
use super::super::output::Output;
use super::super::row_splitter::RowSplitter;
use super::CsvParser;
use super::cut_row::LastCells;
use super::row_shape::{Evidence, decimal_evidence, decimals};

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
        if self.columns.may_number_rows() {
            self.pass_over_row_numbers();
        }
        self.last_cells = LastCells::of_rows(&last_cells);
        let is_open = self.options.decimal.unwrap_or_default() == DecimalSign::Auto;
        if is_open && self.splitter.delimiter() == Delimiter::Byte(b',') && self.has_quoted_commas(&numeric) {
            output.builder.sign = DecimalSign::Comma;
        }
    }

    /// Takes a first column without a name for no part of the readings, where it counts the rows that are read already.
    fn pass_over_row_numbers(&mut self) {
        let mut splitter = RowSplitter::new(self.splitter.delimiter());
        let ahead = self.again.iter().map(|line| line.bytes.as_slice());
        let buffer = self.lines.buffer();
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let whole = buffer.split_at(buffer.iter().rposition(is_end).map_or(0, |at| at + 1)).0;
        let lines = ahead.chain(whole.split(is_end)).filter(|line| !line.trim_ascii().is_empty());
        let first = lines.filter_map(|line| Some(splitter.row_of_line(line)?.get(0).to_owned()));
        let numbers: Vec<_> = first.collect();
        self.columns.pass_over_row_numbers(numbers.into_iter());
    }

    /// Returns whether the numbers between commas have commas themselves, in quotes: no number has a point, and of the
    /// columns with such numbers one holds nothing else.
    fn has_quoted_commas(&self, numeric: &[usize]) -> bool {
        let mut splitter = RowSplitter::new(self.splitter.delimiter());
        let mut has_commas = vec![false; numeric.len()];
        let mut has_others = vec![false; numeric.len()];
        let ahead = self.again.iter().map(|line| line.bytes.as_slice());
        for line in ahead.chain(self.lines.buffer().split(|byte| matches!(byte, b'\n' | b'\r'))) {
            let Some(cells) = splitter.row_of_line(line).filter(|cells| cells.len() == self.columns.names().len())
            else {
                continue;
            };
            for (place, at) in numeric.iter().enumerate() {
                let cell = without_unit(cells.get(*at));
                match decimal_evidence(cell) {
                    _ if has_quality(cell) => has_others[place] = true,
                    Some(Evidence::Point) => return false,
                    Some(Evidence::Comma) => has_commas[place] = true,
                    Some(Evidence::Either) => {}
                    None => has_others[place] |= !cell.is_empty() && decimals(cell).is_none() && !is_unit_or_name(cell),
                }
            }
        }
        has_commas.iter().zip(has_others).any(|(has_comma, has_other)| *has_comma && !has_other)
    }
}

/// Returns whether a cell has no digits, as in a row of units or a repeated header, or where nothing was measured.
fn is_unit_or_name(cell: &str) -> bool {
    !cell.bytes().any(|byte| byte.is_ascii_digit())
}
