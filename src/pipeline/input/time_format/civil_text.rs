//! Dates and times as text, in every form that has one meaning.
//!
//! Year first with `-`, `/` or `.`, or without separators before a time (RFC 3339, ISO 8601); a month by its English name
//! (RFC 5322, `asctime`, HTTP). Two numbers that could both be the day are refused, whatever their size in one row: a file
//! is read by one rule.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};

use super::TimeError;
use super::civil_fields::{HALVES, MAIL_ZONES, MONTHS, WEEKDAYS, date, is_name, is_year, number};

/// A text in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CivilText<'a> {
    /// Date and time to the second.
    pub civil: DateTime,
    /// The digits behind the second.
    pub fraction: &'a str,
    /// The zone after the time.
    pub zone: Zone<'a>,
}

/// The zone that a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone<'a> {
    /// No zone.
    None,
    /// Seconds east of UTC.
    Offset(i32),
    /// An IANA name.
    Named(&'a str),
    /// Both, which must agree.
    Both(i32, &'a str),
    /// `CET`: one of the names that a zone has over the year.
    Abbreviation(&'a str),
}

/// Reads a text.
pub(super) fn parse(text: &str) -> Result<CivilText<'_>, TimeError> {
    if let Some(parsed) = most_frequent(text) {
        return Ok(parsed);
    }
    let mut scanner = Scanner { rest: text };
    let parsed = scanner.date_time()?;
    if scanner.rest.is_empty() { Ok(parsed) } else { Err(TimeError::NotATime) }
}

/// Reads `2023-11-14T22:13:20.5Z`, with or without fraction and `Z`, without looking for any other form.
fn most_frequent(text: &str) -> Option<CivilText<'_>> {
    let bytes = text.as_bytes().first_chunk::<19>()?;
    let digit = |at: usize| Some(bytes[at].wrapping_sub(b'0')).filter(|digit| *digit < 10);
    let pair = |at: usize| i8::try_from(digit(at)? * 10 + digit(at + 1)?).ok();
    let signs = [bytes[4], bytes[7], bytes[13], bytes[16]];
    if signs != *b"--::" || !matches!(bytes[10], b'T' | b' ') {
        return None;
    }
    let (fraction, zone) = match text.get(19..)? {
        rest if rest.starts_with('.') => {
            let end = rest[1..].bytes().position(|byte| !byte.is_ascii_digit()).map_or(rest.len(), |end| end + 1);
            (&rest[1..end], &rest[end..])
        }
        rest => ("", rest),
    };
    let zone = match zone {
        "Z" => Zone::Offset(0),
        "" => Zone::None,
        _ => return None,
    };
    if fraction.is_empty() && bytes.len() < text.len() && text.as_bytes()[19] == b'.' {
        return None;
    }
    let date = Date::new(i16::from(pair(0)?) * 100 + i16::from(pair(2)?), pair(5)?, pair(8)?).ok()?;
    let time = Time::new(pair(11)?, pair(14)?, pair(17)?, 0).ok()?;
    Some(CivilText { civil: date.to_datetime(time), fraction, zone })
}

