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
    /// `+0094,5`, a value and its quality as NOAA writes them, which no decimal sign reads.
    #[error("a value with its quality code behind a comma (`+dddd,q`); --layout noaa-global-hourly reads such files")]
    Quality,
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
            Err(_) if cell.contains(['\u{2212}', ',', '\'', '\u{2019}', '\u{a0}', '\u{202f}', ' ']) => {}
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
    if let Some(whole) = without_groups(&text, if is_comma { ',' } else { '.' }) {
        text = whole;
    }
    let (own, other) = if is_comma { (',', '.') } else { ('.', ',') };
    let looks_like_one = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.,eE".contains(&byte));
    // With a comma as decimal sign, `-1234,5` is a number; nobody writes zeros before one.
    if has_quality(&text) && (!is_comma || text[1..].starts_with('0')) {
        return Err(NumberError::Quality);
    }
    if looks_like_one && text.contains(other) {
        return Err(if is_comma { NumberError::Point } else { NumberError::Comma });
    }
    if is_comma {
        text = text.replacen(own, ".", 1);
    }
    Decimal::parse(&text).map_err(|error| explained(error, cell))
}

/// Returns a number without the signs between its thousands: `1.013,25`, `1 013,25` or `1'013.25`. Its fraction, behind the
/// decimal sign, makes them certain; nothing where it has none.
pub(super) fn without_groups(text: &str, decimal: char) -> Option<String> {
    let (whole, fraction) = text.rsplit_once(decimal)?;
    let size = whole.trim_start_matches(['+', '-', '\u{2212}']);
    let is_separator =
        |sign: &char| matches!(sign, '.' | ',' | ' ' | '\'' | '\u{2019}' | '\u{a0}' | '\u{202f}') && *sign != decimal;
    let separator = size.chars().find(|sign| !sign.is_ascii_digit()).filter(is_separator)?;
    let mut groups = size.split(separator);
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_first = |group: &str| group.len() <= 3 && is_digits(group) && !group.starts_with('0');
    let is_grouped = groups.next().is_some_and(is_first) && groups.all(|group| group.len() == 3 && is_digits(group));
    (is_grouped && is_digits(fraction)).then(|| format!("{}{decimal}{fraction}", whole.replace(separator, "")))
}

/// Returns whether a text is a sign, four digits, a comma, and one digit or letter.
pub(super) fn has_quality(text: &str) -> bool {
    let [b'+' | b'-', value @ .., b',', quality] = text.as_bytes() else { return false };
    value.len() == 4 && value.iter().all(u8::is_ascii_digit) && quality.is_ascii_alphanumeric()
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
    // Two numbers with a blank between: thousands are parted so where a comma is the decimal sign.
    if sign != DecimalSign::Comma && text.contains(' ') {
        return None;
    }
    if let Some(whole) = without_groups(text, if sign == DecimalSign::Comma { ',' } else { '.' }) {
        return number(&whole, sign).ok();
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
mod tests;
