//! Exact conversions between units: `temperature=F:C`.

use std::fmt;
use std::str::FromStr;

use num_bigint::BigInt;
use sensor_model::{Decimal, DecimalError};

use super::{UNITS, Unit};

/// Places of a result that has no end, at least.
const LEAST_PLACES: u32 = 4;

/// `KEY=FROM:TO`: the unit that a file has a key in, and the one to put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnitConversion {
    /// Key of the reading.
    pub key: String,
    from: Scaled,
    to: Scaled,
}

/// A unit, or the part of one that values count: `C/10` are tenths of a degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scaled {
    unit: Unit,
    parts: i64,
}

impl FromStr for Scaled {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(unit) = Unit::named(text) {
            return Ok(Scaled { unit, parts: 1 });
        }
        let parts = [10, 100, 1000].into_iter().find_map(|parts| {
            let unit = text.strip_suffix(&format!("/{parts}")).and_then(Unit::named)?;
            Some(Scaled { unit, parts })
        });
        parts.ok_or_else(|| {
            let names: Vec<_> = UNITS.iter().map(|unit| unit.name).collect();
            format!("unknown unit `{text}`; there are {}, and parts of them such as C/10", names.join(", "))
        })
    }
}

impl fmt::Display for Scaled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.unit.name)?;
        if self.parts > 1 { write!(formatter, "/{}", self.parts) } else { Ok(()) }
    }
}

impl FromStr for UnitConversion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once('=').and_then(|(key, units)| Some((key, units.split_once(':')?)));
        let Some((key, (from, to))) = parts.filter(|(key, _)| !key.is_empty()) else {
            return Err("write KEY=FROM:TO, for example temperature=F:C".to_owned());
        };
        let (from, to): (Scaled, Scaled) = (from.parse()?, to.parse()?);
        if from.unit.kind != to.unit.kind {
            return Err(format!("{from} and {to} do not measure the same"));
        }
        Ok(UnitConversion { key: key.to_owned(), from, to })
    }
}

impl fmt::Display for UnitConversion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}:{}", self.key, self.from, self.to)
    }
}

impl UnitConversion {
    /// The unit that the file must have the key in.
    pub(crate) fn from(&self) -> Unit {
        self.from.unit
    }

    /// Converts a value: exactly where the result has an end, else rounded half to even, to two places more than the value
    /// has and at least [`LEAST_PLACES`], so that no two values of a file become one.
    ///
    /// # Errors
    /// When the result is no number that the table keeps exactly.
    pub(crate) fn convert(&self, value: &Decimal) -> Result<Decimal, DecimalError> {
        if self.from == self.to {
            return Ok(value.clone());
        }
        let (digits, places) = parts(value)?;
        let (from, to) = (self.from, self.to);
        // ((value / from.parts + from.offset) * from.factor / to.factor - to.offset) * to.parts, as one fraction.
        let mut numerator = digits * from.unit.offset.1 + power_of_ten(places) * from.parts * from.unit.offset.0;
        let mut denominator = power_of_ten(places) * from.parts * from.unit.offset.1;
        numerator *= from.unit.factor.0;
        numerator *= to.unit.factor.1;
        denominator *= from.unit.factor.1;
        denominator *= to.unit.factor.0;
        numerator = numerator * to.unit.offset.1 - &denominator * to.unit.offset.0;
        denominator *= to.unit.offset.1;
        numerator *= to.parts;
        decimal(&numerator, &denominator, (places + 2).max(LEAST_PLACES))
    }
}

