//! Parses points in time as people and files write them, as exact seconds since 1970, and formats them for tables.

use std::ops::RangeInclusive;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use sensor_model::Decimal;

/// Returns the current time in seconds since 1970, with milliseconds.
///
/// # Errors
/// Never for a clock between 1970 and 9999.
pub(crate) fn now() -> Result<Decimal, String> {
    let milliseconds = Timestamp::now().as_millisecond();
    seconds(i128::from(milliseconds) * 1_000_000)
}

/// Parses `987654321.5`, `2010-01-01T01:00:00Z`, `2010-01-01T01:00:00+02:00` or `2010-01-01T01:00:00`, the last as UTC.
///
/// # Errors
/// If the text has none of these forms. The error lists them.
pub(crate) fn parse_time(text: &str) -> Result<Decimal, String> {
    let text = text.trim();
    if let Ok(number) = Decimal::parse(text) {
        return Ok(number);
    }
    let moment = text.parse::<Timestamp>().or_else(|_| {
        let civil = text.parse::<DateTime>()?;
        civil.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp())
    });
    let moment = moment.map_err(|_| {
        "not a time; write seconds since 1970, or 2010-01-01T01:00:00Z (without a zone: UTC)".to_owned()
    })?;
    seconds(moment.as_nanosecond())
}

/// Parses a time as [`parse_time`] does, or an age such as `90s`, `15m`, `1h30m`, `2d` before now.
///
/// # Errors
/// If the text is neither, or a number that [`check_seconds`] refuses.
pub(crate) fn parse_time_or_age(text: &str) -> Result<Decimal, String> {
    let Ok(time) = parse_time(text) else { return time_of_age(text) };
    // Written as a time, it may be in 1970.
    let is_number = Decimal::parse(text.trim()).is_ok();
    if is_number { check_seconds(&time) } else { check_unit(&time) }.map(|()| time)
}

/// Checks that a number of seconds is not a time in another unit, a year or a date without separators.
///
/// # Errors
/// If it is as large as times in milliseconds are, or reads like 2011 or 20110131. Such seconds, of 1970, are written as
/// 1970-01-01T00:33:31Z.
pub(crate) fn check_seconds(time: &Decimal) -> Result<(), String> {
    if let Some(date) = date_of_digits(time.as_str()) {
        let seconds = format_rfc3339(time).unwrap_or_default();
        return Err(format!("a date is written as {date}; as seconds since 1970 it is {seconds}, written like this"));
    }
    check_unit(time)
}

fn check_unit(time: &Decimal) -> Result<(), String> {
    if *time >= Decimal::from(LEAST_MILLISECONDS) {
        return Err("in seconds it is after the year 5138; milliseconds are written as 1700000000.000".to_owned());
    }
    Ok(())
}

/// The years in which digits without separators are taken for a date.
pub(crate) const CALENDAR_YEARS: RangeInclusive<i16> = 1900..=2100;
/// The least number that is a time in milliseconds, and not in seconds.
pub(crate) const LEAST_MILLISECONDS: u64 = 100_000_000_000;

/// Returns the date that digits without separators may stand for: a year, or a year, month and day.
fn date_of_digits(digits: &str) -> Option<Date> {
    let year: i16 = digits.get(..4)?.parse().ok()?;
    let (month, day) = match digits.len() {
        4 => (1, 1),
        8 => (digits.get(4..6)?.parse().ok()?, digits.get(6..)?.parse().ok()?),
        _ => return None,
    };
    Date::new(year, month, day).ok().filter(|date| CALENDAR_YEARS.contains(&date.year()))
}

fn time_of_age(text: &str) -> Result<Decimal, String> {
    let wrong = || {
        "neither a time nor an age; write seconds since 1970, 2010-01-01T01:00:00Z, or an age such as 15m, 1h or 2d"
            .to_owned()
    };
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    let age = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?.abs();
    let moment = Timestamp::now().checked_sub(age).map_err(|_| wrong())?;
    seconds(i128::from(moment.as_millisecond()) * 1_000_000)
}

/// Parses a duration such as `500ms`, `30s`, `15m` or `1h30m`.
///
/// # Errors
/// If the text is not a duration, or the duration is not above zero.
pub(crate) fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let length: Option<SignedDuration> = text.trim().parse().ok();
    length
        .and_then(|length| std::time::Duration::try_from(length).ok())
        .filter(|length| !length.is_zero())
        .ok_or_else(|| "not a length of time; write 30s, 15m or 1h30m".to_owned())
}

/// Returns the moment of seconds since 1970. Returns `None` if the year does not have four digits.
#[must_use]
pub(crate) fn timestamp_of(time: &Decimal) -> Option<Timestamp> {
    let text = time.as_str();
    // Nearly zero, or far from any year.
    if text.contains('E') {
        return None;
    }
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: i64 = whole.parse().ok()?;
    let nanoseconds: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    let nanoseconds: i32 = nanoseconds.parse().ok()?;
    Timestamp::new(sign * whole, i32::try_from(sign).ok()? * nanoseconds).ok()
}

