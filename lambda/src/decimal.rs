//! Numbers as exact decimal text, each value in one form.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use compact_str::{CompactString, ToCompactString as _};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use thiserror::Error;

/// Significant digits that `DynamoDB` keeps (Developer Guide, "Supported data types": Number).
pub const MAX_DIGITS: usize = 38;
/// The largest magnitude is `9.99…9E+125`.
const MAX_EXPONENT: i64 = 125;
/// The smallest magnitude above zero is `1E-130`.
const MIN_EXPONENT: i64 = -130;
/// Characters of plain notation, at most: what 38 digits need with `0.` before them. A number that needs more is mostly
/// zeros, and many of them would make a small reading a large request.
const LONGEST_PLAIN: usize = MAX_DIGITS + 2;

/// Why a text is no number that `DynamoDB` can hold.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DecimalError {
    /// Not a decimal number at all; neither are `NaN` and the infinities.
    #[error("not a decimal number")]
    NotANumber,
    /// More significant digits than are kept.
    #[error("more than {MAX_DIGITS} significant digits")]
    TooManyDigits,
    /// Larger than `9.99…E+125`, or smaller than `1E-130` and not zero.
    #[error("magnitude outside 1E-130 to 9.99E+125")]
    OutOfRange,
}

/// An exact decimal number without leading or trailing zeros and `-0`: in plain notation, as `DynamoDB` gives it back, or
/// with an exponent where that would be longer than 40 characters.
///
/// Equal numbers have equal texts: `1.10` is `1.1`, `1e2` is `100`, `10e124` is `1E125`. All of them are numbers in JSON.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Decimal(CompactString);

impl Decimal {
    /// Reads a decimal number: `-12.50`, `1e3`, `+.5`. Everything that JSON calls a number is one.
    ///
    /// # Errors
    /// When it is no number, or one that `DynamoDB` would not keep exactly.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        if is_canonical(text) {
            return Ok(Decimal(text.into()));
        }
        let parts = Parts::split(text)?;
        let digits = parts.significant_digits();
        let Some(first) = digits.first_place else { return Ok(Decimal("0".into())) };
        if digits.text.len() > MAX_DIGITS {
            return Err(DecimalError::TooManyDigits);
        }
        // An exponent too long for an i64 is far out of any range; saturation keeps it there.
        let exponent = parts.exponent().saturating_add(first);
        if !(MIN_EXPONENT..=MAX_EXPONENT).contains(&exponent) {
            return Err(DecimalError::OutOfRange);
        }
        Ok(Decimal(canonical_text(parts.negative, &digits.text, exponent).into()))
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Digits without sign and point; zeros that only fill the plain notation are not counted.
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

    /// Power of ten of the first digit, and all digits; no trailing zeros, so they compare as text.
    fn magnitude(&self) -> Option<(i64, String)> {
        let parts = Parts::split(&self.0).ok()?;
        let digits = parts.significant_digits();
        Some((digits.first_place? + parts.exponent(), digits.text))
    }
}

/// Whether the text is for certain in canonical form, as most numbers are: at most 38 digits around the point, so in
/// range, without zeros to drop.
fn is_canonical(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (integer, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "1"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let plain_integer = match integer.as_bytes() {
        // Zero itself has no sign.
        [b'0'] => unsigned.len() > 1 || unsigned.len() == text.len(),
        [first, ..] => *first != b'0',
        [] => false,
    };
    plain_integer
        && unsigned.len() <= MAX_DIGITS
        && !fraction.is_empty()
        && !fraction.ends_with('0')
        && digits(integer)
        && digits(fraction)
}

/// The pieces of a number's text.
struct Parts<'a> {
    negative: bool,
    integer: &'a str,
    fraction: &'a str,
    exponent: &'a str,
}

struct Significant {
    /// The digits from the first to the last that is not zero.
    text: String,
    /// Power of ten of the first of them, before the exponent; `None` for zero.
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
        // One digit more than is allowed is enough to know.
        let text = all().take(end).skip(first).take(MAX_DIGITS + 1).map(char::from).collect();
        let place =
            i64::try_from(self.integer.len()).unwrap_or(i64::MAX) - i64::try_from(first).unwrap_or(i64::MAX) - 1;
        Significant { text, first_place: Some(place) }
    }
}

/// The number whose first digit stands at 10^`exponent`.
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
        // Zero, which has no first digit, is the smallest.
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

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        Decimal::parse(text)
    }
}

impl From<u64> for Decimal {
    fn from(number: u64) -> Self {
        Decimal(number.to_compact_string())
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Decimal(number.to_compact_string())
    }
}

