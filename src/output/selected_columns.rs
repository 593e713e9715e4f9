//! Columns that were chosen by name, for rows that may lack some.

use serde_json::value::RawValue;

use super::csv::CsvTexts;
use super::row::Row;
use crate::error::Error;
use crate::pipeline::RowField;

/// The columns, in their order.
#[derive(Debug)]
pub(super) struct SelectedColumns(Vec<RowField>);

impl SelectedColumns {
    pub(super) fn new(fields: Vec<RowField>) -> Self {
        SelectedColumns(fields)
    }

    /// Returns the names for the header of a table.
    pub(super) fn headers(&self) -> Vec<&str> {
        self.0.iter().map(|field| field.title.as_str()).collect()
    }

    /// Returns the texts of a row; empty where it has no value.
    pub(super) fn texts<R: Row>(&self, row: &R) -> Vec<String> {
        self.0.iter().map(|field| row.cell(field).map(|cell| cell.text).unwrap_or_default()).collect()
    }

    /// Returns a row as an object of the values that it has.
    pub(super) fn json<R: Row>(&self, row: &R) -> Result<String, Error> {
        let failed = |error| Error::failed("could not write JSON").with_source(error);
        let mut text = String::from("{");
        for field in &self.0 {
            let Some(cell) = row.cell(field) else { continue };
            let separator = if text.len() > 1 { "," } else { "" };
            let name = serde_json::to_string(&field.title).map_err(failed)?;
            let value = RawValue::from_string(cell.json).map_err(failed)?;
            text.push_str(&format!("{separator}{name}:{}", value.get()));
        }
        text.push('}');
        Ok(text)
    }

    pub(super) fn push_csv_header(&self, texts: CsvTexts, out: &mut Vec<u8>) -> Result<(), Error> {
        texts.write_line(self.0.iter().map(|field| field.title.clone()).collect(), out)
    }

    pub(super) fn push_csv<R: Row>(&self, row: &R, texts: CsvTexts, out: &mut Vec<u8>) -> Result<(), Error> {
        texts.write_line(self.texts(row), out)
    }
}
