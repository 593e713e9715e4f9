//! Options that may read a file whose keys have other names: by the names of its columns, and by their values.

use super::super::keys::SENSOR;
use super::super::options::{Delimiter, InputFormat, InputOptions};
use super::super::time_format::forms_of_times;
use super::candidate::{Candidate, sensor_of, with_forms};
use super::columns::columns_of;
use super::csv_guess::{csv_candidates, split};
use super::names::{is_temperature, sensor_place, sensor_rank, time_place};
use crate::pipeline::{ColumnMapping, Layout};

/// Lines in which a header is looked for.
const HEADER_LINES: usize = 16;

/// The name of the first word of line protocol.
const MEASUREMENT: &str = "measurement";

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
        names.sort_by_key(|name| sensor_rank(&last(name)));
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

fn json_candidate(text: &str, name: &str, given: &InputOptions, format: InputFormat) -> Option<Candidate> {
    let columns = columns_of(text.as_bytes(), Some(format), None);
    let of_kind = |kinds: &[&str]| -> Vec<String> {
        let wanted = columns.iter().filter(|column| kinds.contains(&column.kind));
        wanted.map(|column| column.name.clone()).collect()
    };
    let last = |path: &String| path.rsplit('.').next().unwrap_or(path).trim_end_matches("[]").to_owned();
    let find = |paths: Vec<String>, place: fn(&[String]) -> Option<usize>| {
        let names: Vec<_> = paths.iter().map(last).collect();
        place(&names).map(|at| paths[at].clone())
    };
    let numbers = of_kind(&["number", "mixed"]);
    let temperature = numbers.iter().find(|path| is_temperature(&last(path)))?.clone();
    let samples = |path: &String| {
        let column = columns.iter().find(|column| column.name == *path);
        column.map_or_else(Vec::new, |column| column.texts.clone())
    };
    let mut written = of_kind(&["text"]);
    written.retain(|path| !forms_of_times(&samples(path), "").is_empty());
    let mut stamps = of_kind(&["number", "time"]);
    stamps.retain(|path| *path != temperature);
    let time = find(stamps, time_place).or_else(|| find(written, time_place))?;
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
    match find(of_kind(&["text", "number"]), sensor_place) {
        Some(path) => map("sensor_id", path),
        None if options.sensor.is_none() => options.sensor = Some(sensor_of(name)),
        None => {}
    }
    options.coerce = given.coerce || options.map.is_empty();
    Some(with_forms(options, times.into_iter(), ""))
}