/// The digits of a number, and how many of them stand behind the point.
fn parts(value: &Decimal) -> Result<(BigInt, u32), DecimalError> {
    let (mantissa, exponent) = value.as_str().split_once('E').unwrap_or((value.as_str(), "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: BigInt = format!("{whole}{fraction}").parse().map_err(|_| DecimalError::NotANumber)?;
    let exponent: i64 = exponent.parse().map_err(|_| DecimalError::OutOfRange)?;
    let places = i64::try_from(fraction.len()).unwrap_or(i64::MAX) - exponent;
    match u32::try_from(places) {
        Ok(places) => Ok((digits, places)),
        Err(_) => Ok((digits * power_of_ten(u32::try_from(-places).map_err(|_| DecimalError::OutOfRange)?), 0)),
    }
}

fn power_of_ten(places: u32) -> BigInt {
    BigInt::from(10).pow(places)
}

/// The decimal number of a fraction.
fn decimal(numerator: &BigInt, denominator: &BigInt, rounded_places: u32) -> Result<Decimal, DecimalError> {
    // More places than any exact result of these units needs, behind the smallest number.
    let mut exact_places = rounded_places + 30;
    let scaled = numerator * power_of_ten(exact_places);
    let digits = if (&scaled % denominator) == BigInt::ZERO {
        scaled / denominator
    } else {
        exact_places = rounded_places;
        rounded(&(numerator * power_of_ten(rounded_places)), denominator)
    };
    Decimal::parse(&format!("{digits}E-{exact_places}"))
}

/// Half to even.
fn rounded(numerator: &BigInt, denominator: &BigInt) -> BigInt {
    let quotient = numerator / denominator;
    let rest = numerator - &quotient * denominator;
    let twice = rest.magnitude() * 2_u32;
    let is_odd = quotient.bit(0);
    if twice > *denominator.magnitude() || (twice == *denominator.magnitude() && is_odd) {
        let step = if rest < BigInt::ZERO { -1 } else { 1 };
        return quotient + step;
    }
    quotient
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn convert(conversion: &str, value: &str) -> String {
        let conversion: UnitConversion = format!("temperature={conversion}").parse().unwrap();
        conversion.convert(&Decimal::parse(value).unwrap()).unwrap().to_string()
    }

    #[test]
    fn temperatures_are_converted_exactly() {
        for (conversion, value, expected) in [
            ("F:C", "70.7", "21.5"),
            ("F:C", "32", "0"),
            ("F:C", "-40", "-40"),
            ("F:C", "70.8", "21.5556"),
            ("F:C", "70.123", "21.17944"),
            ("F:C", "31", "-0.5556"),
            ("C:F", "21.5", "70.7"),
            ("C:F", "-17.77", "0.014"),
            ("K:C", "279.25", "6.1"),
            ("C:K", "-273.15", "0"),
            ("F:K", "32", "273.15"),
            ("K:F", "0", "-459.67"),
            ("C/10:C", "194", "19.4"),
            ("C/10:F", "215", "70.7"),
            ("C:C/10", "19.4", "194"),
            ("C:C", "1.5", "1.5"),
            ("°F:℃", "70.7", "21.5"),
        ] {
            assert_eq!(convert(conversion, value), expected, "{conversion} {value}");
        }
    }

    #[test]
    fn other_quantities_are_converted_exactly() {
        for (conversion, value, expected) in [
            ("Pa:hPa", "101325", "1013.25"),
            ("kPa:hPa", "101.325", "1013.25"),
            ("inHg:hPa", "29.92", "1013.2075888"),
            ("mmHg:Pa", "760", "101325.0144354"),
            ("psi:Pa", "1", "6894.757293168"),
            ("1:%", "0.485", "48.5"),
            ("mV:V", "2985", "2.985"),
            ("in:mm", "1", "25.4"),
            ("km/h:m/s", "36", "10"),
            ("kn:m/s", "1", "0.5144"),
        ] {
            assert_eq!(convert(conversion, value), expected, "{conversion} {value}");
        }
    }

    #[test]
    fn result_that_cannot_be_kept_is_refused() {
        let conversion: UnitConversion = "t=K:C".parse().unwrap();
        let long = Decimal::parse("1234567890123456789012345678901234567.5").unwrap();
        assert_eq!(conversion.convert(&long), Err(DecimalError::TooManyDigits));
        assert_eq!(conversion.convert(&Decimal::parse("1E125").unwrap()), Err(DecimalError::TooManyDigits));
        assert_eq!(conversion.convert(&Decimal::parse("1E-120").unwrap()), Err(DecimalError::TooManyDigits));
    }

    #[test]
    fn wrong_conversions_are_refused_with_what_there_is() {
        for (text, part) in [
            ("temperature", "KEY=FROM:TO"),
            ("=F:C", "KEY=FROM:TO"),
            ("temperature=F", "KEY=FROM:TO"),
            ("temperature=X:C", "unknown unit `X`"),
            ("temperature=F:hPa", "do not measure the same"),
            ("temperature=C/7:C", "unknown unit"),
        ] {
            let error = text.parse::<UnitConversion>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let shown: UnitConversion = "a=b=°F:C/10".parse().unwrap();
        assert_eq!((shown.key.as_str(), shown.to_string().as_str()), ("a=b", "a=b=F:C/10"));
    }

    proptest! {
        #[test]
        fn celsius_to_fahrenheit_and_back_is_the_same(tenths in -10_000_i64..100_000) {
            let celsius = Decimal::parse(&format!("{tenths}E-2")).unwrap();
            let there: UnitConversion = "t=C:F".parse().unwrap();
            let back: UnitConversion = "t=F:C".parse().unwrap();
            prop_assert_eq!(back.convert(&there.convert(&celsius).unwrap()).unwrap(), celsius);
        }

        #[test]
        fn conversion_is_within_half_a_unit_of_the_last_place(thousandths in -1_000_000_i64..1_000_000) {
            let value = Decimal::parse(&format!("{thousandths}E-3")).unwrap();
            let conversion: UnitConversion = "t=F:C".parse().unwrap();
            let result = conversion.convert(&value).unwrap();
            // 9 * 10^5 * result and 5 * 10^5 * (value - 32) differ by half of 9 units of the last place at most.
            let most: u32 = if thousandths % 10 == 0 { 45 } else { 4 };
            let (digits, places) = parts(&result).unwrap();
            let result: BigInt = digits * power_of_ten(5) / power_of_ten(places);
            let difference: BigInt = result * 9 - (BigInt::from(thousandths) - 32_000) * 500;
            prop_assert!(*difference.magnitude() <= num_bigint::BigUint::from(most), "{}", difference);
        }
    }
}
