//! Times whose parts stand in several columns as numbers: a year, the day in it, and a clock.

use super::super::mapping::as_source;
use super::candidate::Refusal;
use super::time_columns::{TimeColumns, clock_of_digits, year_first};

const YEARS: [&str; 7] = ["year", "yyyy", "jahr", "annee", "année", "anno", "año"];
const MONTHS: [&str; 6] = ["month", "mon", "monat", "mois", "mes", "mese"];
const DAYS: [&str; 7] = ["day", "dd", "tag", "jour", "dia", "día", "giorno"];
const DAYS_OF_YEAR: [&str; 9] =
    ["doy", "yday", "jday", "julian", "julian day", "julian_day", "day of year", "day_of_year", "dayofyear"];

/// The columns of the parts, and the form of their values with a blank between them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TimeParts {
    pub columns: Vec<usize>,
    pub form: String,
}

/// Returns the columns of the day where a year and a day are numbers, with its form.
fn day_of(names: &[String]) -> Option<TimeParts> {
    let place = |wanted: &[&str]| names.iter().position(|name| wanted.contains(&name.trim().to_lowercase().as_str()));
    let year = place(&YEARS)?;
    if let Some(day) = place(&DAYS_OF_YEAR) {
        return Some(TimeParts { columns: vec![year, day], form: "%Y %j".to_owned() });
    }
    Some(TimeParts { columns: vec![year, place(&MONTHS)?, place(&DAYS)?], form: "%Y %m %d".to_owned() })
}

impl TimeParts {
    /// Returns the parts, where the column that is named as the time is the clock of the day.
    ///
    /// # Errors
    /// When it is a number beside a date, and its form is not certain.
    pub(super) fn of(clock: usize, names: &[String], rows: &[Vec<String>]) -> Result<Option<Self>, Refusal> {
        let Some(day) = day_of(names).filter(|day| !day.columns.contains(&clock)) else { return Ok(None) };
        let Some(form) = clock_of_digits(&names[clock], rows, clock) else {
            let days: Vec<_> = day.columns.iter().map(|at| as_source(&names[*at])).collect();
            return Err(unread_clock(&days, &names[clock], &day.form));
        };
        let columns = day.columns.into_iter().chain([clock]).collect();
        Ok(Some(TimeParts { columns, form: format!("{} {form}", day.form) }))
    }
}

/// Returns why a clock beside a date is not read.
pub(super) fn refused_clock(clock: usize, time: TimeColumns, names: &[String], rows: &[Vec<String>]) -> Refusal {
    let date = rows.iter().find_map(|row| row.get(time.date).filter(|cell| !cell.is_empty()));
    let form = date.and_then(|date| year_first(date)).unwrap_or_else(|| "%d.%m.%Y".to_owned());
    unread_clock(&[as_source(&names[time.date])], &names[clock], &form)
}

fn unread_clock(days: &[String], clock: &str, form: &str) -> Refusal {
    let (clock, days) = (as_source(clock), days.join("+"));
    Refusal {
        reason: format!("`{clock}` is a number beside `{days}`, and no time since 1970"),
        hints: vec![format!(
            "`--map 'current_time={days}+{clock}' --time-format '{form} %H%M'` reads clocks of four digits, as 0005 and 1310"
        )],
    }
}
