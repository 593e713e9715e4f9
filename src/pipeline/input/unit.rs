//! Units of measured values.

mod conversion;
mod scaled_name;

pub(crate) use self::conversion::UnitConversion;
pub(crate) use self::scaled_name::{scale_options, scaled_unit};

/// A unit that values can be converted from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// The name on the command line.
    pub name: &'static str,
    /// The measured quantity; only units of the same kind are converted.
    kind: Kind,
    /// The value in the kind's first unit is `(value + offset) * factor`.
    offset: Fraction,
    factor: Fraction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Temperature,
    Pressure,
    Share,
    Voltage,
    Length,
    Speed,
}

type Fraction = (i64, i64);

const fn unit(name: &'static str, kind: Kind, offset: Fraction, factor: Fraction) -> Unit {
    Unit { name, kind, offset, factor }
}

/// Factors of pressure: NIST SP 811, appendix B.8 (conventional inch and millimeter of mercury).
const UNITS: [Unit; 27] = [
    unit("C", Kind::Temperature, (0, 1), (1, 1)),
    unit("F", Kind::Temperature, (-32, 1), (5, 9)),
    unit("K", Kind::Temperature, (-27315, 100), (1, 1)),
    unit("Pa", Kind::Pressure, (0, 1), (1, 1)),
    unit("hPa", Kind::Pressure, (0, 1), (100, 1)),
    unit("kPa", Kind::Pressure, (0, 1), (1000, 1)),
    unit("mbar", Kind::Pressure, (0, 1), (100, 1)),
    unit("bar", Kind::Pressure, (0, 1), (100_000, 1)),
    unit("inHg", Kind::Pressure, (0, 1), (3_386_389, 1000)),
    unit("mmHg", Kind::Pressure, (0, 1), (133_322_387_415, 1_000_000_000)),
    unit("psi", Kind::Pressure, (0, 1), (6_894_757_293_168, 1_000_000_000)),
    unit("%", Kind::Share, (0, 1), (1, 100)),
    unit("1", Kind::Share, (0, 1), (1, 1)),
    unit("ppm", Kind::Share, (0, 1), (1, 1_000_000)),
    unit("ppb", Kind::Share, (0, 1), (1, 1_000_000_000)),
    unit("V", Kind::Voltage, (0, 1), (1, 1)),
    unit("mV", Kind::Voltage, (0, 1), (1, 1000)),
    unit("m", Kind::Length, (0, 1), (1, 1)),
    unit("km", Kind::Length, (0, 1), (1000, 1)),
    unit("cm", Kind::Length, (0, 1), (1, 100)),
    unit("mm", Kind::Length, (0, 1), (1, 1000)),
    unit("in", Kind::Length, (0, 1), (254, 10_000)),
    unit("ft", Kind::Length, (0, 1), (3048, 10_000)),
    unit("m/s", Kind::Speed, (0, 1), (1, 1)),
    unit("km/h", Kind::Speed, (0, 1), (10, 36)),
    unit("mph", Kind::Speed, (0, 1), (44_704, 100_000)),
    unit("kn", Kind::Speed, (0, 1), (1852, 3600)),
];

/// Other spellings, compared without regard to capitals; what differs by capitals alone is not among them.
const SPELLINGS: [(&str, &str); 30] = [
    ("°c", "C"),
    ("℃", "C"),
    ("cel", "C"),
    ("degc", "C"),
    ("deg c", "C"),
    ("celsius", "C"),
    ("degrees celsius", "C"),
    ("ºc", "C"),
    ("°f", "F"),
    ("℉", "F"),
    ("degf", "F"),
    ("deg f", "F"),
    ("fahrenheit", "F"),
    ("degrees fahrenheit", "F"),
    ("ºf", "F"),
    ("°k", "K"),
    ("kelvin", "K"),
    ("degk", "K"),
    ("pascal", "Pa"),
    ("hpa", "hPa"),
    ("kpa", "kPa"),
    ("millibar", "mbar"),
    ("mb", "mbar"),
    ("inhg", "inHg"),
    ("mmhg", "mmHg"),
    ("percent", "%"),
    ("%rh", "%"),
    ("% rh", "%"),
    ("volt", "V"),
    ("knots", "kn"),
];

/// The signs that stand before the letter of a unit of temperature, and those that are both.
pub(crate) const DEGREE_SIGNS: [char; 4] = ['°', 'º', '℃', '℉'];

impl Unit {
    /// Returns the unit of a name or of one of its spellings.
    pub(crate) fn named(text: &str) -> Option<Unit> {
        let text = text.trim();
        let find = |name: &str| UNITS.iter().copied().find(|unit| unit.name == name);
        find(text).or_else(|| {
            let lower = text.to_lowercase();
            SPELLINGS.iter().find(|(spelling, _)| *spelling == lower).and_then(|(_, name)| find(name))
        })
    }

    /// Returns whether it measures a temperature.
    pub(crate) fn is_temperature(self) -> bool {
        self.kind == Kind::Temperature
    }

