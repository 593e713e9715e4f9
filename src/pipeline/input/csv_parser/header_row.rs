//! Headers between the rows of a file, as programs write one for each series, or for a table of another kind.

use sensor_model::truncate_for_log;

use super::super::csv_columns::{CsvColumns, unmarked};
use super::super::keys::TEMPERATURE;
use super::super::output::{Output, RawLine};
use super::super::row_error::{RowError, row_error};
use super::super::row_splitter::Cells;
use super::header_cells::is_value;
use super::joined_files::UnreadTable;
use super::row_shape::is_unit_row;
use super::{CsvParser, MAX_UNIT_ROWS};

const CODE: &str = "other-header";

impl UnreadTable {
    /// Returns the error of a row whose columns no header names that is read.
    fn error(&self) -> RowError {
        let line = self.line;
        match &self.error {
            None => {
                let reason =
                    format!("line {line} is the header of another table, which has not the columns that are read");
                row_error(CODE, reason)
            }
            Some(RowError { code, reason }) => {
                row_error(code, format!("it stands below the header in line {line}: {reason}"))
            }
        }
    }
}

/// Returns the error of a header that no filter lets through, until it is known what it is.
pub(super) fn left_out_header() -> RowError {
    row_error(CODE, "the header of another table")
}

impl CsvParser {
    /// Takes a line that is no reading where it is a header, or names units below one. Returns whether it is one.
    ///
    /// The header of a table without the columns that are read is rejected, and so is every row below it: by the columns
    /// of the table before, its values would be those of another quantity.
    pub(super) fn take_header(&mut self, cells: Cells<'_>, raw: RawLine<'_>, output: &mut Output) -> bool {
        if self.columns.is_header(cells) {
            if let Err(error) = self.take_lines_above(output) {
                return self.leave_unread(raw, error, output);
            }
            self.columns.set_defaults(std::mem::take(&mut self.defaults));
            self.unread_table = None;
            self.unit_rows = MAX_UNIT_ROWS;
        } else if self.unread_table.is_none() && (self.joined.skips() || self.is_unit_row(cells)) {
            if let Err(error) = self.take_line_below(cells, output) {
                return self.leave_unread(raw, error, output);
            }
            self.unit_rows = self.unit_rows.saturating_sub(1);
        } else if self.is_unit_row_between(cells) {
            if let Err(error) = self.take_units_between(cells, output) {
                return self.leave_unread(raw, error, output);
            }
            self.unread_table = None;
        } else {
            let mut columns = match self.other_header(cells, output) {
                Ok(columns) => columns,
                Err(reason) if self.is_other_header(cells) => {
                    self.unread_table = Some(UnreadTable { line: raw.number, error: None });
                    output.reject(raw, row_error(CODE, format!("the header of another table: {reason}")));
                    return true;
                }
                Err(_) => return false,
            };
            columns.set_defaults(std::mem::take(&mut self.defaults));
            let offset = columns.offset_in_header();
            let named = offset.map_or(Ok(()), |offset| output.builder.take_offset(&offset.to_string()));
            if let Err(error) = named {
                self.unread_table = Some(UnreadTable { line: raw.number, error: None });
                output.reject(raw, error);
                return true;
            }
            self.columns = columns;
            if let Err(error) = self.take_lines_above(output) {
                return self.leave_unread(raw, error, output);
            }
            self.take_zone_of_header(output);
            self.unit_rows = MAX_UNIT_ROWS;
            self.unread_table = None;
        }
        output.builder.facts.passed_over += 1;
        true
    }

    /// Rejects a header, or a row of units below one, and with it all rows below. Returns that it is one.
    fn leave_unread(&mut self, raw: RawLine<'_>, error: RowError, output: &mut Output) -> bool {
        self.unread_table = Some(UnreadTable { line: raw.number, error: Some(error.clone()) });
        output.reject(raw, error);
        true
    }

    /// Takes a row of a table that is not read: rejects it, unless it is a header that is.
    pub(super) fn unread_row(&mut self, cells: Cells<'_>, raw: RawLine<'_>, output: &mut Output) {
        if self.take_header(cells, raw, output) {
            return;
        }
        self.note_line(cells, raw.bytes);
        if let Some(table) = &self.unread_table {
            output.reject(raw, table.error());
        }
    }

    fn is_unit_row(&self, cells: Cells<'_>) -> bool {
        self.unit_rows > 0 && is_unit_row(cells, &self.columns, self.unit_rows < MAX_UNIT_ROWS)
    }

    /// Returns whether a row between the rows of values names units, also below others that are not those of the file.
    fn is_unit_row_between(&self, cells: Cells<'_>) -> bool {
        let may_end = |table: &UnreadTable| table.error.as_ref().is_some_and(|error| error.code == "unit");
        self.unread_table.as_ref().is_none_or(may_end) && is_unit_row(cells, &self.columns, false)
    }

    /// Returns whether a row is a header by whose names rows are read.
    pub(super) fn is_header_row(&self, cells: Cells<'_>, output: &Output) -> bool {
        self.columns.is_header(cells) || self.other_header(cells, output).is_ok()
    }

    /// Returns the columns of a header that stands between the rows.
    fn other_header(&self, cells: Cells<'_>, output: &Output) -> Result<CsvColumns, String> {
        if !self.options.columns.is_empty() || cells.len() < 2 {
            return Err("`--columns` names the columns".to_owned());
        }
        let names: Vec<_> = cells.iter().map(unmarked).collect();
        let columns = CsvColumns::bind(&names, &self.options, &output.builder, &self.surroundings)
            .map_err(|error| error.reason.split("; there are:").next().unwrap_or_default().to_owned())?;
        match (self.columns.temperature_name(), columns.temperature_name()) {
            // A pattern matches another column: a greatest value of days below values of hours.
            (Some(before), Some(here)) if before != here => Err(format!(
                "the column of `{TEMPERATURE}` has another name, with `{}` in place of `{}`",
                truncate_for_log(here),
                truncate_for_log(before)
            )),
            _ => self.check_names(&names, &columns).map(|()| columns),
        }
    }

    /// Returns whether a row is a header by its form: no cell is a value, and names of the header before are in it, the
    /// name of its time or two others.
    pub(super) fn is_other_header(&self, cells: Cells<'_>) -> bool {
        if !self.options.columns.is_empty() || cells.len() < 2 {
            return false;
        }
        let names = self.columns.names();
        let is_name = |cell: &str| !cell.is_empty() && names.iter().any(|name| name == unmarked(cell));
        let has_time = || self.columns.time_names().iter().any(|time| cells.iter().any(|cell| unmarked(cell) == *time));
        match cells.iter().filter(|cell| is_name(cell)).count() {
            0 => return false,
            1 if !has_time() => return false,
            _ => {}
        }
        cells.iter().all(|cell| is_name(cell) || !is_value(cell))
    }
}
