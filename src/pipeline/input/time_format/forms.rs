//! Forms of times in which only the values tell the day from the month.

use jiff::fmt::strtime::BrokenDownTime;

use super::civil_fields::HALVES;
use super::{TimeOptions, TimeParser, day_second};

/// The orders of day, month and a year of four digits, or of two.
const ORDERS: [[&str; 3]; 2] = [["%d", "%m", "%Y"], ["%m", "%d", "%Y"]];
const SHORT_ORDERS: [[&str; 3]; 3] = [["%d", "%m", "%y"], ["%m", "%d", "%y"], ["%y", "%m", "%d"]];
const NAMED_ORDERS: [[&str; 3]; 2] = [["%d", "%b", "%y"], ["%y", "%b", "%d"]];

const DAY: u64 = 24 * 3600;

/// Returns the forms of the list that read all times, of those that any of them reads.
///
/// Of several, one is taken by which every time is within a day of the one before, as a logger's are, and no other is:
/// in the wrong order, midnight is a step of a month or a year.
fn forms_that_read<'t>(forms: &[String], times: impl Iterator<Item = &'t str>) -> Vec<String> {
    let mut readers: Vec<_> = forms.iter().filter_map(|form| FormReader::new(form)).collect();
    for time in times {
        let found: Vec<_> = readers.iter().map(|reader| reader.seconds(time)).collect();
        if found.iter().any(Option::is_some) {
            readers.iter_mut().zip(found).for_each(|(reader, seconds)| reader.take(seconds));
        }
    }
    readers.retain(|reader| reader.reads_all && reader.last.is_some());
    if readers.iter().filter(|reader| reader.is_steady).count() == 1 {
        readers.retain(|reader| reader.is_steady);
    }
    readers.into_iter().map(|reader| reader.form).collect()
}

/// A form, and how it reads the times so far.
struct FormReader {
    form: String,
    parser: TimeParser,
    reads_all: bool,
    /// True while all steps are shorter than a day.
    is_steady: bool,
    last: Option<i64>,
}

impl FormReader {
    fn new(form: &str) -> Option<Self> {
        let options = TimeOptions { format: Some(form.to_owned()), ..TimeOptions::default() };
        let parser = TimeParser::new(&options).ok()?;
        Some(FormReader { form: form.to_owned(), parser, reads_all: true, is_steady: true, last: None })
    }

    fn seconds(&self, time: &str) -> Option<i64> {
        let read = self.parser.text(time).ok()?.seconds;
        read.as_str().split('.').next()?.parse().ok()
    }

    fn take(&mut self, seconds: Option<i64>) {
        let step = self.last.zip(seconds).map_or(0, |(last, next)| next.abs_diff(last));
        self.is_steady &= step < DAY;
        self.reads_all &= seconds.is_some();
        self.last = seconds.or(self.last);
    }
}

/// Returns whether a text has a certain meaning by itself.
pub(in super::super) fn reads_alone(text: &str) -> bool {
    TimeParser::default().text(text).is_ok()
}

/// Returns the forms that read all times which have no certain meaning by themselves; none where they have one.
///
/// Where the values leave several, the name of their column may tell: `Time (dd/mm/yyyy)`.
pub(in super::super) fn forms_of_times(times: &[String], name: &str) -> Vec<String> {
    let times: Vec<_> = times.iter().map(|time| time.trim()).filter(|time| !time.is_empty()).collect();
    if let Some(form) = times.iter().find_map(|time| day_second_form(time)) {
        return forms_that_read(&[form], times.into_iter());
    }
    if times.iter().any(|time| reads_alone(time)) {
        return Vec::new();
    }
    let Some(forms) = times.iter().map(|time| forms_of(time)).find(|forms| !forms.is_empty()) else {
        return Vec::new();
    };
    let mut reading = forms_that_read(&forms, times.into_iter());
    if let Some(first) = first_in_name(name)
        && reading.iter().any(|form| form.starts_with(first))
    {
        reading.retain(|form| form.starts_with(first));
    }
    reading
}

