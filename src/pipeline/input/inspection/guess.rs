//! Options that may read a file whose keys have other names: by the names of its columns, and by their values.

use super::super::keys::SENSOR;
use super::super::options::{Delimiter, InputFormat, InputOptions};
use super::super::row_splitter::RowSplitter;
use super::super::time_format::{TimeOptions, TimeParser, forms_of, forms_of_times};
use super::columns::columns_of;
use super::time_columns::{ROWS, TimeColumns};
use crate::pipeline::{ColumnMapping, Layout, parse_time};

/// Lines in which a header is looked for.
const HEADER_LINES: usize = 16;

/// The name of the first word of line protocol.
const MEASUREMENT: &str = "measurement";

const TIMES: [&str; 22] = [
    "current_time",
    "timestamp",
    "time",
    "datetime",
    "date_time",
    "date-time",
    "date time",
    "ts",
    "created_at",
    "observed",
    "observation_time",
    "last_changed",
    "last_seen",
    "received_at",
    "event_time",
    "recorded_at",
    "_time",
    "time stamp",
    "zeit",
    "datum zeit",
    "date",
    "datum",
];
const SENSORS: [&str; 16] = [
    "sensor_id",
    "sensorid",
    "sensor",
    "device_id",
    "deviceid",
    "device",
    "dev_eui",
    "deveui",
    "node",
    "station",
    "entity_id",
    "mac",
    "topic",
    "room",
    "location",
    "host",
];

/// Options that may read a file.
pub(super) struct Candidate {
    pub options: InputOptions,
    /// Forms that its times may have; none where they have a certain meaning.
    pub time_formats: Vec<String>,
}

impl From<InputOptions> for Candidate {
    fn from(options: InputOptions) -> Self {
        Candidate { options, time_formats: Vec::new() }
    }
}

/// Returns a sensor's name for a file that has none.
pub(super) fn sensor_of(name: &str) -> String {
    match super::super::parser::stem(name).as_str() {
        "-" | "" => "my-sensor".to_owned(),
        stem => stem.to_owned(),
    }
}

/// Returns the options of a layout, with a sensor where its files do not name one.
pub(super) fn with_layout(layout: &Layout, given: &InputOptions, name: &str) -> InputOptions {
    let mut options = InputOptions { layout: Some(layout.name.clone()), ..given.clone() };
    if layout.needs.iter().any(|need| need == "--sensor") && options.sensor.is_none() {
        options.sensor = Some(sensor_of(name));
    }
    options
}

/// Returns options that may read the text, the likeliest first.
pub(super) fn candidates(text: &str, name: &str, given: &InputOptions) -> Vec<Candidate> {
    let format = given.format.unwrap_or_else(|| super::super::format::recognize(text.as_bytes()));
    match format {
        InputFormat::Csv => csv_candidates(text, name, given),
        format => json_candidate(text, name, given, format).into_iter().collect(),
    }
}

/// Returns options of layouts whose files look like this one, and name the sensor in another column, tag or label.
pub(super) fn other_sensors(text: &str, layouts: &[Layout], given: &InputOptions) -> Vec<Candidate> {
    let mut found = Vec::new();
    for layout in layouts.iter().filter(|_| given.mapped(SENSOR).next().is_none()) {
        let Some(own) = layout.options.mapped(SENSOR).next().map(|mapping| mapping.source.as_str()) else { continue };
        let beside = own.rsplit_once('.').map_or("", |(parent, _)| parent);
        let mut names: Vec<_> = match layout.options.format {
            Some(InputFormat::Csv) => annotated_names(text, layout),
            format => columns_of(text.as_bytes(), format, None)
                .into_iter()
                .filter(|column| column.kind == "text" || column.name == own)
                .map(|column| column.name)
                .collect(),
        };
        names.retain(|name| name.rsplit_once('.').map_or("", |(parent, _)| parent) == beside);
        if names.iter().any(|name| name == own) {
            continue;
        }
        let last = |name: &String| name.rsplit('.').next().unwrap_or(name).to_owned();
        names.retain(|name| {
            !last(name).starts_with('_') && ![MEASUREMENT, "result", "table", ""].contains(&name.as_str())
        });
        names
            .sort_by_key(|name| SENSORS.iter().position(|known| *known == plain(&last(name))).unwrap_or(SENSORS.len()));
        found.extend(names.into_iter().map(|source| {
            let mut options = InputOptions { layout: Some(layout.name.clone()), ..given.clone() };
            options.map.push(ColumnMapping { key: SENSOR.to_owned(), source });
            Candidate::from(options)
        }));
    }
    found
}

