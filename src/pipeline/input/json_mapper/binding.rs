//! Gives the paths of the options their places in the tree of paths.

use sensor_model::truncate_for_log;

use super::super::json_paths::PathTree;
use super::super::json_zone::WatchedPaths;
use super::super::key_paths::KeyPaths;
use super::super::keys::{ORIGIN, SENSOR, TEMPERATURE, TEMPERATURE_UNIT, TIME, UTC_OFFSET};
use super::super::mapping::{Source, Step, parse_path};
use super::super::options::{InputFormat, InputOptions};
use super::super::unit::{scale_options, scaled_unit};
use super::super::unit_watch::UnitWatch;
use super::super::value_patterns::ValuePatterns;
use super::{JsonMapper, LongForm, MappedField, Part, PathFilter, PathSource, Probe};

/// Paths of a format for keys that no option maps.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct DefaultPaths {
    pub sensor: &'static str,
    pub temperature: &'static str,
    pub time: &'static str,
    /// Paths of quantity and value where every row holds one quantity.
    pub long: Option<(&'static str, &'static str)>,
}

impl DefaultPaths {
    /// Returns the paths of a format.
    pub(in super::super) fn of(format: InputFormat) -> Self {
        let plain = DefaultPaths { sensor: SENSOR, temperature: TEMPERATURE, time: TIME, long: None };
        match format {
            InputFormat::Mqtt => DefaultPaths {
                sensor: "payload.sensor_id//topic",
                temperature: "payload.temperature",
                time: "payload.current_time//time",
                long: None,
            },
            InputFormat::LineProtocol => DefaultPaths { time: "time", ..plain },
            InputFormat::Senml => {
                DefaultPaths { sensor: "sensor", time: "time", long: Some(("quantity", "value")), ..plain }
            }
            InputFormat::Ndjson | InputFormat::Json | InputFormat::Csv => plain,
        }
    }

    /// Returns the paths of the keys with these options.
    pub(in super::super) fn with(&self, options: &InputOptions) -> KeyPaths {
        let defaults = [(SENSOR, self.sensor), (TEMPERATURE, self.temperature), (TIME, self.time)];
        let mapped = |key: &str| options.mapped(key).next().map(|mapping| mapping.source.clone());
        KeyPaths::new(defaults.map(|(key, default)| (key, mapped(key).unwrap_or_else(|| default.to_owned()))))
    }
}

/// Gives every path a slot.
#[derive(Default)]
struct Binder {
    tree: PathTree,
    paths: Vec<Vec<Step>>,
    stem: String,
}

impl Binder {
    fn slot(&mut self, text: &str) -> Result<usize, String> {
        let path = parse_path(text)?;
        if let Some(slot) = self.paths.iter().position(|known| *known == path) {
            return Ok(slot);
        }
        let slot = self.paths.len();
        self.tree.add(&path, slot);
        self.paths.push(path);
        Ok(slot)
    }

    /// Returns whether a path has a place already.
    fn has(&self, text: &str) -> bool {
        parse_path(text).is_ok_and(|path| self.paths.contains(&path))
    }

    /// Returns the slots of paths of which any may match.
    fn alternatives(&mut self, text: &str) -> Result<Vec<usize>, String> {
        let parts = Source::parse(text, |part| self.slot(part))?;
        if parts.0.iter().any(|parts| parts.len() > 1) {
            return Err(format!("`--match {text}`: write one path, or alternatives with `//`"));
        }
        Ok(parts.0.into_iter().flatten().collect())
    }

    fn source(&mut self, text: &str, key: &str) -> Result<PathSource, String> {
        let parts = Source::parse(text, |part| match part {
            "@file" => Ok(Part::Fixed(self.stem.clone())),
            path => self.slot(path).map(Part::Slot),
        })?;
        Ok(PathSource { parts, separator: if key == TIME { " " } else { "/" } })
    }
}

