//! Times as files write them, as exact seconds since 1970.
//!
//! A number is read by its unit (`--time-unit`), a text by its form (`--time-format`) or, without one, only where it has
//! one meaning. docs/semantics.md, "Times in files", has the rules.

mod civil_fields;
mod civil_text;
mod counts;
mod day_second;
mod epoch;
mod error;
mod forms;
#[cfg(test)]
mod tests;
pub(crate) mod time_zone;
mod zone_of_file;

pub(super) use self::day_second::shows_day_second;
pub(super) use self::forms::{forms_of, forms_of_times, is_written_whole, reads_alone};
pub(super) use self::time_zone::{
    is_utc_name, is_zone_name, is_zone_of_file, offset_in_name, zone_in_name, zone_of_name,
};

use clap::ValueEnum;
use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};
use sensor_model::{Decimal, DecimalError};
use serde::{Deserialize, Serialize};

use self::civil_text::{CivilText, Zone};
pub(crate) use self::counts::{TimeCounts, TimeFacts};
pub(super) use self::epoch::{YEAR_2000, is_certainly_seconds, is_part_of_time, spreadsheet_day};
pub(crate) use self::error::TimeError;
use self::zone_of_file::ZoneOfFile;
use super::number::trimmed;

/// The unit of times that are numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
pub(crate) enum TimeUnit {
    /// By the number's size.
    #[default]
    #[value(name = "auto")]
    #[serde(rename = "auto")]
    Auto,
    /// Seconds since 1970.
    #[value(name = "s")]
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds since 1970.
    #[value(name = "ms")]
    #[serde(rename = "ms")]
    Milliseconds,
    /// Microseconds since 1970.
    #[value(name = "us")]
    #[serde(rename = "us")]
    Microseconds,
    /// Nanoseconds since 1970.
    #[value(name = "ns")]
    #[serde(rename = "ns")]
    Nanoseconds,
    /// Seconds of a clock that shows local time, counted from its 1970.
    #[value(name = "local-s")]
    #[serde(rename = "local-s")]
    LocalSeconds,
}

impl TimeUnit {
    /// The name on the command line and in the ledger.
    pub(crate) fn name(self) -> &'static str {
        match self {
            TimeUnit::Auto => "auto",
            TimeUnit::Seconds => "s",
            TimeUnit::Milliseconds => "ms",
            TimeUnit::Microseconds => "us",
            TimeUnit::Nanoseconds => "ns",
            TimeUnit::LocalSeconds => "local-s",
        }
    }
}

/// How the times of a file are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimeOptions {
    /// The unit of numbers.
    pub unit: TimeUnit,
    /// True if the unit comes from a layout or a format: a number whose size suggests another unit is refused.
    pub is_unit_assumed: bool,
    /// The form of texts, as `strftime` takes it.
    pub format: Option<String>,
    /// The IANA name of the zone of times without one, or a fixed offset; UTC if none.
    pub zone: Option<String>,
    /// True if `1700000000,5` is a number.
    pub decimal_comma: bool,
}

/// A time that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParsedTime {
    /// Seconds since 1970, with every digit of the text.
    pub seconds: Decimal,
    /// Facts for the ledger.
    pub facts: TimeFacts,
}

/// The order of the parts of dates that begin with their year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum DateOrder {
    #[default]
    YearMonthDay,
    /// As one of the dates shows.
    YearDayMonth,
}

/// Reads the times of one file.
#[derive(Clone, Debug, Default)]
pub(crate) struct TimeParser {
    unit: TimeUnit,
    format: Option<String>,
    zone: Option<TimeZone>,
    /// True if an option names the zone.
    zone_is_named: bool,
    decimal_comma: bool,
    is_unit_assumed: bool,
    named_by_file: ZoneOfFile,
    date_order: DateOrder,
}

