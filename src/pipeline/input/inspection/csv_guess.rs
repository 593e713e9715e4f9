//! Options that may read a CSV file, by the names in its header or by its values.

use super::super::csv_parser::{is_other_format, parted_numbers};
use super::super::device_names::{DeviceColumn, sensor_sources};
use super::super::keys::{SENSOR, TEMPERATURE, TEMPERATURE_UNIT, TIME};
use super::super::mapping::as_source;
use super::super::number::{DecimalSign, number};
use super::super::options::{Delimiter, InputOptions};
use super::super::row_splitter::RowSplitter;
use super::super::series_columns::{SeriesColumns, with_series};
use super::super::time_format::{forms_of, is_zone_name, zone_in_name};
use super::super::unit::Unit;
use super::candidate::{Candidate, Refusal, conversion_of, with_forms, with_layout};
use super::long_guess::{keys_of, quantity_and_value};
use super::names::{has_temperature_unit, is_temperature, time_places};
use super::temperatures::Temperatures;
use super::time_choice::{TimeChoice, TimeValues, choose};
use super::time_columns::{ROWS, TimeColumns};
use super::time_parts::{TimeParts, refused_clock};
use super::without_header::without_header;
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
#[derive(Clone)]
struct Places {
    temperatures: Temperatures,
    time: usize,
    /// A column that names the unit of each value.
    unit: Option<usize>,
}

impl Places {
    fn of(names: &[String], row: Option<&Vec<String>>) -> Option<Self> {
        let is_index = |row: &&Vec<String>| names[0].is_empty() && parse_time(&row[0]).is_ok() && row[0].len() > 8;
        let index = row.filter(is_index).map(|_| 0);
        let time = index.or_else(|| time_places(names).first().copied())?;
        // As loggers of Campbell do, a row below the names may name the units.
        let units = row.filter(|row| !row.iter().any(|cell| cell.contains(|sign: char| sign.is_ascii_digit())));
        let is_unit = |cell: &String| Unit::named(cell).is_some_and(Unit::is_temperature);
        let has_unit = |at: usize| units.and_then(|units| units.get(at)).is_some_and(is_unit);
        let is_found = |at: &usize| *at != time && (is_temperature(&names[*at]) || has_unit(*at));
        let mut found: Vec<_> = (0..names.len()).filter(is_found).collect();
        if found.is_empty() {
            found = (0..names.len()).filter(|at| *at != time && has_temperature_unit(&names[*at])).collect();
        }
        let temperatures = Temperatures::choose(names, found);
        if temperatures != Temperatures::None {
            return Some(Places { temperatures, time, unit: None });
        }
        // `Date/Time,Unit,Value`
        let place = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
        let (unit, temperature) = place("unit").zip(place("value"))?;
        is_unit(row?.get(unit)?).then_some(Places {
            temperatures: Temperatures::One(temperature),
            time,
            unit: Some(unit),
        })
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
    let mut found: Vec<_> = tables.iter().flat_map(|table| with_header(table, name, given)).collect();
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

/// Returns options for rows that hold one quantity each, below a header that names what holds it.
fn long_candidates(delimiter: Delimiter, rows: &[Vec<String>], name: &str, given: &InputOptions) -> Vec<Candidate> {
    let columns = |row: &Vec<String>| (!time_places(row).is_empty()).then(|| quantity_and_value(row));
    let header = rows.iter().take(HEADER_LINES).enumerate().find_map(|(at, row)| Some((at, columns(row)?)));
    let Some((at, pairs)) = header.filter(|(_, pairs)| !pairs.is_empty()) else { return Vec::new() };
    let (header, rows) = (&rows[at], &rows[at + 1..]);
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
        let mut candidate = with_forms(options, rows.iter().filter_map(|row| time.text(row)), &header[time.date]);
        candidate.temperatures = keys.temperatures;
        if keys.has_sensor {
            return vec![candidate];
        }
        let is_read = |at: usize| [quantity, value, time.date].contains(&at) || time.clock == Some(at);
        let row = RowPlaces { time, value: Some(value), quantity: Some(quantity) };
        return candidate.with_sensors(sources_of(header, rows, row, is_read), name);
    }
    Vec::new()
}

/// Where the values of a row stand.
#[derive(Clone, Copy)]
struct RowPlaces {
    time: TimeColumns,
    value: Option<usize>,
    quantity: Option<usize>,
}

/// Returns the sources of the sensor among the columns that hold nothing else.
fn sources_of(
    header: &[String],
    rows: &[Vec<String>],
    places: RowPlaces,
    is_read: impl Fn(usize) -> bool,
) -> Vec<String> {
    if header.iter().any(|name| name == SENSOR) {
        return vec![SENSOR.to_owned()];
    }
    let cells = |at: usize| rows.iter().map(move |row| row.get(at).map_or("", String::as_str));
    let named = (0..header.len())
        .filter(|at| !is_read(*at))
        .filter_map(|at| Some((reference(header, at), DeviceColumn::named(&header[at])?.with(cells(at)))));
    let sources = sensor_sources(named);
    let own = sources.first().and_then(|own| (0..header.len()).find(|at| reference(header, *at) == *own));
    if own.is_none() && !sources.is_empty() {
        return sources;
    }
    // Whatever their names: columns that tell rows apart which would be of one sensor.
    let is_other =
        |at: &usize| !is_read(*at) && own != Some(*at) && !header[*at].is_empty() && !is_zone_name(&header[*at]);
    let others: Vec<_> = (0..header.len()).filter(is_other).collect();
    let mut series = SeriesColumns::new(others.iter().map(|at| (header[*at].clone(), reference(header, *at))));
    for row in rows.iter().filter(|row| row.len() >= header.len()) {
        let cell = |at: usize| row.get(at).map_or("", String::as_str);
        let value = |at: Option<usize>| at.map_or("", cell);
        let moment = [&places.time.text(row).unwrap_or_default(), value(places.quantity)];
        series.see(value(own), moment, value(places.value), |at| cell(others[at]));
    }
    with_series(sources, &series)
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
    as_source(name)
}

/// Returns what the values of a column say of its times.
fn values_of(rows: &[Vec<String>], at: usize) -> TimeValues {
    TimeValues::of(rows.iter().map(|row| row.get(at).map_or("", String::as_str)))
}

/// Returns why times are not read of which nothing tells which are those of the readings.
fn undecided_times(header: &[String], as_good: &[usize]) -> Refusal {
    let names: Vec<_> = as_good.iter().map(|at| format!("`{}`", reference(header, *at))).collect();
    let hint = |at: &usize| format!("`--map 'current_time={}'` takes one", reference(header, *at));
    Refusal {
        reason: format!("nothing in it tells which of {} are the times of the readings", names.join(" and ")),
        hints: as_good.iter().map(hint).collect(),
    }
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

/// Returns the cells of a line.
pub(super) fn split(delimiter: Delimiter, line: &str) -> Vec<String> {
    let mut splitter = RowSplitter::new(delimiter);
    if splitter.needs_quotes(line.as_bytes()) {
        splitter.feed(line.as_bytes());
        return splitter.fed().map(|cells| cells.iter().map(str::to_owned).collect()).unwrap_or_default();
    }
    splitter.plain(line).iter().map(str::to_owned).collect()
}
