//! Refuses a file that mixes units of temperature: its values keep the unit that they have, and would not compare.

use std::cell::Cell;

use sensor_model::truncate_for_log;

use super::keys::TEMPERATURE;
use super::options::InputOptions;
use super::unit::Unit;

/// The unit of the temperatures of one input.
#[derive(Clone, Debug)]
pub(super) struct UnitWatch {
    /// The unit that `--unit` converts from, or that the first value had.
    unit: Cell<Option<Unit>>,
    is_typed: bool,
}

impl UnitWatch {
    pub(super) fn new(options: &InputOptions) -> Self {
        let unit = options.unit.iter().find(|unit| unit.key == TEMPERATURE).map(super::unit::UnitConversion::from);
        UnitWatch { is_typed: unit.is_some(), unit: Cell::new(unit) }
    }

    /// Takes the unit that a file names, beside its values or in a header. A text that is no unit of temperature says
    /// nothing.
    ///
    /// # Errors
    /// When it is another than before; the text names both.
    pub(super) fn check(&self, text: &str) -> Result<(), String> {
        let Some(found) = Unit::named(text).filter(|unit| unit.is_temperature()) else { return Ok(()) };
        match self.unit.get() {
            Some(unit) if unit == found => Ok(()),
            Some(unit) if self.is_typed => {
                Err(format!("`{TEMPERATURE}` is in {} here, and `--unit` converts from {}", found.name, unit.name))
            }
            Some(unit) => Err(format!(
                "`{TEMPERATURE}` is in {} before and in {} here: the file mixes units; `--match` reads the rows of one",
                unit.name, found.name
            )),
            None => {
                self.unit.set(Some(found));
                Ok(())
            }
        }
    }

    /// Returns whether a file's name of a unit is not one of temperature; false for an empty name.
    pub(super) fn is_of_another_quantity(text: &str) -> bool {
        !text.trim().is_empty() && !Unit::named(text).is_some_and(Unit::is_temperature)
    }

    /// Checks the names of the columns that hold temperatures.
    ///
    /// # Errors
    /// When they name several units, or another than `--unit` converts from; the text names the column.
    pub(super) fn check_columns<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<(), String> {
        let watch = self.clone();
        for name in names {
            let unit = Unit::of_column(name).map_or("", |unit| unit.name);
            watch.check(unit).map_err(|error| {
                let name = truncate_for_log(name);
                format!("column `{name}`: {error}; `--map {TEMPERATURE}=COLUMN` reads one column")
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(unit: Option<&str>) -> UnitWatch {
        let unit = unit.map(|unit| unit.parse().unwrap()).into_iter().collect();
        UnitWatch::new(&InputOptions { unit, ..InputOptions::default() })
    }

    #[test]
    fn first_unit_of_a_file_is_that_of_all() {
        let watch = watch(None);
        for text in ["", "rows", "%", "°C", "C", "Cel", "degrees celsius"] {
            assert_eq!(watch.check(text), Ok(()), "{text}");
        }
        let error = watch.check("°F").unwrap_err();
        assert!(error.contains("in C before and in F here") && error.contains("--match"), "{error}");
    }

    #[test]
    fn unit_that_is_converted_from_must_be_that_of_the_file() {
        let watch = watch(Some("temperature=F:C"));
        assert_eq!(watch.check("Fahrenheit"), Ok(()));
        assert!(watch.check("C").unwrap_err().contains("`--unit` converts from F"));
        assert!(watch.check_columns(["Temp, °C"].into_iter()).unwrap_err().contains("column `Temp, °C`"));
        assert_eq!(watch.check_columns(["Temp, °F", "Temp"].into_iter()), Ok(()));
    }

    #[test]
    fn columns_of_several_units_are_refused_by_name() {
        let error = watch(None).check_columns(["Temp (°C)", "Temp (°F)"].into_iter()).unwrap_err();
        assert!(error.contains("column `Temp (°F)`") && error.contains("--map"), "{error}");
        assert_eq!(watch(None).check_columns(["Temp (°C)", "Temp 2 (℃)", "RH (%)"].into_iter()), Ok(()));
    }
}
