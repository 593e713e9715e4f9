//! Remarks on what was counted and guessed.

use super::super::keys::{SENSOR, TEMPERATURE};
use super::super::measured::is_impossible;
use super::super::unit::scaled_unit;
use super::other_columns::last_key;
use super::{ColumnReport, Inspection};

impl Inspection {
    /// Returns what a person should know about what was counted, one line each.
    #[must_use]
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut remarks = self.counts.remarks();
        let is_converted = self.options.unit.iter().any(|unit| unit.key == TEMPERATURE);
        if let Some(unit) = self.temperature_unit.filter(|unit| *unit != "C" && !is_converted) {
            remarks
                .push(format!("temperatures are in {unit} and stay so; `--unit temperature={unit}:C` converts them"));
        }
        remarks.extend(self.other_columns());
        let mut sources = self.options.mapped(TEMPERATURE).map(|mapping| &mapping.source);
        if let Some(name) = sources.find(|source| scaled_unit(last_key(source)).is_some()) {
            remarks.push(format!(
                "`{name}` counts parts of a degree, by its name: compare the readings with the file, and change `--unit`"
            ));
        }
        if let Some(ColumnReport { name, .. }) =
            self.columns.iter().find(|column| !is_converted && self.may_be_scaled(column))
        {
            remarks.push(format!(
                "`{name}` holds whole numbers of a thousand and more: where they count hundredths of a degree, \
                 `--unit temperature=C/100:C` divides them"
            ));
        }
        let mapped: Vec<_> = self.options.mapped(TEMPERATURE).map(|mapping| format!("`{}`", mapping.source)).collect();
        if mapped.len() > 1 && self.options.quantity.is_none() {
            let names = mapped.join(", ");
            remarks.push(format!("each of {names} is a sensor of its own; `--map temperature=COLUMN` alone takes one"));
        }
        if let Some(mapping) = self.options.mapped(SENSOR).next().filter(|_| self.guessed_sensor) {
            remarks.push(format!(
                "`{}` is taken for the devices by its values alone; `--sensor ID` puts all as one",
                mapping.source
            ));
        }
        if self.is_encoding_guessed {
            remarks.push(format!(
                "the encoding {} is a guess: compare the names with what wrote the file, and change `--encoding`",
                self.encoding
            ));
        }
        if self.guessed_columns {
            remarks.push(
                "no header names the columns: compare the readings with the file, and change `--columns`".to_owned(),
            );
        }
        remarks
    }

    /// Returns whether a column holds temperatures which are whole numbers that no air has.
    fn may_be_scaled(&self, column: &ColumnReport) -> bool {
        let mut sources = self.options.mapped(TEMPERATURE).map(|mapping| mapping.source.as_str()).peekable();
        let is_read = match sources.peek() {
            Some(_) => sources.any(|source| source == column.name),
            None => column.name == TEMPERATURE && self.options.layout.is_none(),
        };
        let (Some(min), Some(max)) = (&column.min, &column.max) else { return false };
        let is_whole = max.len() >= 4 && [min, max].iter().all(|text| !text.contains(['.', 'E']));
        is_read && column.kind == "number" && is_whole && !max.starts_with('-') && !is_impossible(max)
    }
}
