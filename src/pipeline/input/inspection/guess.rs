//! Options that may read a file whose keys have other names: by the names of its columns, and by their values.

use std::collections::BTreeSet;

use super::super::csv_columns::is_tag;
use super::super::device_names::{DeviceColumn, named_part, sensor_sources};
use super::super::json_series::{SeriesPaths, series_of};
use super::super::keys::{SENSOR, TEMPERATURE, TIME, UTC_OFFSET};
use super::super::option_values::ColumnPattern;
use super::super::options::{Delimiter, InputFormat, InputOptions};
use super::super::series_columns::with_series;
use super::super::time_format::{forms_of_times, is_utc_name, is_zone_name};
use super::candidate::{Candidate, conversion_of, with_forms, with_layout};
use super::columns::{ColumnReport, columns_of};
use super::csv_guess::csv_candidates;
use super::csv_table::split;
use super::long_guess::{keys_of, quantity_and_value};
use super::names::{is_setting, is_temperature};
use super::own_times::{StarPaths, not_one_sensor, one_by_one};
use super::temperatures::Temperatures;
use super::time_choice::{TimeChoice, choose};
use crate::pipeline::{ColumnMapping, Layout, Layouts};

/// Lines in which a header is looked for.
const HEADER_LINES: usize = 16;

/// The name of the first word of line protocol.
const MEASUREMENT: &str = "measurement";

