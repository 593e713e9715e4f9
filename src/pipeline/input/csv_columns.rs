//! Which column of a CSV file holds which key of a reading.

mod binding;
mod named_fields;
mod other_quantities;
mod probe_fields;
mod row_filter;
mod row_numbers;
mod series_tags;
mod unit_columns;
mod watched_columns;

use std::borrow::Cow;

use self::probe_fields::ProbeFields;
use self::row_filter::RowFilter;
pub(super) use self::series_tags::{SeriesTags, is_tag};
use self::watched_columns::WatchedColumns;
pub(super) use self::watched_columns::device_options;
use super::cell::Cell;
use super::keys::{SENSOR, TEMPERATURE};
use super::mapping::Source;
use super::quantity_key::long_key;
use super::reading_builder::{ReadingBuilder, RowValues};
use super::row_error::{RowError, row_error};
use super::row_splitter::Cells;
use super::time_format::offset_in_name;
use super::unit::Unit;
use super::unit_watch::UnitWatch;

/// The column of `scan -o csv` that holds the fields that came too late for a column of their own.
const MORE: &str = "more";
/// Source of a name that a line of its own gives to the rows behind it.
pub(super) const SECTION: &str = "@section";

/// The columns of one file.
#[derive(Debug)]
pub(super) struct CsvColumns {
    names: Vec<String>,
    /// Values of empty cells, by column, where the file names them.
    defaults: Vec<String>,
    /// Columns up to the last one with a name.
    width: usize,
    sensor: Option<CellSource>,
    probes: Vec<Probe>,
    time: CellSource,
    /// The offset of the times from UTC, where something is mapped to it.
    utc_offset: Option<CellSource>,
    /// The unit of the temperature, where a column is mapped to it.
    unit: Option<CellSource>,
    /// Further fields, sorted by name.
    fields: Vec<(String, CellSource)>,
    /// Further fields of one of several temperatures.
    probe_fields: ProbeFields,
    filters: Vec<RowFilter>,
    /// Columns that are empty, or their rows rejected: without a name, and that of `scan` for further fields.
    unnamed: Vec<usize>,
    /// True if the first column has no name and numbers the rows.
    numbers_rows: bool,
    /// Where the rows of `scan` have shard and sequence number.
    origin: Option<[usize; 2]>,
    long: Option<LongForm>,
    watched: WatchedColumns,
    tags: SeriesTags,
}

/// A temperature of the row, and what its sensor's id has at the end where there are several.
#[derive(Debug)]
struct Probe {
    source: CellSource,
    name: Option<String>,
}

/// Rows of one quantity.
#[derive(Debug)]
struct LongForm {
    quantity: CellSource,
    value: CellSource,
    /// Keys of the reading by the pattern of the quantity's name; without any, the name is the key.
    keys: Vec<(String, String)>,
    /// True if the part of the quantity's name at `*` is the sensor.
    names_sensor: bool,
}

/// Where a value comes from.
#[derive(Debug)]
enum CellSource {
    Column(usize),
    Parts { parts: Source<Part>, separator: &'static str },
}

#[derive(Debug)]
enum Part {
    Column(usize),
    Fixed(String),
    Section,
}

/// Content of a file beside its rows.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// The file's name without folder and ending.
    pub stem: String,
    /// The first lines, split into cells.
    pub preamble: Vec<Vec<String>>,
}

/// One row's values, by probe, or by quantity in the long form.
#[derive(Debug)]
pub(super) enum RowReading<'a> {
    /// With the place of the temperature among several.
    Probe(usize, RowValues<'a>),
    Quantity {
        name: Cow<'a, str>,
        key: Cow<'a, str>,
        value: Cell<'a>,
        sensor: Option<Cell<'a>>,
        time: Option<Cell<'a>>,
    },
}

/// Why a line is not the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeaderError {
    pub reason: String,
    /// True if it has all that is needed, and something else is wrong.
    pub is_header: bool,
    /// Needed names that it has.
    pub found: usize,
}

