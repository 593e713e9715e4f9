//! Documents of several devices that would be put as one sensor.

use std::collections::BTreeMap;

use sensor_model::truncate_for_log;

use super::device_names::DeviceColumn;
use super::json_scalars::{container, each_document, each_scalar};
use super::keys::{SENSOR, TEMPERATURE};
use super::one_device::{OneDevice, device_options};
use super::options::{InputFormat, InputOptions};
use crate::error::Error;

/// The name of the first word of line protocol.
const MEASUREMENT: &str = "measurement";
/// Documents that are looked at.
const DOCUMENTS: usize = 2000;

/// Paths that named one device at the beginning of an input, or none yet.
pub(super) type OneDevicePaths = Vec<(String, OneDevice)>;

/// Looks at the beginning of an input whose documents are put as one sensor. Returns the paths that name one device
/// there, or none yet.
///
/// # Errors
/// When a path names several devices.
pub(super) fn check(
    name: &str,
    beginning: &[u8],
    format: InputFormat,
    options: &InputOptions,
) -> Result<OneDevicePaths, Error> {
    // Lines of a broker have the topic as their sensor, unless it is mapped.
    let is_own_sensor = match format {
        InputFormat::Ndjson | InputFormat::Json | InputFormat::LineProtocol => false,
        InputFormat::Mqtt => options.mapped(SENSOR).next().is_none(),
        InputFormat::Senml | InputFormat::Csv => true,
    };
    let is_fixed = is_fixed_sensor(options);
    let has_pattern =
        options.quantity.is_some() && options.mapped(TEMPERATURE).any(|mapping| mapping.source.contains('*'));
    if is_own_sensor || !is_fixed || has_pattern {
        return Ok(Vec::new());
    }
    let temperature = options.mapped(TEMPERATURE).next().map_or(TEMPERATURE, |mapping| mapping.source.as_str());
    let mut found: BTreeMap<String, Option<DeviceColumn>> = BTreeMap::new();
    let mut has_sensor = false;
    let mut measurements = DeviceColumn::of_measurement();
    let is_watched = format == InputFormat::LineProtocol && is_unsaid(MEASUREMENT, &measurements, temperature, options);
    each_document(beginning, format, DOCUMENTS, &mut |document| {
        let (mut measurement, mut has_temperature) = (None, false);
        each_scalar(document, &mut |path, value| {
            has_sensor |= path == SENSOR;
            if !found.contains_key(path) {
                let column = DeviceColumn::at_path(path).filter(|column| is_unsaid(path, column, temperature, options));
                found.insert(path.to_owned(), column);
            }
            let text = value.get();
            let text =
                if text.starts_with('"') { serde_json::from_str(text).unwrap_or_default() } else { text.to_owned() };
            if let Some(Some(column)) = found.get_mut(path) {
                column.see(if text == "null" { "" } else { &text });
            }
            has_temperature |= match &options.quantity {
                Some(quantity) => path == quantity && text == temperature,
                None => path == temperature,
            };
            if path == MEASUREMENT {
                measurement = Some(text);
            }
        });
        // Other measurements than those of temperatures are no readings.
        if let Some(measurement) = measurement.filter(|_| is_watched && has_temperature) {
            measurements.see(&measurement);
        }
    });
    found.insert(MEASUREMENT.to_owned(), Some(measurements).filter(|_| is_watched));
    if has_sensor {
        return Ok(Vec::new());
    }
    let columns = || found.iter().filter_map(|(path, column)| Some((path, column.as_ref()?)));
    let several = columns().filter(|(_, column)| column.names_several());
    if let Some((path, _)) = several.min_by_key(|(_, column)| column.rank()) {
        let [map, drop] = path_options(path);
        let shown = truncate_for_log(path);
        let reason = format!("{name}: `{shown}` names several devices, and all would be put as one sensor");
        return Err(Error::usage(reason).hint(map).hint(drop));
    }
    let one = columns().filter_map(|(path, column)| Some((path.clone(), OneDevice::of(column)?)));
    // Through other arrays than those of the readings, a path would make a reading of each of their elements.
    let sources: Vec<_> = options.mapped(TEMPERATURE).map(|mapping| &mapping.source).chain(&options.value).collect();
    let is_beside = |path: &str| {
        let around = container(path);
        let is_within = |source: &&String| source.split(['+', '/']).any(|part| part.trim().starts_with(around));
        around.is_empty() || sources.iter().any(is_within)
    };
    // A point of another quantity may be of another measurement.
    let is_of_rows = |path: &str| path == MEASUREMENT && options.quantity.is_some();
    Ok(one.filter(|(path, _)| is_beside(path) && !is_of_rows(path)).collect())
}

/// Returns whether the options give all documents the same sensor.
pub(super) fn is_fixed_sensor(options: &InputOptions) -> bool {
    options.mapped(SENSOR).all(|mapping| mapping.source.trim() == "@file")
        && (options.sensor.is_some() || options.mapped(SENSOR).next().is_some())
}

/// Returns whether a path may name the device of the temperature, and no option says what it is.
fn is_unsaid(path: &str, column: &DeviceColumn, temperature: &str, options: &InputOptions) -> bool {
    let parent = path.rsplit_once('.').map_or(String::new(), |(parent, _)| format!("{parent}."));
    let sources = options.map.iter().map(|mapping| &mapping.source).chain(&options.quantity).chain(&options.value);
    let is_read = |source: &String| source.split(['+', '/']).any(|part| part.trim() == path);
    let is_said = sources.into_iter().any(is_read)
        || options.matches.iter().any(|filter| is_read(&filter.column))
        || options.drop.iter().any(|dropped| dropped == path || Some(dropped.as_str()) == path.rsplit('.').next());
    !is_said && (!column.is_weak() || temperature.starts_with(&parent))
}

/// Returns what to type where a path names several devices.
pub(super) fn path_options(path: &str) -> [String; 2] {
    device_options(path, path.rsplit('.').next().unwrap_or(path))
}