/// Returns options that may read the text, the likeliest first.
pub(super) fn candidates(text: &str, name: &str, given: &InputOptions) -> Vec<Candidate> {
    let format = given.format.unwrap_or_else(|| super::super::format::recognize(text.as_bytes()));
    match format {
        InputFormat::Csv => csv_candidates(text, name, given),
        format => json_candidates(text, name, given, format),
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
        names.retain(|name| is_tag(&last(name)) && name != MEASUREMENT);
        names.sort_by_key(|name| DeviceColumn::named(&last(name)).map_or(usize::MAX, |column| column.rank()));
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

/// Returns options of layouts whose files look like this one, and hold the temperature at another path.
pub(super) fn other_json_temperatures(
    text: &str,
    layouts: &[Layout],
    name: &str,
    given: &InputOptions,
) -> Vec<Candidate> {
    let of_values = |layout: &&Layout| {
        let is_json =
            matches!(layout.options.format, Some(InputFormat::Json | InputFormat::Ndjson | InputFormat::Mqtt));
        is_json && layout.options.quantity.is_none() && given.mapped(TEMPERATURE).next().is_none()
    };
    let mut found = Vec::new();
    for layout in layouts.iter().filter(of_values) {
        let columns = columns_of(text.as_bytes(), layout.options.format, None);
        let (temperatures, paths) = json_temperatures(&columns);
        let mut options = with_layout(layout, given, name);
        let map = |at: &usize| ColumnMapping { key: TEMPERATURE.to_owned(), source: paths[*at].clone() };
        options.map.extend(temperatures.places().iter().map(map));
        if temperatures != Temperatures::None {
            found.push(Candidate::from(options));
        }
    }
    found
}

/// Returns the temperatures among the paths of a document that are numbers. Of several, those that are read together lie
/// in the same elements.
fn json_temperatures(columns: &[ColumnReport]) -> (Temperatures, Vec<String>) {
    let numbers = columns.iter().filter(|column| ["number", "mixed"].contains(&column.kind));
    let paths: Vec<_> = numbers.map(|column| column.name.clone()).collect();
    let is_named = |at: &usize| is_temperature(&quantity_key(&paths[*at])) && !is_setting(&paths[*at]);
    let mut found: Vec<_> = (0..paths.len()).filter(is_named).collect();
    if found.is_empty() {
        found = (0..paths.len()).filter(|at| is_labeled_temperature(&paths[*at], columns)).collect();
    }
    let temperatures = match Temperatures::choose(&paths, found) {
        Temperatures::Each(places) => {
            let first = elements_of(&paths[places[0]]).to_owned();
            Temperatures::choose(&paths, places.into_iter().filter(|at| elements_of(&paths[*at]) == first).collect())
        }
        other => other,
    };
    (temperatures, paths)
}

/// Returns the name of what lies at a path: its last key that is no type of a value (`t.$numberDouble`, `Item.Temp.N`).
fn last_key(path: &str) -> String {
    named_part(path).rsplit('.').next().unwrap_or(path).trim_end_matches("[]").to_owned()
}

/// Returns the name of the quantity at a path: that above its value (`temperature.value`).
fn quantity_key(path: &str) -> String {
    match named_part(path).rsplit_once('.') {
        Some((above, "value" | "val")) => last_key(above),
        _ => last_key(path),
    }
}

/// Returns whether a text elsewhere with the same key names it as a temperature: `channel.field2` for `feeds[].field2`.
fn is_labeled_temperature(path: &str, columns: &[ColumnReport]) -> bool {
    let is_label = |column: &&ColumnReport| {
        column.kind == "text"
            && column.name != path
            && !column.name.contains("[]")
            && last_key(&column.name) == last_key(path)
    };
    let mut labels = columns.iter().filter(is_label).flat_map(|column| &column.texts).peekable();
    labels.peek().is_some() && labels.all(|label| is_temperature(label))
}

/// Returns the part of a path up to the elements of the last array that it goes through.
fn elements_of(path: &str) -> &str {
    path.rfind("[]").map_or("", |at| &path[..at + 2])
}

/// Returns the sources of the sensor that the documents may have: what goes with each temperature.
fn json_sensors(columns: &[ColumnReport], temperature: &str) -> Vec<String> {
    let parent = |path: &str| path.rsplit_once('.').map_or(String::new(), |(parent, _)| format!("{parent}."));
    let is_beside = |column: &&ColumnReport, is_weak: bool| {
        temperature.starts_with(elements_of(&column.name))
            && (!is_weak || temperature.starts_with(&parent(&column.name)))
    };
    let named = columns.iter().filter_map(|column| Some((column, column.device.clone()?)));
    let named = named.filter(|(column, device)| column.name != temperature && is_beside(column, device.is_weak()));
    sensor_sources(named.map(|(column, device)| (column.name.clone(), device)))
}

/// Returns these sources of the sensor, and before them one that tells apart what the first of them does not.
fn all_json_sensors(
    sources: Vec<String>,
    text: &str,
    format: InputFormat,
    paths: SeriesPaths<'_>,
    given: &InputOptions,
) -> Vec<String> {
    let own = sources.first().cloned();
    if own.as_ref().is_some_and(|own| own.contains('+')) {
        return sources;
    }
    let paths = SeriesPaths { sensor: own.as_deref(), ..paths };
    let series = series_of(text.as_bytes(), format, paths, &|path| given.drop.iter().any(|dropped| dropped == path));
    with_series(sources, &series)
}

/// Returns options for documents whose rows hold one quantity each.
fn long_json_candidates(
    text: &str,
    format: InputFormat,
    columns: &[ColumnReport],
    name: &str,
    given: &InputOptions,
) -> Vec<Candidate> {
    let keys: Vec<_> = columns.iter().map(|column| last_key(&column.name)).collect();
    let Some(TimeChoice { at: time, .. }) = choose(&keys, |_| (0, 0), |at| columns[at].time_values()) else {
        return Vec::new();
    };
    for (quantity, value) in quantity_and_value(&keys) {
        let (quantity, value, time) = (&columns[quantity], &columns[value], &columns[time]);
        let is_together = elements_of(&quantity.name) == elements_of(&value.name);
        let names: BTreeSet<_> = quantity.texts.iter().cloned().collect();
        let Some(keys) = keys_of(&names).filter(|_| is_together && value.name != time.name) else { continue };
        let (quantity_path, value_path) = (Some(quantity.name.clone()), Some(value.name.clone()));
        let mut options = InputOptions { quantity: quantity_path, value: value_path, ..given.clone() };
        if time.name != TIME && given.mapped(TIME).next().is_none() {
            options.map.push(ColumnMapping { key: TIME.to_owned(), source: time.name.clone() });
        }
        options.map.extend(keys.map);
        let mut candidate = with_forms(options, time.texts.iter().cloned(), "");
        candidate.temperatures = keys.temperatures;
        if keys.has_sensor {
            return vec![candidate];
        }
        let others: Vec<_> = columns.iter().filter(|column| column.name != quantity.name).cloned().collect();
        let sources = json_sensors(&others, &value.name);
        let paths =
            SeriesPaths { sensor: None, temperature: &value.name, time: &time.name, quantity: Some(&quantity.name) };
        return candidate.with_sensors(all_json_sensors(sources, text, format, paths, given), name);
    }
    Vec::new()
}

/// Returns options whose label for the sensor does not tell all series apart: that label with another.
pub(super) fn other_labels(text: &str, layouts: &Layouts, best: &InputOptions) -> Vec<Candidate> {
    let layout = best.layout.as_deref().and_then(|name| layouts.get(name).ok());
    let of_layout = || layout.as_ref()?.options.mapped(SENSOR).next();
    let Some(own) = best.mapped(SENSOR).next().or_else(of_layout).map(|mapping| &mapping.source) else {
        return Vec::new();
    };
    let parent = own.rsplit_once('.').map_or(String::new(), |(parent, _)| format!("{parent}."));
    let format = layout.as_ref().and_then(|layout| layout.options.format).or(best.format);
    let format = format.unwrap_or_else(|| super::super::format::recognize(text.as_bytes()));
    let annotated = layout.as_ref().filter(|_| format == InputFormat::Csv).map(|layout| annotated_names(text, layout));
    let names: Vec<_> = annotated.unwrap_or_else(|| {
        let columns = columns_of(text.as_bytes(), Some(format), None);
        let is_tag = |column: &ColumnReport| format != InputFormat::LineProtocol || column.kind == "text";
        columns.into_iter().filter(is_tag).map(|column| column.name).collect()
    });
    let is_label = |name: &&String| {
        let label = name.strip_prefix(&parent);
        *name != own && label.is_some_and(|label| is_tag(label) && !label.contains('.'))
    };
    let labels: Vec<_> = names.iter().filter(is_label).cloned().collect();
    let all = (labels.len() > 1).then(|| labels.join("+"));
    let with = |other: String| {
        let mut options = best.clone();
        options.map.retain(|mapping| mapping.key != SENSOR);
        options.map.push(ColumnMapping { key: SENSOR.to_owned(), source: format!("{own}+{other}") });
        Candidate::from(options)
    };
    labels.into_iter().chain(all).map(with).collect()
}

/// Returns whether every other line says what Elasticsearch does with the document behind it: `{"index":{"_index":"a"}}`.
fn is_bulk(text: &str) -> bool {
    let first: String = text.lines().next().unwrap_or_default().split_whitespace().collect();
    ["{\"index\":{", "{\"create\":{"].iter().any(|action| first.starts_with(action)) && first.ends_with("}}")
}

fn json_candidates(text: &str, name: &str, given: &InputOptions, format: InputFormat) -> Vec<Candidate> {
    let columns = columns_of(text.as_bytes(), Some(format), None);
    let (temperatures, paths) = json_temperatures(&columns);
    let temperatures: Vec<_> = temperatures.places().iter().map(|at| paths[*at].clone()).collect();
    if temperatures.is_empty() {
        return long_json_candidates(text, format, &columns, name, given);
    }
    // The time of a reading lies in its own element, where there is one: that around all of them is of something else.
    let mut pairs = Vec::new();
    for temperature in &temperatures {
        match time_beside(temperature, &temperatures, &columns) {
            Some((time, as_good)) if as_good.is_empty() || given.mapped(TIME).next().is_some() => {
                pairs.push((temperature.clone(), time));
            }
            Some((_, as_good)) => {
                let of_each = as_good
                    .into_iter()
                    .map(|time| with_pair(text, format, name, given, &columns, &temperatures, &time));
                return Candidate::of_times(&of_each.collect::<Vec<_>>());
            }
            None => return Vec::new(),
        }
    }
    let is_given = [TIME, TEMPERATURE, SENSOR].iter().any(|key| given.mapped(key).next().is_some());
    if pairs.iter().any(|(_, time)| *time != pairs[0].1) && !is_given {
        return with_own_times(text, format, name, given, &columns, &pairs);
    }
    with_pair(text, format, name, given, &columns, &temperatures, &pairs[0].1)
}

/// Returns the path of the times of a temperature, and those of other times that may be it as well, with it.
fn time_beside(temperature: &str, all: &[String], columns: &[ColumnReport]) -> Option<(String, Vec<String>)> {
    let is_written = |column: &ColumnReport| column.kind == "text" && !forms_of_times(&column.texts, "").is_empty();
    let is_time = |column: &&ColumnReport| ["number", "time"].contains(&column.kind) || is_written(column);
    let columns: Vec<_> = columns.iter().filter(is_time).filter(|column| !all.contains(&column.name)).collect();
    let names: Vec<_> = columns.iter().map(|column| last_key(&column.name)).collect();
    let distance = |at: usize| {
        let path = columns[at].name.as_str();
        let is_beside = elements_of(path) == elements_of(temperature);
        (usize::from(!is_beside), steps_between(path, temperature))
    };
    let TimeChoice { at, as_good } = choose(&names, distance, |at| columns[at].time_values())?;
    Some((columns[at].name.clone(), as_good.into_iter().map(|at| columns[at].name.clone()).collect()))
}

/// Returns how many members lie between two paths: none where both are in one object.
fn steps_between(one: &str, other: &str) -> usize {
    let common = one.split('.').zip(other.split('.')).take_while(|(one, other)| one == other).count();
    one.matches('.').count() + other.matches('.').count() - 2 * common
}

/// Returns options for documents whose members have a temperature and a time each.
fn with_own_times(
    text: &str,
    format: InputFormat,
    name: &str,
    given: &InputOptions,
    columns: &[ColumnReport],
    pairs: &[(String, String)],
) -> Vec<Candidate> {
    let Some(star) = StarPaths::of(pairs) else { return Candidate::refused(given, one_by_one(pairs)) };
    if given.sensor.is_some() {
        return Candidate::refused(given, not_one_sensor(&star.key));
    }
    let has_own = columns.iter().any(|column| column.name == SENSOR);
    let sources = if has_own { vec![SENSOR.to_owned()] } else { json_sensors(columns, &pairs[0].0) };
    let sources = if sources.is_empty() {
        vec![star.key.clone()]
    } else {
        sources.iter().map(|source| star.sensor(source)).collect()
    };
    let candidate = |source: String| {
        let mut options = given.clone();
        options.map.push(ColumnMapping { key: SENSOR.to_owned(), source });
        let found =
            with_pair(text, format, name, &options, columns, std::slice::from_ref(&star.temperature), &star.time);
        let times = columns.iter().filter(|column| pairs.iter().any(|(_, time)| *time == column.name));
        let texts: Vec<_> = times.flat_map(|column| column.texts.clone()).collect();
        found.into_iter().map(move |candidate| with_forms(candidate.options, texts.clone().into_iter(), ""))
    };
    sources.into_iter().flat_map(candidate).collect()
}

/// Returns options by which paths hold the temperatures, and another their times.
fn with_pair(
    text: &str,
    format: InputFormat,
    name: &str,
    given: &InputOptions,
    columns: &[ColumnReport],
    temperatures: &[String],
    time: &str,
) -> Vec<Candidate> {
    let samples = columns.iter().find(|column| column.name == time);
    let times = samples.map_or_else(Vec::new, |column| column.texts.clone());
    let mut options = InputOptions { coerce: true, ..given.clone() };
    let mut map = |key: &str, source: &str| {
        let is_own = source == key && (key != TEMPERATURE || temperatures.len() == 1);
        if !is_own && given.mapped(key).next().is_none() {
            options.map.push(ColumnMapping { key: key.to_owned(), source: source.to_owned() });
        }
    };
    for temperature in temperatures {
        map(TEMPERATURE, temperature);
    }
    map(TIME, time);
    let is_whole = |path: &String| {
        let range = columns.iter().find(|column| column.name == *path).map(|column| [&column.min, &column.max]);
        range.is_some_and(|range| range.into_iter().flatten().all(|value| !value.contains('.')))
    };
    if !given.has_unit_of_temperature() && temperatures.iter().all(is_whole) {
        let names: Vec<_> = temperatures.iter().map(|path| quantity_key(path)).collect();
        options.unit.extend(conversion_of(names.iter().map(String::as_str)));
    }
    // A zone beside times that are written.
    let is_written = columns.iter().any(|column| column.name == time && column.kind != "number");
    let zone = columns.iter().find(|column| is_zone_name(&last_key(&column.name)) && column.kind != "list");
    let is_local = is_written && given.time_zone.is_none() && !is_utc_name(&last_key(time));
    if let Some(zone) = zone.filter(|_| is_local) {
        map(UTC_OFFSET, &zone.name);
    }
    if is_bulk(text) && given.matches.is_empty() {
        options.matches.push(ColumnPattern { column: temperatures[0].clone(), pattern: "*".to_owned() });
    }
    let has_own = columns.iter().any(|column| column.name == SENSOR);
    let paths = SeriesPaths { sensor: None, temperature: &temperatures[0], time, quantity: None };
    let found = || all_json_sensors(json_sensors(columns, &temperatures[0]), text, format, paths, given);
    let sources = if has_own { vec![SENSOR.to_owned()] } else { found() };
    let candidates = with_forms(options, times.into_iter(), "").with_sensors(sources, name);
    let plain = |mut candidate: Candidate| {
        // The flag is implied by any mapping.
        candidate.options.coerce = given.coerce || candidate.options.map.is_empty();
        candidate
    };
    candidates.into_iter().map(plain).collect()
}
