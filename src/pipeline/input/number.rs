//! Cells that are numbers: which sign stands before the fraction, what means that nothing was measured, and which texts
//! only look like numbers.

use std::collections::BTreeSet;

use clap::ValueEnum;
use sensor_model::{Decimal, DecimalError, Value};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest number that a further column takes for one: a serial number of forty digits is text, whatever its zeros.
const MAX_WHOLE_DIGITS: usize = 38;

/// The sign before the fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DecimalSign {
    /// By the file, where it is certain.
    #[default]
    Auto,
    /// `21.5`
    Point,
    /// `21,5`
    Comma,
}

/// Why a cell is no number. The text never shows the value.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum NumberError {
    /// Not a number in any form.
    #[error("not a decimal number")]
    NotANumber,
    /// `NaN`, `inf` and the like.
    #[error("NaN and infinity are no numbers; --missing NaN takes such a value as empty")]
    NotFinite,
    /// `1,234` or `21,5` where a point is the decimal sign.
    #[error("a comma where the decimal sign is a point; --decimal comma takes it for the decimal sign")]
    Comma,
    /// `1.234` or `21.5` where a comma is the decimal sign.
    #[error("a point where the decimal sign is a comma; --decimal point takes it for the decimal sign")]
    Point,
    /// A number that the table does not keep exactly.
    #[error(transparent)]
    Decimal(#[from] DecimalError),
}

/// Returns a cell without blanks around it. Most have none, which two bytes tell.
#[inline]
pub(super) fn trimmed(cell: &str) -> &str {
    match cell.as_bytes() {
        [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => cell,
        _ => cell.trim(),
    }
}

/// Reads a cell that must be a number, such as a temperature.
///
/// Every form that has one meaning is taken: `-3,0` by its sign, `+.5`, `1e3`, and the minus sign of typographers.
/// `Auto` is a point.
///
/// # Errors
/// Fails if the cell is not a number, or not one that can be kept exactly.
pub(crate) fn number(cell: &str, sign: DecimalSign) -> Result<Decimal, NumberError> {
    let cell = trimmed(cell);
    if sign != DecimalSign::Comma {
        match Decimal::parse(cell) {
            Err(_) if cell.contains(['\u{2212}', ',']) => {}
            parsed => return parsed.map_err(|error| explained(error, cell)),
        }
    }
    let mut text = match cell.strip_prefix('\u{2212}') {
        Some(size) if size.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '.' | ',')) => {
            format!("-{size}")
        }
        _ => cell.to_owned(),
    };
    let is_comma = sign == DecimalSign::Comma;
    let (own, other) = if is_comma { (',', '.') } else { ('.', ',') };
    let looks_like_one = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.,eE".contains(&byte));
    if looks_like_one && text.contains(other) {
        return Err(if is_comma { NumberError::Point } else { NumberError::Comma });
    }
    if is_comma {
        text = text.replacen(own, ".", 1);
    }
    Decimal::parse(&text).map_err(|error| explained(error, cell))
}

fn explained(error: DecimalError, cell: &str) -> NumberError {
    let word = cell.trim_start_matches(['+', '-']);
    let is_special = ["nan", "inf", "infinity"].iter().any(|name| word.eq_ignore_ascii_case(name));
    match error {
        DecimalError::NotANumber if is_special => NumberError::NotFinite,
        DecimalError::NotANumber => NumberError::NotANumber,
        error => NumberError::Decimal(error),
    }
}

/// Reads a cell of a further column: `true`, `false`, `null`, a number that nobody means as a name, or text.
///
/// Text stays: leading zeros (`007`), digits and an exponent as no program prints them (`12e4`, part of a hexadecimal
/// number), and more digits than a number of the table has. Blanks around a value are no part of it.
pub(crate) fn value(cell: &str, sign: DecimalSign) -> Value {
    let text = trimmed(cell);
    // With a point as decimal sign, the canonical text of a number is one for certain.
    if sign != DecimalSign::Comma
        && let Some(number) = Decimal::from_canonical(text)
    {
        return Value::Number(number);
    }
    match text {
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => plain_number(text, sign).map_or_else(|| Value::Text(text.to_owned()), Value::Number),
    }
}

