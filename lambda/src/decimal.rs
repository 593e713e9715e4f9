//! Exact decimal numbers with one text for each value.

use std::cmp::Ordering;
use std::fmt;

use compact_str::{CompactString, ToCompactString as _};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use thiserror::Error;

/// Significant digits that `DynamoDB` keeps (Developer Guide, "Supported data types": Number).
pub const MAX_DIGITS: usize = 38;
/// Exponent of the largest magnitude, `9.99…9E+125`.
const MAX_EXPONENT: i64 = 125;
/// Exponent of the smallest magnitude above zero, `1E-130`.
const MIN_EXPONENT: i64 = -130;
/// Maximum characters of plain notation: 38 digits with `0.` before them. A number that needs more is mostly zeros, and
/// many of them would turn a small reading into a large request.
const LONGEST_PLAIN: usize = MAX_DIGITS + 2;

/// The reason why `DynamoDB` cannot hold a text as a number.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DecimalError {
    /// Not a decimal number. `NaN` and the infinities are not, either.
    #[error("not a decimal number")]
    NotANumber,
    /// More significant digits than `DynamoDB` keeps.
    #[error("more than {MAX_DIGITS} significant digits")]
    TooManyDigits,
    /// Larger than `9.99…E+125`, or smaller than `1E-130` and not zero.
    #[error("magnitude outside 1E-130 to 9.99E+125")]
    OutOfRange,
}

/// An exact decimal number without leading or trailing zeros and without `-0`.
///
/// It is in plain notation, as `DynamoDB` returns it, or with an exponent if plain notation would be longer than 40
/// characters. Equal numbers have equal texts: `1.10` is `1.1`, `1e2` is `100`, `10e124` is `1E125`. Each text is a
/// valid JSON number.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Decimal(CompactString);

impl Decimal {
    /// Parses a decimal number such as `-12.50`, `1e3` or `+.5`. Accepts every JSON number.
    ///
    /// # Errors
    /// If the text is not a number, or if `DynamoDB` would not keep it exactly.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        if let Some(number) = Self::from_canonical(text) {
            return Ok(number);
        }
        let parts = Parts::split(text)?;
        let digits = parts.significant_digits();
        let Some(first) = digits.first_place else { return Ok(Decimal("0".into())) };
        if digits.text.len() > MAX_DIGITS {
            return Err(DecimalError::TooManyDigits);
        }
        // An exponent too long for an i64 is far out of range. Saturation keeps it there.
        let exponent = parts.exponent().saturating_add(first);
        if !(MIN_EXPONENT..=MAX_EXPONENT).contains(&exponent) {
            return Err(DecimalError::OutOfRange);
        }
        Ok(Decimal(canonical_text(parts.negative, &digits.text, exponent).into()))
    }

    /// Returns the number of a text that is certainly its canonical text, as most numbers are written; `None` for any other
    /// text, which may be a number all the same.
    #[inline]
    #[must_use]
    pub fn from_canonical(text: &str) -> Option<Self> {
        let number = NumberPrefix::of(text.as_bytes())?;
        (number.is_canonical && number.length == text.len()).then(|| Decimal(text.into()))
    }

    /// Returns the canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Counts the digits without sign and point. Zeros that only fill the plain notation do not count.
    pub(crate) fn significant_digits(&self) -> usize {
        let mut significant = 0;
        let mut zeros = 0;
        for byte in self.0.bytes().take_while(|&byte| byte != b'E') {
            match byte {
                b'0' if significant > 0 => zeros += 1,
                b'1'..=b'9' => {
                    significant += zeros + 1;
                    zeros = 0;
                }
                _ => {}
            }
        }
        significant.max(1)
    }

    fn is_negative(&self) -> bool {
        self.0.starts_with('-')
    }

    /// Returns the power of ten of the first digit, and all digits. They have no trailing zeros, so they compare as
    /// text.
    fn magnitude(&self) -> Option<(i64, String)> {
        let parts = Parts::split(&self.0).ok()?;
        let digits = parts.significant_digits();
        Some((digits.first_place? + parts.exponent(), digits.text))
    }
}

/// A JSON number at the beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberPrefix {
    /// Its bytes.
    pub length: usize,
    /// True if it is certainly the canonical text of its value, as most numbers are: at most 38 digits around the point,
    /// so in range, without superfluous zeros.
    pub is_canonical: bool,
}

