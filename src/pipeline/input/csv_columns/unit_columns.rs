//! Columns that name the unit of the temperature in each row.

use super::super::keys::{TEMPERATURE_UNIT, UNIT_FIELDS};
use super::super::options::InputOptions;
use super::super::reading_builder::ReadingBuilder;
use super::super::row_error::{RowError, row_error};
use super::super::row_splitter::Cells;
use super::super::unit_values::{UnitValues, is_unit_name};
use super::{CellSource, CsvColumns};

/// The columns, by their places.
#[derive(Debug, Default)]
pub(super) struct UnitColumns {
    /// Columns that are left out of the readings, with the names of their fields.
    left_out: Vec<(&'static str, usize)>,
    /// Others, while the first rows are looked at.
    open: Vec<(usize, UnitValues)>,
    /// Those of them that hold units.
    found: Vec<usize>,
}

impl UnitColumns {
    /// Finds them by their names, or where an option names one.
    pub(super) fn find(names: &[&str], options: &InputOptions, fields: &[(String, CellSource)]) -> Self {
        let is_kept = |name: &str| fields.iter().any(|(field, _)| field == name);
        let mapped = options.mapped(TEMPERATURE_UNIT).next().map(|mapping| mapping.source.trim());
        let field = |at: usize| {
            let own = UNIT_FIELDS.into_iter().find(|unit| names[at] == *unit);
            if mapped == Some(names[at]) { Some(TEMPERATURE_UNIT) } else { own }
        };
        let left_out =
            (0..names.len()).filter_map(|at| Some((field(at).filter(|field| !is_kept(field))?, at))).collect();
        let is_dropped = |name: &str| options.drop.iter().any(|dropped| dropped == name) && !is_unit_name(name);
        let is_open = |at: &usize| field(*at).is_none() && !is_dropped(names[*at]);
        let open = (0..names.len()).filter(is_open).map(|at| (at, UnitValues::default())).collect();
        UnitColumns { left_out, open, found: Vec::new() }
    }

    /// Takes one of the first rows.
    pub(super) fn see(&mut self, cells: Cells<'_>) {
        self.open.iter_mut().for_each(|(at, values)| values.see(cells.get(*at)));
    }

    /// Takes those that hold units in the first rows.
    pub(super) fn settle(&mut self) {
        let open = std::mem::take(&mut self.open);
        self.found = open.into_iter().filter(|(_, values)| values.are_units()).map(|(at, _)| at).collect();
    }
}

impl CsvColumns {
    /// Refuses a temperature whose unit is another than before, where the unit is no field of it, or one of another name.
    #[inline]
    pub(in super::super) fn check_units_of_row(
        &self,
        cells: Cells<'_>,
        builder: &ReadingBuilder,
    ) -> Result<(), RowError> {
        let UnitColumns { left_out, found, .. } = &self.watched.units;
        let wrong = |reason: String| row_error("unit", reason);
        for (field, at) in left_out {
            builder.unit_watch.check_field(field, cells.get(*at)).map_err(wrong)?;
        }
        for at in found {
            builder.unit_watch.check_beside(cells.get(*at)).map_err(wrong)?;
        }
        Ok(())
    }
}
