//! Options for tables whose rows hold one quantity each: its name in one column, its value in another.

use std::collections::BTreeSet;

use super::super::keys::{TEMPERATURE, TIME};
use super::super::options::{Delimiter, InputOptions};
use super::super::time_format::zone_in_name;
use super::super::unit::Unit;
use super::super::unit_values::UnitValues;
use super::candidate::{Candidate, Refusal, with_forms};
use super::csv_table::{
    HEADER_LINES, RowPlaces, Table, mapping, reference, sources_of, tables, undecided_times, values_of,
};
use super::long_guess::{keys_of, quantity_and_value, quantity_of_temperatures};
use super::names::time_places;
use super::temperatures::Temperatures;
use super::time_choice::{TimeChoice, choose};
use super::time_columns::TimeColumns;

/// Returns options for rows that hold one quantity each, below a header that names what holds it.
pub(super) fn long_candidates(
    delimiter: Delimiter,
    rows: &[Vec<String>],
    name: &str,
    given: &InputOptions,
) -> Vec<Candidate> {
    let columns = |row: &Vec<String>| (!time_places(row).is_empty()).then(|| quantity_and_value(row));
    let header = rows.iter().take(HEADER_LINES).enumerate().find_map(|(at, row)| Some((at, columns(row)?)));
    let Some((at, pairs)) = header.filter(|(_, pairs)| !pairs.is_empty()) else { return Vec::new() };
    with_pairs(delimiter, (&rows[at], &rows[at + 1..]), pairs, name, given)
}

/// Returns options for a table whose column of the temperature holds the values of other quantities, too: a column
/// beside it says so.
pub(super) fn with_quantities(table: &Table, name: &str, given: &InputOptions) -> Vec<Candidate> {
    let Table { delimiter, header, rows, places } = table;
    let Temperatures::One(value) = places.temperatures else { return Vec::new() };
    let Some(quantity) = quantity_of_temperatures(header, rows).filter(|_| given.quantity.is_none()) else {
        return Vec::new();
    };
    with_pairs(*delimiter, (header, rows), vec![(quantity, value)], name, given)
}

/// As [`with_quantities`], for the tables that a text may be.
pub(super) fn quantity_candidates(text: &str, name: &str, given: &InputOptions) -> Vec<Candidate> {
    tables(text).0.iter().flat_map(|table| with_quantities(table, name, given)).collect()
}

/// Returns options by the places of the quantity and of its value.
fn with_pairs(
    delimiter: Delimiter,
    (header, rows): (&[String], &[Vec<String>]),
    pairs: Vec<(usize, usize)>,
    name: &str,
    given: &InputOptions,
) -> Vec<Candidate> {
    let Some(TimeChoice { at: time, as_good }) = choose(header, |_| (0, 0), |at| values_of(rows, at)) else {
        return Vec::new();
    };
    if !as_good.is_empty() && given.mapped(TIME).next().is_none() {
        return Candidate::refused(given, undecided_times(header, &as_good));
    }
    for (quantity, value) in pairs.into_iter().filter(|(quantity, value)| *quantity != time && *value != time) {
        let names = rows.iter().filter_map(|row| row.get(quantity).cloned()).filter(|name| !name.is_empty());
        let Some(keys) = keys_of(&names.collect()) else { continue };
        let mut options = given.clone();
        if delimiter == Delimiter::Blanks {
            options.delimiter = options.delimiter.or(Some(Delimiter::Blanks));
        }
        options.quantity = Some(reference(header, quantity));
        options.value = Some(reference(header, value));
        let time = TimeColumns::around(time, header, rows);
        let with = time.clock.map_or(String::new(), |at| format!("+{}", reference(header, at)));
        if header[time.date] != TIME || time.clock.is_some() {
            options.map.push(mapping(TIME, format!("{}{with}", reference(header, time.date))));
        }
        options.map.extend(keys.map);
        options.time_zone = options.time_zone.or_else(|| zone_in_name(&header[time.date]));
        let is_place = |at: usize| [quantity, value, time.date].contains(&at) || time.clock == Some(at);
        let unit = (0..header.len()).find(|at| !is_place(*at) && holds_units(rows, *at));
        if let Some(at) = unit.filter(|_| !given.has_unit_of_temperature()) {
            let units = temperature_units(rows, at);
            if units.len() > 1 {
                return Candidate::refused(given, mixed_units(&reference(header, at), &units));
            }
            // A reading has no column of its own for the unit of one of its quantities.
            let other = units.first().filter(|unit| **unit != "C");
            options.unit.extend(other.and_then(|unit| format!("{TEMPERATURE}={unit}:C").parse().ok()));
        }
        let mut candidate = with_forms(options, rows.iter().filter_map(|row| time.text(row)), &header[time.date]);
        candidate.temperatures = keys.temperatures;
        if keys.has_sensor {
            return vec![candidate];
        }
        let is_read = |at: usize| is_place(at) || unit == Some(at);
        let row = RowPlaces { time, value: Some(value), quantity: Some(quantity) };
        return candidate.with_sensors(sources_of(header, rows, row, is_read), name);
    }
    Vec::new()
}

/// Returns whether a column holds units, of temperature among them.
fn holds_units(rows: &[Vec<String>], at: usize) -> bool {
    let mut values = UnitValues::default();
    rows.iter().filter_map(|row| row.get(at)).for_each(|cell| values.see(cell));
    values.are_units()
}

/// Returns the units of temperature in a column.
fn temperature_units(rows: &[Vec<String>], at: usize) -> BTreeSet<&'static str> {
    let units = rows.iter().filter_map(|row| Unit::named(row.get(at)?));
    units.filter(|unit| unit.is_temperature()).map(|unit| unit.name).collect()
}

/// Returns why temperatures of several units are not read.
fn mixed_units(column: &str, units: &BTreeSet<&str>) -> Refusal {
    let units: Vec<_> = units.iter().copied().collect();
    Refusal {
        reason: format!("its temperatures are in {}, as `{column}` says", units.join(" and in ")),
        hints: vec![format!("`--match '{column}={}'` reads the temperatures of one unit alone", units[0])],
    }
}