/// Seconds east of UTC: `+01:00`, `-0700`, `+02`.
pub(super) fn offset_seconds(text: &str) -> Option<i32> {
    let mut scanner = Scanner { rest: text };
    scanner.offset().filter(|_| scanner.rest.is_empty())
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn date_time(&mut self) -> Result<CivilText<'a>, TimeError> {
        let weekday = self.weekday();
        if let Some((day, month)) = self.day_before_time() {
            return self.asctime(month, day, weekday);
        }
        let (date, is_mail) = match self.rest.bytes().next() {
            Some(byte) if byte.is_ascii_digit() => self.numeric_date()?,
            Some(byte) if byte.is_ascii_alphabetic() => match self.month_first()? {
                MonthFirst::Date(date) => (date, false),
                MonthFirst::BeforeTime(month, day) => return self.asctime(month, day, weekday),
            },
            _ => return Err(TimeError::NotATime),
        };
        if weekday.is_some_and(|weekday| weekday != date.weekday()) {
            return Err(TimeError::NotATime);
        }
        if self.rest.is_empty() {
            return Ok(CivilText { civil: date.to_datetime(Time::midnight()), fraction: "", zone: Zone::None });
        }
        let separated = self.take_any(&['T', 't', '_']) || {
            self.take(',');
            self.blanks()
        };
        if !separated {
            return Err(TimeError::NotATime);
        }
        let (civil, fraction) = self.time(date)?;
        let zone = self.zone(is_mail || weekday.is_some())?;
        Ok(CivilText { civil, fraction, zone })
    }

    /// Takes `14 Nov` before a time, as `date` of Unix prints it in Britain.
    fn day_before_time(&mut self) -> Option<(i8, i8)> {
        let mut ahead = Scanner { rest: self.rest };
        let day = Some(ahead.digits()).filter(|day| (1..=2).contains(&day.len()))?.parse().ok()?;
        let month = Some(()).filter(|()| ahead.blanks()).and_then(|()| ahead.month().ok())?;
        let is_time = ahead.blanks() && ahead.rest.as_bytes().get(2) == Some(&b':');
        is_time.then(|| {
            self.rest = ahead.rest;
            (day, month)
        })
    }

    /// `Tue Nov 14 22:13:20 2023`, behind the day.
    fn asctime(&mut self, month: i8, day: i8, weekday: Option<Weekday>) -> Result<CivilText<'a>, TimeError> {
        let time = self.rest;
        // `date` of Unix prints the zone, and in some languages a half of the day, before the year.
        let end = time.rfind(' ').ok_or(TimeError::NotATime)?;
        let has_year = is_year(&time[end + 1..]);
        // Behind the year in any other.
        let end = if has_year { end } else { time.find(' ').ok_or(TimeError::NotATime)? };
        self.rest = &time[end..];
        self.blanks();
        let date = date(self.year()?, month, day)?;
        if weekday.is_some_and(|weekday| weekday != date.weekday()) {
            return Err(TimeError::NotATime);
        }
        let mut clock = Scanner { rest: &time[..end] };
        let (civil, fraction) = clock.time(date)?;
        let zone = if has_year { clock.zone(false)? } else { self.zone(false)? };
        if clock.rest.is_empty() { Ok(CivilText { civil, fraction, zone }) } else { Err(TimeError::NotATime) }
    }

    /// `Tue`, `Tuesday,`: a weekday before the date.
    fn weekday(&mut self) -> Option<Weekday> {
        let word = self.word();
        let at = WEEKDAYS.iter().position(|name| is_name(word, name))?;
        self.rest = &self.rest[word.len()..];
        self.take(',');
        self.blanks();
        Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok()
    }

    /// A date that begins with a digit, and whether it has the form of mail.
    fn numeric_date(&mut self) -> Result<(Date, bool), TimeError> {
        let first = self.digits();
        match first.len() {
            4 => {
                let separator = self.rest.chars().next().filter(|sign| matches!(sign, '-' | '/' | '.'));
                let separator = separator.ok_or(TimeError::NotATime)?;
                self.take(separator);
                let month = if self.word().is_empty() { self.small()? } else { self.month()? };
                if !self.take(separator) {
                    return Err(TimeError::NotATime);
                }
                Ok((date(number(first)?, month, self.small()?)?, false))
            }
            8 if !self.rest.is_empty() => {
                Ok((date(number(&first[..4])?, number(&first[4..6])?, number(&first[6..])?)?, false))
            }
            1 | 2 => {
                let separator = self.rest.chars().next().ok_or(TimeError::NotATime)?;
                if !matches!(separator, '-' | '/' | '.' | ' ') {
                    return Err(TimeError::NotATime);
                }
                self.take(separator);
                self.blanks();
                if self.word().is_empty() {
                    let is_date = !self.digits().is_empty() && self.rest.starts_with(separator);
                    return Err(if is_date { TimeError::Ambiguous } else { TimeError::NotATime });
                }
                let month = self.month()?;
                if !self.take(separator) {
                    return Err(TimeError::NotATime);
                }
                self.blanks();
                Ok((date(self.year()?, month, number(first)?)?, separator == ' '))
            }
            _ => Err(TimeError::NotATime),
        }
    }

    /// `Nov 14, 2023`, or `Nov 14` before a time and a year.
    fn month_first(&mut self) -> Result<MonthFirst, TimeError> {
        let month = self.month()?;
        self.take('.');
        if !self.blanks() {
            return Err(TimeError::NotATime);
        }
        let day = self.small()?;
        let comma = self.take(',');
        if !self.blanks() {
            return Err(TimeError::NotATime);
        }
        let is_time = self.rest.as_bytes().get(2) == Some(&b':');
        if is_time && !comma {
            return Ok(MonthFirst::BeforeTime(month, day));
        }
        Ok(MonthFirst::Date(date(self.year()?, month, day)?))
    }

    /// Hour, minute and second; `24:00` is the midnight that ends the day.
    fn time(&mut self, date: Date) -> Result<(DateTime, &'a str), TimeError> {
        let first = self.digits();
        let (hour, minute, second): (i8, i8, i8) = match first.len() {
            1 | 2 => {
                let minute = if self.take(':') { self.pair()? } else { 0 };
                let second = if self.take(':') { self.pair()? } else { 0 };
                (number(first)?, minute, second)
            }
            4 => (number(&first[..2])?, number(&first[2..])?, 0),
            6 => (number(&first[..2])?, number(&first[2..4])?, number(&first[4..])?),
            _ => return Err(TimeError::NotATime),
        };
        let fraction = if self.take_any(&['.', ',']) { self.digits_at_least_one()? } else { "" };
        let hour = self.half_of_day(hour)?;
        if second == 60 {
            return Err(TimeError::LeapSecond);
        }
        if hour == 24 && minute == 0 && second == 0 && fraction.bytes().all(|digit| digit == b'0') {
            let next = date.checked_add(1.day()).map_err(|_| TimeError::OutOfRange)?;
            return Ok((next.to_datetime(Time::midnight()), ""));
        }
        let time = Time::new(hour, minute, second, 0).map_err(|_| TimeError::NotATime)?;
        Ok((date.to_datetime(time), fraction))
    }

    /// The hour of 24 where `AM` or `PM` follows.
    fn half_of_day(&mut self, hour: i8) -> Result<i8, TimeError> {
        let trimmed = self.rest.trim_start();
        let found = HALVES.iter().find(|(form, _)| {
            trimmed.get(..form.len()).is_some_and(|start| start.eq_ignore_ascii_case(form))
                && !trimmed[form.len()..].starts_with(|next: char| next.is_alphanumeric())
        });
        let Some((form, base)) = found else { return Ok(hour) };
        self.rest = &trimmed[form.len()..];
        if (1..=12).contains(&hour) { Ok(hour % 12 + base) } else { Err(TimeError::NotATime) }
    }

    fn zone(&mut self, is_mail: bool) -> Result<Zone<'a>, TimeError> {
        self.blanks();
        let word = self.word();
        let named = ["utc", "gmt", "ut", "z"].iter().any(|name| word.eq_ignore_ascii_case(name));
        let mut offset = None;
        if named {
            self.rest = &self.rest[word.len()..];
            offset = Some(0);
        } else if let Some((_, hours)) = MAIL_ZONES.iter().find(|(name, _)| is_mail && *name == word) {
            self.rest = &self.rest[word.len()..];
            return Ok(Zone::Offset(hours * 3600));
        } else if !word.is_empty() {
            return self.named_zone();
        }
        if self.rest.starts_with(['+', '-', '\u{2212}']) {
            offset = Some(self.offset().ok_or(TimeError::NotATime)?);
        }
        if is_mail && self.rest.trim_start().starts_with('(') && self.rest.ends_with(')') {
            // The comment of a mail's date: `+0100 (CET)`.
            self.rest = "";
        }
        let Some(annotation) = self.rest.strip_prefix('[') else {
            return Ok(offset.map_or(Zone::None, Zone::Offset));
        };
        let (name, rest) = annotation.split_once(']').ok_or(TimeError::NotATime)?;
        self.rest = rest;
        Ok(offset.map_or(Zone::Named(name), |offset| Zone::Both(offset, name)))
    }

    /// `Europe/Berlin`; a bare word is an abbreviation, of which most have several meanings.
    fn named_zone(&mut self) -> Result<Zone<'a>, TimeError> {
        let name = self.rest;
        let is_abbreviation = name.bytes().all(|byte| byte.is_ascii_alphabetic()) && (2..=5).contains(&name.len());
        if is_abbreviation {
            self.rest = "";
            return Ok(Zone::Abbreviation(name));
        }
        if !name.contains('/') || name.contains(' ') {
            return Err(TimeError::NotATime);
        }
        self.rest = "";
        Ok(Zone::Named(name))
    }

    fn offset(&mut self) -> Option<i32> {
        let sign = match self.rest.chars().next()? {
            '+' => 1,
            '-' | '\u{2212}' => -1,
            _ => return None,
        };
        self.rest = self.rest.trim_start_matches(['+', '-', '\u{2212}']);
        let first = self.digits();
        let part = |text: &str| text.parse::<i32>().ok();
        let (hours, minutes, seconds) = match first.len() {
            1 | 2 => {
                let minutes = if self.take(':') { i32::from(self.pair().ok()?) } else { 0 };
                let seconds = if self.take(':') { i32::from(self.pair().ok()?) } else { 0 };
                (part(first)?, minutes, seconds)
            }
            4 => (part(&first[..2])?, part(&first[2..])?, 0),
            6 => (part(&first[..2])?, part(&first[2..4])?, part(&first[4..])?),
            _ => return None,
        };
        (hours < 24 && minutes < 60 && seconds < 60).then_some(sign * (hours * 3600 + minutes * 60 + seconds))
    }

    fn month(&mut self) -> Result<i8, TimeError> {
        let word = self.word();
        let at = MONTHS.iter().position(|name| is_name(word, name)).ok_or(TimeError::NotATime)?;
        self.rest = &self.rest[word.len()..];
        i8::try_from(at + 1).map_err(|_| TimeError::NotATime)
    }

    /// A year of four digits; one of two is uncertain.
    fn year(&mut self) -> Result<i16, TimeError> {
        let digits = self.digits();
        match digits.len() {
            4 => number(digits),
            2 => Err(TimeError::Ambiguous),
            _ => Err(TimeError::NotATime),
        }
    }

    /// One or two digits.
    fn small(&mut self) -> Result<i8, TimeError> {
        let digits = self.digits();
        if digits.len() > 2 { Err(TimeError::NotATime) } else { number(digits) }
    }

    fn pair(&mut self) -> Result<i8, TimeError> {
        let digits = self.digits();
        if digits.len() == 2 { number(digits) } else { Err(TimeError::NotATime) }
    }

    fn digits_at_least_one(&mut self) -> Result<&'a str, TimeError> {
        let digits = self.digits();
        if digits.is_empty() { Err(TimeError::NotATime) } else { Ok(digits) }
    }

    fn digits(&mut self) -> &'a str {
        self.split_at_first(|sign| !sign.is_ascii_digit())
    }

    /// The letters that follow, not yet taken.
    fn word(&self) -> &'a str {
        let end = self.rest.find(|sign: char| !sign.is_ascii_alphabetic()).unwrap_or(self.rest.len());
        &self.rest[..end]
    }

    fn blanks(&mut self) -> bool {
        !self.split_at_first(|sign| !sign.is_whitespace()).is_empty()
    }

    fn split_at_first(&mut self, is_end: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn take(&mut self, sign: char) -> bool {
        self.rest.strip_prefix(sign).map(|rest| self.rest = rest).is_some()
    }

    fn take_any(&mut self, signs: &[char]) -> bool {
        signs.iter().any(|sign| self.take(*sign))
    }
}

enum MonthFirst {
    Date(Date),
    BeforeTime(i8, i8),
}
