//! Refuses a file that mixes units of temperature: its values keep the unit that they have, and would not compare.

use std::cell::Cell;

use sensor_model::{Value, truncate_for_log};

use super::keys::{TEMPERATURE, TEMPERATURE_UNIT};
use super::options::InputOptions;
use super::unit::Unit;
use super::unit_values::is_unit;

/// The unit of the temperatures of one input.
#[derive(Clone, Debug)]
pub(super) struct UnitWatch {
    /// The unit that `--unit` converts from, or that the first value had.
    unit: Cell<Option<Unit>>,
    is_typed: bool,
    /// True if the header names the unit: numbers without one have that of the header.
    is_in_header: Cell<bool>,
    /// True if the first value is followed by its unit; `None` before the first value.
    is_behind: Cell<Option<bool>>,
    /// True if a field beside a value named a unit of temperature.
    is_in_field: Cell<bool>,
    /// True if a field `unit` held something else than a unit.
    is_other_field: Cell<bool>,
    /// Further fields that hold units, by their values.
    pub fields: Vec<String>,
}

impl UnitWatch {
    pub(super) fn new(options: &InputOptions) -> Self {
        let unit = options.unit.iter().find(|unit| unit.key == TEMPERATURE).map(super::unit::UnitConversion::from);
        UnitWatch {
            is_typed: unit.is_some(),
            unit: Cell::new(unit),
            is_in_header: Cell::new(false),
            is_behind: Cell::new(None),
            is_in_field: Cell::new(false),
            is_other_field: Cell::new(false),
            fields: Vec::new(),
        }
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

    /// Takes the text of a further field, which may name the unit of the temperature beside it. A field `unit` that holds
    /// what is no unit, too, is one of another kind.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(super) fn check_field(&self, name: &str, text: &str) -> Result<(), String> {
        match name {
            TEMPERATURE_UNIT => self.check(text),
            "unit" | "units" => {
                self.is_other_field.set(self.is_other_field.get() || !text.trim().is_empty() && !is_unit(text));
                if self.is_other_field.get() { Ok(()) } else { self.check_beside(text) }
            }
            _ if self.fields.iter().any(|field| field == name) => self.check_beside(text),
            _ => Ok(()),
        }
    }

    /// Takes a further field, which may hold such a text in an object.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(super) fn check_value(&self, name: &str, value: &Value) -> Result<(), String> {
        match value {
            Value::Text(text) => self.check_field(name, text),
            Value::Map(members) if !self.fields.is_empty() => members.iter().try_for_each(|(key, value)| {
                let path = format!("{name}.{key}");
                match value {
                    Value::Text(text) if self.fields.contains(&path) => self.check_beside(text),
                    Value::Text(_) => Ok(()),
                    value => self.check_value(&path, value),
                }
            }),
            _ => Ok(()),
        }
    }

    /// Takes the text of a field that holds the unit of the temperature beside it.
    ///
    /// # Errors
    /// As [`Self::check`], and when it is that of another quantity, and was one of temperature before.
    pub(super) fn check_beside(&self, text: &str) -> Result<(), String> {
        if Unit::named(text).is_some_and(Unit::is_temperature) {
            self.is_in_field.set(true);
            return self.check(text);
        }
        if self.is_in_field.get() && is_unit(text) {
            return Err(format!(
                "the unit beside `{TEMPERATURE}` is one of another quantity here, and of temperature before; `--match` reads \
                 the rows of one"
            ));
        }
        Ok(())
    }

    /// Returns the unit of the temperatures so far.
    pub(super) fn unit(&self) -> Option<Unit> {
        self.unit.get()
    }

    /// Takes the unit of the inputs before this one.
    ///
    /// # Errors
    /// When the header of this one names another; the text names both.
    pub(super) fn go_on_from(&self, unit: Unit) -> Result<(), String> {
        match self.unit.get() {
            Some(own) if own != unit => Err(format!(
                "`{TEMPERATURE}` is in {} here, and in {} in the files before: the files mix units",
                own.name, unit.name
            )),
            _ => self.check(unit.name),
        }
    }

    /// Takes the unit that the header names for all values below it.
    pub(super) fn set_header(&self, unit: Option<Unit>) {
        self.is_in_header.set(unit.is_some());
        if unit.is_some() && !self.is_typed {
            self.unit.set(unit);
        }
    }

    /// Takes a value that has its unit behind it.
    ///
    /// # Errors
    /// When the unit is another than before, or values before had none; the text says which.
    pub(super) fn check_behind(&self, unit: Unit) -> Result<(), String> {
        self.check(unit.name)?;
        match self.is_behind.get() {
            Some(false) if !self.is_in_header.get() => Err(format!(
                "`{TEMPERATURE}` is in {} here and has no unit before: the file mixes units; `--match` reads the rows of one",
                unit.name
            )),
            _ => {
                self.is_behind.set(Some(true));
                Ok(())
            }
        }
    }

    /// Takes a value without a unit behind it.
    ///
    /// # Errors
    /// When values before had one; the text says so.
    #[inline]
    pub(super) fn check_bare(&self) -> Result<(), String> {
        match self.is_behind.get() {
            Some(false) => Ok(()),
            Some(true) if !self.is_in_header.get() => Err(format!(
                "`{TEMPERATURE}` has no unit here and one before: the file mixes units; `--match` reads the rows of one"
            )),
            _ => {
                self.is_behind.set(Some(false));
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
        let names: Vec<_> = names.collect();
        // Letters of several columns may be names of probes.
        let of_column = if names.len() == 1 { Unit::of_temperature } else { Unit::of_column };
        for name in names {
            let unit = of_column(name).map_or("", |unit| unit.name);
            watch.check(unit).map_err(|error| {
                let name = truncate_for_log(name);
                format!("column `{name}`: {error}; `--map {TEMPERATURE}=COLUMN` reads one column")
            })?;
        }
        Ok(())
    }

    /// Checks the names of columns or paths of which the first that is there gives the temperature.
    ///
    /// # Errors
    /// When they name several units; the text names one of them.
    pub(super) fn check_alternatives<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<(), String> {
        let watch = self.clone();
        for name in names {
            watch.check(Unit::of_temperature(name).map_or("", |unit| unit.name)).map_err(|error| {
                format!("column `{}`: {error}; `--map {TEMPERATURE}=COLUMN` reads one column", truncate_for_log(name))
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
