//! Readings out of JSON documents by the paths of `--map`.

mod binding;
mod checks;

use std::borrow::Cow;

use serde_json::value::RawValue;

pub(super) use self::binding::DefaultPaths;
use self::checks::check_units;
use super::cell::Cell;
use super::constant_column::ConstantColumn;
use super::json_paths::{DecodeFailure, LargeRows, MAX_KEPT_BYTES, PathRow, PathTree, PathValue};
use super::keys::{ORIGIN, SENSOR, TEMPERATURE, TEMPERATURE_UNIT, TIME};
use super::line_protocol::SeriesTags;
use super::mapping::Source;
use super::number::number;
use super::one_device::OneDevice;
use super::output::{Output, RawLine};
use super::quantity_key::long_key;
use super::reading_builder::RowValues;
use super::row_error::{RowError, row_error};
use super::unit_watch::UnitWatch;
use super::value_patterns::ValuePatterns;

/// The paths of one input.
pub(super) struct JsonMapper {
    tree: PathTree,
    sensor: Option<PathSource>,
    probes: Vec<Probe>,
    time: PathSource,
    utc_offset: Option<PathSource>,
    fields: Vec<MappedField>,
    filters: Vec<PathFilter>,
    origin: [usize; 2],
    long: Option<LongForm>,
    sensor_path: String,
    /// Slot of the labels of a series, of which one is the sensor.
    labels: Option<usize>,
    /// Slots that named one device at the beginning, with their paths, where all is put as one sensor.
    one_device: Vec<(usize, String, OneDevice)>,
    /// Slots that held one text at the beginning, where all is put as one sensor.
    constant: Vec<(usize, ConstantColumn)>,
    /// Further fields beside the temperature that have a slot, as the mapper looks at them, too.
    sibling_slots: Vec<(String, usize)>,
    /// Slot of the zone of times without one.
    zone: Option<usize>,
    /// Slots of the units of the temperature.
    units: Vec<usize>,
    /// The names of the series of line protocol, where the sensor is one of its tags.
    tags: Option<SeriesTags>,
}

/// Paths of which one must match, and their patterns, of which one must.
struct PathFilter {
    slots: Vec<usize>,
    patterns: ValuePatterns,
    /// True if a path leads into a text.
    decodes: bool,
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

impl PathFilter {
    fn is_met(&self, row: &PathRow<'_>, output: &Output) -> bool {
        let text = |slot: &usize| match row.get(*slot)? {
            PathValue::Name(name) => Some(name.clone()),
            PathValue::Json(raw) => Cell::Json(raw).text(),
        };
        self.patterns.take(self.slots.iter().map(text), &output.builder)
    }
}

impl JsonMapper {
    /// Puts the reading of a document in one pass over it. False where it has to be read in the other way.
    pub(super) fn read_single(&self, document: &str, raw: RawLine<'_>, output: &mut Output) -> bool {
        let Some(row) = self.tree.single_row(document) else { return false };
        self.take(row, raw, output);
        true
    }

    fn take(&self, row: PathRow<'_>, raw: RawLine<'_>, output: &mut Output) {
        self.take_decoded(row, None, raw, output);
    }

    fn take_decoded(&self, row: PathRow<'_>, failure: Option<&DecodeFailure>, raw: RawLine<'_>, output: &mut Output) {
        if !self.is_wanted(&row, output) || self.is_of_another_quantity(&row) {
            self.leave_out(&row, failure, raw, output);
        } else if let Err(error) = self.row(row, raw, output) {
            // A missing value may be in a text that could not be decoded.
            let is_missing = error.code == "missing-key";
            let failure = failure.filter(|_| is_missing).map(|failure| failure.error.clone());
            output.reject(raw, failure.unwrap_or(error));
        }
    }

