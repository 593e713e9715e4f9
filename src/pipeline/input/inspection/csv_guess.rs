//! Options that may read a CSV file, by the names in its header or by its values.

use super::super::csv_parser::{is_other_format, parted_numbers};
use super::super::device_names::DeviceColumn;
use super::super::keys::{TEMPERATURE, TEMPERATURE_UNIT, TIME};
use super::super::number::{DecimalSign, number};
use super::super::options::{Delimiter, InputOptions};
use super::super::time_format::{forms_of, zone_in_name};
use super::candidate::{Candidate, conversion_of, with_forms, with_layout};
use super::csv_quantities::{long_candidates, with_quantities};
use super::csv_table::{RowPlaces, Table, mapping, reference, sources_of, split, tables, undecided_times, values_of};
use super::temperatures::Temperatures;
use super::time_choice::{TimeChoice, choose};
use super::time_columns::{ROWS, TimeColumns};
use super::time_parts::{TimeParts, refused_clock};
use super::without_header::without_header;
use crate::pipeline::{Layout, parse_time};

/// Returns options that may read the text, the likeliest first.
pub(super) fn csv_candidates(text: &str, name: &str, given: &InputOptions) -> Vec<Candidate> {
    let (tables, others) = tables(text);
    let of_table = |table| match with_quantities(table, name, given) {
        long if long.is_empty() => with_header(table, name, given),
        long => long,
    };
    let mut found: Vec<_> = tables.iter().flat_map(of_table).collect();
    for (delimiter, rows) in others {
        let is_time = |cell: &String| parse_time(cell).is_ok() || !forms_of(cell).is_empty();
        // The text before JSON is that of a log, and names no sensor.
        if text.lines().find(|line| !line.trim().is_empty()).is_some_and(is_other_format) {
            continue;
        }
        if rows.first().is_some_and(|row| row.len() > 1 && row.iter().any(is_time)) {
            found.extend(without_header(delimiter, &rows, name, given));
        } else {
            found.extend(long_candidates(delimiter, &rows, name, given));
        }
    }
    found
}

/// Returns options of layouts that leave open which column is the temperature: one for each that may be it.
pub(super) fn open_temperatures(text: &str, layouts: &[Layout], name: &str, given: &InputOptions) -> Vec<Candidate> {
    let mut found = Vec::new();
    for layout in layouts.iter().filter(|layout| layout.lacks_temperature(given)) {
        let rows: Vec<_> = text.lines().take(ROWS).map(|line| split(Delimiter::Byte(b','), line)).collect();
        let Some((header, rows)) = rows.split_first() else { continue };
        let is_number = |cell: &String| cell.is_empty() || number(cell, DecimalSign::Point).is_ok();
        let is_measured = |at: &usize| {
            let mut cells = rows.iter().filter_map(|row| row.get(*at));
            header[*at].starts_with("field") && cells.all(is_number)
        };
        let temperatures = (0..header.len()).filter(is_measured).map(|at| header[at].clone()).collect();
        let options = with_layout(layout, given, name);
        found.push(Candidate { temperatures, ..Candidate::from(options) });
    }
    found
}

/// Returns options of layouts whose files look like this one, and call the temperature otherwise.
pub(super) fn other_temperatures(text: &str, layouts: &[Layout], name: &str, given: &InputOptions) -> Vec<Candidate> {
    let mut found = Vec::new();
    for table in tables(text).0 {
        for layout in layouts.iter().filter(|_| given.mapped(TEMPERATURE).next().is_none()) {
            let mut options = with_layout(layout, given, name);
            let places = table.places.temperatures.places().iter();
            options.map.extend(places.map(|at| mapping(TEMPERATURE, reference(&table.header, *at))));
            found.push(Candidate::from(options));
        }
    }
    found
}

fn with_header(table: &Table, name: &str, given: &InputOptions) -> Vec<Candidate> {
    let Table { header, rows, places, .. } = table;
    let temperatures = places.temperatures.places();
    let distance = |at: usize| (usize::from(temperatures.contains(&at)), 0);
    let is_given = given.mapped(TIME).next().is_some();
    // The index of a table that a program wrote has no name, and what has none is read or empty.
    let mut names = header.clone();
    if names[places.time].is_empty() {
        TIME.clone_into(&mut names[places.time]);
    }
    let Some(TimeChoice { at, as_good }) = choose(&names, distance, |at| values_of(rows, at)).filter(|_| !is_given)
    else {
        return with_time(table, places.time, name, given);
    };
    if as_good.is_empty() {
        return with_time(table, at, name, given);
    }
    if temperatures.len() > 1 && given.mapped(TEMPERATURE).next().is_none() {
        // Each of the temperatures may have its own.
        return Candidate::refused(given, undecided_times(header, &as_good));
    }
    let of_each: Vec<_> = as_good.into_iter().map(|at| with_time(table, at, name, given)).collect();
    Candidate::of_times(&of_each)
}

