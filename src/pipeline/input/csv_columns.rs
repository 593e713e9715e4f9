//! Which column of a CSV file holds which key of a reading.

use std::borrow::Cow;

use sensor_model::truncate_for_log;

use super::mapping::{Source, captured, unquoted};
use super::options::InputOptions;
use super::reading_builder::{Cell, ORIGIN, ReadingBuilder, RowValues, SENSOR, TEMPERATURE, TIME};
use super::row_error::{RowError, row_error};
use super::row_splitter::Cells;
use super::unit::Unit;

/// The column of `scan -o csv` that holds the fields that came too late for a column of their own.
const MORE: &str = "more";
/// Source of a name that a line of its own gives to the rows behind it.
pub(super) const SECTION: &str = "@section";

/// The columns of one file.
#[derive(Debug)]
pub(super) struct CsvColumns {
    names: Vec<String>,
    /// Columns up to the last one with a name.
    width: usize,
    sensor: Option<CellSource>,
    probes: Vec<Probe>,
    time: CellSource,
    /// Further fields, sorted by name.
    fields: Vec<(String, CellSource)>,
    filters: Vec<(usize, String)>,
    unnamed: Vec<usize>,
    /// Where the rows of `scan` have shard and sequence number.
    origin: Option<[usize; 2]>,
    long: Option<LongForm>,
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
    /// Whether the sensor is the part of the quantity's name at `*`.
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

/// What a file says beside its rows.
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
    Probe(RowValues<'a>),
    Quantity { key: Cow<'a, str>, value: Cell<'a>, sensor: Option<Cell<'a>>, time: Option<Cell<'a>> },
}

/// Why a line is not the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeaderError {
    pub reason: String,
    /// Needed names that it has.
    pub found: usize,
}

/// Columns of a header while it is being matched.
struct Binder<'b> {
    names: &'b [&'b str],
    surroundings: &'b Surroundings,
    used: Vec<usize>,
    found: usize,
}

impl Binder<'_> {
    /// Returns the columns of a name or of a pattern with `*`; each with what its name has at `*`.
    fn columns(&self, wanted: &str) -> Result<Vec<(usize, String)>, String> {
        let wanted = wanted.trim();
        if let Some(place) = wanted.strip_prefix("@column.").and_then(|place| place.parse::<usize>().ok()) {
            let at = place.wrapping_sub(1);
            return Ok(self.names.get(at).map(|name| (at, (*name).to_owned())).into_iter().collect());
        }
        let exact: Vec<_> = (0..self.names.len()).filter(|at| self.names[*at] == wanted).collect();
        match exact.as_slice() {
            [] if wanted.contains('*') && wanted.len() > 1 => {
                let name = |at: usize| Some((at, captured(wanted, self.names[at])?.to_owned()));
                Ok((0..self.names.len()).filter_map(name).collect())
            }
            [] => Ok(Vec::new()),
            [at] => Ok(vec![(*at, wanted.to_owned())]),
            [first, second, ..] => Err(format!(
                "column `{}` is there twice, as columns {} and {}",
                truncate_for_log(wanted),
                first + 1,
                second + 1
            )),
        }
    }

    fn part(&mut self, text: &str) -> Result<Part, String> {
        let text = unquoted(text);
        if text.is_empty() {
            // The last alternative of a column that a file may lack: `RH//`.
            return Ok(Part::Fixed(String::new()));
        }
        match self.columns(text)?.as_slice() {
            [(at, _)] => {
                self.used.push(*at);
                self.found += 1;
                return Ok(Part::Column(*at));
            }
            [] => {}
            [..] => return Err(format!("several columns match `{text}`")),
        }
        if text == SECTION {
            return Ok(Part::Section);
        }
        if text == "@file" {
            return Ok(Part::Fixed(self.surroundings.stem.clone()));
        }
        if let Some(place) = text.strip_prefix('@') {
            let (line, cell) = place.split_once('.').unwrap_or((place, "1"));
            if let (Ok(line), Ok(cell)) = (line.parse::<usize>(), cell.parse::<usize>()) {
                let value =
                    self.surroundings.preamble.get(line.wrapping_sub(1)).and_then(|row| row.get(cell.wrapping_sub(1)));
                let none = || format!("there is no value {cell} in line {line} before the header (`{text}`)");
                return value
                    .filter(|value| !value.is_empty())
                    .map(|value| Part::Fixed(value.clone()))
                    .ok_or_else(none);
            }
        }
        Err(no_column(text, self.names))
    }

    fn source(&mut self, text: &str, key: &str) -> Result<CellSource, String> {
        if let [(at, _)] = self.columns(unquoted(text))?.as_slice() {
            self.used.push(*at);
            self.found += 1;
            return Ok(CellSource::Column(*at));
        }
        let all = Source::parse(text, |part| Ok::<_, String>(self.part(part)))?;
        // A file need not have the columns of every alternative.
        let (mut alternatives, mut wrong) = (Vec::new(), None);
        for parts in all.0 {
            match parts.into_iter().collect::<Result<Vec<_>, _>>() {
                Ok(parts) => alternatives.push(parts),
                Err(error) => wrong = wrong.or(Some(error)),
            }
        }
        if let (true, Some(error)) = (alternatives.is_empty(), wrong) {
            return Err(error);
        }
        let parts = Source(alternatives);
        let separator = if key == TIME { " " } else { "/" };
        Ok(match parts.0.as_slice() {
            [one] => match one.as_slice() {
                [Part::Column(at)] => CellSource::Column(*at),
                _ => CellSource::Parts { parts, separator },
            },
            _ => CellSource::Parts { parts, separator },
        })
    }
}

