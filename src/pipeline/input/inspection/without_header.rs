//! Options for a CSV file without header, by its values.

use std::collections::BTreeSet;

use super::super::device_names::DeviceColumn;
use super::super::keys::{SENSOR, TEMPERATURE, TEMPERATURE_UNIT, TIME};
use super::super::number::{DecimalSign, number};
use super::super::options::{Delimiter, InputOptions};
use super::super::time_format::{TimeOptions, TimeParser, forms_of};
use super::super::unit::Unit;
use super::candidate::{Candidate, sensor_of, with_forms};
use super::long_guess::keys_of;
use super::time_columns::TimeColumns;
use crate::pipeline::ColumnMapping;

/// Words that say how a value is, and not of what.
const STATES: [&str; 14] =
    ["ok", "on", "off", "true", "false", "yes", "no", "good", "bad", "error", "valid", "avg", "online", "offline"];
/// Digits from which on a whole number may be a serial number.
const SERIAL_DIGITS: usize = 6;

/// Names the columns: the first that holds times, the first other numbers, and one with names of sensors. Where a column
/// names quantities, each row holds one.
pub(super) fn without_header(
    delimiter: Delimiter,
    rows: &[Vec<String>],
    name: &str,
    given: &InputOptions,
) -> Option<Candidate> {
    if !given.columns.is_empty() {
        return None;
    }
    let first = rows.first()?;
    let times = TimeParser::new(&TimeOptions::default()).ok()?;
    let is_time = |cell: &str| cell.len() >= 9 && times.text(cell).is_ok() || !forms_of(cell).is_empty();
    let found = first.iter().position(|cell| is_time(cell))?;
    let time = TimeColumns::around(found, first, rows);
    let is_of_time = |at: usize| at == time.date || time.clock == Some(at);
    let numbers: Vec<_> = (0..first.len()).filter(|at| !is_of_time(*at) && is_number(&first[*at])).collect();
    // An hour or a number of the row has no fraction.
    let has_fraction = |at: &&usize| first[**at].contains(['.', ',']);
    let value = *numbers.iter().find(has_fraction).or(numbers.first())?;
    let is_free = |at: &usize| !is_of_time(*at) && *at != value;
    let texts: Vec<_> = (0..first.len()).filter(|at| is_free(at) && is_name(&first[*at])).collect();
    let names = |at: usize| -> BTreeSet<String> { rows.iter().filter_map(|row| row.get(at).cloned()).collect() };
    let quantity = texts.iter().find_map(|at| Some((*at, keys_of(&names(*at)).filter(|_| names(*at).len() > 1)?)));
    let is_unit = |at: &usize| Unit::named(&first[*at]).is_some_and(Unit::is_temperature);
    let unit = (0..first.len()).filter(is_free).find(is_unit).filter(|_| quantity.is_none());
    let is_other = |at: &usize| quantity.as_ref().is_none_or(|(own, _)| own != at);
    let texts: Vec<_> = texts.iter().copied().filter(is_other).collect();
    let numbers: Vec<_> = numbers.iter().copied().filter(is_free).collect();
    let sensor = sensor(rows, &texts, &numbers);
    let sensor = sensor.filter(|_| !quantity.as_ref().is_some_and(|(_, keys)| keys.has_sensor));
    let column = |at: usize| match at {
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
    let mut options = InputOptions { columns: (0..first.len()).map(column).collect(), ..given.clone() };
    if time.clock.is_some() {
        options.map.push(ColumnMapping { key: TIME.to_owned(), source: "date+clock".to_owned() });
    }
    if delimiter == Delimiter::Blanks {
        options.delimiter = options.delimiter.or(Some(delimiter));
    }
    let mut has_sensor = sensor.is_some();
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
    Some(Candidate { temperatures, ..candidate })
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

/// Returns the column of the sensors: that of texts which names several, or the first; else one of serial numbers.
fn sensor(rows: &[Vec<String>], texts: &[usize], numbers: &[usize]) -> Option<usize> {
    let seen = |at: usize, name: &str| {
        let cells = rows.iter().map(|row| row.get(at).map_or("", String::as_str));
        Some(DeviceColumn::named(name)?.with(cells))
    };
    let several = texts.iter().find(|at| seen(**at, "name").is_some_and(|column| column.names_several()));
    if let Some(at) = several.or(texts.first()) {
        return Some(*at);
    }
    let is_serial = |row: &Vec<String>, at: usize| {
        row.get(at).is_some_and(|cell| cell.len() >= SERIAL_DIGITS && cell.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let is_counter = |at: usize| rows.len() > 1 && seen(at, "id").is_some_and(|column| column.counts());
    numbers.iter().copied().find(|at| rows.iter().all(|row| is_serial(row, *at)) && !is_counter(*at))
}
