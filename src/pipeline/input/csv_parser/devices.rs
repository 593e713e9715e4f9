//! Rows of several devices that would be put as one sensor, and units beside their temperatures.

use sensor_model::truncate_for_log;

use super::super::csv_columns::device_options;
use super::super::output::Output;
use super::super::row_splitter::{JoinedCells, RowSplitter};
use super::CsvParser;
use super::no_header::NotCsv;

impl CsvParser {
    /// Looks at the rows that are read already.
    ///
    /// # Errors
    /// When a column names several devices that would be put as one sensor.
    pub(super) fn check_devices(&mut self, output: &mut Output) -> Result<(), NotCsv> {
        let may_mix_devices = self.columns.may_mix_devices();
        let ahead = self.again.iter().map(|line| line.bytes.as_slice());
        // The part behind the last line end may be cut.
        let buffer = self.lines.buffer();
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let whole = &buffer[..buffer.iter().rposition(is_end).map_or(0, |at| at + 1)];
        let mut splitter = RowSplitter::new(self.splitter.delimiter());
        for line in ahead.chain(whole.split(is_end)) {
            let Some(cells) = splitter.row_of_line(line) else { continue };
            // As the rows are read, with a delimiter at their end and numbers that commas part, too.
            let joined = if self.may_part_numbers { self.joined(cells) } else { None };
            let cells = joined.as_ref().map_or(cells, JoinedCells::cells);
            if self.columns.check_width(cells, self.options.short_rows).is_err() {
                continue;
            }
            if self.columns.is_wanted(cells, "", &output.builder) && self.columns.holds_reading(cells, &output.builder)
            {
                self.columns.see_units(cells);
                if may_mix_devices {
                    self.columns.see_device(cells);
                }
            }
        }
        self.columns.settle_units();
        if let Some(column) = self.columns.column_of_devices() {
            let name = truncate_for_log(column);
            let reason = format!("its column `{name}` names several devices, and all rows would be put as one sensor");
            let hints = device_options(column);
            return Err(hints.into_iter().fold(NotCsv::of_csv(reason), NotCsv::hint));
        }
        if let Some((found, hints)) = self.columns.column_of_series() {
            let name = truncate_for_log(&found.source);
            let reason = format!("rows of one time differ in its column `{name}`, and would be put as one sensor");
            return Err(hints.into_iter().fold(NotCsv::of_csv(reason), NotCsv::hint));
        }
        output.builder.facts.possible_devices.extend(self.columns.possible_series());
        Ok(())
    }
}
