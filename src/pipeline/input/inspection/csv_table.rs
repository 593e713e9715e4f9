//! Tables in a text: their header, their rows, and what stands where.

use super::super::device_names::{DeviceColumn, sensor_sources};
use super::super::keys::SENSOR;
use super::super::mapping::as_source;
use super::super::options::Delimiter;
use super::super::row_splitter::RowSplitter;
use super::super::series_columns::{SeriesColumns, with_series};
use super::super::time_format::is_zone_name;
use super::super::unit::Unit;
use super::candidate::Refusal;
use super::names::{has_temperature_unit, is_temperature, time_places};
use super::temperatures::Temperatures;
use super::time_choice::TimeValues;
use super::time_columns::{ROWS, TimeColumns};
use crate::pipeline::{ColumnMapping, parse_time};

/// Lines in which a header is looked for.
pub(super) const HEADER_LINES: usize = 16;
const DELIMITERS: [Delimiter; 5] =
    [Delimiter::Byte(b','), Delimiter::Byte(b';'), Delimiter::Byte(b'\t'), Delimiter::Byte(b'|'), Delimiter::Blanks];

/// A header and the rows below it.
pub(super) struct Table {
    pub delimiter: Delimiter,
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
    pub places: Places,
}

/// Where the keys stand.
#[derive(Clone)]
pub(super) struct Places {
    pub temperatures: Temperatures,
    pub time: usize,
    /// A column that names the unit of each value.
    pub unit: Option<usize>,
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
pub(super) type OtherRows = (Delimiter, Vec<Vec<String>>);

/// Returns tables that the text may be: by each delimiter, where a line has the names of a time and a temperature.
pub(super) fn tables(text: &str) -> (Vec<Table>, Vec<OtherRows>) {
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

/// Where the values of a row stand.
#[derive(Clone, Copy)]
pub(super) struct RowPlaces {
    pub time: TimeColumns,
    pub value: Option<usize>,
    pub quantity: Option<usize>,
}

/// Returns the sources of the sensor among the columns that hold nothing else.
pub(super) fn sources_of(
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

pub(super) fn mapping(key: &str, source: String) -> ColumnMapping {
    ColumnMapping { key: key.to_owned(), source }
}

/// Returns how a column is named in an option: by its place where others have its name.
pub(super) fn reference(header: &[String], at: usize) -> String {
    let name = &header[at];
    if name.is_empty() || header.iter().filter(|other| *other == name).count() > 1 {
        return format!("@column.{}", at + 1);
    }
    as_source(name)
}

/// Returns what the values of a column say of its times.
pub(super) fn values_of(rows: &[Vec<String>], at: usize) -> TimeValues {
    TimeValues::of(rows.iter().map(|row| row.get(at).map_or("", String::as_str)))
}

/// Returns why times are not read of which nothing tells which are those of the readings.
pub(super) fn undecided_times(header: &[String], as_good: &[usize]) -> Refusal {
    let names: Vec<_> = as_good.iter().map(|at| format!("`{}`", reference(header, *at))).collect();
    let hint = |at: &usize| format!("`--map 'current_time={}'` takes one", reference(header, *at));
    Refusal {
        reason: format!("nothing in it tells which of {} are the times of the readings", names.join(" and ")),
        hints: as_good.iter().map(hint).collect(),
    }
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
