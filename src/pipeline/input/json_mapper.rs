//! Readings out of JSON documents by the paths of `--map`.

use std::borrow::Cow;

use sensor_model::truncate_for_log;
use serde_json::value::RawValue;

use super::csv_columns::long_key;
use super::json_paths::{PathRow, PathTree, PathValue};
use super::json_pattern::matches;
use super::keys::{ORIGIN, SENSOR, TEMPERATURE, TEMPERATURE_UNIT, TIME, UTC_OFFSET};
use super::mapping::{Source, Step, captured, parse_path};
use super::options::{InputFormat, InputOptions};
use super::output::{Output, RawLine};
use super::reading_builder::{Cell, RowValues};
use super::row_error::{RowError, row_error};
use super::unit_watch::UnitWatch;

/// Bytes of a document with many rows that a rejected row of it keeps.
const MAX_KEPT_BYTES: usize = 4096;

/// Paths of a format for keys that no option maps.
#[derive(Clone, Copy, Debug)]
pub(super) struct DefaultPaths {
    pub sensor: &'static str,
    pub temperature: &'static str,
    pub time: &'static str,
    /// Paths of quantity and value where every row holds one quantity.
    pub long: Option<(&'static str, &'static str)>,
}

impl DefaultPaths {
    /// Returns the paths of a format.
    pub(super) fn of(format: InputFormat) -> Self {
        let plain = DefaultPaths { sensor: SENSOR, temperature: TEMPERATURE, time: TIME, long: None };
        match format {
            InputFormat::Mqtt => DefaultPaths {
                sensor: "payload.sensor_id//topic",
                temperature: "payload.temperature",
                time: "payload.current_time",
                long: None,
            },
            InputFormat::LineProtocol => DefaultPaths { time: "time", ..plain },
            InputFormat::Senml => {
                DefaultPaths { sensor: "sensor", time: "time", long: Some(("quantity", "value")), ..plain }
            }
            InputFormat::Ndjson | InputFormat::Json | InputFormat::Csv => plain,
        }
    }
}

/// The paths of one input.
pub(super) struct JsonMapper {
    tree: PathTree,
    sensor: Option<PathSource>,
    probes: Vec<Probe>,
    time: PathSource,
    utc_offset: Option<PathSource>,
    fields: Vec<MappedField>,
    filters: Vec<(usize, String)>,
    origin: [usize; 2],
    long: Option<LongForm>,
    sensor_path: String,
}

/// A further field and where its value comes from.
type MappedField = (String, PathSource);

struct Probe {
    source: PathSource,
    name: String,
}

struct LongForm {
    quantity: PathSource,
    value: PathSource,
    keys: Vec<(String, String)>,
    names_sensor: bool,
    /// Slot of the unit, where the format has one.
    unit: Option<usize>,
}

struct PathSource {
    parts: Source<Part>,
    separator: &'static str,
}

#[derive(Debug)]
enum Part {
    Slot(usize),
    Fixed(String),
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

    fn source(&mut self, text: &str, key: &str) -> Result<PathSource, String> {
        let parts = Source::parse(text, |part| match part {
            "@file" => Ok(Part::Fixed(self.stem.clone())),
            path => self.slot(path).map(Part::Slot),
        })?;
        Ok(PathSource { parts, separator: if key == TIME { " " } else { "/" } })
    }
}

impl JsonMapper {
    /// Reads the paths.
    ///
    /// # Errors
    /// Fails if an option is malformed, or a key is mapped twice; the text names it.
    pub(super) fn new(options: &InputOptions, defaults: DefaultPaths, stem: &str) -> Result<Self, String> {
        let mut binder = Binder { stem: stem.to_owned(), ..Binder::default() };
        let twice =
            options.map.iter().find(|mapping| mapping.key != TEMPERATURE && options.mapped(&mapping.key).count() > 1);
        if let Some(mapping) = twice {
            return Err(format!("`{}` is mapped twice", truncate_for_log(&mapping.key)));
        }
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
        let mut filters = Vec::new();
        for filter in &options.matches {
            filters.push((binder.slot(&filter.column)?, filter.pattern.clone()));
        }
        let origin = [binder.slot(ORIGIN[0])?, binder.slot(ORIGIN[1])?];
        let Binder { tree, .. } = binder;
        Ok(JsonMapper { tree, sensor, probes, time, utc_offset, fields, filters, origin, long, sensor_path })
    }

