//! Properties of all rows of a file, by its first ones.

use sensor_model::truncate_for_log;

use super::super::number::DecimalSign;
use super::super::options::Delimiter;
use super::super::output::Output;
use super::super::row_splitter::RowSplitter;
use super::CsvParser;
use super::column_signs::{ColumnSigns, sign_of};
use super::cut_row::LastCells;
use super::no_header::NotCsv;

impl CsvParser {
    /// Looks at the rows that are read already: numbers with a comma are certain only by those that show more than three
    /// digits, or fewer, behind it, and whole days of a spreadsheet by those with a fraction.
    ///
    /// # Errors
    /// When columns have different decimal signs, so that the numbers of one would be text.
    pub(super) fn sample_values(&mut self, output: &mut Output) -> Result<(), NotCsv> {
        let mut splitter = RowSplitter::new(self.splitter.delimiter());
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
            output.builder.see_day_second(&self.columns.time_text(cells));
        }
        if self.columns.may_number_rows() {
            self.pass_over_row_numbers();
        }
        self.last_cells = LastCells::of_rows(&last_cells);
        self.sample_decimal_signs(output)
    }

    /// Takes the decimal sign that the first rows show. Between commas it is a comma where numbers are quoted: no number has
    /// a point, and of the columns with commas one holds nothing else.
    fn sample_decimal_signs(&mut self, output: &mut Output) -> Result<(), NotCsv> {
        if self.options.decimal.unwrap_or_default() != DecimalSign::Auto {
            return Ok(());
        }
        let is_between_commas = self.splitter.delimiter() == Delimiter::Byte(b',');
        let signs = self.column_signs(is_between_commas);
        let has_temperature = signs.iter().any(|column| column.is_temperature && column.has_point());
        let sign = match sign_of(&signs) {
            // In quotes between commas, it may be a list.
            Err(_) if is_between_commas && has_temperature => return Ok(()),
            Err((comma, point)) => {
                let name = |at: usize| truncate_for_log(&self.columns.names()[at]);
                let reason = format!("its column `{}` has a decimal comma, and `{}` a point", name(comma), name(point));
                return Err(NotCsv::of_csv(reason).hint(
                    "`--decimal comma` or `--decimal point` says which sign its numbers have, and keeps what has the other one \
                     as text; `--drop COLUMN` leaves a column out",
                ));
            }
            Ok(sign) => sign,
        };
        if is_between_commas {
            let has_commas = signs.iter().any(ColumnSigns::has_commas_only);
            if has_commas && !signs.iter().any(ColumnSigns::has_point) {
                output.builder.sign = DecimalSign::Comma;
            }
        } else if let Some(sign) = sign {
            output.builder.sign = sign;
            self.is_sign_open = false;
        }
        Ok(())
    }

    /// Returns what the rows that are read already show. `is_whole` leaves out those of another width.
    fn column_signs(&self, is_whole: bool) -> Vec<ColumnSigns> {
        let temperatures = self.columns.temperatures().count();
        let column = |(place, at)| ColumnSigns::new(at, place < temperatures);
        let mut signs: Vec<_> = self.columns.numeric().enumerate().map(column).collect();
        let mut splitter = RowSplitter::new(self.splitter.delimiter());
        let ahead = self.again.iter().map(|line| line.bytes.as_slice());
        let lines = ahead.chain(self.lines.buffer().split(|byte| matches!(byte, b'\n' | b'\r')));
        for (row, line) in lines.enumerate() {
            let cells = splitter.row_of_line(line);
            let Some(cells) = cells.filter(|cells| !is_whole || cells.len() == self.columns.names().len()) else {
                continue;
            };
            for column in &mut signs {
                column.see(row, cells.get(column.at));
            }
        }
        signs
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
}
