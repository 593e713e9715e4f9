//! Temperatures as devices write them: with a unit behind them, and values that stand for none.

use sensor_model::Decimal;

use super::keys::TEMPERATURE;
use super::number::{DecimalSign, NumberError, number};
use super::row_error::{RowError, number_error, row_error};
use super::unit::Unit;
use super::unit_watch::UnitWatch;

/// Degrees below zero from which on no unit has a temperature: absolute zero is -459.67 °F.
const LEAST_DEGREES: u16 = 460;

/// Reads a temperature. A unit behind it (`21.5 °C`) must be that of the file.
pub(super) fn temperature(text: &str, sign: DecimalSign, watch: &UnitWatch) -> Result<Decimal, RowError> {
    let error = match number(text, sign) {
        Ok(number) => {
            watch.check_bare().map_err(|reason| row_error("unit", reason))?;
            return Ok(number);
        }
        Err(error) => error,
    };
    let (value, Some(unit)) = split_unit(text) else { return Err(number_error(TEMPERATURE, error)) };
    let number = number(value, sign).map_err(|error: NumberError| number_error(TEMPERATURE, error))?;
    watch.check_behind(unit).map_err(|reason| row_error("unit", reason))?;
    Ok(number)
}

/// Returns the part of a cell before the unit of a temperature.
pub(super) fn without_unit(cell: &str) -> &str {
    split_unit(cell).0
}

fn split_unit(cell: &str) -> (&str, Option<Unit>) {
    let Some(last) = cell.rfind(|sign: char| sign.is_ascii_digit()).filter(|last| last + 1 < cell.len()) else {
        return (cell, None);
    };
    let (value, unit) = cell.split_at(last + 1);
    match Unit::named(unit).filter(|unit| unit.is_temperature()) {
        Some(unit) => (value.trim_end(), Some(unit)),
        None => (cell, None),
    }
}

/// Values that sensors write for none: a DS18B20 without contact -127, others all nines or the greatest number of their
/// register, whole or in parts of a degree.
const CODES: [&str; 13] = [
    "-127", "327.67", "655.35", "999.9", "999.99", "3276.7", "6553.5", "9999", "9999.9", "32767", "32768", "65535",
    "99999",
];

/// Returns whether a temperature lies below absolute zero in every unit, or is one of [`CODES`]: -9999 and the like stand
/// for no value.
pub(super) fn is_impossible(temperature: &str) -> bool {
    // Most have two digits before the point.
    if temperature.len() < 4 || temperature.as_bytes()[2] == b'.' {
        return false;
    }
    if CODES.contains(&temperature) {
        return true;
    }
    let Some(size) = temperature.strip_prefix('-') else { return false };
    let whole = size.split(['.', 'E']).next().unwrap_or_default();
    match size.split_once('E') {
        Some((_, exponent)) => !exponent.starts_with('-'),
        None => whole.parse().map_or(true, |degrees: u16| degrees >= LEAST_DEGREES),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::InputOptions;

    #[test]
    fn unit_behind_a_temperature_is_that_of_the_file() {
        let watch = UnitWatch::new(&InputOptions::default());
        let read = |text: &str, sign| {
            temperature(text, sign, &watch).map(|number| number.to_string()).map_err(|error| error.code)
        };
        assert_eq!(read("21.5 °C", DecimalSign::Point).as_deref(), Ok("21.5"));
        assert_eq!(read("\u{2212}3,2\u{a0}°C", DecimalSign::Comma).as_deref(), Ok("-3.2"));
        assert_eq!(read("7C", DecimalSign::Point).as_deref(), Ok("7"));
        assert_eq!(read("70.7°F", DecimalSign::Point), Err("unit"), "the file mixes units");
        for text in ["21.5 %", "°C", "21.5 x", "0x1F", "ERR"] {
            assert_eq!(read(text, DecimalSign::Point), Err("not-a-number"), "{text}");
        }
        assert_eq!(read("21,5 °C", DecimalSign::Point), Err("decimal-sign"));
    }

    #[test]
    fn temperature_below_absolute_zero_of_every_unit_or_of_a_register_is_impossible() {
        for (text, expected) in [
            ("-9999", true),
            ("-999.9", true),
            ("-460", true),
            ("-32768", true),
            ("-1e40", true),
            ("-99999999999999999999", true),
            ("-459.67", false),
            ("-273.15", false),
            ("-1e-40", false),
            ("-127.0", true),
            ("999.9", true),
            ("9999", true),
            ("3276.70", true),
            ("32767", true),
            ("-1e3", true),
            ("-1e5", true),
            ("-126.9", false),
            ("127", false),
            ("1000", false),
            ("85", false),
            ("-40", false),
            ("1e40", false),
            ("0", false),
        ] {
            assert_eq!(is_impossible(Decimal::parse(text).unwrap().as_str()), expected, "{text}");
        }
    }
}
