//! Rows as they come: never more of them in memory than a page for a table's widths.

use super::csv::{CsvTable, CsvTexts};
use super::row::Row;
use super::selected_columns::SelectedColumns;
use super::time_style::TimeStyle;
use super::{Format, Output, table_of_rows};
use crate::error::Error;
use crate::pipeline::RowField;

/// How many rows decide a table's column widths; later rows are printed page by page.
const TABLE_PAGE: usize = 500;

/// Writes rows to stdout in one format.
#[derive(Debug)]
pub struct Rows {
    output: Output,
    format: Format,
    page: Vec<Vec<String>>,
    csv: Option<CsvTable>,
    selected: Option<SelectedColumns>,
    times: TimeStyle,
    is_csv_safe: bool,
    written: u64,
    buffer: Vec<u8>,
}

impl Rows {
    pub(super) fn new(output: Output, format: Format) -> Self {
        Rows {
            output,
            format,
            page: Vec::new(),
            csv: None,
            selected: None,
            times: TimeStyle::default(),
            is_csv_safe: false,
            written: 0,
            buffer: Vec::new(),
        }
    }

    /// Shows these columns only, in this order.
    #[must_use]
    pub(crate) fn selecting(mut self, columns: Vec<RowField>) -> Self {
        self.selected = Some(SelectedColumns::new(columns));
        self
    }

    /// Shows times in tables in this style.
    #[must_use]
    pub fn with_times(mut self, times: TimeStyle) -> Self {
        self.times = times;
        self
    }

    /// Writes texts in CSV so that no spreadsheet takes them for formulas.
    #[must_use]
    pub fn csv_safe(mut self) -> Self {
        self.is_csv_safe = true;
        self
    }

