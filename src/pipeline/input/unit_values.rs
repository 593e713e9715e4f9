//! Columns and paths that hold units of temperature, by their values: `C` and `F`, whatever their names.

use super::json_scalars::{container, each_document, each_scalar};
use super::keys::{TEMPERATURE, UNIT_FIELDS};
use super::options::{InputFormat, InputOptions};
use super::unit::Unit;

/// Documents that are looked at.
const DOCUMENTS: usize = 500;
/// Units of other quantities than those that are converted, in small letters.
const OTHER_UNITS: &str = "kwh wh mwh kw mw lx lux db dba dbm hz khz ma ah mah µg/m³ ug/m3 μg/m³ mg/m³ mg/m3 g/m³ g/m3 m³ m3 \
     m³/h l/min l/h ms min kg mbar kn ° deg degree degrees µs/cm us/cm ms/cm ph aqi uv iu w/m² w/m2 mm/h rpm j kj va var";

/// Returns whether a text is the name of a unit.
pub(super) fn is_unit(text: &str) -> bool {
    let is_other = |text: &str| OTHER_UNITS.split_whitespace().any(|unit| unit == text);
    Unit::named(text).is_some() || is_other(&text.trim().to_lowercase())
}

/// Returns whether the name of a column says that it holds units, so that `--drop` does not leave it out of the check.
pub(super) fn is_unit_name(name: &str) -> bool {
    let name = name.to_lowercase();
    UNIT_FIELDS.iter().any(|field| name.contains(field)) || name == "uom"
}

/// A column's values, whether they are units.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UnitValues {
    has_temperature: bool,
    is_other: bool,
}

impl UnitValues {
    /// Takes the value of the next row.
    pub(super) fn see(&mut self, text: &str) {
        if self.is_other || text.is_empty() {
            return;
        }
        self.has_temperature |= Unit::named(text).is_some_and(Unit::is_temperature);
        self.is_other |= !is_unit(text);
    }

    /// Returns whether all are units, and one is that of a temperature.
    pub(super) fn are_units(self) -> bool {
        self.has_temperature && !self.is_other
    }
}

/// Returns the paths that hold units of temperature at the beginning of an input.
pub(super) fn unit_paths(beginning: &[u8], format: InputFormat, options: &InputOptions) -> Vec<String> {
    if matches!(format, InputFormat::Csv | InputFormat::Senml) {
        return Vec::new();
    }
    let temperature = options.mapped(TEMPERATURE).next().map_or(TEMPERATURE, |mapping| mapping.source.trim());
    let temperature = options.value.as_deref().unwrap_or(temperature);
    let key = |path: &str| path.rsplit('.').next().unwrap_or(path).trim_matches('"').to_owned();
    let is_dropped = |path: &str| options.drop.iter().any(|dropped| *dropped == key(path) || dropped == path);
    let mut found: Vec<(String, UnitValues)> = Vec::new();
    each_document(beginning, format, DOCUMENTS, &mut |document| {
        each_scalar(document, &mut |path, value| {
            let at = found.iter().position(|(known, _)| known == path).unwrap_or_else(|| {
                found.push((path.to_owned(), UnitValues::default()));
                found.len() - 1
            });
            let text = value.get();
            let is_text = text.starts_with('"');
            let text = if is_text { serde_json::from_str(text).unwrap_or_default() } else { text.to_owned() };
            found[at].1.see(if is_text || text != "null" { &text } else { "" });
        });
    });
    let is_beside = |path: &str| temperature.starts_with(container(path));
    let units = found.into_iter().filter(|(path, values)| {
        values.are_units() && is_beside(path) && (is_unit_name(&key(path)) || !is_dropped(path))
    });
    units.map(|(path, _)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_of_units_has_one_of_temperature_and_nothing_else() {
        let are_units = |values: &[&str]| {
            let mut seen = UnitValues::default();
            for value in values {
                seen.see(value);
            }
            seen.are_units()
        };
        for values in [&["C", "F"][..], &["°C", ""], &["%", "Fahrenheit"], &["K"], &["celsius", "kWh", "lx"]] {
            assert!(are_units(values), "{values:?}");
        }
        for values in [&["%"][..], &["B", "C", "F"], &["", ""], &["C", "attic"]] {
            assert!(!are_units(values), "{values:?}");
        }
    }
}
