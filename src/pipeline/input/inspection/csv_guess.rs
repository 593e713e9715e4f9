//! Options that may read a CSV file, by the names in its header or by its values.

use super::super::keys::{SENSOR, TEMPERATURE, TEMPERATURE_UNIT, TIME};
use super::super::number::{DecimalSign, number};
use super::super::options::{Delimiter, InputOptions};
use super::super::row_splitter::RowSplitter;
use super::super::time_format::{TimeOptions, TimeParser, forms_of, zone_in_name};
use super::super::unit::Unit;
use super::candidate::{Candidate, sensor_of, with_forms, with_layout};
use super::names::{is_temperature, sensor_place, time_place};
use super::time_columns::{ROWS, TimeColumns};
use crate::pipeline::{ColumnMapping, Layout, parse_time};

/// Lines in which a header is looked for.
const HEADER_LINES: usize = 16;
const DELIMITERS: [Delimiter; 5] =
    [Delimiter::Byte(b','), Delimiter::Byte(b';'), Delimiter::Byte(b'\t'), Delimiter::Byte(b'|'), Delimiter::Blanks];

/// A header and the rows below it.
struct Table {
    delimiter: Delimiter,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    places: Places,
}

/// Where the keys stand.
#[derive(Clone, Copy)]
struct Places {
    sensor: Option<usize>,
    temperature: usize,
    time: usize,
    /// A column that names the unit of each value.
    unit: Option<usize>,
}

impl Places {
    fn of(names: &[String], row: Option<&Vec<String>>) -> Option<Self> {
        let time = time_place(names)?;
        let sensor = sensor_place(names).filter(|at| *at != time);
        let temperature = (0..names.len()).find(|at| *at != time && is_temperature(&names[*at]));
        if let Some(temperature) = temperature {
            return Some(Places { sensor, temperature, time, unit: None });
        }
        // `Date/Time,Unit,Value`
        let place = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
        let (unit, temperature) = place("unit").zip(place("value"))?;
        let is_unit = Unit::named(row?.get(unit)?).is_some_and(Unit::is_temperature);
        is_unit.then_some(Places { sensor, temperature, time, unit: Some(unit) })
    }
}

/// The cells of lines that have no such names.
type OtherRows = (Delimiter, Vec<Vec<String>>);

/// Returns tables that the text may be: by each delimiter, where a line has the names of a time and a temperature.
fn tables(text: &str) -> (Vec<Table>, Vec<OtherRows>) {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).take(ROWS).collect();
    let (mut tables, mut others) = (Vec::new(), Vec::new());
    for delimiter in DELIMITERS {
        let mut rows: Vec<_> = lines.iter().map(|line| split(delimiter, line)).collect();
        let places = |at: usize| Places::of(&rows[at], rows.get(at + 1)).filter(|_| rows[at].len() > 1);
        let found = (0..rows.len().min(HEADER_LINES)).find_map(|at| Some((at, places(at)?)));
        // Words of a sentence are no columns.
        let is_table = |at: usize| {
            delimiter != Delimiter::Blanks || rows.get(at + 1).is_some_and(|row| row.len() == rows[at].len())
        };
        match found {
            Some((at, places)) if is_table(at) => {
                let below = rows.split_off(at + 1);
                tables.extend(rows.pop().map(|header| Table { delimiter, header, rows: below, places }));
            }
            Some(_) => {}
            None => others.push((delimiter, rows)),
        }
    }
    (tables, others)
}

/// Returns options that may read the text, the likeliest first.
pub(super) fn csv_candidates(text: &str, name: &str, given: &InputOptions) -> Vec<Candidate> {
    let (tables, others) = tables(text);
    let mut found: Vec<_> = tables.iter().filter_map(|table| with_header(table, name, given)).collect();
    for (delimiter, rows) in others {
        let is_time = |cell: &String| parse_time(cell).is_ok() || !forms_of(cell).is_empty();
        if rows.first().is_some_and(|row| row.len() > 1 && row.iter().any(is_time)) {
            found.extend(without_header(delimiter, &rows, name, given));
        }
    }
    found
}

/// Returns options of layouts whose files look like this one, and call the temperature otherwise.
pub(super) fn other_temperatures(text: &str, layouts: &[Layout], name: &str, given: &InputOptions) -> Vec<Candidate> {
    let mut found = Vec::new();
    for table in tables(text).0 {
        for layout in layouts.iter().filter(|_| given.mapped(TEMPERATURE).next().is_none()) {
            let mut options = with_layout(layout, given, name);
            options.map.push(mapping(TEMPERATURE, reference(&table.header, table.places.temperature)));
            found.push(Candidate::from(options));
        }
    }
    found
}

fn mapping(key: &str, source: String) -> ColumnMapping {
    ColumnMapping { key: key.to_owned(), source }
}