/// Returns the names of the columns where each row holds one quantity.
fn annotated_names(text: &str, layout: &Layout) -> Vec<String> {
    let Some(quantity) = &layout.options.quantity else { return Vec::new() };
    let delimiter = layout.options.delimiter.unwrap_or(Delimiter::Byte(b','));
    let rows = text.lines().take(HEADER_LINES).map(|line| split(delimiter, line));
    rows.into_iter().find(|row| row.contains(quantity)).unwrap_or_default()
}

/// A name without its unit and what stands around it.
fn plain(name: &str) -> String {
    let name = name.split(['(', '[', ',', '°']).next().unwrap_or(name);
    name.trim().to_lowercase()
}

fn is_temperature(name: &str) -> bool {
    let name = plain(name);
    name.contains("temp") && !["dew", "dp", "min", "max", "unit", "set"].iter().any(|other| name.contains(other))
}

/// Returns the place of the first name of the list that is there.
fn place(names: &[String], wanted: &[&str]) -> Option<usize> {
    let plain: Vec<_> = names.iter().map(|name| plain(name)).collect();
    wanted.iter().find_map(|wanted| plain.iter().position(|name| name == wanted))
}

/// Returns the places of the keys in a list of names.
fn mapped(names: &[String]) -> Option<(Option<usize>, usize, usize)> {
    let temperature = names.iter().position(|name| is_temperature(name))?;
    let time = place(names, &TIMES).or_else(|| {
        names.iter().position(|name| ["time", "date", "zeit"].iter().any(|part| plain(name).contains(part)))
    })?;
    Some((place(names, &SENSORS), temperature, time))
}

fn csv_candidates(text: &str, name: &str, given: &InputOptions) -> Vec<Candidate> {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).take(ROWS).collect();
    let delimiters = [b',', b';', b'\t', b'|'].map(Delimiter::Byte);
    let mut found = Vec::new();
    for delimiter in delimiters {
        let rows: Vec<_> = lines.iter().map(|line| split(delimiter, line)).collect();
        let header = rows.iter().take(HEADER_LINES).position(|row| row.len() > 1 && mapped(row).is_some());
        if let Some(at) = header
            && let Some((sensor, temperature, time)) = mapped(&rows[at])
        {
            found.push(with_header(&rows[at], &rows[at + 1..], (sensor, temperature, time), name, given));
        }
        let is_time = |cell: &String| parse_time(cell).is_ok() || !forms_of(cell).is_empty();
        let is_headerless = rows.first().is_some_and(|row| row.len() > 1 && row.iter().any(is_time));
        if header.is_none() && is_headerless {
            found.extend(without_header(&rows, name, given));
        }
    }
    found
}

fn with_header(
    header: &[String],
    rows: &[Vec<String>],
    (sensor, temperature, time): (Option<usize>, usize, usize),
    name: &str,
    given: &InputOptions,
) -> Candidate {
    let mut options = given.clone();
    let time = TimeColumns::around(time, header, rows);
    let quoted = |name: &str| {
        if name.contains(['+', '"']) || name.contains("//") { format!("\"{name}\"") } else { name.to_owned() }
    };
    let mut map = |key: &str, at: usize, with: Option<usize>| {
        let is_own = header[at] == key && with.is_none();
        if !is_own && !options.map.iter().any(|mapping| mapping.key == key) {
            let with = with.map_or(String::new(), |at| format!("+{}", quoted(&header[at])));
            let source = format!("{}{with}", quoted(&header[at]));
            options.map.push(ColumnMapping { key: key.to_owned(), source });
        }
    };
    map("temperature", temperature, None);
    map("current_time", time.date, time.clock);
    match sensor {
        Some(at) => map("sensor_id", at, None),
        None if options.sensor.is_none() => options.sensor = Some(sensor_of(name)),
        None => {}
    }
    with_forms(options, rows.iter().filter_map(|row| time.text(row)), &header[time.date])
}