impl TimeParser {
    /// Checks the options.
    ///
    /// # Errors
    /// When the form cannot be read or the zone is unknown; the text names the flag.
    pub(crate) fn new(options: &TimeOptions) -> Result<Self, String> {
        let zone = options.zone.as_deref().map(time_zone::parse).transpose()?;
        if let Some(format) = &options.format {
            check_format(format)?;
            if options.unit != TimeUnit::Auto {
                return Err("--time-format and --time-unit exclude each other".to_owned());
            }
        }
        let TimeOptions { unit, is_unit_assumed, format, decimal_comma, .. } = options.clone();
        let zone_is_named = zone.is_some();
        let named_by_file = ZoneOfFile::default();
        let date_order = DateOrder::default();
        Ok(TimeParser { unit, format, zone, zone_is_named, decimal_comma, is_unit_assumed, named_by_file, date_order })
    }

    /// Takes the form of texts.
    pub(super) fn set_format(&mut self, format: &str) {
        self.format = Some(format.to_owned());
        self.unit = TimeUnit::Auto;
    }

    /// Takes a time that shows the day before the month, `2023-14-11`: others of its input have it there, too. Returns
    /// whether it shows it.
    pub(super) fn see_day_second(&mut self, text: &str) -> bool {
        let is_shown = self.format.is_none() && shows_day_second(text);
        if is_shown {
            self.date_order = DateOrder::YearDayMonth;
        }
        is_shown
    }

    /// Returns whether a time that was read would be another one with the day before the month.
    pub(super) fn may_be_swapped(&self, text: &str) -> bool {
        self.format.is_none() && day_second::reads_both_ways(text)
    }

    /// Reads a text, which may be a number.
    ///
    /// # Errors
    /// When it has no meaning, or more than one.
    pub(crate) fn text(&self, text: &str) -> Result<ParsedTime, TimeError> {
        let text = trimmed(text);
        if let Some(format) = &self.format {
            return self.formatted(format, text);
        }
        // `2023-…` is what most texts begin with.
        if text.as_bytes().get(4) != Some(&b'-') {
            if let Some(number) = self.as_number(text) {
                let parsed = self.number(&number?)?;
                let is_rounded = self.unit == TimeUnit::Auto && epoch::is_rounded(text);
                return if is_rounded { Err(TimeError::Rounded) } else { Ok(parsed) };
            }
            if let Some(number) = text.strip_prefix('@') {
                return epoch::seconds_only(&Decimal::parse(number).map_err(|_| TimeError::NotATime)?);
            }
        }
        if self.date_order == DateOrder::YearDayMonth && day_second::may_be_swapped(text) {
            return Err(TimeError::DayBeforeMonth);
        }
        let CivilText { civil, fraction, zone } = civil_text::parse(text)?;
        let (seconds, facts) = self.moment(civil, zone)?;
        let facts = TimeFacts { early: civil.year() == 1970 || epoch::is_first_day(civil.date()), ..facts };
        Ok(ParsedTime { seconds: with_fraction(seconds, fraction)?, facts })
    }

    /// Reads a number.
    ///
    /// # Errors
    /// When its unit is uncertain.
    pub(crate) fn number(&self, number: &Decimal) -> Result<ParsedTime, TimeError> {
        let mut possible_day = false;
        if self.is_unit_assumed && self.format.is_none() && self.unit != TimeUnit::Auto {
            possible_day = epoch::check_unit(number, self.unit)?.possible_day;
        }
        let mut parsed = match (&self.format, self.unit) {
            (Some(format), _) => self.formatted(format, number.as_str()),
            (None, TimeUnit::Auto) => epoch::by_magnitude(number),
            (None, TimeUnit::LocalSeconds) => self.local_seconds(number),
            (None, unit) => epoch::in_unit(number, unit),
        }?;
        parsed.facts.possible_day |= possible_day;
        Ok(parsed)
    }

    /// Reads seconds that count what a clock shows.
    fn local_seconds(&self, number: &Decimal) -> Result<ParsedTime, TimeError> {
        let text = number.as_str();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let shown = whole.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let shown = shown.filter(|_| !text.starts_with('-')).ok_or(TimeError::OutOfRange)?;
        let (seconds, facts) = self.moment(TimeZone::UTC.to_datetime(shown), Zone::None)?;
        let facts = TimeFacts { unit: Some(TimeUnit::LocalSeconds), ..facts };
        Ok(ParsedTime { seconds: with_fraction(seconds, fraction)?, facts })
    }