impl JsonMapper {
    /// Reads the paths. `watched` are paths that no option names.
    ///
    /// # Errors
    /// When a path is invalid, or a key is mapped twice; the text says which.
    pub(in super::super) fn new(
        options: &InputOptions,
        defaults: DefaultPaths,
        stem: &str,
        watched: &WatchedPaths,
    ) -> Result<Self, String> {
        let mut binder = Binder { stem: stem.to_owned(), ..Binder::default() };
        let twice =
            options.map.iter().find(|mapping| mapping.key != TEMPERATURE && options.mapped(&mapping.key).count() > 1);
        if let Some(mapping) = twice {
            return Err(format!("`{}` is mapped twice", truncate_for_log(&mapping.key)));
        }
        check_scale(options)?;
        let path =
            |key: &str, default: &str| options.mapped(key).next().map_or(default.to_owned(), |it| it.source.clone());
        let sensor_path = path(SENSOR, defaults.sensor);
        let sensor = Some(binder.source(&sensor_path, SENSOR)?);
        let time = binder.source(&path(TIME, defaults.time), TIME)?;
        let offset = options.mapped(UTC_OFFSET).next();
        let utc_offset = offset.map(|mapping| binder.source(&mapping.source, UTC_OFFSET)).transpose()?;
        let long = match (&options.quantity, &options.value, defaults.long) {
            (Some(quantity), Some(value), _) => Some((quantity.as_str(), value.as_str())),
            (None, None, long) => long,
            _ => return Err("`--quantity` and `--value` go together".to_owned()),
        };
        let (mut probes, mut fields) = (Vec::new(), Vec::new());
        let long = if let Some((quantity, value)) = long {
            Some(long_form(&mut binder, options, quantity, value, defaults.long.is_some())?)
        } else {
            (probes, fields) = row_form(&mut binder, options, defaults.temperature)?;
            None
        };
        let mut filters: Vec<(&String, PathFilter)> = Vec::new();
        for filter in &options.matches {
            if let Some(known) =
                filters.iter_mut().find(|(column, _)| **column == filter.column).map(|(_, known)| known)
            {
                known.patterns.add(&filter.pattern);
                continue;
            }
            let slots = binder.alternatives(&filter.column)?;
            let is_decoded = |slot: &usize| binder.paths[*slot].iter().any(|step| matches!(step, Step::Decoded(_)));
            let decodes = slots.iter().any(is_decoded);
            let mut patterns = ValuePatterns::default();
            patterns.add(&filter.pattern);
            filters.push((&filter.column, PathFilter { slots, patterns, decodes }));
        }
        let labels = labels_of(&sensor_path).map(|path| binder.slot(path)).transpose()?;
        let temperature = path(TEMPERATURE, defaults.temperature);
        let parent = |path: &str| path.rsplit_once('.').map_or(String::new(), |(parent, _)| parent.to_owned());
        let is_beside = |path: &str| long.is_none() && parent(path) == parent(&temperature);
        let (mut one_device, mut sibling_slots) = (Vec::new(), Vec::new());
        let mut watch = |binder: &mut Binder, path: &str| {
            let is_new = !binder.has(path);
            let slot = binder.slot(path)?;
            // A value with a place of its own is no sibling of the temperature any more.
            if is_new && is_beside(path) {
                let name = path.rsplit('.').next().unwrap_or(path).trim_matches('"').to_owned();
                sibling_slots.push((name, slot));
            }
            Ok::<_, String>(slot)
        };
        for (path, device) in &watched.devices {
            if !binder.has(path) {
                one_device.push((watch(&mut binder, path)?, path.clone(), device.clone()));
            }
        }
        let mut constant = Vec::new();
        for column in &watched.constant {
            if !binder.has(&column.source) {
                constant.push((watch(&mut binder, &column.source)?, column.clone()));
            }
        }
        let zone = watched.zone.as_deref().map(|path| watch(&mut binder, path)).transpose()?;
        let mut units = watched.units.clone();
        if long.is_some() {
            units.extend(options.mapped(TEMPERATURE_UNIT).map(|mapping| mapping.source.trim().to_owned()));
        }
        let units = units.iter().map(|path| watch(&mut binder, path)).collect::<Result<Vec<_>, _>>()?;
        let origin = [binder.slot(ORIGIN[0])?, binder.slot(ORIGIN[1])?];
        let Binder { tree, .. } = binder;
        let filters = filters.into_iter().map(|(_, filter)| filter).collect();
        Ok(JsonMapper {
            tree,
            sensor,
            probes,
            time,
            utc_offset,
            fields,
            filters,
            origin,
            long,
            sensor_path,
            labels,
            one_device,
            constant,
            sibling_slots,
            zone,
            units,
            tags: None,
        })
    }
}

