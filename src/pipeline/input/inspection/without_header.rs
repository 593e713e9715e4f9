//! Options for a CSV file without header, by its values.

use std::collections::BTreeSet;

use super::super::device_names::DeviceColumn;
use super::super::keys::{SENSOR, TEMPERATURE, TEMPERATURE_UNIT, TIME};
use super::super::mqtt::LOG_LEVELS;
use super::super::number::{DecimalSign, number};
use super::super::options::{Delimiter, InputOptions};
use super::super::time_format::{TimeOptions, TimeParser, forms_of};
use super::super::unit::Unit;
use super::candidate::{Candidate, sensor_of, with_forms};
use super::long_guess::keys_of;
use super::names::{is_plain_temperature, is_temperature};
use super::time_choice::TimeValues;
use super::time_columns::TimeColumns;
use crate::pipeline::ColumnMapping;

/// Words that say how a value is, and not of what.
const STATES: [&str; 14] =
    ["ok", "on", "off", "true", "false", "yes", "no", "good", "bad", "error", "valid", "avg", "online", "offline"];
/// Digits from which on a whole number may be a serial number.
const SERIAL_DIGITS: usize = 6;
/// No temperature of surroundings is as high, in any unit: pressures are, and counts.
const MOST_DEGREES: f64 = 400.0;
/// Seconds between two times of one reading that are numbers.
const YEAR: i64 = 366 * 24 * 3600;
/// Ways to name the columns that are shown.
const MOST_CHOICES: usize = 6;

/// Names the columns: one that holds times, one with other numbers, and one with names of sensors; in each way where several
/// columns may be one of them. Where a column names quantities, each row holds one.
pub(super) fn without_header(
    delimiter: Delimiter,
    rows: &[Vec<String>],
    name: &str,
    given: &InputOptions,
) -> Option<Candidate> {
    if !given.columns.is_empty() {
        return None;
    }
    let times = times(rows);
    let with = |at: &usize| with_time(*at, &times, delimiter, rows, name, given);
    let each = times.iter().filter_map(with).flat_map(|mut candidate| {
        let others = std::mem::take(&mut candidate.others);
        std::iter::once(candidate).chain(others)
    });
    let mut all = each.take(MOST_CHOICES);
    let first = all.next()?;
    Some(Candidate { others: all.collect(), ..first })
}

/// Returns the columns of times: the first, and those of other moments.
fn times(rows: &[Vec<String>]) -> Vec<usize> {
    let (Some(row), Ok(times)) = (rows.first(), TimeParser::new(&TimeOptions::default())) else { return Vec::new() };
    let is_time = |cell: &str| cell.len() >= 9 && times.text(cell).is_ok() || !forms_of(cell).is_empty();
    let Some(first) = row.iter().position(|cell| is_time(cell)) else { return Vec::new() };
    let values = |at: usize| TimeValues::of(column_of(rows, at));
    let own = values(first);
    let is_other = |at: &usize| {
        let values = values(*at);
        // A serial number may be a time of another year.
        let is_near = || own.range.zip(values.range).is_some_and(|((own, _), (at, _))| (own - at).abs() < YEAR);
        let is_time = is_time(&row[*at]) && (!is_number(&row[*at]) || is_near());
        is_time && own.is_whole && values.is_whole && !own.is_same(values, false)
    };
    std::iter::once(first).chain((first + 1..row.len()).filter(is_other)).collect()
}