    /// Puts the reading of a document in one pass over it. False where it has to be read in the other way.
    pub(super) fn read_single(&self, document: &str, raw: RawLine<'_>, output: &mut Output) -> bool {
        let Some(row) = self.tree.single_row(document) else { return false };
        self.take(row, raw, output);
        true
    }

    fn take(&self, row: PathRow<'_>, raw: RawLine<'_>, output: &mut Output) {
        if !self.is_wanted(&row) || self.is_of_another_quantity(&row) {
            output.builder.facts.passed_over += 1;
            output.builder.facts.left_out += 1;
        } else if let Err(error) = self.row(row, raw, output) {
            output.reject(raw, error);
        }
    }

    /// Puts the readings of a document.
    pub(super) fn read(&self, document: &RawValue, raw: RawLine<'_>, output: &mut Output) {
        let rows = match self.tree.rows(document) {
            Ok(rows) if rows.is_empty() => {
                let is_wanted = self.tree.base_row(document).is_ok_and(|row| self.is_wanted(&row));
                if !self.filters.is_empty() && !is_wanted {
                    output.builder.facts.passed_over += 1;
                    output.builder.facts.left_out += 1;
                    return;
                }
                return output.reject(raw, row_error("missing-key", "none of the mapped paths is in it"));
            }
            Ok(rows) => rows,
            Err(error) => return output.reject(raw, error),
        };
        for row in rows {
            // Each rejected row would keep all of the document.
            let own = if raw.bytes.len() > MAX_KEPT_BYTES { row.own_text() } else { None };
            let raw = match &own {
                Some(text) => RawLine {
                    bytes: &text.as_bytes()[..text.len().min(MAX_KEPT_BYTES)],
                    is_truncated: text.len() > MAX_KEPT_BYTES,
                    ..raw
                },
                None => raw,
            };
            self.take(row, raw, output);
        }
    }

    fn is_wanted(&self, row: &PathRow<'_>) -> bool {
        self.filters.iter().all(|(slot, pattern)| matches(row.get(*slot), pattern))
    }

    /// Returns whether the unit of the row's value is not one of temperature.
    fn is_of_another_quantity(&self, row: &PathRow<'_>) -> bool {
        let unit = self.fields.iter().find(|(key, _)| key == TEMPERATURE_UNIT);
        let unit = unit.and_then(|(_, source)| self.value(source, row)?.text());
        unit.is_some_and(|unit| UnitWatch::is_of_another_quantity(&unit))
    }

