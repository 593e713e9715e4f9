//! Checked fields of dates and times.

use jiff::civil::Date;

use super::error::TimeError;

/// Names of months, in small letters.
pub(crate) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// Names of weekdays, in small letters.
pub(crate) const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// RFC 5322, section 4.3: the zones of mail that have a fixed meaning, in hours. Only beside a date in that form.
pub(crate) const MAIL_ZONES: [(&str, i32); 8] =
    [("EST", -5), ("EDT", -4), ("CST", -6), ("CDT", -5), ("MST", -7), ("MDT", -6), ("PST", -8), ("PDT", -7)];

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
