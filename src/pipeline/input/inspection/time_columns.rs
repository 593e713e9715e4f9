//! The columns of a file that hold its times.

use super::super::time_format::{forms_of, forms_of_times, reads_alone};
use super::time_choice::{has_date_and_clock, is_compact_date};

/// Rows that are looked at.
pub(super) const ROWS: usize = 2000;

/// Names of the number of an hour, and of what an hour alone does not say.
const HOURS: [&str; 8] = ["hour", "hours", "hr", "hh", "stunde", "heure", "hora", "ora"];
const MINUTES: [&str; 5] = ["minute", "minutes", "min", "mm", "minuto"];

/// Names of a time of day.
const CLOCKS: [&str; 9] = ["time", "hhmm", "hhmmss", "hrmn", "clock", "time of day", "zeit", "uhrzeit", "utc"];

/// A time in one column, or a date and a clock in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeColumns {
    pub date: usize,
    pub clock: Option<usize>,
    /// The form of a clock that is a number.
    pub clock_form: Option<&'static str>,
}

impl TimeColumns {
    /// Returns the columns, where one of them is known: a date needs a clock, and a clock a date.
    pub(super) fn around(known: usize, names: &[String], rows: &[Vec<String>]) -> Self {
        let one = TimeColumns { date: known, clock: None, clock_form: None };
        let Some(row) = rows.iter().find(|row| row.get(known).is_some_and(|cell| !cell.is_empty())) else { return one };
        let cell = |at: usize| row.get(at).map_or("", String::as_str);
        let others = || (0..names.len()).filter(|at| *at != known);
        if is_clock(cell(known)) {
            let with_clock = |date| TimeColumns { date, clock: Some(known), clock_form: None };
            // Where a column has both, the clock is there twice.
            let alone = |date| TimeColumns { date, clock: None, clock_form: None };
            let whole = || others().find(|at| has_date_and_clock(cell(*at))).map(alone);
            return others().find(|at| is_date(cell(*at))).map(with_clock).or_else(whole).unwrap_or(one);
        }
        if is_date(cell(known)) || is_compact_date(cell(known)) {
            let clock = others().find(|at| is_clock(cell(*at)));
            let hour = || Some((others().find(|at| is_hour_name(&names[*at]))?, "%H"));
            let digits = || others().find_map(|at| Some((at, clock_of_digits(&names[at], rows, at)?)));
            let number = if clock.is_some() { None } else { hour().or_else(digits) };
            let (of_number, clock_form) = number.unzip();
            return TimeColumns { date: known, clock: clock.or(of_number), clock_form };
        }
        one
    }

    /// Returns the forms of times whose clock is a number: all rows of a day would replace one another by their date.
    /// None where further columns, or hours that are no numbers, are a part of the time.
    pub(super) fn number_forms(self, names: &[String], rows: &[Vec<String>]) -> Vec<String> {
        let Some((clock, form)) = self.clock.zip(self.clock_form) else { return Vec::new() };
        let dates: Vec<_> = rows.iter().filter_map(|row| row.get(self.date).cloned()).collect();
        let first = dates.iter().find(|date| !date.is_empty());
        let forms = match first.and_then(|date| year_first(date)) {
            Some(form) => vec![form],
            None => forms_of_times(&dates, &names[self.date]),
        };
        let with_clock = forms.into_iter().map(|date| format!("{date} {form}"));
        if form != "%H" || Self::is_hour_alone(clock, names, rows) { with_clock.collect() } else { Vec::new() }
    }

    /// Returns whether the numbers of an hour are all that the rows say of the time of day.
    fn is_hour_alone(hour: usize, names: &[String], rows: &[Vec<String>]) -> bool {
        let is_hour = |row: &Vec<String>| {
            row.get(hour).is_none_or(|cell| cell.is_empty() || cell.parse::<u8>().is_ok_and(|hour| hour < 24))
        };
        !names.iter().any(|name| MINUTES.contains(&name.to_lowercase().as_str())) && rows.iter().all(is_hour)
    }