/// The number that a text is for certain.
fn plain_number(text: &str, sign: DecimalSign) -> Option<Decimal> {
    let unsigned = text.strip_prefix(['+', '-', '\u{2212}']).unwrap_or(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '.' | ',')) {
        return None;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let has_leading_zeros = whole.len() > 1 && whole.starts_with('0');
    let is_printed = exponent.is_none_or(|exponent| {
        // `1.5E7` (Java), `1e-07` (Python), `1.500000e+07` (C): one digit, and a fraction or the exponent's sign.
        let has_sign = exponent.starts_with(['+', '-']);
        let is_zero = whole == "0" && fraction.is_none_or(|fraction| fraction.bytes().all(|digit| digit == b'0'));
        whole.len() == 1 && (whole != "0" || is_zero) && (has_sign || fraction.is_some_and(|digits| !digits.is_empty()))
    });
    if has_leading_zeros || whole.len() > MAX_WHOLE_DIGITS || !is_printed {
        return None;
    }
    number(text, sign).ok()
}

/// Values that say that nothing was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MissingValues {
    texts: BTreeSet<String>,
    numbers: BTreeSet<Decimal>,
    /// Prefixes from values that end in `*`.
    beginnings: Vec<String>,
}

impl MissingValues {
    /// Takes a list of values. Numbers stand for all numbers of the same size, texts for all spellings in capitals or not; one
    /// that ends in `*` for all that begin so.
    ///
    /// # Errors
    /// When one of them is empty: an empty cell is missing anyway.
    pub(crate) fn new<T: AsRef<str>>(list: impl IntoIterator<Item = T>) -> Result<Self, String> {
        let mut values = MissingValues::default();
        for value in list {
            let value = value.as_ref().trim();
            if value.is_empty() {
                return Err("--missing takes values such as nan or -9999; an empty value is missing anyway".to_owned());
            }
            if let Some(beginning) = value.strip_suffix('*').filter(|beginning| !beginning.is_empty()) {
                values.beginnings.push(beginning.to_ascii_lowercase());
            }
            if let Ok(number) = number(value, DecimalSign::Point).or_else(|_| number(value, DecimalSign::Comma)) {
                values.numbers.insert(number);
            }
            values.texts.insert(value.to_ascii_lowercase());
        }
        Ok(values)
    }

    /// Returns whether a cell holds one of them, or nothing.
    pub(crate) fn contains(&self, cell: &str, sign: DecimalSign) -> bool {
        let cell = trimmed(cell);
        if cell.is_empty() {
            return true;
        }
        if self.texts.is_empty() {
            return false;
        }
        let has_capitals = cell.bytes().any(|byte| byte.is_ascii_uppercase());
        let is_text =
            if has_capitals { self.texts.contains(&cell.to_ascii_lowercase()) } else { self.texts.contains(cell) };
        let begins =
            |beginning: &String| cell.get(..beginning.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(beginning));
        is_text
            || self.beginnings.iter().any(begins)
            || (!self.numbers.is_empty() && number(cell, sign).is_ok_and(|number| self.numbers.contains(&number)))
    }

