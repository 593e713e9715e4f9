//! The columns of a file that hold its times.

use super::super::time_format::{forms_of, forms_of_times, reads_alone};

/// Rows that are looked at.
pub(super) const ROWS: usize = 2000;

/// Names of the number of an hour, and of what an hour alone does not say.
const HOURS: [&str; 8] = ["hour", "hours", "hr", "hh", "stunde", "heure", "hora", "ora"];
const MINUTES: [&str; 5] = ["minute", "minutes", "min", "mm", "minuto"];

/// A time in one column, or a date and a clock in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeColumns {
    pub date: usize,
    pub clock: Option<usize>,
    /// True if the clock is the number of an hour.
    pub is_hour: bool,
}

impl TimeColumns {
    /// Returns the columns, where one of them is known: a date needs a clock, and a clock a date.
    pub(super) fn around(known: usize, names: &[String], rows: &[Vec<String>]) -> Self {
        let one = TimeColumns { date: known, clock: None, is_hour: false };
        let Some(row) = rows.iter().find(|row| row.get(known).is_some_and(|cell| !cell.is_empty())) else { return one };
        let cell = |at: usize| row.get(at).map_or("", String::as_str);
        let others = || (0..names.len()).filter(|at| *at != known);
        if is_clock(cell(known)) {
            let with_clock = |date| TimeColumns { date, clock: Some(known), is_hour: false };
            // Where a column has both, the clock is there twice.
            let alone = |date| TimeColumns { date, clock: None, is_hour: false };
            let whole = || others().find(|at| is_date_and_clock(cell(*at))).map(alone);
            return others().find(|at| is_date(cell(*at))).map(with_clock).or_else(whole).unwrap_or(one);
        }
        if is_date(cell(known)) {
            let clock = others().find(|at| is_clock(cell(*at)));
            let hour = others().find(|at| is_hour_name(&names[*at])).filter(|_| clock.is_none());
            return TimeColumns { date: known, clock: clock.or(hour), is_hour: hour.is_some() };
        }
        one
    }

    /// Returns the forms of times whose hour stands alone: all rows of a day would replace one another by their date.
    /// None where further columns, or hours that are no numbers, are a part of the time.
    pub(super) fn hour_forms(self, names: &[String], rows: &[Vec<String>]) -> Vec<String> {
        let Some(hour) = self.clock.filter(|_| self.is_hour) else { return Vec::new() };
        let is_hour = |row: &Vec<String>| {
            row.get(hour).is_none_or(|cell| cell.is_empty() || cell.parse::<u8>().is_ok_and(|hour| hour < 24))
        };
        if names.iter().any(|name| MINUTES.contains(&name.to_lowercase().as_str())) || !rows.iter().all(is_hour) {
            return Vec::new();
        }
        let dates: Vec<_> = rows.iter().filter_map(|row| row.get(self.date).cloned()).collect();
        let forms = match dates.iter().find(|date| !date.is_empty()).and_then(|date| year_first(date)) {
            Some(form) => vec![form],
            None => forms_of_times(&dates, &names[self.date]),
        };
        forms.into_iter().map(|form| format!("{form} %H")).collect()
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

fn is_hour_name(name: &str) -> bool {
    HOURS.contains(&name.trim().to_lowercase().as_str())
}

/// Returns the form of a date that begins with its year.
fn year_first(date: &str) -> Option<String> {
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

/// Returns whether a cell is a date and a time of day.
fn is_date_and_clock(cell: &str) -> bool {
    cell.len() > 11 && cell.contains(':') && (reads_alone(cell) || !forms_of(cell).is_empty())
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