    /// Returns the name of a clock beside the date that is a number of some other form: it may lack zeros, or count.
    pub(super) fn unread_clock(self, names: &[String], rows: &[Vec<String>]) -> Option<usize> {
        let cell = rows.iter().find_map(|row| row.get(self.date).filter(|cell| !cell.is_empty()))?;
        if self.clock.is_some() || !(is_date(cell) || is_compact_date(cell)) {
            return None;
        }
        let is_number = |at: usize| rows.iter().any(|row| row.get(at).is_some_and(|cell| cell.parse::<u32>().is_ok()));
        (0..names.len()).find(|at| *at != self.date && is_clock_name(&names[*at]) && is_number(*at))
    }

    /// Returns the time of a row.
    pub(super) fn text(self, row: &[String]) -> Option<String> {
        let date = row.get(self.date)?;
        match self.clock {
            Some(clock) => Some(format!("{date} {}", row.get(clock)?)),
            None => Some(date.clone()),
        }
    }
}

/// Returns whether a name is that of a time of day.
fn is_clock_name(name: &str) -> bool {
    CLOCKS.contains(&name.trim().to_lowercase().as_str())
}

/// Returns the form of a clock without signs: `2213` or `221320`, each with all of its digits.
pub(super) fn clock_of_digits(name: &str, rows: &[Vec<String>], at: usize) -> Option<&'static str> {
    let mut cells = rows.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.is_empty()).peekable();
    let (digits, form) = match cells.peek()?.len() {
        4 => (4, "%H%M"),
        6 => (6, "%H%M%S"),
        _ => return None,
    };
    let is_clock = |cell: &String| {
        let parts = cell.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok()?.parse::<u8>().ok());
        let limits = [23, 59, 59];
        cell.len() == digits && parts.zip(limits).all(|(part, most)| part.is_some_and(|part| part <= most))
    };
    (is_clock_name(name) && cells.all(is_clock)).then_some(form)
}

fn is_hour_name(name: &str) -> bool {
    HOURS.contains(&name.trim().to_lowercase().as_str())
}

/// Returns the form of a date that begins with its year.
pub(super) fn year_first(date: &str) -> Option<String> {
    if is_compact_date(date) {
        return Some("%Y%m%d".to_owned());
    }
    let separator = date.chars().nth(4).filter(|sign| matches!(sign, '-' | '/' | '.'))?;
    let is_year = date.bytes().take(4).all(|byte| byte.is_ascii_digit());
    is_year.then(|| format!("%Y{separator}%m{separator}%d"))
}

/// Returns whether a cell is a time of day and no more.
fn is_clock(cell: &str) -> bool {
    let hour = cell.split(':').next().unwrap_or_default();
    let is_hour = (1..=2).contains(&hour.len()) && hour.bytes().all(|byte| byte.is_ascii_digit());
    is_hour && cell.len() > hour.len() + 1 && cell.len() <= 16 && !cell.contains(['/', '-'])
}

/// Returns whether a cell is a date without a time of day.
fn is_date(cell: &str) -> bool {
    let is_separated = cell.matches(['-', '/', '.']).count() == 2;
    !cell.contains(':') && is_separated && (reads_alone(cell) || !forms_of(cell).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(known: usize, row: &[&str]) -> (usize, Option<usize>) {
        let row: Vec<_> = row.iter().map(|cell| (*cell).to_owned()).collect();
        let TimeColumns { date, clock, .. } = TimeColumns::around(known, &row.clone(), &[row]);
        (date, clock)
    }

    #[test]
    fn date_and_clock_that_stand_apart_are_found_by_either() {
        assert_eq!(columns(0, &["14.11.2023", "22:13:20", "21.5"]), (0, Some(1)));
        assert_eq!(columns(1, &["2023-11-14", "10:13 PM", "21.5"]), (0, Some(1)));
        assert_eq!(columns(0, &["2023-11-14 22:13", "22:13:20", "21.5"]), (0, None));
        assert_eq!(columns(1, &["2023-11-14 22:00", "22:00", "21.5"]), (0, None));
        assert_eq!(columns(0, &["2023-11-14", "21.5"]), (0, None));
        assert_eq!(columns(0, &["22:13:20", "21.5"]), (0, None));
        assert_eq!(columns(0, &["1700000000", "22:13"]), (0, None));
    }
}