/// Names the columns in each way in which this one holds the times.
fn with_time(
    at: usize,
    times: &[usize],
    delimiter: Delimiter,
    rows: &[Vec<String>],
    name: &str,
    given: &InputOptions,
) -> Option<Candidate> {
    let first = rows.first()?;
    let time = TimeColumns::around(at, first, rows);
    let is_of_time = |at: usize| at == time.date || time.clock == Some(at) || times.contains(&at);
    let numbers: Vec<_> = (0..first.len()).filter(|at| !is_of_time(*at) && is_number(&first[*at])).collect();
    let is_free = |at: &usize| !is_of_time(*at) && !numbers.contains(at);
    let texts: Vec<_> = (0..first.len()).filter(|at| is_free(at) && column_of(rows, *at).any(is_name)).collect();
    let names = |at: usize| -> BTreeSet<String> { column_of(rows, at).map(str::to_owned).collect() };
    let quantity = texts.iter().find_map(|at| Some((*at, keys_of(&names(*at)).filter(|_| names(*at).len() > 1)?)));
    let is_unit = |at: &usize| Unit::named(&first[*at]).is_some_and(Unit::is_temperature);
    let unit = (0..first.len()).filter(is_free).find(is_unit).filter(|_| quantity.is_none());
    let is_other = |at: &usize| quantity.as_ref().is_none_or(|(own, _)| own != at);
    let texts: Vec<_> =
        texts.iter().copied().filter(is_other).filter(|at| !column_of(rows, *at).all(is_label)).collect();
    let has_sensors = quantity.as_ref().is_some_and(|(_, keys)| keys.has_sensor);
    let sensors = if has_sensors { Vec::new() } else { sensors(rows, &texts, &numbers) };
    let measured: Vec<_> = numbers.iter().copied().filter(|at| !sensors.contains(at)).collect();
    let values = values(rows, &measured);
    let column = |at: usize, value: usize, sensor: Option<usize>| match at {
        _ if at == time.date && time.clock.is_some() => "date".to_owned(),
        _ if time.clock == Some(at) => "clock".to_owned(),
        _ if at == time.date => TIME.to_owned(),
        _ if at == value && quantity.is_some() => "value".to_owned(),
        _ if at == value => TEMPERATURE.to_owned(),
        _ if quantity.as_ref().is_some_and(|(own, _)| *own == at) => "quantity".to_owned(),
        _ if Some(at) == sensor => SENSOR.to_owned(),
        _ if Some(at) == unit => TEMPERATURE_UNIT.to_owned(),
        _ => format!("field{}", at + 1),
    };
    let columns = |value: usize, sensor| (0..first.len()).map(|at| column(at, value, sensor)).collect::<Vec<_>>();
    let each = |value: usize| match sensors.as_slice() {
        [] => vec![columns(value, None)],
        sensors => sensors.iter().map(|sensor| columns(value, Some(*sensor))).collect(),
    };
    let mut all = values.into_iter().flat_map(each).collect::<Vec<_>>().into_iter();
    let mut options = InputOptions { columns: all.next()?, ..given.clone() };
    if time.clock.is_some() {
        options.map.push(ColumnMapping { key: TIME.to_owned(), source: "date+clock".to_owned() });
    }
    if delimiter == Delimiter::Blanks {
        options.delimiter = options.delimiter.or(Some(delimiter));
    }
    let mut has_sensor = !sensors.is_empty();
    let mut temperatures = Vec::new();
    if let Some((_, keys)) = quantity {
        (options.quantity, options.value) = (Some("quantity".to_owned()), Some("value".to_owned()));
        options.map.extend(keys.map);
        has_sensor |= keys.has_sensor;
        temperatures = keys.temperatures;
    }
    if !has_sensor && options.sensor.is_none() {
        options.sensor = Some(sensor_of(name));
    }
    let candidate = with_forms(options, rows.iter().filter_map(|row| time.text(row)), "");
    let candidate = Candidate { temperatures, ..candidate };
    let other = |columns| {
        let options = InputOptions { columns, ..candidate.options.clone() };
        Candidate { options, ..candidate.clone() }
    };
    Some(Candidate { others: all.map(other).collect(), ..candidate })
}

fn is_number(cell: &str) -> bool {
    number(cell, DecimalSign::Point).or_else(|_| number(cell, DecimalSign::Comma)).is_ok()
}

/// Returns whether a cell may be a name: no number, no unit, no state, and not nothing.
fn is_name(cell: &str) -> bool {
    let word = cell.to_lowercase();
    let is_nothing = ["", "nan", "null", "none", "inf", "-"].contains(&word.as_str());
    let is_unit = Unit::named(cell).is_some() || Unit::named(&cell.to_uppercase()).is_some_and(Unit::is_temperature);
    !is_nothing && !is_number(cell) && !is_unit && !STATES.contains(&word.as_str())
}

/// Returns the cells of a column.
fn column_of(rows: &[Vec<String>], at: usize) -> impl Iterator<Item = &str> {
    rows.iter().map(move |row| row.get(at).map_or("", String::as_str))
}

/// Returns whether a cell says what is measured, or how severe the line of a log is, and not by what.
fn is_label(cell: &str) -> bool {
    let word = cell.trim_matches([':', '=', '[', ']', '<', '>']).to_lowercase();
    is_temperature(&word) && is_plain_temperature(&word) || LOG_LEVELS.contains(&word.as_str()) || !is_name(cell)
}

/// Returns the columns of which one is the temperature: those with a fraction, as an hour or a number of the row has none,
/// and among them those of which all values may be degrees.
fn values(rows: &[Vec<String>], numbers: &[usize]) -> Vec<usize> {
    let has_fraction = |at: &usize| column_of(rows, *at).any(|cell| cell.contains(['.', ',']) && is_number(cell));
    let size = |cell: &str| cell.replace(',', ".").parse().map_or(0.0, f64::abs);
    let may_be_degrees = |at: &usize| column_of(rows, *at).all(|cell| size(cell) < MOST_DEGREES);
    let mut found = numbers.to_vec();
    for is_likely in [&has_fraction as &dyn Fn(&usize) -> bool, &may_be_degrees] {
        if found.iter().any(is_likely) {
            found.retain(is_likely);
        }
    }
    found
}

/// Returns the columns that may name the sensors: of texts, and else one of serial numbers. Which of several it is, cannot be
/// told: the one that stays the same may be that of a gateway, or of a sensor that several gateways hear.
fn sensors(rows: &[Vec<String>], texts: &[usize], numbers: &[usize]) -> Vec<usize> {
    if !texts.is_empty() {
        return texts.to_vec();
    }
    let is_serial = |cell: &str| cell.len() >= SERIAL_DIGITS && cell.bytes().all(|byte| byte.is_ascii_digit());
    let counts = |at: usize| DeviceColumn::named("id").is_some_and(|column| column.with(column_of(rows, at)).counts());
    let is_counter = |at: usize| rows.len() > 1 && counts(at);
    let found = numbers.iter().copied().find(|at| column_of(rows, *at).all(is_serial) && !is_counter(*at));
    found.into_iter().collect()
}