/// What is missing and what there is: so many names, and of each so much, as can be read.
fn no_column(wanted: &str, names: &[&str]) -> String {
    const MOST: usize = 12;
    let named: Vec<_> = names.iter().filter(|name| !name.is_empty()).collect();
    let mut listed = named.iter().take(MOST).map(|name| truncate_for_log(name)).collect::<Vec<_>>().join(", ");
    if named.len() > MOST {
        listed.push_str(&format!(" and {} more", named.len() - MOST));
    }
    format!("there is no column `{}`; there are: {listed}", truncate_for_log(wanted))
}

impl CsvColumns {
    /// Finds the columns of a header by the options.
    ///
    /// # Errors
    /// When one that is needed is missing.
    pub(super) fn bind(
        header: &[&str],
        options: &InputOptions,
        builder: &ReadingBuilder,
        surroundings: &Surroundings,
    ) -> Result<Self, HeaderError> {
        let mut binder = Binder { names: header, surroundings, used: Vec::new(), found: 0 };
        let bound = bind(&mut binder, options, builder);
        let found = binder.found;
        bound.map_err(|reason| HeaderError { reason, found })
    }

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

    /// Returns the column of the time, where it is one.
    pub(super) fn time(&self) -> Option<usize> {
        match self.time {
            CellSource::Column(at) => Some(at),
            CellSource::Parts { .. } => None,
        }
    }

