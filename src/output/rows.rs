//! Rows as they come: never more of them in memory than a page for a table's widths.

use serde::Serialize;

use super::{Format, Output, cell, json, new_table};
use crate::error::Error;

/// How many rows decide a table's column widths; later rows are printed page by page.
const TABLE_PAGE: usize = 500;

/// Something that is shown as one line.
pub trait Row: Serialize {
    /// The names of the columns; the same for every row of one kind.
    fn columns() -> &'static [&'static str];
    /// The texts of the columns.
    fn cells(&self) -> Vec<String>;
}

/// Writes rows to stdout in one format.
#[derive(Debug)]
pub struct Rows {
    output: Output,
    format: Format,
    page: Vec<Vec<String>>,
    written: u64,
    buffer: Vec<u8>,
}

impl Rows {
    pub(super) fn new(output: Output, format: Format) -> Self {
        Rows { output, format, page: Vec::new(), written: 0, buffer: Vec::new() }
    }

    /// Writes one row; it may be held back until enough have come.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub fn push<R: Row>(&mut self, row: &R) -> Result<(), Error> {
        match self.format {
            Format::Auto | Format::Table => {
                self.page.push(row.cells());
                if self.page.len() >= TABLE_PAGE {
                    self.flush_table::<R>()?;
                }
            }
            Format::Json => {
                self.buffer.extend_from_slice(if self.written == 0 { b"[\n  " } else { b",\n  " });
                self.buffer.extend_from_slice(json::to_line(row)?.as_bytes());
            }
            Format::Ndjson => {
                self.buffer.extend_from_slice(json::to_line(row)?.as_bytes());
                self.buffer.push(b'\n');
            }
            Format::Csv => {
                if self.written == 0 {
                    self.csv_line(R::columns().iter().map(|name| (*name).to_owned()).collect())?;
                }
                self.csv_line(row.cells())?;
            }
        }
        self.written += 1;
        if self.buffer.len() >= 64 * 1024 {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what was held back and closes the document.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub fn finish<R: Row>(mut self) -> Result<u64, Error> {
        match self.format {
            Format::Auto | Format::Table => self.flush_table::<R>()?,
            Format::Json if self.written == 0 => self.buffer.extend_from_slice(b"[]\n"),
            Format::Json => self.buffer.extend_from_slice(b"\n]\n"),
            Format::Csv if self.written == 0 => {
                self.csv_line(R::columns().iter().map(|name| (*name).to_owned()).collect())?;
            }
            Format::Ndjson | Format::Csv => {}
        }
        self.flush()?;
        Ok(self.written)
    }

    /// Writes what is ready now, for rows that come slowly.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub fn flush(&mut self) -> Result<(), Error> {
        let bytes = std::mem::take(&mut self.buffer);
        self.output.bytes(&bytes)
    }

    fn flush_table<R: Row>(&mut self) -> Result<(), Error> {
        let mut table = new_table(R::columns());
        for cells in self.page.drain(..) {
            table.add_row(cells.iter().map(|text| cell(text)));
        }
        self.output.data(&table.trim_fmt())
    }

    fn csv_line(&mut self, cells: Vec<String>) -> Result<(), Error> {
        let mut writer = csv::Writer::from_writer(&mut self.buffer);
        writer.write_record(cells).map_err(|error| Error::failed("could not write CSV").caused_by(error))?;
        writer.flush().map_err(|error| Error::failed("could not write CSV").caused_by(error))
    }
}