/// As a JSON number, digit by digit (with `serde_json`; no other format can carry it).
impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// From a JSON number, digit by digit (with `serde_json`).
impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Decimal::parse(raw.get()).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Decimal, DecimalError};
    use proptest::prelude::*;

    fn canonical(text: &str) -> String {
        Decimal::parse(text).unwrap().to_string()
    }

    #[test]
    fn numbers_take_the_form_in_which_the_table_returns_them() {
        for (given, kept) in [
            ("88.8", "88.8"),
            ("1.10", "1.1"),
            ("1e2", "100"),
            ("1E+2", "100"),
            ("-0", "0"),
            ("-0.000e99999999999999999999", "0"),
            ("0007.50", "7.5"),
            ("+.5", "0.5"),
            ("12.", "12"),
            ("-12.34e1", "-123.4"),
            ("12.34e-4", "0.001234"),
            ("100e-2", "1"),
            ("987654321", "987654321"),
            ("1668000000.123", "1668000000.123"),
            ("-50", "-50"),
        ] {
            assert_eq!(canonical(given), kept, "{given}");
        }
    }

    #[test]
    fn the_ends_of_the_range_are_kept_and_what_is_beyond_is_refused() {
        let nines = "9".repeat(38);
        assert_eq!(canonical(&format!("{nines}e88")), format!("9.{}E125", &nines[1..]));
        assert_eq!(canonical("1E-130"), "1E-130");
        for beyond in ["1e126", "-1e126", "9e-131", "1e99999999999999999999", "1e-99999999999999999999"] {
            assert_eq!(Decimal::parse(beyond), Err(DecimalError::OutOfRange), "{beyond}");
        }
        assert_eq!(Decimal::parse(&format!("{nines}.5")), Err(DecimalError::TooManyDigits));
        assert_eq!(canonical(&format!("{nines}.0")), nines);
    }

    #[test]
    fn what_would_be_mostly_zeros_has_an_exponent_however_it_was_written() {
        let zeros = "0".repeat(125);
        for (given, kept, digits) in [
            (format!("1{zeros}"), "1E125", 1),
            ("10e124".to_owned(), "1E125", 1),
            ("1e+125".to_owned(), "1E125", 1),
            (format!("-12{zeros}e-1"), "-1.2E125", 2),
            (format!("0.{zeros}15"), "1.5E-126", 2),
            ("1e40".to_owned(), "1E40", 1),
            ("1e39".to_owned(), "1000000000000000000000000000000000000000", 1),
            ("1e-39".to_owned(), "1E-39", 1),
            ("-1e-38".to_owned(), "-0.00000000000000000000000000000000000001", 1),
        ] {
            assert_eq!(canonical(&given), kept, "{given}");
            assert_eq!(Decimal::parse(&given).unwrap().significant_digits(), digits);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", "-", ".", "e5", "1e", "1e+", "NaN", "Infinity", "1 ", " 1", "1_000", "1,5", "0x10", "--1", "1.2.3", "١",
        ] {
            assert_eq!(Decimal::parse(text), Err(DecimalError::NotANumber), "{text:?}");
        }
    }

    #[test]
    fn json_carries_every_digit() {
        let digits = "0.1234567890123456789012345678901234567";
        let number = Decimal::parse(digits).unwrap();
        assert_eq!(serde_json::to_string(&[&number]).unwrap(), format!("[{digits}]"));
        assert_eq!(serde_json::from_str::<Vec<Decimal>>(&format!("[{digits}]")).unwrap(), [number]);
    }

    fn number_text() -> impl Strategy<Value = String> {
        ("-?[0-9]{1,20}(\\.[0-9]{1,18})?", -80_i32..80)
            .prop_map(|(mantissa, exponent)| format!("{mantissa}e{exponent}"))
    }

    proptest! {
        #[test]
        fn a_canonical_text_stays_as_it_is(text in number_text()) {
            let once = canonical(&text);
            prop_assert_eq!(canonical(&once), once);
        }

        #[test]
        fn what_is_taken_as_canonical_is_what_the_long_way_gives(text in "-?[0-9]{0,3}(\\.[0-9]{0,3})?|-?0?\\.?0{0,2}") {
            // The sign `+` keeps it off the short way.
            let long_way = |text: &str| match text.strip_prefix('-') {
                Some(_) => Decimal::parse(&format!("{text}e0")),
                None => Decimal::parse(&format!("+{text}")),
            };
            prop_assert_eq!(Decimal::parse(&text), long_way(&text));
        }

        #[test]
        fn order_is_by_value(left in -1_000_000_i64..1_000_000, right in -1_000_000_i64..1_000_000, scale in 0_u32..9) {
            let number = |mantissa: i64| Decimal::parse(&format!("{mantissa}e-{scale}")).unwrap();
            prop_assert_eq!(number(left).cmp(&number(right)), left.cmp(&right));
        }

        #[test]
        fn order_is_by_value_whatever_the_notation(left in number_text(), right in number_text()) {
            let value = |text: &str| text.parse::<f64>().unwrap();
            let by_value = value(&left).total_cmp(&(value(&right)));
            let (left, right) = (Decimal::parse(&left).unwrap(), Decimal::parse(&right).unwrap());
            // A float cannot tell them apart when they are as good as equal.
            prop_assume!(value(left.as_str()).total_cmp(&value(right.as_str())) != std::cmp::Ordering::Equal);
            prop_assert_eq!(left.cmp(&right), by_value);
        }

        #[test]
        fn floats_keep_their_shortest_text(number in any::<f64>().prop_filter("in range", |number| {
            number.is_finite() && (number.abs() > 1e-120 && number.abs() < 1e120 || *number == 0.0)
        })) {
            let read: f64 = canonical(&format!("{number:e}")).parse().unwrap();
            prop_assert_eq!(read.total_cmp(&(number + 0.0)), std::cmp::Ordering::Equal);
        }

        #[test]
        fn nothing_makes_it_panic(text in "[-+0-9eE. ]{0,12}") {
            let _ = Decimal::parse(&text);
        }
    }
}
