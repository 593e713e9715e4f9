//! Checked fields of dates and times.

use jiff::civil::Date;

use super::error::TimeError;

/// Returns whether a word is a name or its first three letters.
pub(crate) fn is_name(word: &str, name: &str) -> bool {
    word.eq_ignore_ascii_case(name)
        || word.eq_ignore_ascii_case(&name[..3])
        || (name == "september" && word.eq_ignore_ascii_case("sept"))
}

pub(crate) fn number<T: std::str::FromStr>(digits: &str) -> Result<T, TimeError> {
    digits.parse().map_err(|_| TimeError::NotATime)
}

pub(crate) fn date(year: i16, month: i8, day: i8) -> Result<Date, TimeError> {
    Date::new(year, month, day).map_err(|_| TimeError::NotATime)
}
