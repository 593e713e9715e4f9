//! The zone of times without one, where documents name it beside them: `"timezone":"Europe/Berlin"`.

use super::constant_column::ConstantColumn;
use super::json_devices::OneDevicePaths;
use super::json_scalars::{container, each_document, each_scalar};
use super::keys::{TIME, UTC_OFFSET};
use super::options::{InputFormat, InputOptions};
use super::reading_builder::ReadingBuilder;
use super::time_format::{is_utc_name, is_zone_name, shows_day_second, zone_of_name};

/// Documents that are looked at.
const DOCUMENTS: usize = 200;

/// Paths that no option names, and that say whether the rows of documents are read right.
#[derive(Debug, Default)]
pub(super) struct WatchedPaths {
    /// Paths of devices where all rows are put as one sensor.
    pub devices: OneDevicePaths,
    /// Paths that held one text so far.
    pub constant: Vec<ConstantColumn>,
    /// The path of the zone of the times.
    pub zone: Option<String>,
    /// Paths of units of the temperature.
    pub units: Vec<String>,
}

/// Looks at the times at the beginning of an input: at the zone in the name of their key, and at the order of day and month.
pub(super) fn see_times(beginning: &[u8], format: InputFormat, options: &InputOptions, builder: &mut ReadingBuilder) {
    let time = options.mapped(TIME).next().map_or(TIME, |mapping| mapping.source.trim());
    let is_known = options.time_zone.is_some() || options.mapped(UTC_OFFSET).next().is_some();
    if let Some(zone) = zone_of_name(time.rsplit('.').next().unwrap_or(time)).filter(|_| !is_known) {
        builder.take_zone_above(&zone);
    }
    each_document(beginning, format, DOCUMENTS, &mut |document| {
        each_scalar(document, &mut |path, value| {
            let text = value.get().trim_matches('"');
            if path == time && shows_day_second(text) {
                builder.see_day_second(text);
            }
        });
    });
}

/// Returns the path of the zone at the beginning of an input, where no option names the zone.
pub(super) fn zone_path(beginning: &[u8], format: InputFormat, options: &InputOptions) -> Option<String> {
    let is_known = options.time_zone.is_some() || options.mapped(UTC_OFFSET).next().is_some();
    if is_known || !matches!(format, InputFormat::Ndjson | InputFormat::Json | InputFormat::Mqtt) {
        return None;
    }
    let time = options.mapped(TIME).next().map_or(TIME, |mapping| mapping.source.trim());
    if is_utc_name(time.rsplit('.').next().unwrap_or(time)) {
        return None;
    }
    // Of several, that which lies nearest to the time.
    let nearness = |path: &str| {
        let parent = path.rsplit_once('.').map_or(String::new(), |(parent, _)| format!("{parent}."));
        if time.starts_with(&parent) { 1 + parent.len() } else { 0 }
    };
    let mut found: Option<(usize, String)> = None;
    each_document(beginning, format, DOCUMENTS, &mut |document| {
        each_scalar(document, &mut |path, _| {
            let last = path.rsplit('.').next().unwrap_or(path).trim_matches('"');
            if is_zone_name(last)
                && time.starts_with(container(path))
                && found.as_ref().is_none_or(|(least, _)| *least < nearness(path))
            {
                found = Some((nearness(path), path.to_owned()));
            }
        });
    });
    found.map(|(_, path)| path)
}