    /// Passes over a row that is not asked for. Where that lies in a text of broken JSON alone, it is not known.
    fn leave_out(&self, row: &PathRow<'_>, failure: Option<&DecodeFailure>, raw: RawLine<'_>, output: &mut Output) {
        let is_wanted_otherwise = || self.filters.iter().all(|filter| filter.decodes || filter.is_met(row, output));
        if let Some(failure) = failure.filter(|failure| failure.is_broken && is_wanted_otherwise()) {
            return output.reject(raw, failure.error.clone());
        }
        output.builder.facts.passed_over += 1;
        output.builder.facts.left_out += 1;
    }

    /// Puts the readings of a document.
    pub(super) fn read(&self, document: &RawValue, raw: RawLine<'_>, output: &mut Output) {
        match self.tree.decoded(document) {
            Ok(None) => self.read_decoded(document, None, raw, output),
            Ok(Some(decoded)) => self.read_decoded(&decoded.json, decoded.failure.as_ref(), raw, output),
            Err(error) => output.reject(raw, error),
        }
    }

    /// Returns whether it makes many readings of one document, which may then be longer than a line.
    pub(super) fn iterates(&self) -> bool {
        self.tree.iterates()
    }

    /// Returns the paths of a document.
    pub(super) fn tree(&self) -> &PathTree {
        &self.tree
    }

    /// Puts the reading of the next row of a large document; false behind the last.
    ///
    /// # Errors
    /// When its temporary file cannot be read.
    pub(super) fn read_large(&self, rows: &mut LargeRows, line: u64, output: &mut Output) -> std::io::Result<bool> {
        rows.next(|row, failure, own| {
            let is_truncated = own.len() > MAX_KEPT_BYTES;
            let bytes = &own.as_bytes()[..own.len().min(MAX_KEPT_BYTES)];
            self.take_decoded(row, failure, RawLine { number: line, bytes, is_truncated }, output);
        })
    }

