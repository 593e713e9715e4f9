//! Why a time of a file is not read, with the option that reads it.

use sensor_model::DecimalError;
use thiserror::Error;

/// Why something is no time. The text never shows the value.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum TimeError {
    /// No form that has one meaning.
    #[error("not a time; write seconds since 1970 or 2010-01-01T01:00:00Z, or name the form with --time-format")]
    NotATime,
    /// Day, month and year could change places.
    #[error(
        "day and month could be swapped; name the form, for example --time-format '%d.%m.%Y %H:%M', or auto where other times of the file show it"
    )]
    Ambiguous,
    /// A number that is a calendar date.
    #[error(
        "looks like a date and not like seconds since 1970; use --time-format {format}, or --time-unit s if it is seconds"
    )]
    CompactDate {
        /// The form that reads it.
        format: &'static str,
    },
    /// A number that is a day of a spreadsheet.
    #[error(
        "looks like the day number of a spreadsheet; write times as text there, or use --time-unit s if it is seconds"
    )]
    SpreadsheetDay,
    /// `1.7E+09`, of which a spreadsheet shows no more digits.
    #[error(
        "its exponent leaves no single seconds, as in a column that a spreadsheet shows too narrow; write the whole number there, or use --time-unit s if it is exact"
    )]
    Rounded,
    /// A number below zero.
    #[error("a number below zero is before 1970; use --time-unit s if it is seconds")]
    Negative,
    /// A number between the ranges of the units.
    #[error("not a time between 1970 and 2100 in s, ms, us or ns; name the unit with --time-unit")]
    NoUnit,
    /// A number that is not a time in the unit of this kind of file.
    #[error("no time between 1973 and 2100 in {unit}, the unit of files of this kind; name the unit with --time-unit")]
    OtherUnit {
        /// The name of that unit.
        unit: &'static str,
    },
    /// `23:59:60`.
    #[error("a leap second (second 60) does not exist in seconds since 1970")]
    LeapSecond,
    /// The zero date of a program that had no time.
    #[error("the zero date (year 1) of a clock that was not set")]
    Unset,
    /// Not of the form of `--time-format`.
    #[error("does not match --time-format")]
    OtherFormat,
    /// `CET`, `EST` and the like, which need the zone that has them.
    #[error(
        "names its zone by an abbreviation, of which most have several meanings; name the zone that has it with --time-zone, such as Europe/Berlin for CET and CEST"
    )]
    ZoneAbbreviation,
    /// An abbreviation that the zone of the times does not have then.
    #[error(
        "names its zone by an abbreviation that its time zone does not have at that time; name another with --time-zone, or write it as text in --time-format with the offset in --time-zone"
    )]
    OtherAbbreviation,
    /// `2023-14-11`, or another date of a file that has such a one.
    #[error(
        "the day stands before the month behind the year, as a month above 12 shows; name the form, for example --time-format '%Y-%d-%m %H:%M:%S' (rows of this file that were taken before it have them swapped)"
    )]
    DayBeforeMonth,
    /// A zone that is not in the time zone database.
    #[error("names a time zone that is not in the database")]
    UnknownZone,
    /// The file names a zone for its times in a way that has no certain meaning.
    #[error("the file names its time zone in a way that is not known; name it with --time-zone")]
    UnknownFileZone,
    /// An offset that its zone does not have at that time.
    #[error("its offset and its time zone contradict each other")]
    ZoneConflict,
    /// Beyond the years 1 to 9999.
    #[error("outside the years that a time can have")]
    OutOfRange,
    /// More digits than a number of the table keeps.
    #[error(transparent)]
    Decimal(#[from] DecimalError),
}

impl TimeError {
    /// The class of the reason, for programs.
    pub(crate) fn code(self) -> &'static str {
        match self {
            TimeError::Ambiguous
            | TimeError::ZoneAbbreviation
            | TimeError::OtherAbbreviation
            | TimeError::DayBeforeMonth => "ambiguous-time",
            TimeError::CompactDate { .. }
            | TimeError::SpreadsheetDay
            | TimeError::Rounded
            | TimeError::Negative
            | TimeError::OtherUnit { .. }
            | TimeError::NoUnit => "time-unit",
            TimeError::LeapSecond => "leap-second",
            TimeError::Unset => "unset-time",
            TimeError::OtherFormat => "time-format",
            TimeError::UnknownFileZone => "time-zone",
            TimeError::NotATime
            | TimeError::UnknownZone
            | TimeError::ZoneConflict
            | TimeError::OutOfRange
            | TimeError::Decimal(_) => "not-a-time",
        }
    }
}