    /// Returns the columns whose cells are read as numbers where they look like it.
    pub(super) fn numeric(&self) -> impl Iterator<Item = usize> + '_ {
        let fields = self.fields.iter().filter_map(|(_, source)| match source {
            CellSource::Column(at) => Some(*at),
            CellSource::Parts { .. } => None,
        });
        self.temperatures().chain(fields)
    }

    /// Whether a line of its own names the sensor of the rows behind it.
    pub(super) fn has_sections(&self) -> bool {
        let sources = self.sensor.iter().chain(self.fields.iter().map(|(_, source)| source));
        let is_section = |source: &CellSource| {
            matches!(source, CellSource::Parts { parts, .. }
                if parts.0.iter().flatten().any(|part| matches!(part, Part::Section)))
        };
        sources.into_iter().any(is_section)
    }

    /// Whether a row says the same as the header.
    pub(super) fn is_header(&self, cells: Cells<'_>) -> bool {
        cells.len() >= self.width && (0..self.width).all(|at| cells.get(at) == self.names[at])
    }

    /// Refuses a row whose columns are not those of the header.
    pub(super) fn check_width(&self, cells: Cells<'_>, may_be_short: bool) -> Result<(), RowError> {
        let is_short = cells.len() < self.width && !may_be_short;
        if is_short || (self.names.len()..cells.len()).any(|at| !cells.get(at).is_empty()) {
            let reason = format!("{} values where the header has {}", cells.len(), self.names.len());
            return Err(row_error("column-count", reason));
        }
        match self.unnamed.iter().find(|at| !cells.get(**at).is_empty()) {
            Some(at) => {
                let reason = format!("column {} has a value and no name; `--columns` names it", at + 1);
                Err(row_error("unnamed-column", reason))
            }
            None => Ok(()),
        }
    }

    /// Whether the row is one of those that are wanted.
    pub(super) fn is_wanted(&self, cells: Cells<'_>) -> bool {
        self.filters.iter().all(|(at, pattern)| captured(pattern, cells.get(*at)).is_some())
    }

    fn cell<'a>(&self, at: usize, cells: Cells<'a>) -> &'a str {
        let cell = cells.get(at);
        match self.filters.iter().find(|(column, _)| *column == at) {
            Some((_, pattern)) => captured(pattern, cell).unwrap_or(cell),
            None => cell,
        }
    }

    fn value<'a>(&self, source: &CellSource, cells: Cells<'a>, section: &str) -> Cow<'a, str> {
        match source {
            CellSource::Column(at) => Cow::Borrowed(self.cell(*at, cells)),
            CellSource::Parts { parts, separator } => {
                for alternative in &parts.0 {
                    let values: Vec<_> = alternative
                        .iter()
                        .map(|part| match part {
                            Part::Column(at) => self.cell(*at, cells),
                            Part::Fixed(text) => text.as_str(),
                            Part::Section => section,
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

    /// Returns the readings of a row: one for each probe.
    pub(super) fn readings<'a>(
        &self,
        cells: Cells<'a>,
        section: &str,
        builder: &ReadingBuilder,
    ) -> Result<Vec<RowReading<'a>>, RowError> {
        let text = |source: &CellSource| Cell::Text(self.value(source, cells, section));
        let is_copy = self.origin.is_some_and(|at| at.iter().all(|at| !cells.get(*at).is_empty()));
        let sensor = self.sensor.as_ref().map(text);
        let time = Some(text(&self.time));
        if let Some(long) = &self.long {
            return self.quantity(long, cells, section, sensor, time);
        }
        if let [probe] = self.probes.as_slice() {
            let temperature = Some(text(&probe.source));
            return Ok(vec![RowReading::Probe(RowValues { sensor, temperature, time, is_copy })]);
        }
        let base = sensor.as_ref().and_then(Cell::text).or_else(|| builder.default_sensor().map(Cow::Borrowed));
        let base = base.ok_or_else(|| row_error("missing-key", format!("`{SENSOR}` is empty")))?.into_owned();
        let measured = self.probes.iter().filter_map(|probe| {
            let temperature = text(&probe.source);
            if builder.is_missing(&temperature) {
                return None;
            }
            let name = probe.name.as_deref().unwrap_or_default();
            let sensor = Some(Cell::Text(Cow::Owned(format!("{base}/{}", name.trim_start_matches('/')))));
            let row = RowValues { sensor, temperature: Some(temperature), time: time.clone(), is_copy };
            Some(RowReading::Probe(row))
        });
        let readings: Vec<_> = measured.collect();
        if readings.is_empty() {
            return Err(row_error("missing-key", format!("`{TEMPERATURE}` is empty in every column")));
        }
        Ok(readings)
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
            None if long.keys.is_empty() || !long.names_sensor => (name.into_owned(), None),
            // A quantity that nobody asked for.
            None => return Ok(Vec::new()),
        };
        let sensor = match part.filter(|_| long.names_sensor) {
            Some(part) => Some(Cell::Text(Cow::Owned(part))),
            None => sensor,
        };
        let value = Cell::Text(self.value(&long.value, cells, section));
        Ok(vec![RowReading::Quantity { key: Cow::Owned(key), value, sensor, time }])
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

/// Returns the key of a quantity, and the part of its name at `*`.
pub(super) fn long_key<'k, 'n>(keys: &'k [(String, String)], name: &'n str) -> Option<(&'k str, Option<&'n str>)> {
    keys.iter().find_map(|(pattern, key)| {
        let part = captured(pattern, name)?;
        Some((key.as_str(), pattern.contains('*').then_some(part)))
    })
}

fn bind(binder: &mut Binder<'_>, options: &InputOptions, builder: &ReadingBuilder) -> Result<CsvColumns, String> {
    let names = binder.names;
    let twice =
        options.map.iter().find(|mapping| mapping.key != TEMPERATURE && options.mapped(&mapping.key).count() > 1);
    if let Some(mapping) = twice {
        return Err(format!("`{}` is mapped twice", truncate_for_log(&mapping.key)));
    }
    // A mapped column no longer goes by its own name, and a mapped key no longer by its own column.
    let key_source = |binder: &mut Binder<'_>, key: &str| -> Result<Option<CellSource>, String> {
        if let Some(mapping) = options.mapped(key).next() {
            return binder.source(&mapping.source, key).map(Some);
        }
        let Some((at, _)) = binder.columns(key)?.first().cloned() else { return Ok(None) };
        if let Some(mapping) = options.map.iter().find(|mapping| mapping.source.trim() == key) {
            return Err(format!("`{key}` is mapped to `{}`; nothing gives `{key}`", truncate_for_log(&mapping.key)));
        }
        binder.used.push(at);
        binder.found += 1;
        Ok(Some(CellSource::Column(at)))
    };
    let long = match (&options.quantity, &options.value) {
        (Some(quantity), Some(value)) => {
            let names_sensor = options.mapped(SENSOR).next().is_none_or(|mapping| mapping.source == *quantity);
            let own = [SENSOR, TIME];
            let keys = options.map.iter().filter(|mapping| !own.contains(&mapping.key.as_str()));
            let keys: Vec<_> = keys.map(|mapping| (mapping.source.clone(), mapping.key.clone())).collect();
            let names_sensor = names_sensor && keys.iter().any(|(pattern, _)| pattern.contains('*'));
            let (quantity, value) = (binder.source(quantity, "")?, binder.source(value, "")?);
            Some(LongForm { quantity, value, keys, names_sensor })
        }
        (None, None) => None,
        _ => return Err("`--quantity` and `--value` go together".to_owned()),
    };
    // All are looked for before the first error, to know how much of a header it is.
    let sensor = key_source(binder, SENSOR);
    let time = key_source(binder, TIME);
    let probes = if long.is_some() { Ok(Vec::new()) } else { probes(binder, options, key_source) };
    let sensor = sensor?;
    if sensor.is_none() && options.sensor.is_none() && !long.as_ref().is_some_and(|long| long.names_sensor) {
        return Err(no_column(SENSOR, names));
    }
    let probes = probes?;
    let columns = probes.iter().filter_map(|probe| match probe.source {
        CellSource::Column(at) => Some(names[at]),
        CellSource::Parts { .. } => None,
    });
    builder.unit_watch.check_columns(columns)?;
    let time = time?.ok_or_else(|| no_column(TIME, names))?;

    let mut fields = Vec::new();
    if long.is_none() {
        for mapping in options.map.iter().filter(|mapping| ![SENSOR, TEMPERATURE, TIME].contains(&mapping.key.as_str()))
        {
            fields.push((mapping.key.clone(), binder.source(&mapping.source, &mapping.key)?));
        }
        let keys_of_own = [SENSOR, TEMPERATURE, TIME];
        for (at, name) in names.iter().enumerate() {
            let is_own =
                name.is_empty() || binder.used.contains(&at) || keys_of_own.contains(name) || ORIGIN.contains(name);
            let is_mapped = options.map.iter().any(|mapping| mapping.key == *name);
            if !is_own && !is_mapped {
                fields.push(((*name).to_owned(), CellSource::Column(at)));
            }
        }
    }
    fields.retain(|(name, _)| builder.keeps(name));
    fields.sort_by(|one, other| one.0.cmp(&other.0));
    if let Some(pair) = fields.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let name = &pair[0].0;
        let at: Vec<_> = (1..).zip(names).filter(|(_, other)| *other == name).map(|(at, _)| at.to_string()).collect();
        return Err(format!(
            "column `{}` is there twice, as columns {}; `--drop` leaves it out, `--columns` names them",
            truncate_for_log(name),
            at.join(" and ")
        ));
    }
    if let Some((name, _)) = fields.iter().find(|(name, _)| builder.constants().iter().any(|(own, _)| own == name)) {
        return Err(format!(
            "`{}` is a column and a `--field`; `--drop` leaves the column out",
            truncate_for_log(name)
        ));
    }
    ReadingBuilder::check_names(fields.iter().map(|(name, _)| name.as_str())).map_err(|error| error.to_string())?;
    check_units(names, &probes, &fields, options)?;
    let mut filters = Vec::new();
    for filter in &options.matches {
        let [(at, _)] = binder.columns(unquoted(&filter.column))?[..] else {
            return Err(no_column(&filter.column, names));
        };
        filters.push((at, filter.pattern.clone()));
    }
    let place = |wanted: &str| names.iter().position(|name| *name == wanted);
    let origin = place(ORIGIN[0]).zip(place(ORIGIN[1])).map(|(shard, number)| [shard, number]);
    if origin.is_some() && !fields.is_empty() && !options.untyped {
        return Err("it is the output of `scan -o csv`, which lost whether further fields were numbers or text; \
                    `scan -o ndjson` keeps it, `--untyped` reads it as it is"
            .to_owned());
    }
    if origin.is_some() && fields.iter().any(|(name, _)| name == MORE) {
        return Err(format!("its column `{MORE}` holds several fields as JSON; `scan -o ndjson` has them apart"));
    }
    let width = names.iter().rposition(|name| !name.is_empty()).map_or(0, |at| at + 1);
    let is_ignored = |at: &usize| !options.columns.is_empty() || binder.used.contains(at);
    let unnamed = (0..names.len()).filter(|at| names[*at].is_empty() && !is_ignored(at)).collect();
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Ok(CsvColumns { names, width, sensor, probes, time, fields, filters, unnamed, origin, long })
}

/// Refuses columns whose names say another unit than the options do, or several units for the temperature.
fn check_units(
    names: &[&str],
    probes: &[Probe],
    fields: &[(String, CellSource)],
    options: &InputOptions,
) -> Result<(), String> {
    let unit_of = |source: &CellSource| match source {
        CellSource::Column(at) => Unit::of_column(names[*at]).map(|unit| (names[*at], unit)),
        CellSource::Parts { .. } => None,
    };
    let temperatures: Vec<_> = probes.iter().filter_map(|probe| unit_of(&probe.source)).collect();
    if let Some(pair) = temperatures.windows(2).find(|pair| pair[0].1 != pair[1].1) {
        let [(one, first), (other, second)] = [pair[0], pair[1]];
        return Err(format!(
            "`{}` is in {} and `{}` in {}; map the temperature to columns of one unit",
            truncate_for_log(one),
            first.name,
            truncate_for_log(other),
            second.name
        ));
    }
    for conversion in &options.unit {
        let of_field =
            fields.iter().filter(|(name, _)| *name == conversion.key).filter_map(|(_, source)| unit_of(source));
        let of_temperature = temperatures.iter().copied().filter(|_| conversion.key == TEMPERATURE);
        if let Some((name, unit)) = of_temperature.chain(of_field).find(|(_, unit)| *unit != conversion.from()) {
            return Err(format!("`--unit {conversion}`: column `{}` is in {}", truncate_for_log(name), unit.name));
        }
    }
    Ok(())
}

fn probes(
    binder: &mut Binder<'_>,
    options: &InputOptions,
    key_source: impl Fn(&mut Binder<'_>, &str) -> Result<Option<CellSource>, String>,
) -> Result<Vec<Probe>, String> {
    let mut probes = Vec::new();
    for mapping in options.map.iter().filter(|mapping| mapping.key == TEMPERATURE) {
        let columns = binder.columns(unquoted(&mapping.source))?;
        if columns.is_empty() {
            let source = binder.source(&mapping.source, TEMPERATURE)?;
            probes.push(Probe { source, name: Some(mapping.source.clone()) });
        }
        for (at, name) in columns {
            binder.used.push(at);
            binder.found += 1;
            probes.push(Probe { source: CellSource::Column(at), name: Some(name) });
        }
    }
    if probes.is_empty() {
        let source = key_source(binder, TEMPERATURE)?.ok_or_else(|| no_column(TEMPERATURE, binder.names))?;
        probes.push(Probe { source, name: None });
    }
    Ok(probes)
}