    /// Returns the number in a text; `None` if it is not a number.
    fn as_number(&self, text: &str) -> Option<Result<Decimal, TimeError>> {
        let parsed = match text.split_once(',') {
            Some((whole, fraction)) if self.decimal_comma => Decimal::parse(&format!("{whole}.{fraction}")),
            _ => Decimal::parse(text),
        };
        match parsed {
            Err(DecimalError::NotANumber) => None,
            parsed => Some(parsed.map_err(TimeError::from)),
        }
    }

    fn formatted(&self, format: &str, text: &str) -> Result<ParsedTime, TimeError> {
        let parse = |text: &str| BrokenDownTime::parse(format, text);
        let plain = if format.contains("%p") { forms::with_plain_half(text) } else { None };
        let text = plain.as_deref().unwrap_or(text);
        let Ok(parsed) = parse(text) else {
            return self.formatted_end_of_day(format, text);
        };
        // The parser takes second 60 for 59 without a word.
        let is_clamped = |at: usize| {
            let other = format!("{}59{}", &text[..at], &text[at + 2..]);
            parse(&other).is_ok_and(|other| parsed_moment(&other) == parsed_moment(&parsed))
        };
        if text.match_indices("60").any(|(at, _)| is_clamped(at)) {
            return Err(TimeError::LeapSecond);
        }
        self.of_broken_down(&parsed)
    }

    /// Reads a time of 24:00, which the parser refuses.
    fn formatted_end_of_day(&self, format: &str, text: &str) -> Result<ParsedTime, TimeError> {
        let midnight = |(at, _): (usize, &str)| {
            let other = format!("{}00{}", &text[..at], &text[at + 2..]);
            let mut parsed = BrokenDownTime::parse(format, &other).ok()?;
            let civil = parsed.to_datetime().ok()?;
            let date = civil.date().checked_add(1.day()).ok()?;
            if civil.time() != jiff::civil::Time::midnight() {
                return None;
            }
            parsed.set_year(Some(date.year())).ok()?;
            parsed.set_month(Some(date.month())).ok()?;
            parsed.set_day(Some(date.day())).ok()?;
            Some(parsed)
        };
        match text.match_indices("24:00").find_map(midnight) {
            Some(parsed) => self.of_broken_down(&parsed),
            None => Err(TimeError::OtherFormat),
        }
    }

    fn of_broken_down(&self, parsed: &BrokenDownTime) -> Result<ParsedTime, TimeError> {
        if let Some(moment) = parsed.timestamp() {
            let facts = TimeFacts { unit: Some(TimeUnit::Seconds), ..TimeFacts::default() };
            return Ok(ParsedTime { seconds: seconds_of(moment)?, facts });
        }
        let civil = parsed.to_datetime().map_err(|_| TimeError::OtherFormat)?;
        let zone = match (parsed.offset(), parsed.iana_time_zone()) {
            (Some(offset), None) => Zone::Offset(offset.seconds()),
            (None, Some(name)) => Zone::Named(name),
            (Some(offset), Some(name)) => Zone::Both(offset.seconds(), name),
            (None, None) => Zone::None,
        };
        let nanoseconds = format!("{:09}", civil.subsec_nanosecond());
        let (seconds, facts) = self.moment(civil, zone)?;
        Ok(ParsedTime { seconds: with_fraction(seconds, &nanoseconds)?, facts })
    }

