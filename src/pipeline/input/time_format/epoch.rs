//! Times that are numbers: their unit by their size, and exact seconds.

use jiff::civil::Date;
use sensor_model::Decimal;

use super::{ParsedTime, TimeError, TimeFacts, TimeUnit};
use crate::pipeline::time::{CALENDAR_YEARS, LEAST_MILLISECONDS};

/// 1971-01-01T00:00:00Z.
const YEAR_1971: u64 = 31_536_000;
/// 2000-01-01T00:00:00Z. Times in milliseconds and smaller units are not earlier: such numbers count from another year.
pub(in super::super) const YEAR_2000: u64 = 946_684_800;
/// 2100-01-01T00:00:00Z. A larger number is not taken for seconds.
const YEAR_2100: u64 = 4_102_444_800;
/// Where each unit is taken for certain: from 1973 to 2099. Between them lie dates such as `20231114221320`.
const RANGES: [(std::ops::Range<u64>, TimeUnit); 4] = [
    (0..YEAR_2100, TimeUnit::Seconds),
    (LEAST_MILLISECONDS..4_100_000_000_000, TimeUnit::Milliseconds),
    (100_000_000_000_000..4_100_000_000_000_000, TimeUnit::Microseconds),
    (100_000_000_000_000_000..4_100_000_000_000_000_000, TimeUnit::Nanoseconds),
];
/// Days since 1899-12-30 that spreadsheets write for 1954 to 2119.
const SPREADSHEET_DAYS: std::ops::RangeInclusive<u64> = 20_000..=80_000;

/// Days on which clocks begin that were not set, or count from them: of spreadsheets, of NTP, of old Macs, of FAT, of GPS,
/// and of real-time clocks.
const FIRST_DAYS: [(i16, i8, i8); 6] =
    [(1899, 12, 30), (1900, 1, 1), (1904, 1, 1), (1980, 1, 1), (1980, 1, 6), (2000, 1, 1)];

/// Returns whether a date is one of them.
pub(super) fn is_first_day(date: Date) -> bool {
    FIRST_DAYS.contains(&(date.year(), date.month(), date.day()))
}

/// Returns whether a number is certainly in seconds, as most are: whole, and of the years 1973 to 2030. Later ones may be
/// dates such as `1995010112`.
pub(in super::super) fn is_certainly_seconds(number: &str) -> bool {
    let digits = number.as_bytes();
    let is_long = digits.len() == 9 || digits.len() == 10 && digits[0] == b'1' && digits[1] != b'9';
    is_long && digits.iter().all(u8::is_ascii_digit)
}

/// Returns whether a number has fewer digits than the times from 2001 on in its unit, as the beginning of such a time has.
pub(in super::super) fn is_part_of_time(time: &str) -> bool {
    let whole = time.split(['.', ',']).next().unwrap_or(time);
    !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit()) && ![10, 13, 16, 19].contains(&whole.len())
}