    /// Returns the unit that a column's name ends with: `Temperature (°F)`, `Temp, °C`, `Temperature_Fahrenheit`,
    /// `temperature_2m (°C)`. A text behind a comma may go on: `Temp, °F (LGR S/N: 1)`, and behind a degree sign:
    /// `1 [°C] T1`.
    pub(crate) fn of_column(name: &str) -> Option<Unit> {
        let name = name.trim();
        if is_condition(name) {
            return None;
        }
        let bracketed =
            name.strip_suffix([')', ']']).and_then(|name| name.rsplit_once(['(', '['])).map(|(_, unit)| unit);
        let behind_comma = || {
            let (_, rest) = name.split_once(',')?;
            Unit::named(rest.split('(').next().unwrap_or(rest))
        };
        let last_word = || {
            let (_, word) = name.rsplit_once(['_', ' '])?;
            Some(word).filter(|word| word.chars().count() > 1).and_then(Unit::named)
        };
        bracketed.and_then(Unit::named).or_else(behind_comma).or_else(last_word).or_else(|| Unit::of_degree_sign(name))
    }

    /// Returns the unit of the first degree sign within a name, unless it is a rate (`°C/h`) or a part of a degree.
    fn of_degree_sign(name: &str) -> Option<Unit> {
        let (at, sign) = name.char_indices().find(|(_, sign)| DEGREE_SIGNS.contains(sign))?;
        let letters = usize::from(matches!(sign, '°' | 'º'));
        let behind: usize = name[at..].chars().take(1 + letters).map(char::len_utf8).sum();
        let (written, rest) = name[at..].split_at(behind);
        let ends = !rest.starts_with(|next: char| next.is_alphanumeric() || "/·*²".contains(next));
        let before = name[..at].trim_end().rsplit(|sign: char| !sign.is_alphanumeric()).next().unwrap_or_default();
        let is_part = ["m", "c", "d"].contains(&before.to_lowercase().as_str());
        Unit::named(written).filter(|_| ends && !is_part && scaled_unit(name).is_none())
    }
}

impl Unit {
    /// Returns the unit that the name of a temperature's column ends with, also by its letter alone: `temp_f`, `tempF`.
    /// Where columns differ in such a letter, it may be the name of a probe.
    pub(crate) fn of_temperature(name: &str) -> Option<Unit> {
        let by_letter = || {
            let name = name.trim();
            let (at, letter) = name.char_indices().next_back()?;
            let quantity = name[..at].trim_end_matches(['_', '-', ' ', '.']).to_lowercase();
            let is_temperature = ["temp", "temperature", "temperatur"].iter().any(|word| quantity.ends_with(word));
            Unit::named(&letter.to_uppercase().to_string()).filter(|unit| is_temperature && unit.is_temperature())
        };
        Unit::of_column(name).or_else(by_letter)
    }
}

/// Returns whether a name ends with the temperature at which something else was measured: `Conductivity at 25 °C`.
fn is_condition(name: &str) -> bool {
    let before = name.trim_end_matches(['C', 'F', '℃', '℉']).trim_end_matches(['°', 'º']).trim_end();
    let words = before.trim_end_matches(|sign: char| sign.is_ascii_digit());
    let words = if words.len() < before.len() { words.trim_end().to_lowercase() } else { return false };
    words.ends_with('@') || words.ends_with(" at") || words.ends_with(" bei")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_of_a_column_is_seen_in_its_name() {
        let name = |column: &str| Unit::of_column(column).map(|unit| unit.name);
        for (column, expected) in [
            ("Temperature (°F)", Some("F")),
            ("Temperature_Celsius(℃)", Some("C")),
            ("Temp, °F (LGR S/N: 10101, SEN S/N: 1)", Some("F")),
            ("Temp, °C", Some("C")),
            ("Temperature   (°C) ", Some("C")),
            ("Temperature_Fahrenheit", Some("F")),
            ("Air pressure (hPa)", Some("hPa")),
            ("Barometric Pressure (inHg)", Some("inHg")),
            ("temperature_2m (°C)", Some("C")),
            ("room_celsius", Some("C")),
            ("Rel. humidity (%)", Some("%")),
            ("1 [°C] T1", Some("C")),
            ("Temperature°C", Some("C")),
            ("T (℉) attic", Some("F")),
            ("Slope °C/h inside", None),
            ("Temp m°C inside", None),
            ("Heat °Cd sum", None),
            ("Angle ° north", None),
            ("Conductivity at 25 °C", None),
            ("EC @25°C", None),
            ("Probe 2 °C", Some("C")),
            ("T1°C", Some("C")),
            ("temperature", None),
            ("Temp C", None),
            ("Temp (outside)", None),
            ("", None),
        ] {
            assert_eq!(name(column), expected, "{column}");
        }
    }

    #[test]
    fn letter_behind_the_word_for_a_temperature_is_its_unit() {
        let name = |column: &str| Unit::of_temperature(column).map(|unit| unit.name);
        for (column, expected) in [
            ("temp_f", Some("F")),
            ("temperature_F", Some("F")),
            ("tempF", Some("F")),
            ("outTemp_c", Some("C")),
            ("temp_K", Some("K")),
            ("Temperature (°F)", Some("F")),
            ("temp_a", None),
            ("half", None),
            ("f", None),
            ("", None),
        ] {
            assert_eq!(name(column), expected, "{column}");
        }
    }

    #[test]
    fn names_and_spellings_are_distinct() {
        for (at, unit) in UNITS.iter().enumerate() {
            assert!(UNITS[at + 1..].iter().all(|other| other.name != unit.name), "{}", unit.name);
        }
        for (spelling, name) in SPELLINGS {
            assert_eq!(Unit::named(spelling).map(|unit| unit.name), Some(name), "{spelling}");
            assert_eq!(spelling, spelling.to_lowercase());
        }
    }
}
