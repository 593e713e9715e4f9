//! Documents of several series that would be put as one sensor: paths whose values tell them apart, whatever their names.

use std::collections::BTreeMap;

use sensor_model::truncate_for_log;

use super::constant_column::ConstantColumn;
use super::json_devices::{is_fixed_sensor, path_options};
use super::json_scalars::{container, each_document, each_scalar};
use super::keys::{SENSOR, TEMPERATURE, TIME};
use super::one_device::device_options;
use super::options::{InputFormat, InputOptions};
use super::series_columns::{FoundColumn, SeriesColumns};
use super::time_format::is_zone_name;
use crate::error::Error;

/// Documents that are looked at.
const DOCUMENTS: usize = 2000;

/// The values at each path of one document, in its order.
type Scalars = BTreeMap<String, Vec<String>>;

/// Paths of readings in documents.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeriesPaths<'p> {
    pub sensor: Option<&'p str>,
    pub temperature: &'p str,
    pub time: &'p str,
    pub quantity: Option<&'p str>,
}

/// Paths that may tell series of one sensor apart.
#[derive(Debug, Default)]
pub(super) struct PossibleSeries {
    /// Those that do so at the beginning, each with the source of a sensor that it is a part of.
    pub found: Vec<(FoundColumn, String)>,
    /// Those that hold one text there, where all documents are put as one sensor.
    pub constant: Vec<ConstantColumn>,
}

/// Looks at the beginning of an input.
///
/// # Errors
/// When a path certainly does.
pub(super) fn check(
    name: &str,
    beginning: &[u8],
    format: InputFormat,
    options: &InputOptions,
) -> Result<PossibleSeries, Error> {
    let sensor = options.mapped(SENSOR).next().map(|mapping| mapping.source.trim());
    let is_fixed = is_fixed_sensor(options);
    let is_open = match format {
        InputFormat::Ndjson | InputFormat::Json => is_fixed || sensor.is_some(),
        // Tags that do not tell the series apart are seen in every line.
        InputFormat::LineProtocol => is_fixed,
        InputFormat::Mqtt => sensor.is_some(),
        InputFormat::Senml | InputFormat::Csv => false,
    };
    let temperature = options.mapped(TEMPERATURE).next().map_or(TEMPERATURE, |mapping| mapping.source.trim());
    let temperature = options.value.as_deref().unwrap_or(temperature);
    let is_pattern = |source: &str| source.contains('*');
    if !is_open
        || is_pattern(temperature)
        || options.quantity.is_some() && options.map.iter().any(|it| is_pattern(&it.source))
    {
        return Ok(PossibleSeries::default());
    }
    let default_time = if format == InputFormat::LineProtocol { "time" } else { TIME };
    let paths = SeriesPaths {
        sensor: sensor.filter(|_| !is_fixed),
        temperature,
        time: options.mapped(TIME).next().map_or(default_time, |mapping| mapping.source.trim()),
        quantity: options.quantity.as_deref(),
    };
    let (series, columns) = series_and_paths(beginning, format, paths, &|path| is_said(path, options));
    let source = |found: &FoundColumn| match paths.sensor.filter(|sensor| !sensor.contains("//")) {
        Some(sensor) => format!("{sensor}+{}", found.source),
        None => found.source.clone(),
    };
    if let Some(found) = series.certain() {
        let shown = truncate_for_log(&found.source);
        let reason = format!("{name}: readings of one time differ in `{shown}`, and would be put as one sensor");
        let [_, drop] = path_options(&found.source);
        let [map, _] = device_options(&source(&found), "");
        return Err(Error::usage(reason).hint(map).hint(drop));
    }
    let found: Vec<_> =
        if paths.sensor.is_some() { series.differing().collect() } else { series.recurring().collect() };
    let found = found.into_iter().map(|found| (found.clone(), source(&found))).collect();
    let constant = series.constant().filter(|_| paths.sensor.is_none());
    let constant = constant.map(|(at, text)| ConstantColumn::new(columns[at].clone(), text)).collect();
    Ok(PossibleSeries { found, constant })
}

/// Returns whether an option says what is at a path.
fn is_said(path: &str, options: &InputOptions) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    let sources = options.map.iter().map(|mapping| &mapping.source);
    let matched = options.matches.iter().map(|filter| &filter.column);
    sources.chain(matched).any(|source| parts(source).any(|part| part == path))
        || options.drop.iter().any(|dropped| dropped == path || dropped == last)
}

fn parts(source: &str) -> impl Iterator<Item = &str> {
    source.split("//").flat_map(|alternative| alternative.split('+')).map(str::trim)
}

/// Returns the values of the first documents at the paths that are no part of their readings.
pub(super) fn series_of(
    beginning: &[u8],
    format: InputFormat,
    paths: SeriesPaths<'_>,
    is_said: &dyn Fn(&str) -> bool,
) -> SeriesColumns {
    series_and_paths(beginning, format, paths, is_said).0
}

/// Returns these values, and the paths.
fn series_and_paths(
    beginning: &[u8],
    format: InputFormat,
    paths: SeriesPaths<'_>,
    is_said: &dyn Fn(&str) -> bool,
) -> (SeriesColumns, Vec<String>) {
    let mut documents: Vec<Scalars> = Vec::new();
    each_document(beginning, format, DOCUMENTS, &mut |document| {
        let mut scalars = Scalars::new();
        each_scalar(document, &mut |path, value| {
            let text = value.get();
            let text = match text.as_bytes().first() {
                Some(b'"') => serde_json::from_str(text).unwrap_or_default(),
                Some(b'n' | b'{' | b'[') => String::new(),
                _ => text.to_owned(),
            };
            scalars.entry(path.to_owned()).or_default().push(text);
        });
        documents.push(scalars);
    });
    let read = |path: &str| {
        let sources = [Some(paths.temperature), Some(paths.time), paths.sensor, paths.quantity];
        sources.into_iter().flatten().any(|source| parts(source).any(|part| part == path))
    };
    let key = |path: &str| path.rsplit('.').next().unwrap_or(path).trim_matches(['"', '[', ']']).to_owned();
    let is_column = |path: &&String| {
        let is_beside = paths.temperature.starts_with(container(path));
        is_beside && !read(path) && path.as_str() != SENSOR && !is_zone_name(&key(path)) && !is_said(path)
    };
    let columns: std::collections::BTreeSet<_> =
        documents.iter().flat_map(BTreeMap::keys).filter(is_column).cloned().collect();
    let columns: Vec<_> = columns.into_iter().collect();
    let mut series = SeriesColumns::new(columns.iter().map(|path| (key(path), path.clone())));
    for scalars in &documents {
        let temperatures = parts(paths.temperature).find_map(|part| scalars.get(part));
        for (at, temperature) in temperatures.into_iter().flatten().enumerate().filter(|(_, text)| !text.is_empty()) {
            let count = temperatures.map_or(0, Vec::len);
            let value = |path: &str| match scalars.get(path).map(Vec::as_slice) {
                Some([one]) => one.as_str(),
                Some(several) if several.len() == count => several[at].as_str(),
                _ => "",
            };
            let source = |source: &str| parts(source).map(value).collect::<Vec<_>>().join("\u{1f}");
            let sensor = paths.sensor.map(source).unwrap_or_default();
            let quantity = paths.quantity.map(source).unwrap_or_default();
            series.see(&sensor, [&source(paths.time), &quantity], temperature, |column| value(&columns[column]));
        }
    }
    (series, columns)
}