/// Adds the forms of times that have no certain meaning.
fn with_forms(options: InputOptions, times: impl Iterator<Item = String>, name: &str) -> Candidate {
    let has_form = options.time_format.is_some() || options.time_unit.is_some();
    let time_formats = if has_form { Vec::new() } else { forms_of_times(&times.collect::<Vec<_>>(), name) };
    Candidate { options, time_formats }
}

/// Names the columns of a file without header: the first that holds times, the first other numbers, the first texts.
fn without_header(rows: &[Vec<String>], name: &str, given: &InputOptions) -> Option<Candidate> {
    if !given.columns.is_empty() {
        return None;
    }
    let first = rows.first()?;
    let is_number = |cell: &str| super::super::number::number(cell, super::super::number::DecimalSign::Point).is_ok();
    let times = TimeParser::new(&TimeOptions::default()).ok()?;
    let is_time = |cell: &str| {
        let is_long = cell.len() >= 9;
        is_long && times.text(cell).is_ok() || !forms_of(cell).is_empty()
    };
    let time = first.iter().position(|cell| is_time(cell))?;
    let temperature = (0..first.len()).find(|at| *at != time && is_number(&first[*at]))?;
    let is_nothing = |cell: &str| ["", "nan", "null", "none", "inf"].contains(&cell.to_lowercase().as_str());
    let sensor = (0..first.len()).find(|at| *at != time && !is_number(&first[*at]) && !is_nothing(&first[*at]));
    let column = |at: usize| match at {
        _ if at == time => "current_time".to_owned(),
        _ if at == temperature => "temperature".to_owned(),
        _ if Some(at) == sensor => "sensor_id".to_owned(),
        _ => format!("field{}", at + 1),
    };
    let mut options = InputOptions { columns: (0..first.len()).map(column).collect(), ..given.clone() };
    if sensor.is_none() && options.sensor.is_none() {
        options.sensor = Some(sensor_of(name));
    }
    Some(with_forms(options, rows.iter().filter_map(|row| row.get(time).cloned()), ""))
}

fn json_candidate(text: &str, name: &str, given: &InputOptions, format: InputFormat) -> Option<Candidate> {
    let columns = columns_of(text.as_bytes(), Some(format), None);
    let of_kind = |kinds: &[&str]| -> Vec<String> {
        let wanted = columns.iter().filter(|column| kinds.contains(&column.kind));
        wanted.map(|column| column.name.clone()).collect()
    };
    let last = |path: &String| path.rsplit('.').next().unwrap_or(path).trim_end_matches("[]").to_owned();
    let find = |paths: &[String], wanted: &[&str]| {
        wanted.iter().find_map(|wanted| paths.iter().find(|path| plain(&last(path)) == *wanted).cloned())
    };
    let numbers = of_kind(&["number", "mixed"]);
    let temperature = numbers.iter().find(|path| is_temperature(&last(path)))?.clone();
    let samples = |path: &String| {
        let column = columns.iter().find(|column| column.name == *path);
        column.map_or_else(Vec::new, |column| column.texts.clone())
    };
    let mut written = of_kind(&["text"]);
    written.retain(|path| !forms_of_times(&samples(path), "").is_empty());
    let time = find(&of_kind(&["number", "time"]), &TIMES).or_else(|| find(&written, &TIMES))?;
    let times = samples(&time);
    let mut options = InputOptions { coerce: true, ..given.clone() };
    let mut map = |key: &str, source: String| {
        let is_own = source == key || options.map.iter().any(|mapping| mapping.key == key);
        if !is_own {
            options.map.push(ColumnMapping { key: key.to_owned(), source });
        }
    };
    map("temperature", temperature);
    map("current_time", time);
    match find(&of_kind(&["text", "number"]), &SENSORS) {
        Some(path) => map("sensor_id", path),
        None if options.sensor.is_none() => options.sensor = Some(sensor_of(name)),
        None => {}
    }
    options.coerce = given.coerce || options.map.is_empty();
    Some(with_forms(options, times.into_iter(), ""))
}

fn split(delimiter: Delimiter, line: &str) -> Vec<String> {
    let mut splitter = RowSplitter::new(delimiter);
    if splitter.needs_quotes(line.as_bytes()) {
        splitter.feed(line.as_bytes());
        return splitter.fed().map(|cells| cells.iter().map(str::to_owned).collect()).unwrap_or_default();
    }
    splitter.plain(line).iter().map(str::to_owned).collect()
}
