//! Checked fields of dates and times.

use jiff::civil::Date;

use super::error::TimeError;

/// Words for the halves of a day, with the hours that they add.
pub(crate) const HALVES: [(&str, i8); 10] = [
    ("a.m.", 0),
    ("p.m.", 12),
    ("am", 0),
    ("pm", 12),
    ("a. m.", 0),
    ("p. m.", 12),
    ("a.\u{a0}m.", 0),
    ("p.\u{a0}m.", 12),
    ("a.\u{202f}m.", 0),
    ("p.\u{202f}m.", 12),
];

/// Returns whether a word is a year of four digits.
pub(crate) fn is_year(word: &str) -> bool {
    word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit())
}

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
