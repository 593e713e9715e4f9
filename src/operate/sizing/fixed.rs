//! Exact numbers in millionths. They saturate, and a sizing with a saturated figure is refused.

use std::fmt;

use sensor_model::Decimal;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Millionths of one.
const MICRO: u128 = 1_000_000;

/// A number that is not negative, in millionths. Quotients and products are rounded up to one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fixed(u128);

impl Fixed {
    /// Zero.
    pub(crate) const ZERO: Fixed = Fixed(0);
    /// One.
    pub(crate) const ONE: Fixed = Fixed(MICRO);
    /// Too large to be computed with.
    pub(crate) const MAX: Fixed = Fixed(u128::MAX);

    /// Returns a whole number.
    pub(crate) const fn whole(number: u64) -> Self {
        Fixed(number as u128 * MICRO)
    }

    /// Returns a number of millionths.
    pub(crate) const fn millionths(number: u64) -> Self {
        Fixed(number as u128)
    }

    /// Returns the quotient of two whole numbers; too large if the second is zero.
    pub(crate) fn ratio(number: u64, of: u64) -> Self {
        Fixed::whole(number).over(Fixed::whole(of))
    }

    /// Parses a number above zero with at most six decimals.
    ///
    /// # Errors
    /// The text is not one.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "write a number above 0 with at most six decimals".to_owned();
        let decimal = Decimal::parse(text).map_err(|_| wrong())?;
        let (whole, decimals) = decimal.as_str().split_once('.').unwrap_or((decimal.as_str(), ""));
        let digits = whole.parse::<u64>().ok().filter(|_| decimals.len() <= 6).ok_or_else(wrong)?;
        let millionths: u64 = format!("{decimals:0<6}").parse().map_err(|_| wrong())?;
        let number = Fixed(u128::from(digits) * MICRO + u128::from(millionths));
        if number == Fixed::ZERO { Err(wrong()) } else { Ok(number) }
    }

    /// Returns the sum.
    pub(crate) fn plus(self, other: Fixed) -> Self {
        Fixed(self.0.saturating_add(other.0))
    }

    /// Returns the difference, or zero.
    pub(crate) fn less(self, other: Fixed) -> Self {
        Fixed(self.0.saturating_sub(other.0))
    }

    /// Returns the product.
    pub(crate) fn times(self, other: Fixed) -> Self {
        self.0.checked_mul(other.0).map_or(Fixed::MAX, |product| Fixed(product.div_ceil(MICRO)))
    }

    /// Returns the quotient.
    pub(crate) fn over(self, other: Fixed) -> Self {
        match self.0.checked_mul(MICRO) {
            Some(number) if other.0 > 0 => Fixed(number.div_ceil(other.0)),
            _ => Fixed::MAX,
        }
    }

    /// Returns the largest whole number that is not above it.
    pub(crate) fn floor(self) -> u64 {
        u64::try_from(self.0 / MICRO).unwrap_or(u64::MAX)
    }

    /// Returns the smallest whole number that is not below it.
    pub(crate) fn ceil(self) -> u64 {
        u64::try_from(self.0.div_ceil(MICRO)).unwrap_or(u64::MAX)
    }

    /// Rounds up to what is worth showing: whole numbers from a thousand, else thousandths from one.
    pub(crate) fn tidy(self) -> Self {
        let step = match self.0 {
            0..MICRO => 1,
            number if number < 1000 * MICRO => 1000,
            _ => MICRO,
        };
        self.rounded_up(step)
    }

    /// Rounds up to tenths.
    pub(crate) fn tenths(self) -> Self {
        self.rounded_up(MICRO / 10)
    }

    /// Rounds to hundredths, as the lines of a bill.
    pub(crate) fn cents(self) -> Self {
        let step = MICRO / 100;
        Fixed(self.0.saturating_add(step / 2) / step * step)
    }

    fn rounded_up(self, step: u128) -> Self {
        self.0.checked_next_multiple_of(step).map_or(Fixed::MAX, Fixed)
    }

    /// Returns the number with exactly two decimals, which has no more.
    pub(crate) fn with_cents(self) -> String {
        let text = self.to_string();
        match text.split_once('.') {
            None => format!("{text}.00"),
            Some((whole, decimals)) => format!("{whole}.{decimals:0<2}"),
        }
    }

    fn plain(self) -> String {
        let (whole, rest) = (self.0 / MICRO, self.0 % MICRO);
        let decimals = format!("{rest:06}");
        match decimals.trim_end_matches('0') {
            "" => whole.to_string(),
            decimals => format!("{whole}.{decimals}"),
        }
    }
}

/// With separated thousands: `1,234.5`.
impl fmt::Display for Fixed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.plain();
        let whole = plain.split_once('.').map_or(plain.as_str(), |(whole, _)| whole);
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                formatter.write_str(",")?;
            }
            write!(formatter, "{digit}")?;
        }
        formatter.write_str(&plain[whole.len()..])
    }
}

/// As an exact number.
impl Serialize for Fixed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.plain()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fixed_parses_and_shows_exact_numbers() {
        for (text, shown) in [("1", "1"), ("0.000001", "0.000001"), ("1e6", "1,000,000"), ("1234.50", "1,234.5")] {
            assert_eq!(Fixed::parse(text).unwrap().to_string(), shown);
        }
        for text in ["0", "-1", "x", "", "0.0000001", "1e30", "NaN"] {
            assert!(Fixed::parse(text).is_err(), "{text}");
        }
        assert_eq!(serde_json::to_string(&Fixed::parse("1234.5").unwrap()).unwrap(), "1234.5");
        assert_eq!(Fixed::whole(3).with_cents(), "3.00");
        assert_eq!(Fixed::ratio(1, 10).with_cents(), "0.10");
    }

    #[test]
    fn fixed_rounds_up_but_cents_to_the_nearest() {
        assert_eq!(Fixed::ratio(2, 3).to_string(), "0.666667");
        assert_eq!(Fixed::ratio(4, 3).tidy().to_string(), "1.334");
        assert_eq!(Fixed::ratio(4000, 3).tidy().to_string(), "1,334");
        assert_eq!(Fixed::ratio(4, 3).tenths().to_string(), "1.4");
        assert_eq!(Fixed::ratio(1, 200).cents().to_string(), "0.01");
        assert_eq!(Fixed::ratio(1, 201).cents().to_string(), "0");
        assert_eq!((Fixed::ratio(4, 3).floor(), Fixed::ratio(4, 3).ceil()), (1, 2));
    }

    #[test]
    fn fixed_that_is_too_large_stays_so() {
        for large in [Fixed::MAX.times(Fixed::whole(2)), Fixed::MAX.over(Fixed::ONE), Fixed::ONE.over(Fixed::ZERO)] {
            assert_eq!(large, Fixed::MAX);
            assert_eq!((large.plus(Fixed::ONE), large.tidy()), (Fixed::MAX, Fixed::MAX));
        }
    }

    proptest! {
        #[test]
        fn fixed_operations_grow_with_their_operands(a in 0..1u64 << 50, b in 0..1u64 << 50, c in 1..1u64 << 50) {
            let (less, more, other) = (Fixed::millionths(a.min(b)), Fixed::millionths(a.max(b)), Fixed::millionths(c));
            prop_assert!(less.times(other) <= more.times(other) && less.over(other) <= more.over(other));
            prop_assert!(less.tidy() <= more.tidy() && less.cents() <= more.cents() && less <= less.tidy());
            prop_assert!(less.over(other).times(other) >= less);
        }
    }
}