impl NumberPrefix {
    /// Finds the number; `None` if the text does not begin with one.
    #[inline]
    #[must_use]
    pub fn of(text: &[u8]) -> Option<Self> {
        let digits_end = |mut at: usize| {
            while text.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let begin = usize::from(text.first() == Some(&b'-'));
        let first = *text.get(begin)?;
        let mut length = match first {
            b'0' => begin + 1,
            b'1'..=b'9' => digits_end(begin + 1),
            _ => return None,
        };
        // Zero has no sign.
        let mut is_canonical = begin == 0 || first != b'0';
        if text.get(length) == Some(&b'.') {
            let end = digits_end(length + 1);
            if end == length + 1 {
                return None;
            }
            length = end;
            is_canonical = text[end - 1] != b'0';
        }
        is_canonical &= length - begin <= MAX_DIGITS;
        if matches!(text.get(length), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(text.get(length + 1), Some(b'+' | b'-')));
            let end = digits_end(length + 1 + sign);
            if end == length + 1 + sign {
                return None;
            }
            (length, is_canonical) = (end, false);
        }
        Some(NumberPrefix { length, is_canonical })
    }
}

/// The parts of a number's text.
struct Parts<'a> {
    negative: bool,
    integer: &'a str,
    fraction: &'a str,
    exponent: &'a str,
}

struct Significant {
    /// The digits from the first to the last that is not zero.
    text: String,
    /// Power of ten of the first of them, before the exponent. `None` for zero.
    first_place: Option<i64>,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, DecimalError> {
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], &unsigned[at + 1..]),
            None => (unsigned, "0"),
        };
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let exponent_digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        let well_formed = digits(integer)
            && digits(fraction)
            && integer.len() + fraction.len() > 0
            && !exponent_digits.is_empty()
            && digits(exponent_digits);
        if well_formed { Ok(Parts { negative, integer, fraction, exponent }) } else { Err(DecimalError::NotANumber) }
    }

    fn exponent(&self) -> i64 {
        let huge = if self.exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
        self.exponent.parse().unwrap_or(huge).clamp(i64::MIN / 2, i64::MAX / 2)
    }

    fn significant_digits(&self) -> Significant {
        let all = || self.integer.bytes().chain(self.fraction.bytes());
        let Some(first) = all().position(|digit| digit != b'0') else {
            return Significant { text: String::new(), first_place: None };
        };
        let trailing = self.fraction.bytes().rev().chain(self.integer.bytes().rev());
        let end = self.integer.len() + self.fraction.len() - trailing.take_while(|&digit| digit == b'0').count();
        // One digit more than the maximum is enough to know.
        let text = all().take(end).skip(first).take(MAX_DIGITS + 1).map(char::from).collect();
        let place =
            i64::try_from(self.integer.len()).unwrap_or(i64::MAX) - i64::try_from(first).unwrap_or(i64::MAX) - 1;
        Significant { text, first_place: Some(place) }
    }
}

/// Formats the number whose first digit stands at 10^`exponent`.
fn canonical_text(negative: bool, digits: &str, exponent: i64) -> String {
    let mut text = String::with_capacity(LONGEST_PLAIN + 8);
    if negative {
        text.push('-');
    }
    let after_first = i64::try_from(digits.len()).unwrap_or(i64::MAX) - 1;
    let plain = if exponent < 0 { after_first - exponent + 2 } else { exponent.max(after_first) + 1 };
    if usize::try_from(plain).unwrap_or(usize::MAX) <= LONGEST_PLAIN {
        push_plain(&mut text, digits, exponent);
    } else {
        text.push_str(&digits[..1]);
        if digits.len() > 1 {
            text.push('.');
            text.push_str(&digits[1..]);
        }
        text.push('E');
        text.push_str(&exponent.to_string());
    }
    text
}

fn push_plain(text: &mut String, digits: &str, exponent: i64) {
    match usize::try_from(exponent) {
        Err(_) => {
            text.push_str("0.");
            text.extend((exponent + 1..0).map(|_| '0'));
            text.push_str(digits);
        }
        Ok(exponent) if exponent + 1 < digits.len() => {
            text.push_str(&digits[..=exponent]);
            text.push('.');
            text.push_str(&digits[exponent + 1..]);
        }
        Ok(exponent) => {
            text.push_str(digits);
            text.extend((digits.len()..=exponent).map(|_| '0'));
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        // Zero has no first digit and is the smallest.
        let by_magnitude = || self.magnitude().cmp(&other.magnitude());
        match (self.is_negative(), other.is_negative()) {
            (false, false) => by_magnitude(),
            (true, true) => by_magnitude().reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad_integral(!self.is_negative(), "", self.0.strip_prefix('-').unwrap_or(&self.0))
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<u64> for Decimal {
    fn from(number: u64) -> Self {
        Decimal(number.to_compact_string())
    }
}

/// Serializes to a JSON number, digit by digit (with `serde_json`; no other format can carry it).
impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