/// Formats seconds since 1970 as RFC 3339 in UTC. Returns `None` if the year does not have four digits.
#[must_use]
pub(crate) fn format_rfc3339(time: &Decimal) -> Option<String> {
    timestamp_of(time).map(|moment| moment.to_string())
}

fn seconds(nanoseconds: i128) -> Result<Decimal, String> {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let size = nanoseconds.unsigned_abs();
    let text = format!("{sign}{}.{:09}", size / 1_000_000_000, size % 1_000_000_000);
    Decimal::parse(&text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> String {
        parse_time(text).map_or_else(|error| error, |time| time.to_string())
    }

    #[test]
    fn parse_time_accepts_seconds_and_rfc3339_with_utc_as_default() {
        assert_eq!(parsed("987654321"), "987654321");
        assert_eq!(parsed("987654321.25"), "987654321.25");
        assert_eq!(parsed("-1.5"), "-1.5");
        assert_eq!(parsed("2010-01-01T01:00:00Z"), "1262307600");
        assert_eq!(parsed("2010-01-01T01:00:00"), "1262307600");
        assert_eq!(parsed("2010-01-01 01:00:00"), "1262307600");
        assert_eq!(parsed("2010-01-01T03:00:00+02:00"), "1262307600");
        assert_eq!(parsed("2010-01-01T01:00:00.123456789Z"), "1262307600.123456789");
        assert_eq!(parsed("1969-12-31T23:59:58.5Z"), "-1.5");
        assert_eq!(parsed("2010-01-01"), "1262304000");
    }

    #[test]
    fn parse_time_invalid_text_is_refused() {
        for text in ["", "soon", "2010-13-01T00:00:00Z", "NaN", "1h"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parse_time_or_age_refuses_milliseconds() {
        assert_eq!(parse_time_or_age("99999999999.5").unwrap().as_str(), "99999999999.5");
        for text in ["1700000000000", "1.7e12", "100000000000"] {
            assert!(parse_time_or_age(text).unwrap_err().contains("milliseconds"), "{text}");
        }
        assert!(parse_time_or_age("-1700000000000").is_ok(), "before all readings, and so without effect");
    }

    #[test]
    fn parse_time_or_age_refuses_years_and_dates_without_separators() {
        let refused = |text: &str| parse_time_or_age(text).unwrap_err();
        assert!(refused("2011").starts_with("a date is written as 2011-01-01; as seconds"), "{}", refused("2011"));
        assert!(refused("20110131").contains("2011-01-31") && refused("20110131").contains("1970-08-21T18:08:51Z"));
        for text in ["1899", "2101", "20111301", "20110230", "2011.5", "-2011", "1970-01-01T00:33:31Z"] {
            assert!(parse_time_or_age(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn parse_time_or_age_subtracts_age_from_now() {
        let hour_ago: f64 = parse_time_or_age("1h").unwrap().as_str().parse().unwrap();
        let now: f64 = now().unwrap().as_str().parse().unwrap();
        assert!((now - hour_ago - 3600.0).abs() < 60.0);
        let days: f64 = parse_time_or_age("2d").unwrap().as_str().parse().unwrap();
        assert!((now - days - 172_800.0).abs() < 60.0);
        assert!(parse_time_or_age("yesterday").is_err());
    }

    #[test]
    fn parse_duration_requires_unit_and_positive_size() {
        assert_eq!(parse_duration("1m30s"), Ok(std::time::Duration::from_secs(90)));
        for text in ["30", "0s", "-5s", "soon", ""] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn format_rfc3339_formats_four_digit_years_only() {
        let shown = |text: &str| format_rfc3339(&Decimal::parse(text).unwrap());
        assert_eq!(shown("1262307600").as_deref(), Some("2010-01-01T01:00:00Z"));
        assert_eq!(shown("1262307600.5").as_deref(), Some("2010-01-01T01:00:00.5Z"));
        assert_eq!(shown("-1.5").as_deref(), Some("1969-12-31T23:59:58.5Z"));
        for far in ["99999999999999", "1.123456789E50", "1E125", "1E-125"] {
            assert_eq!(shown(far), None, "{far}");
        }
    }

    proptest! {
        #[test]
        fn format_rfc3339_round_trips(milliseconds in -62_000_000_000_000_i64..253_000_000_000_000) {
            let time = seconds(i128::from(milliseconds) * 1_000_000).unwrap();
            prop_assert_eq!(parse_time(&format_rfc3339(&time).unwrap()).unwrap(), time);
        }
    }
}