/// Takes a number in the unit that its size tells.
pub(super) fn by_magnitude(number: &Decimal) -> Result<ParsedTime, TimeError> {
    let text = number.as_str();
    if text.starts_with('-') {
        return Err(TimeError::Negative);
    }
    // Such numbers have at least forty digits, behind the point or before it.
    if let Some((_, exponent)) = text.split_once('E') {
        return if exponent.starts_with('-') { in_unit(number, TimeUnit::Seconds) } else { Err(TimeError::NoUnit) };
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let size: u64 = whole.parse().map_err(|_| TimeError::NoUnit)?;
    if SPREADSHEET_DAYS.contains(&size) && !fraction.is_empty() {
        return Err(TimeError::SpreadsheetDay);
    }
    if let Some(format) = compact_date(whole) {
        return Err(TimeError::CompactDate { format });
    }
    let unit = RANGES.iter().find(|(range, _)| range.contains(&size)).map(|(_, unit)| *unit);
    let mut parsed = in_unit(number, unit.ok_or(TimeError::NoUnit)?)?;
    parsed.facts.possible_day = SPREADSHEET_DAYS.contains(&size);
    let year_2000 = match unit {
        Some(TimeUnit::Milliseconds) => YEAR_2000 * 1_000,
        Some(TimeUnit::Microseconds) => YEAR_2000 * 1_000_000,
        Some(TimeUnit::Nanoseconds) => YEAR_2000 * 1_000_000_000,
        _ => YEAR_1971,
    };
    parsed.facts.early = size < year_2000 && !parsed.facts.possible_day;
    Ok(parsed)
}

/// Takes a number in a unit, whatever its size.
pub(super) fn in_unit(number: &Decimal, unit: TimeUnit) -> Result<ParsedTime, TimeError> {
    let places = match unit {
        TimeUnit::Auto => return by_magnitude(number),
        // Local seconds are read by the calendar.
        TimeUnit::Seconds | TimeUnit::LocalSeconds => 0,
        TimeUnit::Milliseconds => 3,
        TimeUnit::Microseconds => 6,
        TimeUnit::Nanoseconds => 9,
    };
    let facts = TimeFacts { unit: Some(unit), ..TimeFacts::default() };
    Ok(ParsedTime { seconds: divided(number, places)?, facts })
}

/// Returns whether a number has an exponent that its digits do not fill: `1.7E+09`, not `1.700000123e9`.
pub(super) fn is_rounded(text: &str) -> bool {
    let Some((digits, exponent)) = text.split_once(['e', 'E']) else { return false };
    let fraction = digits.split_once(['.', ',']).map_or(0, |(_, fraction)| fraction.len());
    exponent.parse::<usize>().is_ok_and(|exponent| exponent > fraction)
}

/// Returns `Some` if a text may be a spreadsheet day: true if its fraction makes it certain, false otherwise. The
/// fraction may be `.0`, which a number does not keep.
pub(in super::super) fn spreadsheet_day(text: &str) -> Option<bool> {
    let (whole, fraction) = text.split_once(['.', ',']).map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_day = whole.len() == 5 && is_digits(whole) && SPREADSHEET_DAYS.contains(&whole.parse().ok()?);
    (is_day && fraction.is_none_or(is_digits)).then_some(fraction.is_some())
}

/// Refuses a number whose size does not tell the unit that nobody named for it; returns what its size tells.
pub(super) fn check_unit(number: &Decimal, unit: TimeUnit) -> Result<TimeFacts, TimeError> {
    let by_size = by_magnitude(number)?.facts;
    let wanted = if unit == TimeUnit::LocalSeconds { TimeUnit::Seconds } else { unit };
    if by_size.unit == Some(wanted) { Ok(by_size) } else { Err(TimeError::OtherUnit { unit: unit.name() }) }
}

/// Takes a number that its writer marked as seconds (`@1700000000`), within the range of seconds.
pub(super) fn seconds_only(number: &Decimal) -> Result<ParsedTime, TimeError> {
    let text = number.as_str();
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    match whole.trim_start_matches('-').parse::<u64>() {
        Ok(size) if size < YEAR_2100 => in_unit(number, TimeUnit::Seconds),
        _ => Err(TimeError::NoUnit),
    }
}

/// The number divided by a power of ten, exactly.
fn divided(number: &Decimal, places: usize) -> Result<Decimal, TimeError> {
    let text = number.as_str();
    if places == 0 {
        return Ok(number.clone());
    }
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits && text.len() > places {
        let (whole, fraction) = text.split_at(text.len() - places);
        return Ok(Decimal::parse(&format!("{whole}.{fraction}"))?);
    }
    let (digits, exponent) = text.split_once('E').unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().map_err(|_| TimeError::OutOfRange)?;
    let places = i64::try_from(places).map_err(|_| TimeError::OutOfRange)?;
    Ok(Decimal::parse(&format!("{digits}E{}", exponent - places))?)
}

/// The form of ten digits that are a date with its hour, or one of a short year with hour and minute. As seconds they
/// would be of the years 2030 to 2100.
fn compact_hour(digits: &str) -> Option<&'static str> {
    let pair = |at: usize| digits.get(at..at + 2)?.parse::<i8>().ok();
    let year: i16 = digits.get(..4)?.parse().ok()?;
    let with_hour = jiff::civil::DateTime::new(year, pair(4)?, pair(6)?, pair(8)?, 0, 0, 0);
    if with_hour.is_ok() && CALENDAR_YEARS.contains(&year) {
        return Some("%Y%m%d%H");
    }
    let short_year = 2000 + i16::from(pair(0)?);
    let with_minute = jiff::civil::DateTime::new(short_year, pair(2)?, pair(4)?, pair(6)?, pair(8)?, 0, 0);
    (with_minute.is_ok() && pair(0)? >= 20).then_some("%y%m%d%H%M")
}