    /// Returns whether a JSON value is one of them.
    pub(crate) fn contains_value(&self, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Number(number) => self.numbers.contains(number),
            Value::Text(text) => self.contains(text, DecimalSign::Point),
            Value::Bool(_) | Value::List(_) | Value::Map(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(cell: &str, sign: DecimalSign) -> Result<String, NumberError> {
        number(cell, sign).map(|number| number.to_string())
    }

    fn is_number(cell: &str, expected: &str) -> bool {
        value(cell, DecimalSign::Point) == Value::Number(Decimal::parse(expected).unwrap())
    }

    #[test]
    fn number_is_read_by_its_decimal_sign() {
        for (cell, expected) in [
            ("21,5", "21.5"),
            ("-3,0", "-3"),
            (" 41 ", "41"),
            ("+,5", "0.5"),
            ("\u{2212}3,5", "-3.5"),
            ("1,5E3", "1500"),
        ] {
            assert_eq!(read(cell, DecimalSign::Comma).as_deref(), Ok(expected), "{cell}");
        }
        for (cell, expected) in [
            ("21.5", "21.5"),
            ("+.5", "0.5"),
            ("5.", "5"),
            ("1e3", "1000"),
            ("\u{2212}3.5", "-3.5"),
            ("\u{a0}7", "7"),
            ("05", "5"),
        ] {
            assert_eq!(read(cell, DecimalSign::Point).as_deref(), Ok(expected), "{cell}");
        }
    }

    #[test]
    fn thousands_are_never_guessed() {
        for cell in ["1,234", "21,5", "1,234.5", "1.234,5", "1,234,567"] {
            assert_eq!(read(cell, DecimalSign::Point), Err(NumberError::Comma), "{cell}");
            assert_eq!(read(cell, DecimalSign::Auto), Err(NumberError::Comma), "{cell}");
        }
        for cell in ["1.234", "1.234,5", "1,234.5"] {
            assert_eq!(read(cell, DecimalSign::Comma), Err(NumberError::Point), "{cell}");
        }
        assert_eq!(read("1,234,567", DecimalSign::Comma), Err(NumberError::NotANumber));
        assert!(NumberError::Comma.to_string().contains("--decimal"));
    }

    #[test]
    fn what_is_no_number_says_why() {
        for cell in ["", "-", "x", "21.5 °C", "0x1F", "1_000", "--1", "\u{2212}", "\u{2212}x", "1 000", "a,b"] {
            assert_eq!(read(cell, DecimalSign::Point), Err(NumberError::NotANumber), "{cell}");
        }
        for cell in ["nan", "NaN", "-inf", "Infinity"] {
            assert_eq!(read(cell, DecimalSign::Point), Err(NumberError::NotFinite), "{cell}");
        }
        let long = "1.00000000000000000000000000000000000000001";
        assert_eq!(read(long, DecimalSign::Point), Err(NumberError::Decimal(DecimalError::TooManyDigits)));
    }

    #[test]
    fn further_columns_take_numbers_as_key_columns_do() {
        for (cell, expected) in [
            ("40", "40"),
            (" 40 ", "40"),
            ("+1", "1"),
            (".5", "0.5"),
            ("-0.50", "-0.5"),
            ("0", "0"),
            ("41.50", "41.5"),
            ("\u{2212}3", "-3"),
        ] {
            assert!(is_number(cell, expected), "{cell}");
        }
        assert_eq!(value("40,25", DecimalSign::Comma), Value::Number(Decimal::parse("40.25").unwrap()));
        assert_eq!(value(" true ", DecimalSign::Point), Value::Bool(true));
        assert_eq!(value("null", DecimalSign::Point), Value::Null);
    }

    #[test]
    fn exponent_is_a_number_only_as_programs_print_it() {
        for (cell, expected) in [
            ("1.5E7", "15000000"),
            ("1e-07", "0.0000001"),
            ("1e+20", "100000000000000000000"),
            ("1.200000e+06", "1200000"),
            ("-2.5e-3", "-0.0025"),
            ("0.000000e+00", "0"),
            ("1.9302021001234567E9", "1930202100.1234567"),
        ] {
            assert!(is_number(cell, expected), "{cell}");
        }
        for cell in [
            "12e4", "1e5", "7E10", "45e67", "12e-4", "12.5e4", "01e+5", "0.5e+3", "1.e5", "e5", "1e", "1e400", "1E+400",
        ] {
            assert_eq!(value(cell, DecimalSign::Point), Value::Text(cell.to_owned()), "{cell}");
        }
    }

    #[test]
    fn identifiers_and_other_texts_stay_text() {
        for cell in [
            "007",
            "00",
            "-05",
            "00.5",
            "1234567890123456789012345678901234567890",
            "1000000000000000000000000000000000000000",
            "1.00000000000000000000000000000000000000001",
            "NaN",
            "True",
            "1,5",
            "1_000",
            "\"x\"",
            "[1]",
            "-",
            "+",
            ".",
            "1.2.3",
            "",
        ] {
            assert_eq!(value(cell, DecimalSign::Point), Value::Text(cell.to_owned()), "{cell}");
        }
        assert_eq!(value("1.234", DecimalSign::Comma), Value::Text("1.234".to_owned()));
    }

    #[test]
    fn missing_values_are_compared_as_text_and_as_number() {
        let missing = MissingValues::new(["nan", "unavailable", "-9999", "M", "-888.88", "(null)"]).unwrap();
        for cell in [
            "",
            "  ",
            "NaN",
            "NAN",
            "unavailable",
            "Unavailable",
            "-9999",
            "-9999.0",
            " -9999 ",
            "m",
            "-888.880",
            "(null)",
        ] {
            assert!(missing.contains(cell, DecimalSign::Point), "{cell}");
        }
        for cell in ["0", "9999", "-99990", "MM", "na", "-888,88"] {
            assert!(!missing.contains(cell, DecimalSign::Point), "{cell}");
        }
        assert!(missing.contains("-888,88", DecimalSign::Comma));
        let begun = MissingValues::new(["1970-*", "err*"]).unwrap();
        for (cell, is_missing) in
            [("1970-01-01T00:00:09", true), ("Error 5", true), ("er", false), ("2031-1970", false)]
        {
            assert_eq!(begun.contains(cell, DecimalSign::Point), is_missing, "{cell}");
        }
        assert!(missing.contains_value(&Value::Number(Decimal::parse("-9999").unwrap())));
        assert!(missing.contains_value(&Value::Text("NaN".to_owned())) && missing.contains_value(&Value::Null));
        assert!(!missing.contains_value(&Value::Number(Decimal::parse("9999").unwrap())));
        assert!(!MissingValues::default().contains("nan", DecimalSign::Point));
        assert!(MissingValues::new(["nan", " "]).is_err());
    }

    proptest! {
        #[test]
        fn number_keeps_its_exact_value_with_either_sign(whole in -1_000_000_000_i64..1_000_000_000, fraction in "[0-9]{0,12}") {
            let point = format!("{whole}.{fraction}");
            let expected = Decimal::parse(&point).unwrap();
            prop_assert_eq!(number(&point, DecimalSign::Point).unwrap(), expected.clone());
            prop_assert_eq!(number(&point.replace('.', ","), DecimalSign::Comma).unwrap(), expected.clone());
            prop_assert_eq!(value(&point, DecimalSign::Point), Value::Number(expected));
        }

        #[test]
        fn value_is_the_number_or_the_text_itself(cell in "[-+0-9.,eE \u{2212}a]{0,12}") {
            for sign in [DecimalSign::Point, DecimalSign::Comma] {
                match value(&cell, sign) {
                    Value::Number(read) => prop_assert_eq!(number(&cell, sign), Ok(read)),
                    Value::Text(text) => prop_assert_eq!(text.as_str(), cell.trim()),
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }

        #[test]
        fn printed_floats_are_numbers(float in proptest::num::f64::NORMAL) {
            prop_assume!(float.abs() > 1e-100 && float.abs() < 1e100);
            // As Rust's Debug prints it: `1.5e-7`, `1e16`; Rust alone prints an exponent without sign and point.
            let text = format!("{float:?}");
            if text.contains('.') || text.contains("e-") || !text.contains('e') {
                prop_assert_eq!(value(&text, DecimalSign::Point), Value::Number(Decimal::parse(&text).unwrap()), "{}", text);
            }
        }
    }
}