/// Refuses a temperature whose key says that it counts parts of a degree, where no option says so.
fn check_scale(options: &InputOptions) -> Result<(), String> {
    if options.has_unit_of_temperature() || options.quantity.is_some() {
        return Ok(());
    }
    let last = |source: &str| source.rsplit('.').next().unwrap_or(source).trim_matches('"').to_owned();
    let mut keys = options.mapped(TEMPERATURE).map(|mapping| last(&mapping.source));
    let Some((key, unit)) = keys.find_map(|key| scaled_unit(&key).map(|unit| (key, unit))) else {
        return Ok(());
    };
    let key = truncate_for_log(&key);
    Err(format!("`{key}` counts parts of a degree, by its name; {}", scale_options(&unit).join(", ")))
}

/// Returns the path of the labels of a series, where one of them is the sensor: `data.result[].metric`.
fn labels_of(sensor: &str) -> Option<&str> {
    let (labels, _) = sensor.rsplit_once('.').filter(|_| sensor.contains("[]") && !sensor.contains(['+', '"', ' ']))?;
    let name = labels.rsplit('.').next().unwrap_or(labels);
    (["metric", "labels", "tags"].contains(&name) && !sensor.contains("//")).then_some(labels)
}

/// Binds documents whose rows hold one quantity each.
fn long_form(
    binder: &mut Binder,
    options: &InputOptions,
    quantity: &str,
    value: &str,
    has_unit: bool,
) -> Result<LongForm, String> {
    let keys = options.map.iter().filter(|mapping| ![SENSOR, TIME, UTC_OFFSET].contains(&mapping.key.as_str()));
    let keys: Vec<_> = keys.map(|mapping| (mapping.source.clone(), mapping.key.clone())).collect();
    let names_sensor = options.mapped(SENSOR).next().is_none_or(|mapping| mapping.source == quantity);
    let names_sensor = names_sensor && keys.iter().any(|(pattern, _)| pattern.contains('*'));
    let (quantity, value) = (binder.source(quantity, "")?, binder.source(value, "")?);
    let unit = if has_unit { Some(binder.slot("unit")?) } else { None };
    Ok(LongForm { quantity, value, keys, names_sensor, unit })
}

/// Refuses paths of several units of which the first that is there gives the temperature.
fn check_alternatives(source: &str, options: &InputOptions) -> Result<(), String> {
    let last = |path: &str| path.trim().rsplit('.').next().unwrap_or(path).trim_matches('"').to_owned();
    let names: Vec<_> = source.split("//").map(last).collect();
    UnitWatch::new(options).check_alternatives(names.iter().map(String::as_str))
}

/// Binds documents whose rows hold a reading each: its temperatures, and the further fields that are mapped.
fn row_form(
    binder: &mut Binder,
    options: &InputOptions,
    temperature: &str,
) -> Result<(Vec<Probe>, Vec<MappedField>), String> {
    let own = |key: &str| [SENSOR, TEMPERATURE, TIME, UTC_OFFSET].contains(&key);
    let mut names: Vec<_> = options.mapped(TEMPERATURE).map(|mapping| mapping.source.clone()).collect();
    if names.is_empty() {
        names.push(temperature.to_owned());
    }
    let (mut probes, mut fields) = (Vec::new(), Vec::new());
    for name in names {
        let source = binder.source(&name, TEMPERATURE)?;
        check_alternatives(&name, options)?;
        for part in source.parts.0.iter().flatten() {
            if let Part::Slot(slot) = part {
                binder.tree.keep_siblings(&binder.paths[*slot]);
            }
        }
        probes.push(Probe { source, name });
    }
    for mapping in options.map.iter().filter(|mapping| !own(&mapping.key)) {
        fields.push((mapping.key.clone(), binder.source(&mapping.source, &mapping.key)?));
    }
    Ok((probes, fields))
}