/// Returns how a column is named in an option: by its place where others have its name.
fn reference(header: &[String], at: usize) -> String {
    let name = &header[at];
    if name.is_empty() || header.iter().filter(|other| *other == name).count() > 1 {
        return format!("@column.{}", at + 1);
    }
    if name.contains(['+', '"']) || name.contains("//") { format!("\"{name}\"") } else { name.clone() }
}

fn with_header(table: &Table, name: &str, given: &InputOptions) -> Option<Candidate> {
    let Table { delimiter, header, rows, places } = table;
    let mut options = given.clone();
    if *delimiter == Delimiter::Blanks {
        options.delimiter = options.delimiter.or(Some(Delimiter::Blanks));
    }
    let time = TimeColumns::around(places.time, header, rows);
    let mut map = |key: &str, at: usize, with: Option<usize>| {
        let is_own = header[at] == key && with.is_none() && header.iter().filter(|name| *name == key).count() == 1;
        if !is_own && !options.map.iter().any(|mapping| mapping.key == key) {
            let with = with.map_or(String::new(), |at| format!("+{}", reference(header, at)));
            options.map.push(mapping(key, format!("{}{with}", reference(header, at))));
        }
    };
    map(TEMPERATURE, places.temperature, None);
    map(TIME, time.date, time.clock);
    if let Some(unit) = places.unit {
        map(TEMPERATURE_UNIT, unit, None);
    }
    match places.sensor {
        Some(at) => map(SENSOR, at, None),
        None if options.sensor.is_none() => options.sensor = Some(sensor_of(name)),
        None => {}
    }
    // Other columns of one name cannot be fields.
    let is_read =
        |at: usize| at == places.temperature || at == time.date || time.clock == Some(at) || places.sensor == Some(at);
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
    if time.is_hour && options.time_format.is_none() {
        let time_formats = time.hour_forms(header, rows);
        return (!time_formats.is_empty()).then_some(Candidate { options, time_formats });
    }
    Some(with_forms(options, rows.iter().filter_map(|row| time.text(row)), &header[time.date]))
}

/// Names the columns of a file without header: the first that holds times, the first other numbers, the first texts.
fn without_header(delimiter: Delimiter, rows: &[Vec<String>], name: &str, given: &InputOptions) -> Option<Candidate> {
    if !given.columns.is_empty() {
        return None;
    }
    let first = rows.first()?;
    let is_number = |cell: &str| number(cell, DecimalSign::Point).or_else(|_| number(cell, DecimalSign::Comma)).is_ok();
    let times = TimeParser::new(&TimeOptions::default()).ok()?;
    let is_time = |cell: &str| cell.len() >= 9 && times.text(cell).is_ok() || !forms_of(cell).is_empty();
    let found = first.iter().position(|cell| is_time(cell))?;
    let time = TimeColumns::around(found, first, rows);
    let is_of_time = |at: usize| at == time.date || time.clock == Some(at);
    let numbers: Vec<_> = (0..first.len()).filter(|at| !is_of_time(*at) && is_number(&first[*at])).collect();
    // An hour or a number of the row has no fraction.
    let has_fraction = |at: &&usize| first[**at].contains(['.', ',']);
    let temperature = *numbers.iter().find(has_fraction).or(numbers.first())?;
    let is_nothing = |cell: &str| ["", "nan", "null", "none", "inf"].contains(&cell.to_lowercase().as_str());
    let is_sensor = |at: usize| !is_of_time(at) && !is_number(&first[at]) && !is_nothing(&first[at]);
    let sensor = (0..first.len()).find(|at| is_sensor(*at));
    let column = |at: usize| match at {
        _ if at == time.date && time.clock.is_some() => "date".to_owned(),
        _ if time.clock == Some(at) => "clock".to_owned(),
        _ if at == time.date => TIME.to_owned(),
        _ if at == temperature => TEMPERATURE.to_owned(),
        _ if Some(at) == sensor => SENSOR.to_owned(),
        _ => format!("field{}", at + 1),
    };
    let mut options = InputOptions { columns: (0..first.len()).map(column).collect(), ..given.clone() };
    if time.clock.is_some() {
        options.map.push(mapping(TIME, "date+clock".to_owned()));
    }
    if delimiter == Delimiter::Blanks {
        options.delimiter = options.delimiter.or(Some(delimiter));
    }
    if sensor.is_none() && options.sensor.is_none() {
        options.sensor = Some(sensor_of(name));
    }
    Some(with_forms(options, rows.iter().filter_map(|row| time.text(row)), ""))
}

/// Returns the cells of a line.
pub(super) fn split(delimiter: Delimiter, line: &str) -> Vec<String> {
    let mut splitter = RowSplitter::new(delimiter);
    if splitter.needs_quotes(line.as_bytes()) {
        splitter.feed(line.as_bytes());
        return splitter.fed().map(|cells| cells.iter().map(str::to_owned).collect()).unwrap_or_default();
    }
    splitter.plain(line).iter().map(str::to_owned).collect()
}