/// Returns the form of a time that shows the day between the year and the month.
fn day_second_form(time: &str) -> Option<String> {
    let (date, rest) = day_second::date_form(time)?;
    Some(format!("{date}{}", clock(rest)?))
}

/// Returns the field that a column's name says to stand first.
fn first_in_name(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let has =
        |one: &str, two: &str| ['/', '-', '.', ' '].iter().any(|sign| name.contains(&format!("{one}{sign}{two}")));
    let orders = [("dd", "mm", "%d"), ("tt", "mm", "%d"), ("jj", "mm", "%d"), ("yy", "mm", "%y"), ("mm", "dd", "%m")];
    orders.into_iter().find(|(one, two, _)| has(one, two)).map(|(.., first)| first)
}

/// Returns the forms that a time may have which has no certain meaning by itself: `03/04/2024 10:52` is of March or April.
pub(in super::super) fn forms_of(time: &str) -> Vec<String> {
    let compact = "%Y%m%d%H%M%S".to_owned();
    if time.len() == 14 && time.bytes().all(|byte| byte.is_ascii_digit()) {
        return vec![compact];
    }
    let Some((orders, separator, rest)) = date(time) else { return Vec::new() };
    let Some(clock) = clock(rest) else { return Vec::new() };
    orders.iter().map(|[one, two, three]| format!("{one}{separator}{two}{separator}{three}{clock}")).collect()
}

/// Returns the orders of a date, its separator, and what stands behind it.
fn date(time: &str) -> Option<(&'static [[&'static str; 3]], char, &str)> {
    let (first, rest) = digits(time);
    let separator = rest.chars().next().filter(|sign| matches!(sign, '.' | '/' | '-'))?;
    let rest = &rest[1..];
    let middle = rest.find(separator)?;
    let (second, rest) = (&rest[..middle], &rest[middle + 1..]);
    let (third, rest) = digits(rest);
    let is_number = second.bytes().all(|byte| byte.is_ascii_digit()) && (1..=2).contains(&second.len());
    let is_name = second.len() == 3 && second.bytes().all(|byte| byte.is_ascii_alphabetic());
    let orders: &[[&str; 3]] = match (first.len(), third.len()) {
        (1 | 2, 4) if is_number => &ORDERS,
        (2, 2) if is_number => &SHORT_ORDERS,
        // A year has two digits.
        (1, 2) if is_number => &SHORT_ORDERS[..2],
        (2, 1) if is_number => &SHORT_ORDERS[2..],
        (1 | 2, 2) if is_name => &NAMED_ORDERS,
        _ => return None,
    };
    Some((orders, separator, rest))
}

/// Returns the form of what stands behind a date: nothing, or hours and minutes, with more or less behind them.
fn clock(rest: &str) -> Option<String> {
    if rest.is_empty() {
        return Some(String::new());
    }
    let begin = rest.find(|sign: char| sign.is_ascii_digit())?;
    let between = &rest[..begin];
    let mut form = match between.trim() {
        "" => " ".to_owned(),
        "," => ", ".to_owned(),
        sign @ ("T" | "_" | "-") if sign == between => sign.to_owned(),
        _ => return None,
    };
    let (hours, rest) = digits(&rest[begin..]);
    let separator = rest.chars().next().filter(|sign| matches!(sign, ':' | '.'))?;
    let (minutes, mut rest) = digits(&rest[1..]);
    if !(1..=2).contains(&hours.len()) || minutes.len() != 2 {
        return None;
    }
    let mut after_hours = format!("{separator}%M");
    if let Some((_, behind)) = rest.strip_prefix(separator).map(digits).filter(|(seconds, _)| seconds.len() == 2) {
        after_hours.push_str(&format!("{separator}%S"));
        rest = behind;
    }
    if let Some((_, behind)) = rest.strip_prefix('.').map(digits).filter(|(fraction, _)| !fraction.is_empty()) {
        after_hours.push_str("%.f");
        rest = behind;
    }
    let word = rest.trim_start();
    let half = half_of_day(word);
    let is_half_day = half.is_some();
    form.push_str(if is_half_day { "%I" } else { "%H" });
    form.push_str(&after_hours);
    if let Some((known, _)) = half {
        form.push_str(if word.len() < rest.len() { " %p" } else { "%p" });
        rest = &word[known.len()..];
    }
    form.push_str(zone(rest)?);
    Some(form)
}

