//! Rows of quantities that nothing asks for: where they hold numbers, one may be a temperature of another name.

use super::super::number::number;
use super::super::output::Output;
use super::super::row_splitter::Cells;
use super::CsvColumns;

impl CsvColumns {
    /// Counts a row that is left out, by the name of its quantity.
    pub(in super::super) fn note_other_quantity(&self, cells: Cells<'_>, section: &str, output: &mut Output) {
        let Some(long) = &self.long else { return };
        if number(&self.value(&long.value, cells, section), output.builder.sign).is_ok() {
            output.builder.facts.other_quantities.add(&self.value(&long.quantity, cells, section));
        }
    }
}
