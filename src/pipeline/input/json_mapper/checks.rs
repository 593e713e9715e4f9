//! Checks that the rows of documents are of one device, of one series, and in one unit.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::cell::Cell;
use super::super::json_devices::path_options;
use super::super::json_paths::{PathRow, PathValue};
use super::super::keys::{SENSOR, TEMPERATURE_UNIT, UNIT_FIELDS};
use super::super::line_protocol::{SeriesTags, other_tag};
use super::super::number::trimmed;
use super::super::one_device::other_device;
use super::super::options::InputOptions;
use super::super::output::{Output, RawLine};
use super::super::reading_builder::RowValues;
use super::super::row_error::{RowError, row_error};
use super::super::series_watch::place;
use super::JsonMapper;

impl JsonMapper {
    /// Refuses a row of another device than those at the beginning, where all are put as one sensor.
    pub(super) fn check_devices(&self, row: &PathRow<'_>, output: &Output) -> Result<(), RowError> {
        for (slot, path, device) in &self.one_device {
            let text = self.cell(*slot, row);
            let text = text.as_ref().and_then(Cell::text).unwrap_or_default();
            if device.is_other(trimmed(&text), || self.holds_reading(row, output)) {
                return Err(other_device(path, path_options(path)));
            }
        }
        Ok(())
    }

    /// Looks at what was the same at the beginning.
    pub(super) fn see_constant(&self, row: &PathRow<'_>, output: &mut Output) {
        for (slot, column) in &self.constant {
            let text = self.cell(*slot, row);
            let text = text.as_ref().and_then(Cell::text).unwrap_or_default();
            let text = trimmed(&text);
            if column.is_other(text) && self.holds_reading(row, output) {
                column.change(text, &mut output.builder.facts);
            }
        }
    }

    /// Returns whether a row would be a reading, or a quantity of one; nothing is counted.
    fn holds_reading(&self, row: &PathRow<'_>, output: &Output) -> bool {
        let probes = self.probes.iter().map(|probe| &probe.source);
        probes.chain(self.long.as_ref().map(|long| &long.value)).any(|source| {
            let (temperature, time) = (self.value(source, row), self.value(&self.time, row));
            output.builder.is_reading(&RowValues { sensor: None, temperature, time, is_copy: false })
        })
    }

    /// Refuses a row of a series that the sensor's label alone does not tell from another.
    pub(super) fn check_series(
        &self,
        row: &PathRow<'_>,
        quantity: &str,
        sensor: Option<&Cell<'_>>,
        output: &mut Output,
    ) -> Result<(), RowError> {
        let Some(PathValue::Json(labels)) = self.labels.and_then(|slot| row.get(slot)) else { return Ok(()) };
        let sources = || {
            let parent = self.sensor_path.rsplit_once('.').map_or("", |(parent, _)| parent);
            [self.sensor_path.clone(), format!("{parent}.LABEL")]
        };
        let place = || place(&sensor.and_then(Cell::text).unwrap_or_default(), quantity);
        output.series.check(labels.get(), sources, place)
    }

    /// Takes the options of line protocol, where the sensor is read of its tags.
    pub(in super::super) fn with_tags(mut self, options: &InputOptions) -> Self {
        let is_fixed = match options.mapped(SENSOR).next() {
            Some(mapping) => mapping.source.trim() == "@file",
            None => options.sensor.is_some(),
        };
        let tags = SeriesTags { is_field_named: self.long.is_some(), dropped: options.drop.clone() };
        self.tags = Some(tags).filter(|_| !is_fixed);
        self
    }

    /// Refuses a point of line protocol of a series that the sensor's tag alone does not tell from another.
    #[inline]
    pub(super) fn check_tags(
        &self,
        raw: RawLine<'_>,
        quantity: &str,
        sensor: Option<&Cell<'_>>,
        output: &mut Output,
    ) -> Result<(), RowError> {
        let Some(series) = self.tags.as_ref().and_then(|tags| tags.series(raw.bytes)) else { return Ok(()) };
        let place = || place(&sensor.and_then(Cell::text).unwrap_or_default(), quantity);
        let tag = || other_tag(&series, &self.sensor_path).unwrap_or_else(|| "TAG".to_owned());
        output.series.check(&series, || [self.sensor_path.clone(), tag()], place)
    }

    /// Takes the zone that a row names for its time.
    #[inline]
    pub(super) fn take_zone(&self, row: &PathRow<'_>, output: &mut Output) {
        let Some(slot) = self.zone else { return };
        let zone = self.cell(slot, row);
        output.builder.take_zone(trimmed(&zone.as_ref().and_then(Cell::text).unwrap_or_default()));
    }

    /// Refuses a temperature whose unit, at a path that holds units, is another than before.
    #[inline]
    pub(super) fn check_unit_slots(&self, row: &PathRow<'_>, output: &Output) -> Result<(), RowError> {
        for slot in &self.units {
            let unit = self.cell(*slot, row);
            let text = unit.as_ref().and_then(Cell::text).unwrap_or_default();
            output.builder.unit_watch.check_beside(&text).map_err(|reason| row_error("unit", reason))?;
        }
        Ok(())
    }

    /// Returns units of the temperature that are no field of the reading, by the names of their fields.
    pub(super) fn left_out_units(
        &self,
        siblings: &[(Cow<'_, str>, &RawValue)],
        row: &PathRow<'_>,
        output: &Output,
    ) -> Vec<(&'static str, String)> {
        let kept = &output.builder.kept;
        if kept.keeps_all() {
            return Vec::new();
        }
        let beside = siblings.iter().filter_map(|(name, raw)| {
            let field = UNIT_FIELDS.into_iter().find(|unit| *unit == name).filter(|field| !kept.keeps(field))?;
            Some((field, Cell::Json(raw).text()?.into_owned()))
        });
        let mapped = self.fields.iter().find(|(key, _)| key == TEMPERATURE_UNIT).filter(|(key, _)| !kept.keeps(key));
        let mapped =
            mapped.and_then(|(_, source)| Some((TEMPERATURE_UNIT, self.value(source, row)?.text()?.into_owned())));
        beside.chain(mapped).collect()
    }
}

/// Refuses a reading whose unit is another than before.
pub(super) fn check_units(units: &[(&'static str, String)], output: &Output) -> Result<(), RowError> {
    for (field, text) in units {
        output.builder.unit_watch.check_field(field, text).map_err(|reason| row_error("unit", reason))?;
    }
    Ok(())
}
