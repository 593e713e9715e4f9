//! Columns that are no part of the readings, or a further field of them, and say whether the rows belong together: which
//! device a row is of, in which unit its temperature is, and in which zone its time.

use sensor_model::truncate_for_log;

use super::super::constant_column::ConstantColumn;
use super::super::device_names::DeviceColumn;
use super::super::facts::InputFacts;
use super::super::keys::{SENSOR, UTC_OFFSET};
use super::super::mapping::as_source;
use super::super::one_device::{self, OneDevice, other_device};
use super::super::options::InputOptions;
use super::super::reading_builder::ReadingBuilder;
use super::super::row_error::RowError;
use super::super::row_splitter::Cells;
use super::super::series_columns::{FoundColumn, SeriesColumns};
use super::super::time_format::{is_utc_name, is_zone_name};
use super::super::unit::Unit;
use super::unit_columns::UnitColumns;
use super::{CellSource, CsvColumns, Part};

/// The columns, by their places.
#[derive(Debug, Default)]
pub(super) struct WatchedColumns {
    /// Columns that may name devices, where all rows are put as one sensor.
    devices: Vec<(usize, DeviceColumn)>,
    /// Those of them that named one device so far, or none.
    one_device: Vec<(usize, OneDevice)>,
    /// All columns that may tell series apart which have the same sensor, while the first rows are looked at.
    series: SeriesColumns,
    series_places: Vec<usize>,
    /// Columns that held one text in the first rows, where all are put as one sensor.
    constant: Vec<(usize, ConstantColumn)>,
    /// The source of the sensor, where it is not the same in all rows.
    sensor: Option<String>,
    pub(super) units: UnitColumns,
    /// A column that names the zone of the times, where no option does.
    zone: Option<usize>,
}

impl WatchedColumns {
    /// Finds them among the columns that give no key of the readings.
    pub(super) fn find(
        names: &[&str],
        used: &[usize],
        options: &InputOptions,
        fields: &[(String, CellSource)],
        is_one_sensor: bool,
        is_utc: bool,
    ) -> Self {
        let unused = || (0..names.len()).filter(|at| !used.contains(at));
        let is_settled = |name: &str| {
            options.drop.iter().any(|dropped| dropped == name)
                || options.matches.iter().any(|filter| filter.column.split("//").any(|column| column.trim() == name))
        };
        let device = |at: usize| Some((at, DeviceColumn::named(names[at]).filter(|_| !is_settled(names[at]))?));
        let devices = if is_one_sensor { unused().filter_map(device).collect() } else { Vec::new() };
        let sensor = options.mapped(SENSOR).next().map(|mapping| mapping.source.clone()).filter(|_| !is_one_sensor);
        let is_looked_at = |at: &usize| !names[*at].is_empty() && !is_settled(names[*at]) && !is_zone_name(names[*at]);
        // A file's own sensor is what it says, and the tags of annotated CSV are looked at in every row.
        let is_open = is_one_sensor || sensor.is_some() && options.quantity.as_deref() != Some("_field");
        let series_places: Vec<_> = unused().filter(|at| is_open && is_looked_at(at)).collect();
        let with_source = |at: &usize| (names[*at].to_owned(), as_source(names[*at]));
        let series = SeriesColumns::new(series_places.iter().map(with_source));
        let units = UnitColumns::find(names, options, fields);
        let is_zone_known = is_utc || options.time_zone.is_some() || options.mapped(UTC_OFFSET).next().is_some();
        let zone = unused().find(|at| !is_zone_known && is_zone_name(names[*at]));
        let (one_device, constant) = (Vec::new(), Vec::new());
        WatchedColumns { devices, one_device, series, series_places, constant, sensor, units, zone }
    }
}

/// Returns whether the name of a time says that it is in UTC.
pub(super) fn is_in_utc(time: &CellSource, names: &[&str]) -> bool {
    match time {
        CellSource::Column(at) => is_utc_name(names[*at]),
        CellSource::Parts { parts, .. } => {
            parts.0.iter().flatten().any(|part| matches!(part, Part::Column(at) if is_utc_name(names[*at])))
        }
    }
}

/// Returns whether a source gives the same text in every row.
pub(super) fn is_fixed(source: &CellSource) -> bool {
    match source {
        CellSource::Column(_) => false,
        CellSource::Parts { parts, .. } => parts.0.iter().flatten().all(|part| matches!(part, Part::Fixed(_))),
    }
}

impl CellSource {
    /// Returns the columns that it is read of.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        let (one, parts) = match self {
            CellSource::Column(at) => (Some(*at), None),
            CellSource::Parts { parts, .. } => (None, Some(parts)),
        };
        let column = |part: &Part| if let Part::Column(at) = part { Some(*at) } else { None };
        one.into_iter().chain(parts.into_iter().flat_map(|parts| parts.0.iter().flatten()).filter_map(column))
    }
}

impl CsvColumns {
    /// Returns whether a column may name devices while all rows are put as one sensor.
    pub(in super::super) fn may_mix_devices(&self) -> bool {
        !(self.watched.devices.is_empty() && self.watched.series.is_empty())
    }

    /// Takes one of the first rows, and looks for units in it.
    pub(in super::super) fn see_units(&mut self, cells: Cells<'_>) {
        self.watched.units.see(cells);
    }

    /// Takes the columns that hold units in the first rows.
    pub(in super::super) fn settle_units(&mut self) {
        self.watched.units.settle();
    }