/// Returns the word for a half of the day that a text begins with, and its hours.
fn half_of_day(text: &str) -> Option<(&'static str, i8)> {
    let begins = |half: &str| text.get(..half.len()).is_some_and(|start| start.eq_ignore_ascii_case(half));
    HALVES.into_iter().find(|(half, _)| begins(half))
}

/// Returns a time with `AM` or `PM` for a word of other letters that means it; nothing where it has none.
pub(super) fn with_plain_half(time: &str) -> Option<String> {
    let at = time.char_indices().find(|(at, _)| half_of_day(&time[*at..]).is_some_and(|(half, _)| half.len() > 2))?.0;
    let (half, hours) = half_of_day(&time[at..])?;
    Some(format!("{}{}{}", &time[..at], if hours == 0 { "AM" } else { "PM" }, &time[at + half.len()..]))
}

fn zone(rest: &str) -> Option<&'static str> {
    let is_apart = rest.starts_with(' ');
    let is_offset = |offset: &str| super::civil_text::offset_seconds(offset).is_some();
    match rest.trim() {
        "" => Some(""),
        "Z" => Some("Z"),
        "UTC" => Some(" UTC"),
        "GMT" => Some(" GMT"),
        offset if is_offset(offset) && offset.contains(':') => Some(if is_apart { " %:z" } else { "%:z" }),
        offset if is_offset(offset) => Some(if is_apart { " %z" } else { "%z" }),
        _ => None,
    }
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// Returns whether a text is a time as a form writes it, so that nothing of it is cut off.
pub(in super::super) fn is_written_whole(format: &str, text: &str) -> bool {
    // A fraction has any number of digits.
    let is_open = format.ends_with(['f', 'N']);
    let written = BrokenDownTime::parse(format, text).and_then(|parsed| parsed.to_string(format));
    !is_open && written.is_ok_and(|written| written == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(times: &[&str]) -> Vec<String> {
        forms_that_read(&forms_of(times[0]), times.iter().copied())
    }

    #[test]
    fn values_above_twelve_tell_the_day() {
        assert_eq!(reading(&["03/04/2024 10:52"]), ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"]);
        assert_eq!(reading(&["03/04/2024 10:52", "", "25/04/2024 10:52"]), ["%d/%m/%Y %H:%M"]);
        assert_eq!(reading(&["3/4/2024 9:05:07 AM", "4/25/2024 12:05:07 PM"]), ["%m/%d/%Y %I:%M:%S %p"]);
        assert_eq!(reading(&["10/08/18"]), ["%d/%m/%y", "%m/%d/%y", "%y/%m/%d"]);
        assert_eq!(reading(&["10/08/18", "10/08/32"]), ["%d/%m/%y", "%m/%d/%y"]);
        assert_eq!(reading(&["10/08/32", "30/08/32"]), ["%d/%m/%y"]);
        assert_eq!(reading(&["14-Nov-23 22:13"]), ["%d-%b-%y %H:%M", "%y-%b-%d %H:%M"]);
        assert_eq!(reading(&["20231114221320"]), ["%Y%m%d%H%M%S"]);
    }

    #[test]
    fn midnight_tells_the_day() {
        let days = ["03/04/24 23:50", "03/04/24 23:55", "04/04/24 00:00"];
        assert_eq!(reading(&days), ["%d/%m/%y %H:%M"]);
        assert_eq!(
            reading(&days.map(|time| time.replace("03/04", "04/03")).each_ref().map(String::as_str)),
            ["%m/%d/%y %H:%M"]
        );
        assert_eq!(reading(&["24/04/03 23:55", "24/04/04 00:00"]), ["%y/%m/%d %H:%M"]);
        assert_eq!(reading(&days[..2]).len(), 3, "no other day");
        let months = ["01/03/2024 00:00", "01/04/2024 00:00", "01/05/2024 00:00"];
        assert_eq!(reading(&months).len(), 2, "the first of each month, or days of January");
        assert_eq!(reading(&["03/04/2024 23:50", "04/04/2024 00:00", "09/04/2024 10:00"]).len(), 2, "a gap");
    }

    #[test]
    fn every_form_that_is_found_reads_its_time() {
        for time in [
            "14.11.2023",
            "14.11.2023 22:13",
            "14.11.2023, 22:13:20",
            "14.11.23T22:13:20.5",
            "14-11-2023 22.13.20",
            "11/14/23 10:13:20  PM",
            "11/14/2023 10:13pm",
            "14/11/2023 10:13:20 p.m.",
            "14/11/2023 10:13:20 a. m.",
            "14/11/2023 10:13:20 p.\u{a0}m.",
            "1/2/2023 1:05",
            "14/11/2023 22:13 +0100",
            "14/11/2023 22:13:20+01:00",
            "14/11/2023 22:13:20 UTC",
            "14/11/2023 22:13:20Z",
        ] {
            assert!(!reading(&[time]).is_empty(), "{time}: {:?}", forms_of(time));
        }
        for time in ["", "x", "14.11", "14.11.2023x", "14.11.2023 22", "14/11-2023", "14.11.2023 22:13 CET", "1.2.3.4"]
        {
            assert_eq!(forms_of(time), [""; 0], "{time}");
        }
    }

    #[test]
    fn day_behind_the_year_is_shown_by_one_time() {
        let of = |times: &[&str]| forms_of_times(&times.iter().map(|time| (*time).to_owned()).collect::<Vec<_>>(), "");
        assert_eq!(of(&["2023-01-02 00:00:00", "2023-15-02 00:00:00"]), ["%Y-%d-%m %H:%M:%S"]);
        assert_eq!(of(&["2023/14/11 22:13"]), ["%Y/%d/%m %H:%M"]);
        assert!(of(&["2023-14-11 22:13", "soon"]) == ["%Y-%d-%m %H:%M"], "a row of another kind decides nothing");
        assert!(of(&["2023-14-11 22:13", "2023-11-14 22:13"]) == ["%Y-%d-%m %H:%M"], "the other one is rejected");
        assert!(of(&["2023-01-02 00:00:00", "2023-02-15 00:00:00"]).is_empty());
    }

    #[test]
    fn times_that_no_form_reads_decide_nothing() {
        assert_eq!(reading(&["14/11/2023", "average"]), ["%d/%m/%Y"]);
        assert_eq!(reading(&["14/11/2023", "11/14/2023"]), [""; 0], "they contradict each other");
        assert_eq!(forms_that_read(&["%d/%m/%Y".to_owned()], ["x"].into_iter()), [""; 0]);
    }

    #[test]
    fn forms_are_asked_for_only_where_times_need_one() {
        let forms =
            |times: &[&str]| forms_of_times(&times.iter().map(|time| (*time).to_owned()).collect::<Vec<_>>(), "Time");
        assert_eq!(forms(&["2023-11-14 22:13", "03/04/2024"]), [""; 0]);
        assert_eq!(forms(&["", "Time", "03/04/2024", "25/04/2024"]), ["%d/%m/%Y"]);
        assert_eq!(forms(&["x"]), [""; 0]);
    }

    #[test]
    fn name_of_the_column_tells_the_order_that_its_values_leave_open() {
        let forms = |name: &str, time: &str| forms_of_times(&[time.to_owned()], name);
        assert_eq!(forms("Time(dd/mm/yyyy)", "03/04/2024"), ["%d/%m/%Y"]);
        assert_eq!(forms("Date MM-DD-YYYY", "03/04/2024"), ["%m/%d/%Y"]);
        assert_eq!(forms("Datum [TT.MM.JJ]", "03.04.24"), ["%d.%m.%y"]);
        assert_eq!(forms("Date (yy-mm-dd)", "03-04-24"), ["%y-%m-%d"]);
        assert_eq!(forms("Date (dd/mm)", "04/25/2024"), ["%m/%d/%Y"], "values are stronger");
        assert_eq!(forms("Committed", "03/04/2024").len(), 2);
    }
}