impl CsvColumns {
    /// Returns the names of the header.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the columns of the temperatures.
    pub(super) fn temperatures(&self) -> impl Iterator<Item = usize> + '_ {
        let value = self.long.as_ref().map(|long| &long.value);
        self.probes.iter().map(|probe| &probe.source).chain(value).filter_map(|source| match source {
            CellSource::Column(at) => Some(*at),
            CellSource::Parts { .. } => None,
        })
    }

    /// Returns the unit that the column of a temperature names.
    pub(super) fn temperature_unit(&self) -> Option<Unit> {
        let names: Vec<_> = self.temperatures().map(|at| self.names[at].as_str()).collect();
        match names.as_slice() {
            [one] => Unit::of_temperature(one),
            several => several.iter().find_map(|name| Unit::of_column(name)),
        }
        .filter(|unit| unit.is_temperature())
    }

    /// Returns how the only temperature of a row is named, where an option names its column.
    pub(super) fn temperature_name(&self) -> Option<&str> {
        let [probe] = self.probes.as_slice() else { return None };
        probe.name.as_deref()
    }

    /// Returns the column of the time, where it is one.
    pub(super) fn time(&self) -> Option<usize> {
        match self.time {
            CellSource::Column(at) => Some(at),
            CellSource::Parts { .. } => None,
        }
    }

    /// Returns the names of the columns of the time.
    pub(super) fn time_names(&self) -> Vec<&str> {
        self.time.columns().map(|at| self.names[at].as_str()).collect()
    }

    /// Returns the text of a row's time.
    pub(super) fn time_text<'a>(&self, cells: Cells<'a>) -> Cow<'a, str> {
        self.value(&self.time, cells, "")
    }

    /// Returns the offset of times that the name of their column has.
    pub(super) fn offset_in_header(&self) -> Option<i32> {
        self.time_names().into_iter().find_map(offset_in_name)
    }

    /// Returns what the row says of the offset of its time.
    pub(super) fn utc_offset<'a>(&self, cells: Cells<'a>, section: &str) -> Option<Cow<'a, str>> {
        self.utc_offset.as_ref().map(|offset| self.value(offset, cells, section))
    }

    /// Returns the columns whose cells are read as numbers where they look like it.
    pub(super) fn numeric(&self) -> impl Iterator<Item = usize> + '_ {
        let fields = self.fields.iter().filter_map(|(_, source)| match source {
            CellSource::Column(at) => Some(*at),
            CellSource::Parts { .. } => None,
        });
        self.temperatures().chain(fields).chain(self.probe_fields.columns())
    }

    /// Returns whether a line of its own names the sensor of the rows after it.
    pub(super) fn has_sections(&self) -> bool {
        let sources = self.sensor.iter().chain(self.fields.iter().map(|(_, source)| source));
        let is_section = |source: &CellSource| {
            matches!(source, CellSource::Parts { parts, .. }
                if parts.0.iter().flatten().any(|part| matches!(part, Part::Section)))
        };
        sources.into_iter().any(is_section)
    }

    /// Returns whether a row repeats the header.
    pub(super) fn is_header(&self, cells: Cells<'_>) -> bool {
        // A file that was joined to another one may begin with a byte order mark.
        cells.len() >= self.width && (0..self.width).all(|at| unmarked(cells.get(at)) == self.names[at])
    }

    /// Refuses a row whose columns are not those of the header.
    pub(super) fn check_width(&self, cells: Cells<'_>, may_be_short: bool) -> Result<(), RowError> {
        let is_short = cells.len() < self.width && !may_be_short;
        if is_short || (self.names.len()..cells.len()).any(|at| !cells.get(at).is_empty()) {
            let option = self.width_option(cells);
            let reason = format!("{} values where the header has {}{option}", cells.len(), self.names.len());
            return Err(row_error("column-count", reason));
        }
        match self.unnamed.iter().find(|at| !cells.get(**at).is_empty()) {
            Some(at) if self.names[*at] == MORE => {
                let reason = "column `more` holds further fields as JSON; `scan -o ndjson` has them apart".to_owned();
                Err(row_error("more-fields", reason))
            }
            Some(at) => {
                let reason = format!("column {} has a value and no name{}", at + 1, self.name_option(*at));
                Err(row_error("unnamed-column", reason))
            }
            None if self.numbers_rows => self.check_row_number(cells),
            None => Ok(()),
        }
    }

    /// Returns whether the unit of the row's value is not one of temperature.
    pub(super) fn is_of_another_quantity(&self, cells: Cells<'_>, section: &str) -> bool {
        let unit = self.unit.as_ref().map(|unit| self.value(unit, cells, section));
        unit.is_some_and(|unit| UnitWatch::is_of_another_quantity(&unit))
    }

    /// Takes what empty cells stand for: a row of the file's own comments.
    pub(super) fn set_defaults(&mut self, mut defaults: Vec<String>) {
        // The first cell is the row's own name.
        defaults.iter_mut().take(1).for_each(String::clear);
        self.defaults = defaults;
    }

    fn default_of(&self, at: usize) -> &str {
        self.defaults.get(at).map_or("", String::as_str)
    }

    fn value<'a>(&self, source: &CellSource, cells: Cells<'a>, section: &str) -> Cow<'a, str> {
        match source {
            CellSource::Column(at) => match self.cell(*at, cells) {
                "" => Cow::Owned(self.default_of(*at).to_owned()),
                cell => Cow::Borrowed(cell),
            },
            CellSource::Parts { parts, separator } => {
                for alternative in &parts.0 {
                    let values: Vec<_> = alternative
                        .iter()
                        .map(|part| match part {
                            Part::Column(at) => match self.cell(*at, cells) {
                                "" => self.default_of(*at),
                                cell => cell,
                            },
                            Part::Fixed(text) => text.as_str(),
                            Part::Section => self.section_part(section),
                        })
                        .collect();
                    if values.iter().all(|value| !value.is_empty()) {
                        return Cow::Owned(values.join(separator));
                    }
                }
                Cow::Borrowed("")
            }
        }
    }

    fn is_copy(&self, cells: Cells<'_>) -> bool {
        self.origin.is_some_and(|at| at.iter().all(|at| !cells.get(*at).is_empty()))
    }

    /// Returns the reading of a row, where every row has one.
    pub(super) fn single<'a>(&self, cells: Cells<'a>, section: &str) -> Option<RowValues<'a>> {
        let [probe] = self.probes.as_slice() else { return None };
        let text = |source: &CellSource| Cell::Text(self.value(source, cells, section));
        Some(RowValues {
            sensor: self.sensor.as_ref().map(text),
            temperature: Some(text(&probe.source)),
            time: Some(text(&self.time)),
            is_copy: self.is_copy(cells),
        })
    }

    /// Returns the readings of a row: one for each probe.
    pub(super) fn readings<'a>(
        &self,
        cells: Cells<'a>,
        section: &str,
        builder: &ReadingBuilder,
    ) -> Result<Vec<RowReading<'a>>, RowError> {
        let text = |source: &CellSource| Cell::Text(self.value(source, cells, section));
        let is_copy = self.is_copy(cells);
        let sensor = self.sensor.as_ref().map(text);
        let time = Some(text(&self.time));
        if let Some(long) = &self.long {
            return self.quantity(long, cells, section, sensor, time);
        }
        let base = sensor.as_ref().and_then(Cell::text).or_else(|| builder.default_sensor().map(Cow::Borrowed));
        let base = base.ok_or_else(|| row_error("missing-key", format!("`{SENSOR}` is empty")))?.into_owned();
        let measured = self.probes.iter().enumerate().filter_map(|(at, probe)| {
            let temperature = text(&probe.source);
            if builder.is_missing(&temperature) {
                return None;
            }
            let name = probe.name.as_deref().unwrap_or_default();
            let sensor = Some(Cell::Text(Cow::Owned(format!("{base}/{}", name.trim_start_matches('/')))));
            let row = RowValues { sensor, temperature: Some(temperature), time: time.clone(), is_copy };
            Some(RowReading::Probe(at, row))
        });
        let readings: Vec<_> = measured.collect();
        if readings.is_empty() {
            return Err(row_error("missing-key", format!("`{TEMPERATURE}` is empty in every column")));
        }
        Ok(readings)
    }

    /// Returns whether a row would be a reading, or a quantity of one; nothing is counted.
    pub(super) fn holds_reading(&self, cells: Cells<'_>, builder: &ReadingBuilder) -> bool {
        if let Some(row) = self.single(cells, "") {
            return builder.is_reading(&row);
        }
        let is_reading = |reading: &RowReading<'_>| match reading {
            RowReading::Probe(_, row) => builder.is_reading(row),
            RowReading::Quantity { value, time, .. } => {
                let row =
                    RowValues { sensor: None, temperature: Some(value.clone()), time: time.clone(), is_copy: false };
                builder.is_reading(&row)
            }
        };
        self.readings(cells, "", builder).is_ok_and(|readings| readings.iter().any(is_reading))
    }

    fn quantity<'a>(
        &self,
        long: &LongForm,
        cells: Cells<'a>,
        section: &str,
        sensor: Option<Cell<'a>>,
        time: Option<Cell<'a>>,
    ) -> Result<Vec<RowReading<'a>>, RowError> {
        let name = self.value(&long.quantity, cells, section);
        if name.is_empty() {
            return Err(row_error("missing-key", "the name of the quantity is empty"));
        }
        let (key, part) = match long_key(&long.keys, &name) {
            Some((key, part)) => (key.to_owned(), part.map(str::to_owned)),
            None if long.keys.is_empty() || !long.names_sensor => (name.to_string(), None),
            // A quantity that nobody asked for.
            None => return Ok(Vec::new()),
        };
        let sensor = match part.filter(|_| long.names_sensor) {
            Some(part) => Some(Cell::Text(Cow::Owned(part))),
            None => sensor,
        };
        let value = Cell::Text(self.value(&long.value, cells, section));
        Ok(vec![RowReading::Quantity { name, key: Cow::Owned(key), value, sensor, time }])
    }

    /// Returns the further fields of a row, sorted by name.
    pub(super) fn fields<'c, 'a: 'c>(
        &'c self,
        cells: Cells<'a>,
        section: &'c str,
    ) -> impl Iterator<Item = (Cow<'c, str>, Cell<'c>)> + 'c {
        self.fields
            .iter()
            .map(move |(name, source)| (Cow::Borrowed(name.as_str()), Cell::Text(self.value(source, cells, section))))
    }
}

/// Returns a cell without a byte order mark before it.
pub(super) fn unmarked(cell: &str) -> &str {
    cell.trim_start_matches('\u{feff}')
}