    /// The second of a date and time in a zone.
    fn moment(&self, civil: DateTime, zone: Zone<'_>) -> Result<(i64, TimeFacts), TimeError> {
        if civil.year() == 1 && civil.day_of_year() == 1 {
            return Err(TimeError::Unset);
        }
        let at_offset = |seconds: i32| {
            let offset = jiff::tz::Offset::from_seconds(seconds).map_err(|_| TimeError::NotATime)?;
            offset.to_timestamp(civil).map_err(|_| TimeError::OutOfRange)
        };
        let named = |name: &str| TimeZone::get(name).map_err(|_| TimeError::UnknownZone);
        let moment = match zone {
            Zone::Offset(seconds) => at_offset(seconds)?,
            Zone::Both(seconds, name) => {
                let moment = at_offset(seconds)?;
                if named(name)?.to_offset(moment).seconds() != seconds {
                    return Err(TimeError::ZoneConflict);
                }
                moment
            }
            Zone::Named(name) => return local(civil, &named(name)?),
            Zone::Abbreviation(name) => {
                let zone = self.zone.as_ref().ok_or(TimeError::ZoneAbbreviation)?;
                time_zone::moment_of_abbreviation(civil, name, zone).ok_or(TimeError::OtherAbbreviation)?
            }
            Zone::None => {
                let facts = TimeFacts { assumed_utc: true, ..TimeFacts::default() };
                return match &self.zone {
                    None if self.named_by_file.is_unknown => Err(TimeError::UnknownFileZone),
                    Some(zone) => local(civil, zone),
                    None => at_offset(0).map(|moment| (floor(moment), facts)),
                };
            }
        };
        Ok((floor(moment), TimeFacts::default()))
    }
}

/// The second of a local time. A time that the clocks showed twice is the earlier moment; one that they skipped is moved
/// on by the length of the gap (RFC 5545, section 3.3.5).
fn local(civil: DateTime, zone: &TimeZone) -> Result<(i64, TimeFacts), TimeError> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    let facts = TimeFacts {
        ambiguous: matches!(ambiguous.offset(), AmbiguousOffset::Fold { .. }),
        skipped: matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }),
        ..TimeFacts::default()
    };
    let moment = ambiguous.compatible().map_err(|_| TimeError::OutOfRange)?;
    Ok((floor(moment), facts))
}

fn floor(moment: Timestamp) -> i64 {
    moment.as_second() - i64::from(moment.subsec_nanosecond() < 0)
}

fn parsed_moment(parsed: &BrokenDownTime) -> Option<(DateTime, Option<Timestamp>)> {
    Some((parsed.to_datetime().ok()?, parsed.timestamp()))
}

fn seconds_of(moment: Timestamp) -> Result<Decimal, TimeError> {
    let nanoseconds = moment.as_nanosecond();
    let fraction = format!("{:09}", nanoseconds.rem_euclid(1_000_000_000));
    with_fraction(floor(moment), &fraction)
}

/// The decimal number of a second and the digits after it, which count towards the future before 1970 too.
fn with_fraction(second: i64, fraction: &str) -> Result<Decimal, TimeError> {
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        return match u64::try_from(second) {
            Ok(second) => Ok(Decimal::from(second)),
            Err(_) => Ok(Decimal::parse(&second.to_string())?),
        };
    }
    if let Ok(second) = u64::try_from(second) {
        let mut text = String::with_capacity(32 + fraction.len());
        text.push_str(Decimal::from(second).as_str());
        text.push('.');
        text.push_str(fraction);
        return Ok(Decimal::parse(&text)?);
    }
    let width = fraction.len();
    let complement = u32::try_from(width).ok().and_then(|width| 10_u128.checked_pow(width));
    let digits: Option<u128> = fraction.parse().ok();
    let rest = complement.zip(digits).map(|(whole, digits)| whole - digits).ok_or(DecimalError::TooManyDigits)?;
    Ok(Decimal::parse(&format!("-{}.{rest:0width$}", (second + 1).unsigned_abs()))?)
}

/// Refuses a form that could never be read: the parser tells only about a text that it has.
fn check_format(format: &str) -> Result<(), String> {
    let wrong = |error: &dyn std::fmt::Display| format!("--time-format '{format}' cannot be read: {error}");
    let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    let written = strtime::format(format, &sample).map_err(|error| wrong(&error))?;
    let parsed = BrokenDownTime::parse(format, &written).map_err(|error| wrong(&error))?;
    if parsed.timestamp().is_none() {
        parsed.to_datetime().map_err(|error| wrong(&error))?;
    }
    Ok(())
}