    fn read_decoded(
        &self,
        document: &RawValue,
        failure: Option<&DecodeFailure>,
        raw: RawLine<'_>,
        output: &mut Output,
    ) {
        let rows = match self.tree.rows(document) {
            Ok(rows) if rows.is_empty() => {
                let base = self.tree.base_row(document).unwrap_or_default();
                if !self.is_wanted(&base, output) {
                    return self.leave_out(&base, failure, raw, output);
                }
                let missing = || row_error("missing-key", "none of the mapped paths is in it");
                return output.reject(raw, failure.map_or_else(missing, |failure| failure.error.clone()));
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
            self.take_decoded(row, failure, raw, output);
        }
    }

    fn is_wanted(&self, row: &PathRow<'_>, output: &Output) -> bool {
        self.filters.iter().all(|filter| filter.is_met(row, output))
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
        match self.filters.iter().find(|filter| filter.slots.contains(&slot)) {
            Some(PathFilter { patterns, .. }) => {
                let text = cell.text()?;
                let part = patterns.part(&text)?;
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
        self.take_zone(&row, output);
        let time = self.value(&self.time, &row);
        let sensor = self.sensor.as_ref().and_then(|source| self.value(source, &row));
        self.check_devices(&row, output)?;
        self.see_constant(&row, output);
        if let Some(long) = &self.long {
            return self.quantity(long, &row, sensor, time.as_ref(), raw, output);
        }
        self.check_series(&row, "", sensor.as_ref(), output)?;
        let is_copy = self.origin.iter().all(|slot| row.get(*slot).is_some());
        let siblings = std::mem::take(&mut row.siblings);
        let units = self.left_out_units(&siblings, &row, output);
        let mut fields = self.fields_of(siblings, &row, output);
        fields.sort_by(|one, other| one.0.cmp(&other.0));
        if let [probe] = self.probes.as_slice() {
            let temperature = self.value(&probe.source, &row);
            if sensor.is_none() && output.builder.default_sensor().is_none() {
                return Err(output.builder.paths.missing(SENSOR, false));
            }
            let values = RowValues { sensor, temperature, time, is_copy };
            let record = output.builder.record(&values, fields.into_iter(), raw.number)?;
            check_units(&units, output)?;
            self.check_unit_slots(&row, output)?;
            self.check_tags(raw, "", values.sensor.as_ref(), output)?;
            output.ready(record);
            return Ok(());
        }
        let base = sensor.as_ref().and_then(Cell::text).or_else(|| output.builder.default_sensor().map(Cow::Borrowed));
        let base = base.ok_or_else(|| output.builder.paths.missing(SENSOR, sensor.is_some()))?.into_owned();
        let mut is_measured = false;
        for probe in &self.probes {
            let Some(temperature) = self.value(&probe.source, &row) else { continue };
            if output.builder.is_missing(&temperature) {
                continue;
            }
            is_measured = true;
            let sensor = Some(Cell::Text(Cow::Owned(format!("{base}/{}", probe.name))));
            let values = RowValues { sensor, temperature: Some(temperature), time: time.clone(), is_copy };
            let record = output.builder.record(&values, fields.clone().into_iter(), raw.number);
            let sensor = values.sensor.as_ref();
            let checked = record.and_then(|record| check_units(&units, output).map(|()| record));
            let checked = checked.and_then(|record| self.check_unit_slots(&row, output).map(|()| record));
            match checked.and_then(|record| self.check_tags(raw, "", sensor, output).map(|()| record)) {
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

    fn fields_of<'a>(
        &'a self,
        siblings: Vec<(Cow<'a, str>, &'a RawValue)>,
        row: &PathRow<'a>,
        output: &Output,
    ) -> Vec<(Cow<'a, str>, Cell<'a>)> {
        let is_own = |name: &str| {
            [SENSOR, TEMPERATURE, TIME].contains(&name)
                || ORIGIN.contains(&name)
                || self.fields.iter().any(|(key, _)| key == name)
        };
        let mut fields = Vec::with_capacity(siblings.len() + self.sibling_slots.len() + self.fields.len());
        let siblings = siblings.into_iter().filter(|(name, _)| !is_own(name) && output.builder.kept.keeps(name));
        fields.extend(siblings.map(|(name, raw)| (name, Cell::Json(raw))));
        for (name, slot) in self.sibling_slots.iter().filter(|(name, _)| output.builder.kept.keeps(name)) {
            if let Some(PathValue::Json(raw)) = row.get(*slot) {
                fields.push((Cow::Borrowed(name.as_str()), Cell::Json(raw)));
            }
        }
        for (key, source) in &self.fields {
            if let Some(cell) = self.value(source, row).filter(|_| output.builder.kept.keeps(key)) {
                fields.push((Cow::Borrowed(key.as_str()), cell));
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
        let name = name.ok_or_else(|| {
            row_error("missing-key", "the name of the quantity is missing; `--quantity PATH` names another")
        })?;
        let (key, part) = match long_key(&long.keys, &name) {
            Some((key, part)) => (key, part),
            None if long.keys.is_empty() || !long.names_sensor => (name.as_str(), None),
            None => {
                output.builder.facts.passed_over += 1;
                output.builder.facts.left_out += 1;
                let value = self.value(&long.value, row).and_then(|cell| cell.text().map(Cow::into_owned));
                if value.is_some_and(|value| number(&value, output.builder.sign).is_ok()) {
                    output.builder.facts.other_quantities.add(&name);
                }
                return Ok(());
            }
        };
        let sensor = match part.filter(|_| long.names_sensor) {
            Some(part) => Some(Cell::Text(Cow::Borrowed(part))),
            None => sensor,
        };
        let Some(value) = self.value(&long.value, row) else { return output.without_value(key) };
        self.check_series(row, &name, sensor.as_ref(), output)?;
        self.check_tags(raw, &name, sensor.as_ref(), output)?;
        let unit = long.unit.filter(|_| key == TEMPERATURE).and_then(|slot| self.cell(slot, row)?.text());
        if let Some(unit) = unit {
            output.builder.unit_watch.check(&unit).map_err(|reason| row_error("unit", reason))?;
        }
        if key == TEMPERATURE {
            self.check_unit_slots(row, output)?;
        }
        output.quantity(&name, key, &value, sensor.as_ref(), time, raw.number)
    }
}