/// The form of twelve digits that are a date with its minute, or one of a short year with its second. As milliseconds they
/// would be of the years 1973 to 2001.
fn compact_minute(digits: &str) -> Option<&'static str> {
    let pair = |at: usize| digits.get(at..at + 2)?.parse::<i8>().ok();
    let year = |at: usize| digits.get(at..at + 4)?.parse::<i16>().ok().filter(|year| CALENDAR_YEARS.contains(year));
    let is_time = |year: i16, [month, day, hour, minute, second]: [i8; 5]| {
        jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).is_ok()
    };
    let (one, two, three, four, five, six) = (pair(0)?, pair(2)?, pair(4)?, pair(6)?, pair(8)?, pair(10)?);
    let year_last = year(4).filter(|_| year(0).is_none());
    if year(0).is_some_and(|year| is_time(year, [three, four, five, six, 0])) {
        return Some("%Y%m%d%H%M");
    }
    if one >= 20 && is_time(2000 + i16::from(one), [two, three, four, five, six]) {
        return Some("%y%m%d%H%M%S");
    }
    if year_last.is_some_and(|year| is_time(year, [two, one, five, six, 0])) {
        return Some("%d%m%Y%H%M");
    }
    year_last.is_some_and(|year| is_time(year, [one, two, five, six, 0])).then_some("%m%d%Y%H%M")
}

/// The form of a number that is a calendar date without separators.
fn compact_date(digits: &str) -> Option<&'static str> {
    let format = match digits.len() {
        8 => "%Y%m%d",
        10 => return compact_hour(digits),
        12 => return compact_minute(digits),
        14 => "%Y%m%d%H%M%S",
        _ => return None,
    };
    let pair = |at: usize| digits.get(at..at + 2).map_or(Some(0), |pair| pair.parse::<i8>().ok());
    let year: i16 = digits.get(..4)?.parse().ok()?;
    jiff::civil::DateTime::new(year, pair(4)?, pair(6)?, pair(8)?, pair(10)?, pair(12)?, 0).ok()?;
    CALENDAR_YEARS.contains(&year).then_some(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_digits_that_are_a_date_and_its_hour_are_no_seconds() {
        let read = |text: &str| by_magnitude(&Decimal::parse(text).unwrap()).map(|time| time.seconds.to_string());
        for (text, format) in [("1995010112", "%Y%m%d%H"), ("2023111422", "%Y%m%d%H"), ("2311142213", "%y%m%d%H%M")] {
            assert_eq!(read(text), Err(TimeError::CompactDate { format }), "{text}");
            assert!(!is_certainly_seconds(text), "{text}");
        }
        for text in ["1700000000", "1930202100", "1995130112", "2311142261", "1811142213"] {
            assert_eq!(read(text).as_deref(), Ok(text), "{text}");
        }
    }

    #[test]
    fn twelve_digits_that_are_a_date_are_no_milliseconds() {
        let read = |text: &str| by_magnitude(&Decimal::parse(text).unwrap()).map(|time| time.seconds.to_string());
        for (text, format) in [
            ("202311142213", "%Y%m%d%H%M"),
            ("231114221320", "%y%m%d%H%M%S"),
            ("141120232213", "%d%m%Y%H%M"),
            ("111420232213", "%m%d%Y%H%M"),
        ] {
            assert_eq!(read(text), Err(TimeError::CompactDate { format }), "{text}");
        }
        assert_eq!(read("981173106000").as_deref(), Ok("981173106"));
    }

    #[test]
    fn beginning_of_a_time_has_fewer_digits_than_one_of_this_century() {
        for text in ["17000", "170000000", "170000000000", "17000.5", "17000000000000000"] {
            assert!(is_part_of_time(text), "{text}");
        }
        for text in ["1700000000", "1700000000.5", "1700000000000", "1700000000000000000", "2023-11-14", ""] {
            assert!(!is_part_of_time(text), "{text}");
        }
    }

    #[test]
    fn exponent_behind_too_few_digits_is_rounded() {
        for text in ["1.7E+09", "1.70000E+09", "1,7E+12", "2e9", "17E8", "1.70000012e+09"] {
            assert!(is_rounded(text), "{text}");
        }
        for text in ["1.700000123e9", "1.7000001231E+09", "1700000000", "1700000000.5", "17e-1", "e", "1e"] {
            assert!(!is_rounded(text), "{text}");
        }
    }

    #[test]
    fn times_of_1970_are_told() {
        let counted = |text: &str| by_magnitude(&Decimal::parse(text).unwrap()).unwrap().facts;
        assert!(counted("10023").early && counted("31535999").early && counted("0").early);
        assert!(!counted("31536000").early && !counted("1700000000000").early);
        assert!(counted("45244").possible_day && !counted("45244").early, "said once");
    }
}
