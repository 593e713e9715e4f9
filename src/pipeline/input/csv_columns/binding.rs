//! Finds the columns of a header by the options.

use sensor_model::truncate_for_log;

use super::super::keys::{ORIGIN, SENSOR, TEMPERATURE, TEMPERATURE_UNIT, TIME, UTC_OFFSET};
use super::super::mapping::{Source, captured, is_like, unquoted};
use super::super::options::InputOptions;
use super::super::reading_builder::ReadingBuilder;
use super::named_fields::no_column;
use super::row_filter::RowFilter;
use super::watched_columns::{WatchedColumns, check_units, is_fixed, is_in_utc};
use super::{
    CellSource, CsvColumns, HeaderError, LongForm, MORE, Part, Probe, ProbeFields, SECTION, SeriesTags, Surroundings,
    named_fields,
};

/// Columns of a header while it is being matched.
struct Binder<'b> {
    names: &'b [&'b str],
    surroundings: &'b Surroundings,
    used: Vec<usize>,
    found: usize,
    /// True if the names that are needed are there.
    is_header: bool,
    /// Error text for a name that must match one column and matched several.
    several: Option<String>,
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
                // A name that ends where `*` begins is one by itself.
                let whole = |name: &str| is_like(wanted, name).then(|| name.to_owned());
                let part =
                    |name: &str| captured(wanted, name).map(|part| part.trim().to_owned()).or_else(|| whole(name));
                let name = |at: usize| Some((at, part(self.names[at])?));
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
        let columns = self.columns(text).inspect_err(|_| self.several = Some(text.to_owned()))?;
        match columns.as_slice() {
            [(at, _)] => {
                self.used.push(*at);
                self.found += 1;
                return Ok(Part::Column(*at));
            }
            [] => {}
            [..] => {
                self.several = Some(text.to_owned());
                return Err(format!("several columns match `{text}`"));
            }
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

    /// Takes the columns of a source out of the further fields.
    fn leave_out(&mut self, text: &str) {
        // A name that several columns have stands for all of them.
        let columns = |part: &str| {
            let wanted = unquoted(part);
            let is_like =
                |at: &usize| self.names[*at] == wanted || wanted.len() > 1 && is_named(wanted, self.names[*at]);
            Ok::<_, String>((0..self.names.len()).filter(is_like).collect::<Vec<_>>())
        };
        let found = Source::parse(text, columns).map(|all| all.0.into_iter().flatten().flatten().collect());
        self.used.extend(found.unwrap_or_else(|_| Vec::new()));
    }

    fn source(&mut self, text: &str, key: &str) -> Result<CellSource, String> {
        if let [(at, _)] = self.columns(unquoted(text))?.as_slice() {
            self.used.push(*at);
            self.found += 1;
            return Ok(CellSource::Column(*at));
        }
        let all = Source::parse(text, |part| Ok::<_, String>(self.part(part)))?;
        if let Some(text) = self.several.take() {
            // The next alternative would hide that there are values.
            let text = truncate_for_log(&text);
            return Err(format!(
                "several columns match `{text}`; `--map {key}=COLUMN` takes one of them, `--drop {key}` none"
            ));
        }
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

fn is_named(pattern: &str, name: &str) -> bool {
    pattern.contains('*') && captured(pattern, name).is_some()
}

impl CsvColumns {
    /// Finds the columns of a header by the options.
    ///
    /// # Errors
    /// When one that is needed is missing.
    pub(in super::super) fn bind(
        header: &[&str],
        options: &InputOptions,
        builder: &ReadingBuilder,
        surroundings: &Surroundings,
    ) -> Result<Self, HeaderError> {
        let mut binder =
            Binder { names: header, surroundings, used: Vec::new(), found: 0, is_header: false, several: None };
        let bound = bind(&mut binder, options, builder);
        let Binder { found, is_header, .. } = binder;
        bound.map_err(|reason| HeaderError { reason, is_header, found })
    }
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
    let long = long_form(binder, options)?;
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
    for probe in &probes {
        let alternatives = probe.source.columns().map(|at| names[at]);
        builder.unit_watch.check_alternatives(alternatives)?;
    }
    let time = time?.ok_or_else(|| no_column(TIME, names))?;
    binder.is_header = true;

    let mut mapped = |key: &str| {
        let mapping = options.mapped(key).next();
        mapping.map(|mapping| binder.source(&mapping.source, key)).transpose()
    };
    let (unit, utc_offset) = (mapped(TEMPERATURE_UNIT)?, mapped(UTC_OFFSET)?);
    let mut probe_fields = ProbeFields::default();
    let mut fields = match &long {
        Some(_) => Vec::new(),
        None => further_fields(binder, options, builder, &probes, &mut probe_fields)?,
    };
    let filters = RowFilter::all(&options.matches, |column| {
        let mut found = Vec::new();
        for part in column.split("//") {
            found.extend(binder.columns(unquoted(part.trim()))?.into_iter().map(|(at, _)| at));
        }
        if found.is_empty() { Err(no_column(column, names)) } else { Ok(found) }
    })?;
    let place = |wanted: &str| names.iter().position(|name| *name == wanted);
    let origin = place(ORIGIN[0]).zip(place(ORIGIN[1])).map(|(shard, number)| [shard, number]);
    // `scan` always has this column, and it is mostly empty. A row in which it is not is rejected.
    let is_more = |(name, source): &(String, CellSource)| {
        name == MORE && matches!(source, CellSource::Column(at) if names[*at] == MORE)
    };
    let more = origin.and(place(MORE)).filter(|_| fields.iter().any(is_more));
    fields.retain(|field| more.is_none() || !is_more(field));
    if origin.is_some() && !fields.is_empty() && !options.untyped {
        return Err("it is the output of `scan -o csv`, which lost whether further fields were numbers or text; \
                    `scan -o ndjson` keeps it, `--untyped` reads it as it is"
            .to_owned());
    }
    let is_one_sensor = match &sensor {
        Some(sensor) => is_fixed(sensor),
        None => !long.as_ref().is_some_and(|long| long.names_sensor),
    };
    let is_one_sensor = is_one_sensor && origin.is_none();
    let is_utc = is_in_utc(&time, names);
    let watched = WatchedColumns::find(names, &binder.used, options, &fields, is_one_sensor, is_utc);
    let tags = SeriesTags::find(names, long.as_ref(), sensor.as_ref(), options);
    let width = names.iter().rposition(|name| !name.is_empty()).map_or(0, |at| at + 1);
    let is_ignored = |at: &usize| !options.columns.is_empty() || binder.used.contains(at);
    let unnamed = (0..names.len()).filter(|at| names[*at].is_empty() && !is_ignored(at)).chain(more).collect();
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Ok(CsvColumns {
        defaults: Vec::new(),
        names,
        width,
        sensor,
        probes,
        time,
        utc_offset,
        unit,
        fields,
        probe_fields,
        filters,
        unnamed,
        numbers_rows: false,
        origin,
        long,
        watched,
        tags,
    })
}

/// Returns the form of rows that hold one quantity each, where the options name it.
fn long_form(binder: &mut Binder<'_>, options: &InputOptions) -> Result<Option<LongForm>, String> {
    match (&options.quantity, &options.value) {
        (Some(quantity), Some(value)) => {
            let names_sensor = options.mapped(SENSOR).next().is_none_or(|mapping| mapping.source == *quantity);
            let own = [SENSOR, TIME, UTC_OFFSET];
            let keys = options.map.iter().filter(|mapping| !own.contains(&mapping.key.as_str()));
            let keys: Vec<_> = keys.map(|mapping| (mapping.source.clone(), mapping.key.clone())).collect();
            let names_sensor = names_sensor && keys.iter().any(|(pattern, _)| pattern.contains('*'));
            let (quantity, value) = (binder.source(quantity, "")?, binder.source(value, "")?);
            Ok(Some(LongForm { quantity, value, keys, names_sensor }))
        }
        (None, None) => Ok(None),
        _ => Err("`--quantity` and `--value` go together".to_owned()),
    }
}

/// Returns the further fields that are kept, sorted by name: those that are mapped, and all other columns.
fn further_fields(
    binder: &mut Binder<'_>,
    options: &InputOptions,
    builder: &ReadingBuilder,
    probes: &[Probe],
    probe_fields: &mut ProbeFields,
) -> Result<Vec<(String, CellSource)>, String> {
    let names = binder.names;
    let probe_names: Vec<_> = probes.iter().filter_map(|probe| probe.name.as_deref()).collect();
    let own = [SENSOR, TEMPERATURE, TIME];
    let mut fields = Vec::new();
    let is_field = |key: &str| !own.contains(&key) && key != UTC_OFFSET && builder.kept.keeps(key);
    let (wanted, others): (Vec<_>, Vec<_>) = options.map.iter().partition(|mapping| is_field(&mapping.key));
    // A column that is mapped to a key which is left out does not come back under its own name.
    let others = others.into_iter().filter(|mapping| !own.contains(&mapping.key.as_str()) && mapping.key != UTC_OFFSET);
    others.for_each(|mapping| binder.leave_out(&mapping.source));
    for mapping in wanted {
        if probes.len() > 1 && ProbeFields::is_source(&mapping.source) {
            binder.used.extend(probe_fields.add(&mapping.key, &mapping.source, names, &probe_names)?);
            continue;
        }
        fields.push((mapping.key.clone(), binder.source(&mapping.source, &mapping.key)?));
    }
    for (at, name) in names.iter().enumerate() {
        let is_own = name.is_empty() || binder.used.contains(&at) || own.contains(name) || ORIGIN.contains(name);
        let is_mapped = options.map.iter().any(|mapping| mapping.key == *name);
        if !is_own && !is_mapped {
            fields.push(((*name).to_owned(), CellSource::Column(at)));
        }
    }
    named_fields::check(options, names, &fields, &binder.used)?;
    builder.kept.set_known();
    fields.retain(|(name, _)| builder.kept.keeps(name));
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
        let name = truncate_for_log(name);
        return Err(format!("`{name}` is a column and a `--field`; `--drop` leaves the column out"));
    }
    let all = fields.iter().map(|(name, _)| name.as_str()).chain(probe_fields.keys());
    ReadingBuilder::check_names(all).map_err(|error| error.to_string())?;
    check_units(names, &fields, options)?;
    Ok(fields)
}

fn probes(
    binder: &mut Binder<'_>,
    options: &InputOptions,
    key_source: impl Fn(&mut Binder<'_>, &str) -> Result<Option<CellSource>, String>,
) -> Result<Vec<Probe>, String> {
    let mut probes = Vec::new();
    let mut taken: Vec<usize> = Vec::new();
    let mut without_match = None;
    for mapping in options.map.iter().filter(|mapping| mapping.key == TEMPERATURE) {
        let pattern = unquoted(&mapping.source);
        let columns = binder.columns(pattern)?;
        if columns.is_empty() {
            match binder.source(&mapping.source, TEMPERATURE) {
                Ok(source) => probes.push(Probe { source, name: Some(mapping.source.clone()) }),
                // Of several patterns, those of other files match nothing.
                Err(error) if pattern.contains('*') => without_match = without_match.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        // A column is named by the first pattern that it matches.
        for (at, name) in columns.into_iter().filter(|(at, _)| !taken.contains(at)).collect::<Vec<_>>() {
            if let Some(other) = probes.iter().find(|probe: &&Probe| probe.name.as_ref() == Some(&name)) {
                let place = match &other.source {
                    CellSource::Column(at) => format!("columns {} and", at + 1),
                    CellSource::Parts { .. } => "two sources, of them column".to_owned(),
                };
                return Err(format!(
                    "{place} {} give the temperature `{}`; `--map {TEMPERATURE}=@column.{}` takes one of them",
                    at + 1,
                    truncate_for_log(&name),
                    at + 1
                ));
            }
            taken.push(at);
            binder.used.push(at);
            binder.found += 1;
            probes.push(Probe { source: CellSource::Column(at), name: Some(name) });
        }
    }
    if let (true, Some(error)) = (probes.is_empty(), without_match) {
        return Err(error);
    }
    if probes.is_empty() {
        let source = key_source(binder, TEMPERATURE)?.ok_or_else(|| no_column(TEMPERATURE, binder.names))?;
        probes.push(Probe { source, name: None });
    }
    Ok(probes)
}