    /// Takes one of the first rows.
    pub(in super::super) fn see_device(&mut self, cells: Cells<'_>) {
        let text = |source: Option<&CellSource>| source.map(|source| self.value(source, cells, "")).unwrap_or_default();
        let (sensor, time) = (text(self.sensor.as_ref()), self.time_text(cells));
        let quantity = text(self.long.as_ref().map(|long| &long.quantity));
        let value = self.long.as_ref().map(|long| &long.value);
        let temperature = text(value.or_else(|| self.probes.first().map(|probe| &probe.source)));
        let watched = &mut self.watched;
        watched.devices.iter_mut().for_each(|(at, device)| device.see(cells.get(*at)));
        let places = &watched.series_places;
        watched.series.see(&sensor, [&time, &quantity], &temperature, |at| cells.get(places[at]));
    }

    /// Returns the column that certainly tells series apart which have the same sensor, and what to type.
    pub(in super::super) fn column_of_series(&self) -> Option<(FoundColumn, [String; 2])> {
        let found = self.watched.series.certain()?;
        let options = self.series_options(&found);
        Some((found, options))
    }

    /// Returns the columns that may do so, each with the source of a sensor that it is a part of. The rows are no longer
    /// kept.
    pub(in super::super) fn possible_series(&mut self) -> Vec<(FoundColumn, String)> {
        let series = std::mem::take(&mut self.watched.series);
        if self.watched.sensor.is_none() {
            let column = |(at, text): (usize, String)| {
                let at = self.watched.series_places[at];
                (at, ConstantColumn::new(as_source(&self.names[at]), text))
            };
            self.watched.constant = series.constant().map(column).collect();
        }
        let found: Vec<_> =
            if self.watched.sensor.is_some() { series.differing().collect() } else { series.recurring().collect() };
        found.into_iter().map(|found| (found.clone(), self.series_source(&found))).collect()
    }

    fn series_source(&self, found: &FoundColumn) -> String {
        // Alternatives are not joined.
        let sensor = self.watched.sensor.as_ref().filter(|sensor| !sensor.contains("//"));
        sensor.map_or_else(|| found.source.clone(), |sensor| format!("{sensor}+{}", found.source))
    }

    fn series_options(&self, found: &FoundColumn) -> [String; 2] {
        one_device::device_options(&self.series_source(found), super::super::mapping::unquoted(&found.source))
    }

    /// Returns the column that names several devices in the first rows. Of one that names the same in all of them, or none,
    /// the rows behind them are looked at, too.
    pub(in super::super) fn column_of_devices(&mut self) -> Option<&str> {
        let watched = &mut self.watched;
        let one = watched.devices.iter().filter_map(|(at, device)| Some((*at, OneDevice::of(device)?)));
        watched.one_device = one.collect();
        let several = watched.devices.iter().filter(|(_, device)| device.names_several());
        several.min_by_key(|(_, device)| device.rank()).map(|(at, _)| self.names[*at].as_str())
    }

    /// Goes on with the device that rows before the same header named, and with what its empty cells stand for.
    pub(in super::super) fn keep_device(&mut self, before: &mut CsvColumns) {
        self.defaults = std::mem::take(&mut before.defaults);
        self.watched.one_device = std::mem::take(&mut before.watched.one_device);
        self.watched.constant = std::mem::take(&mut before.watched.constant);
    }

    /// Refuses a row of another device than the first.
    #[inline]
    pub(in super::super) fn check_device(&self, cells: Cells<'_>, builder: &ReadingBuilder) -> Result<(), RowError> {
        let is_reading = || self.holds_reading(cells, builder);
        let is_other = |(at, device): &&(usize, OneDevice)| device.is_other(cells.get(*at), is_reading);
        match self.watched.one_device.iter().find(is_other) {
            None => Ok(()),
            Some((at, _)) => Err(other_device(&self.names[*at], device_options(&self.names[*at]))),
        }
    }

    /// Looks at what was the same in the first rows.
    #[inline]
    pub(in super::super) fn see_constant(&self, cells: Cells<'_>, facts: &mut InputFacts) {
        for (at, column) in &self.watched.constant {
            let text = cells.get(*at).trim();
            if column.is_other(text) {
                column.change(text, facts);
            }
        }
    }

    /// Returns the zone that the row names for its time, where a column does.
    #[inline]
    pub(in super::super) fn zone<'a>(&self, cells: Cells<'a>) -> Option<&'a str> {
        self.watched.zone.map(|at| cells.get(at))
    }
}

/// Returns what to type where a column names several devices.
pub(in super::super) fn device_options(column: &str) -> [String; 2] {
    one_device::device_options(&as_source(column), column)
}

/// Refuses further fields whose columns say another unit than `--unit` does.
pub(super) fn check_units(
    names: &[&str],
    fields: &[(String, CellSource)],
    options: &InputOptions,
) -> Result<(), String> {
    for conversion in &options.unit {
        let columns =
            fields.iter().filter(|(name, _)| *name == conversion.key).filter_map(|(_, source)| match source {
                CellSource::Column(at) => Some((names[*at], Unit::of_column(names[*at])?)),
                CellSource::Parts { .. } => None,
            });
        let mut others = columns.filter(|(_, unit)| *unit != conversion.from());
        if let Some((name, unit)) = others.next() {
            return Err(format!("`--unit {conversion}`: column `{}` is in {}", truncate_for_log(name), unit.name));
        }
    }
    Ok(())
}
