//! The columns of a file that hold its times.

use super::super::time_format::{forms_of, reads_alone};

/// Rows that are looked at.
pub(super) const ROWS: usize = 2000;

/// A time in one column, or a date and a clock in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeColumns {
    pub date: usize,
    pub clock: Option<usize>,
}

impl TimeColumns {
    /// Returns the columns, where one of them is known: a date needs a clock, and a clock a date.
    pub(super) fn around(known: usize, names: &[String], rows: &[Vec<String>]) -> Self {
        let one = TimeColumns { date: known, clock: None };
        let Some(row) = rows.iter().find(|row| row.get(known).is_some_and(|cell| !cell.is_empty())) else { return one };
        let cell = |at: usize| row.get(at).map_or("", String::as_str);
        let others = || (0..names.len()).filter(|at| *at != known);
        if is_clock(cell(known)) {
            let date = others().find(|at| is_date(cell(*at)));
            return date.map_or(one, |date| TimeColumns { date, clock: Some(known) });
        }
        if is_date(cell(known)) {
            return TimeColumns { date: known, clock: others().find(|at| is_clock(cell(*at))) };
        }
        one
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
        let TimeColumns { date, clock } = TimeColumns::around(known, &row.clone(), &[row]);
        (date, clock)
    }

    #[test]
    fn date_and_clock_that_stand_apart_are_found_by_either() {
        assert_eq!(columns(0, &["14.11.2023", "22:13:20", "21.5"]), (0, Some(1)));
        assert_eq!(columns(1, &["2023-11-14", "10:13 PM", "21.5"]), (0, Some(1)));
        assert_eq!(columns(0, &["2023-11-14 22:13", "22:13:20", "21.5"]), (0, None));
        assert_eq!(columns(0, &["2023-11-14", "21.5"]), (0, None));
        assert_eq!(columns(0, &["22:13:20", "21.5"]), (0, None));
        assert_eq!(columns(0, &["1700000000", "22:13"]), (0, None));
    }
}