/// Returns options by which a column holds the times.
fn with_time(table: &Table, time: usize, name: &str, given: &InputOptions) -> Vec<Candidate> {
    let Table { delimiter, header, rows, places } = table;
    let mut options = given.clone();
    if *delimiter == Delimiter::Blanks {
        options.delimiter = options.delimiter.or(Some(Delimiter::Blanks));
    }
    let is_number = values_of(rows, time).is_other_number && given.mapped(TIME).next().is_none();
    let time = TimeColumns::around(time, header, rows);
    let has_form = given.time_format.is_some() || given.time_unit.is_some();
    if let Some(clock) = time.unread_clock(header, rows).filter(|_| !has_form) {
        return Candidate::refused(given, refused_clock(clock, time, header, rows));
    }
    let parts = if is_number && !has_form { TimeParts::of(time.date, header, rows) } else { Ok(None) };
    let parts = match parts {
        Ok(parts) => parts,
        Err(refusal) => return Candidate::refused(given, refusal),
    };
    let columns = match &parts {
        Some(parts) => parts.columns.clone(),
        None => [time.date].into_iter().chain(time.clock).collect(),
    };
    options.short_rows |= ends_early(header, rows);
    if *delimiter == Delimiter::Byte(b',') && options.decimal.is_none() && has_parted_numbers(header, rows) {
        options.decimal = Some(DecimalSign::Comma);
    }
    let mut map = |key: &str, at: &[usize]| {
        let is_own =
            matches!(at, [one] if header[*one] == key) && header.iter().filter(|name| *name == key).count() == 1;
        if !is_own && given.mapped(key).next().is_none() {
            let sources: Vec<_> = at.iter().map(|at| reference(header, *at)).collect();
            options.map.push(mapping(key, sources.join("+")));
        }
    };
    let mut undecided = Vec::new();
    match &places.temperatures {
        Temperatures::OneOf(places) if given.mapped(TEMPERATURE).next().is_none() => {
            undecided = places.iter().map(|at| reference(header, *at)).collect();
        }
        temperatures => temperatures.places().iter().for_each(|at| map(TEMPERATURE, &[*at])),
    }
    map(TIME, &columns);
    let is_whole = |at: &usize| rows.iter().all(|row| row.get(*at).is_none_or(|cell| !cell.contains(['.', ','])));
    let temperatures = places.temperatures.places();
    if !given.has_unit_of_temperature() && temperatures.iter().all(is_whole) {
        options.unit.extend(conversion_of(temperatures.iter().map(|at| header[*at].as_str())));
    }
    if let Some(unit) = places.unit {
        map(TEMPERATURE_UNIT, &[unit]);
    }
    let is_read = |at: usize| temperatures.contains(&at) || columns.contains(&at) || places.unit == Some(at);
    let row = RowPlaces { time, value: temperatures.first().copied(), quantity: None };
    let sources = sources_of(header, rows, row, is_read);
    // Other columns of one name cannot be fields.
    let is_read = |at: usize| is_read(at) || sources.contains(&reference(header, at));
    for (at, column) in header.iter().enumerate().filter(|(at, column)| !is_read(*at) && !column.is_empty()) {
        let is_double = header.iter().skip(at + 1).any(|other| other == column);
        let is_known = options.drop.contains(column) || !options.only.is_empty();
        if is_double && !is_known {
            options.drop.push(column.clone());
        }
    }
    if options.time_zone.is_none() {
        options.time_zone = zone_in_name(&header[time.date]);
    }
    let mut candidate = if let Some(TimeParts { form, .. }) = parts {
        Candidate { time_formats: vec![form], ..Candidate::from(options) }
    } else if time.clock_form.is_some() && options.time_format.is_none() {
        let time_formats = time.number_forms(header, rows);
        if time_formats.is_empty() {
            return Vec::new();
        }
        Candidate { time_formats, ..Candidate::from(options) }
    } else {
        with_forms(options, rows.iter().filter_map(|row| time.text(row)), &header[time.date])
    };
    candidate.temperatures = undecided;
    candidate.with_sensors(sources, name)
}

/// Returns whether rows lack the columns at the end that only the first row has: the serial number of a logger, its alarms.
fn ends_early(header: &[String], rows: &[Vec<String>]) -> bool {
    let mut lengths = rows.iter().map(Vec::len).filter(|length| *length < header.len());
    let Some(shortest) = lengths.next() else { return false };
    let is_of_logger = |name: &String| DeviceColumn::named(name).is_some() || name.to_lowercase().contains("alarm");
    shortest > 2 && lengths.all(|length| length == shortest) && header[shortest..].iter().all(is_of_logger)
}

/// Returns whether rows have more cells than the header, because decimal commas part the numbers at their end.
fn has_parted_numbers(header: &[String], rows: &[Vec<String>]) -> bool {
    let longer = || rows.iter().filter(|row| row.len() > header.len());
    longer().next().is_some() && longer().all(|row| parted_numbers(header.len(), row.len(), |at| &row[at]).is_some())
}
