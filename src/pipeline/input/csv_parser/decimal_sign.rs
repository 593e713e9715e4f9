//! The decimal sign of a file, as its numbers show it.

use sensor_model::truncate_for_log;

use super::super::measured::without_unit;
use super::super::number::DecimalSign;
use super::super::output::Output;
use super::super::row_error::{RowError, row_error};
use super::super::row_splitter::Cells;
use super::CsvParser;
use super::row_shape::{Evidence, decimal_evidence};

impl CsvParser {
    /// Decides on the decimal sign by the first number that shows it. Until then `1,234` has no certain meaning.
    pub(super) fn watch_decimal_sign(&mut self, cells: Cells<'_>, output: &mut Output) -> Result<(), RowError> {
        let mut uncertain = None;
        for at in self.columns.numeric() {
            match decimal_evidence(without_unit(cells.get(at))) {
                Some(Evidence::Comma) => output.builder.sign = DecimalSign::Comma,
                Some(Evidence::Point) => output.builder.sign = DecimalSign::Point,
                Some(Evidence::Either) if cells.get(at).contains(',') => {
                    uncertain = Some(at);
                    continue;
                }
                Some(Evidence::Either) | None => continue,
            }
            self.is_sign_open = false;
            return Ok(());
        }
        match uncertain {
            None => Ok(()),
            Some(at) => {
                let name = truncate_for_log(&self.columns.names()[at]);
                let reason = format!(
                    "`{name}`: a comma before three digits may separate thousands or the fraction; `--decimal comma` or \
                     `--decimal point` says which"
                );
                Err(row_error("decimal-sign", reason))
            }
        }
    }
}