    fn cell<'a>(&self, slot: usize, row: &PathRow<'a>) -> Option<Cell<'a>> {
        let cell = match row.get(slot)? {
            PathValue::Json(raw) if raw.get() == "null" => return None,
            PathValue::Json(raw) => Cell::Json(raw),
            PathValue::Name(name) => Cell::Text(name.clone()),
        };
        match self.filters.iter().find(|(at, _)| *at == slot) {
            Some((_, pattern)) => {
                let text = cell.text()?;
                let part = captured(pattern, &text)?;
                if part == text { Some(cell) } else { Some(Cell::Text(Cow::Owned(part.to_owned()))) }
            }
            None => Some(cell),
        }
    }

    fn value<'a>(&self, source: &PathSource, row: &PathRow<'a>) -> Option<Cell<'a>> {
        source.parts.0.iter().find_map(|parts| match parts.as_slice() {
            [Part::Slot(slot)] => self.cell(*slot, row),
            parts => {
                let text = |part: &Part| match part {
                    Part::Slot(slot) => self.cell(*slot, row)?.text().map(Cow::into_owned),
                    Part::Fixed(text) => Some(text.clone()),
                };
                let texts: Vec<_> = parts.iter().map(text).collect::<Option<_>>()?;
                Some(Cell::Text(Cow::Owned(texts.join(source.separator))))
            }
        })
    }

    fn row(&self, mut row: PathRow<'_>, raw: RawLine<'_>, output: &mut Output) -> Result<(), RowError> {
        if let Some(offset) = self.utc_offset.as_ref().and_then(|source| self.value(source, &row)?.text()) {
            output.builder.take_offset(&offset)?;
        }
        let time = self.value(&self.time, &row);
        let sensor = self.sensor.as_ref().and_then(|source| self.value(source, &row));
        if let Some(long) = &self.long {
            return self.quantity(long, &row, sensor, time.as_ref(), raw, output);
        }
        let is_copy = self.origin.iter().all(|slot| row.get(*slot).is_some());
        let mut fields = self.fields_of(&mut row, output);
        fields.sort_by(|one, other| one.0.cmp(&other.0));
        if let [probe] = self.probes.as_slice() {
            let temperature = self.value(&probe.source, &row);
            if sensor.is_none() && output.builder.default_sensor().is_none() {
                let hint = format!(
                    "`{SENSOR}` is missing: there is nothing at `{}`; `--map {SENSOR}=PATH` or `--sensor ID` names it",
                    self.sensor_path
                );
                return Err(row_error("missing-key", hint));
            }
            let values = RowValues { sensor, temperature, time, is_copy };
            let record = output.builder.record(&values, fields.into_iter(), raw.number)?;
            output.ready(record);
            return Ok(());
        }
        let base = sensor.as_ref().and_then(Cell::text).or_else(|| output.builder.default_sensor().map(Cow::Borrowed));
        let base = base.ok_or_else(|| row_error("missing-key", format!("`{SENSOR}` is missing")))?.into_owned();
        let mut is_measured = false;
        for probe in &self.probes {
            let Some(temperature) = self.value(&probe.source, &row) else { continue };
            if output.builder.is_missing(&temperature) {
                continue;
            }
            is_measured = true;
            let sensor = Some(Cell::Text(Cow::Owned(format!("{base}/{}", probe.name))));
            let values = RowValues { sensor, temperature: Some(temperature), time: time.clone(), is_copy };
            match output.builder.record(&values, fields.clone().into_iter(), raw.number) {
                Ok(record) => output.ready(record),
                Err(error) => output.reject(raw, error),
            }
        }
        if is_measured {
            Ok(())
        } else {
            Err(row_error("missing-key", format!("`{TEMPERATURE}` is missing at every path")))
        }
    }

    fn fields_of<'a>(&self, row: &mut PathRow<'a>, output: &Output) -> Vec<(Cow<'a, str>, Cell<'a>)> {
        let is_own = |name: &str| {
            [SENSOR, TEMPERATURE, TIME].contains(&name)
                || ORIGIN.contains(&name)
                || self.fields.iter().any(|(key, _)| key == name)
        };
        let siblings = std::mem::take(&mut row.siblings).into_iter();
        let siblings = siblings.filter(|(name, _)| !is_own(name) && output.builder.keeps(name));
        let mut fields: Vec<_> = siblings.map(|(name, raw)| (name, Cell::Json(raw))).collect();
        for (key, source) in &self.fields {
            if let Some(cell) = self.value(source, row).filter(|_| output.builder.keeps(key)) {
                fields.push((Cow::Owned(key.clone()), cell));
            }
        }
        fields
    }

    fn quantity(
        &self,
        long: &LongForm,
        row: &PathRow<'_>,
        sensor: Option<Cell<'_>>,
        time: Option<&Cell<'_>>,
        raw: RawLine<'_>,
        output: &mut Output,
    ) -> Result<(), RowError> {
        let name = self.value(&long.quantity, row).and_then(|cell| cell.text().map(Cow::into_owned));
        let name = name.ok_or_else(|| row_error("missing-key", "the name of the quantity is missing"))?;
        let (key, part) = match long_key(&long.keys, &name) {
            Some((key, part)) => (key, part),
            None if long.keys.is_empty() || !long.names_sensor => (name.as_str(), None),
            None => {
                output.builder.facts.passed_over += 1;
                output.builder.facts.left_out += 1;
                return Ok(());
            }
        };
        let sensor = match part.filter(|_| long.names_sensor) {
            Some(part) => Some(Cell::Text(Cow::Borrowed(part))),
            None => sensor,
        };
        // A quantity without a value says nothing.
        let Some(value) = self.value(&long.value, row) else {
            output.builder.facts.passed_over += 1;
            return Ok(());
        };
        let unit = long.unit.filter(|_| key == TEMPERATURE).and_then(|slot| self.cell(slot, row)?.text());
        if let Some(unit) = unit {
            output.builder.unit_watch.check(&unit).map_err(|reason| row_error("unit", reason))?;
        }
        output.quantity(&name, key, &value, sensor.as_ref(), time, raw.number)
    }
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