    /// Writes one row; it may be held back until enough have come.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub(crate) fn push<R: Row>(&mut self, row: &R) -> Result<(), Error> {
        match self.format {
            Format::Auto | Format::Table => {
                self.page.push(
                    self.selected.as_ref().map_or_else(|| row.cells_in(&self.times), |selected| selected.texts(row)),
                );
                if self.page.len() >= TABLE_PAGE {
                    self.flush_table::<R>()?;
                }
            }
            Format::Json => {
                let before = if self.written == 0 { R::json_document(0).0 } else { "," };
                self.buffer.extend_from_slice(before.as_bytes());
                self.buffer.extend_from_slice(b"\n  ");
                self.push_json(row)?;
            }
            Format::Ndjson => {
                self.push_json(row)?;
                self.buffer.push(b'\n');
            }
            Format::Csv => self.push_csv(row)?,
        }
        self.written += 1;
        if self.buffer.len() >= 64 * 1024 {
            self.flush()?;
        }
        Ok(())
    }

    /// Returns whether there was no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// Writes what was held back and closes the document.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub(crate) fn finish<R: Row>(mut self) -> Result<u64, Error> {
        match self.format {
            // No header without rows: the command prints a sentence instead.
            Format::Auto | Format::Table if self.page.is_empty() => {}
            Format::Auto | Format::Table => self.flush_table::<R>()?,
            Format::Json => {
                let (begin, end) = R::json_document(self.written);
                self.buffer.extend_from_slice(if self.written == 0 { begin.as_bytes() } else { b"\n" });
                self.buffer.extend_from_slice(end.as_bytes());
            }
            Format::Csv => self.finish_csv::<R>()?,
            Format::Ndjson => {}
        }
        self.flush()?;
        Ok(self.written)
    }

    /// Writes what was held back after a failure. A JSON document stays open: its reader must not take it for a whole one.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub(crate) fn break_off<R: Row>(mut self) -> Result<(), Error> {
        if self.format == Format::Json { self.flush() } else { self.finish::<R>().map(drop) }
    }

    /// Writes what is ready now, for rows that come slowly.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub fn flush(&mut self) -> Result<(), Error> {
        let bytes = std::mem::take(&mut self.buffer);
        self.output.bytes(&bytes)
    }

    /// Returns how the texts of CSV are written.
    fn csv_texts(&self) -> CsvTexts {
        CsvTexts { is_terminal: self.output.stdout_is_terminal, is_safe: self.is_csv_safe }
    }

    /// Writes all rows so far, for rows that come slowly. The columns of CSV are settled from then on.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub(crate) fn settle(&mut self) -> Result<(), Error> {
        if let Some(csv) = &mut self.csv {
            csv.settle_now(&mut self.buffer)?;
        }
        self.flush()
    }

    fn push_csv<R: Row>(&mut self, row: &R) -> Result<(), Error> {
        let texts = self.csv_texts();
        if let Some(selected) = &self.selected {
            if self.written == 0 {
                selected.push_csv_header(texts, &mut self.buffer)?;
            }
            return selected.push_csv(row, texts, &mut self.buffer);
        }
        let csv = self.csv.get_or_insert_with(|| CsvTable::new(R::csv_columns(), texts));
        csv.push(row.csv_cells(), &mut self.buffer)
    }

    fn finish_csv<R: Row>(&mut self) -> Result<(), Error> {
        let texts = self.csv_texts();
        match &self.selected {
            Some(selected) if self.written == 0 => selected.push_csv_header(texts, &mut self.buffer),
            Some(_) => Ok(()),
            None => {
                let csv = self.csv.take().unwrap_or_else(|| CsvTable::new(R::csv_columns(), texts));
                csv.finish(&mut self.buffer)
            }
        }
    }

    fn push_json<R: Row>(&mut self, row: &R) -> Result<(), Error> {
        let line = match &self.selected {
            Some(selected) => selected.json(row)?,
            None => row.json_line()?,
        };
        self.buffer.extend_from_slice(self.output.shown(line).as_bytes());
        Ok(())
    }

    fn flush_table<R: Row>(&mut self) -> Result<(), Error> {
        let table = match &self.selected {
            Some(selected) => table_of_rows(&selected.headers(), &self.page, &[]),
            None => table_of_rows(R::columns(), &self.page, R::squeezes()),
        };
        self.page.clear();
        self.output.data(&table)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::super::tests::output;
    use super::*;

    #[derive(Serialize)]
    struct Odd {
        text: &'static str,
    }

    impl Row for Odd {
        fn columns() -> &'static [&'static str] {
            &["text"]
        }

        fn cells(&self) -> Vec<String> {
            vec![self.text.to_owned()]
        }
    }

    #[test]
    fn json_that_was_broken_off_is_no_document() {
        let (output, captured) = Output::captured(Format::Json, false, 0);
        let mut rows = output.rows();
        rows.push(&Odd { text: "a" }).unwrap();
        rows.break_off::<Odd>().unwrap();
        let text = captured.texts().0;
        assert!(text.contains("\"a\"") && serde_json::from_str::<serde_json::Value>(&text).is_err(), "{text}");
    }

    #[test]
    fn row_as_csv_does_not_act_on_a_terminal() {
        let odd = Odd { text: "a\u{9b}2J\u{1b}[31m\u{202e}" };
        let written = |is_terminal| {
            let mut rows = Rows::new(output(Format::Csv, is_terminal), Format::Csv);
            rows.push(&odd).unwrap();
            let csv = rows.csv.take().unwrap();
            csv.finish(&mut rows.buffer).unwrap();
            String::from_utf8(std::mem::take(&mut rows.buffer)).unwrap()
        };
        assert_eq!(written(true), "text\na\u{fffd}2J\u{fffd}[31m\u{fffd}\n");
        assert!(written(false).contains(odd.text), "programs get the text as it is");
    }

    #[test]
    fn row_as_json_does_not_act_on_a_terminal() {
        let odd = Odd { text: "a\u{9b}2J\u{7f}\u{2066}" };
        for format in [Format::Json, Format::Ndjson] {
            let written = |is_terminal| {
                let mut rows = Rows::new(output(format, is_terminal), format);
                rows.push(&odd).unwrap();
                String::from_utf8(std::mem::take(&mut rows.buffer)).unwrap()
            };
            assert!(written(true).contains(r"a\u009b2J\u007f\u2066"), "{}", written(true));
            assert!(written(false).contains(odd.text), "programs get the text as it is");
        }
    }
}
