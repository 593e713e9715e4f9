//! Readings out of the values of a row, by the same rules for every format.

mod file_times;
mod sensor_name;

use std::borrow::Cow;
use std::collections::BTreeMap;

use sensor_model::{Decimal, MAX_SENSOR_ID_BYTES, Reading, ReadingError, Value, json_escape, truncate_for_log};

use self::sensor_name::{check_sensor, trimmed};
use super::cell::Cell;
use super::facts::InputFacts;
use super::flat_json::FlatReading;
use super::join::JoinedReading;
use super::kept_fields::KeptFields;
use super::key_paths::KeyPaths;
use super::keys::{SENSOR, TEMPERATURE, TIME};
use super::measured;
use super::number::{self, DecimalSign, MissingValues};
use super::options::InputOptions;
use super::row_error::{RowError, number_error, row_error};
use super::spare_texts::SpareTexts;
use super::time_format::{self, ParsedTime, TimeError, TimeParser, TimeUnit};
use super::unit::UnitConversion;
use super::unit_watch::UnitWatch;
use crate::pipeline::{Record, value_of};

/// Bytes of a reading's JSON up to which it is small enough for an item, whatever is in it.
const SMALL_JSON: usize = 64 * 1024;
/// Bytes of a reading's JSON that most have room in.
const SMALL_TEXT: usize = 128;

/// The values of one reading.
#[derive(Debug)]
pub(super) struct RowValues<'a> {
    pub sensor: Option<Cell<'a>>,
    pub temperature: Option<Cell<'a>>,
    pub time: Option<Cell<'a>>,
    /// True if the input is output of `scan`, whose times are seconds.
    pub is_copy: bool,
}

/// Makes readings by the options of an input.
pub(super) struct ReadingBuilder {
    /// The number of the input, from 0.
    pub input: u32,
    sensor: Option<String>,
    times: TimeParser,
    /// True if the unit of numeric times is recognized by size.
    times_are_auto: bool,
    /// The second behind which a time is counted as one of the future.
    latest: String,
    /// Times that were read, and would be others if the day stood before the month.
    swappable: u64,
    /// True if a time of the input is a spreadsheet day: whole numbers are such days, too.
    has_days: bool,
    missing: MissingValues,
    units: Vec<UnitConversion>,
    pub unit_watch: UnitWatch,
    /// Further fields that are kept.
    pub kept: KeptFields,
    /// Sorted by name.
    constants: Vec<(String, Value)>,
    /// Decimal sign of numbers in text.
    pub sign: DecimalSign,
    pub facts: InputFacts,
    /// Memory of earlier readings.
    pub spares: SpareTexts,
    /// Where the values of documents come from.
    pub paths: KeyPaths,
}

impl ReadingBuilder {
    /// Checks the options.
    ///
    /// # Errors
    /// When one cannot be followed; the text names it.
    pub(super) fn new(options: &InputOptions, default_unit: TimeUnit) -> Result<Self, String> {
        let times = options.times(default_unit);
        let mut constants = options
            .fields
            .iter()
            .map(|field| Ok((field.name.clone(), value_of(&field.value)?)))
            .collect::<Result<Vec<_>, String>>()?;
        constants.sort_by(|one, other| one.0.cmp(&other.0));
        if let Some(pair) = constants.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(format!("the field `{}` was given twice", truncate_for_log(&pair[0].0)));
        }
        Ok(ReadingBuilder {
            input: 0,
            sensor: options.sensor.clone(),
            times: TimeParser::new(&times)?,
            times_are_auto: times.unit == TimeUnit::Auto && times.format.is_none(),
            latest: file_times::latest_second(),
            swappable: 0,
            has_days: false,
            missing: MissingValues::new(&options.missing)?,
            units: options.unit.clone(),
            unit_watch: UnitWatch::new(options),
            kept: KeptFields::new(options),
            constants,
            sign: options.decimal.unwrap_or_default(),
            facts: InputFacts::default(),
            spares: SpareTexts::default(),
            paths: KeyPaths::default(),
        })
    }

    /// Returns the sensor of files that do not name one.
    pub(super) fn default_sensor(&self) -> Option<&str> {
        self.sensor.as_deref()
    }

    /// Returns the constant fields.
    pub(super) fn constants(&self) -> &[(String, Value)] {
        &self.constants
    }

    /// Returns whether a cell says that nothing was measured.
    pub(super) fn is_missing(&self, cell: &Cell<'_>) -> bool {
        cell.text().is_none_or(|text| self.missing.contains(&text, self.sign))
    }

    /// Returns whether a row would be a reading; nothing is counted.
    pub(super) fn is_reading(&self, row: &RowValues<'_>) -> bool {
        let time = row.time.as_ref().and_then(Cell::text);
        self.temperature_by(row.temperature.as_ref(), &self.unit_watch.clone()).is_ok()
            && time.is_some_and(|time| self.times.text(&time).is_ok())
    }

    /// Reads a time and counts how.
    pub(super) fn time(&mut self, cell: Option<&Cell<'_>>, is_copy: bool) -> Result<Decimal, RowError> {
        let missing = || self.paths.missing(TIME, cell.is_some());
        let wrong = |error: TimeError| row_error(error.code(), format!("`{TIME}`: {error}"));
        let (cell, text) = cell.and_then(|cell| Some((cell, cell.text()?))).ok_or_else(missing)?;
        let text = number::trimmed(&text);
        if text.is_empty() {
            return Err(missing());
        }
        if self.missing.contains(text, self.sign) {
            return Err(row_error("missing-key", format!("`{TIME}` is a value of `--missing`")));
        }
        if is_copy {
            return Decimal::parse(text)
                .map_err(|_| row_error("not-a-time", format!("`{TIME}` of a row of `scan` is not a number")));
        }
        if self.is_certain(text) {
            return Decimal::parse(text).map_err(|_| wrong(TimeError::NotATime));
        }
        self.see_time(text);
        if self.has_days && time_format::spreadsheet_day(text).is_some() {
            return Err(wrong(TimeError::SpreadsheetDay));
        }
        let ParsedTime { seconds, facts: decided } = if matches!(cell, Cell::Json(raw) if !raw.get().starts_with('"')) {
            let number = Decimal::parse(text).map_err(|_| wrong(TimeError::NotATime))?;
            self.times.number(&number).map_err(wrong)?
        } else {
            match self.times.text(text) {
                Ok(parsed) => {
                    self.swappable += u64::from(self.times.may_be_swapped(text));
                    parsed
                }
                Err(TimeError::NotATime) if self.see_day_second(text) => return Err(wrong(TimeError::DayBeforeMonth)),
                Err(error) => return Err(wrong(error)),
            }
        };
        self.facts.times.add(decided);
        self.count_future(seconds.as_str());
        Ok(seconds)
    }

    /// Reads a time that is a number in JSON, and counts its unit.
    pub(super) fn numeric_time(&mut self, number: &Decimal) -> Result<Decimal, RowError> {
        let wrong = |error: TimeError| row_error(error.code(), format!("`{TIME}`: {error}"));
        self.see_time(number.as_str());
        if self.has_days && time_format::spreadsheet_day(number.as_str()).is_some() {
            return Err(wrong(TimeError::SpreadsheetDay));
        }
        let parsed = self.times.number(number).map_err(wrong)?;
        self.facts.times.add(parsed.facts);
        self.count_future(parsed.seconds.as_str());
        Ok(parsed.seconds)
    }

    /// Reads the temperature.
    pub(super) fn temperature(&self, cell: Option<&Cell<'_>>) -> Result<Decimal, RowError> {
        self.temperature_by(cell, &self.unit_watch)
    }

    fn temperature_by(&self, cell: Option<&Cell<'_>>, watch: &UnitWatch) -> Result<Decimal, RowError> {
        let missing = || self.paths.missing(TEMPERATURE, cell.is_some());
        let (cell, text) = cell.and_then(|cell| Some((cell, cell.text()?))).ok_or_else(missing)?;
        if self.missing.contains(&text, self.sign) {
            return Err(missing());
        }
        let number = measured::temperature(&text, self.sign_of(cell), watch)?;
        self.converted(TEMPERATURE, number)
    }

    /// JSON writes numbers with a point; only texts in it may have a comma.
    fn sign_of(&self, cell: &Cell<'_>) -> DecimalSign {
        match cell {
            Cell::Json(raw) if !raw.get().starts_with('"') => DecimalSign::Point,
            _ => self.sign,
        }
    }

    fn converted(&self, key: &str, number: Decimal) -> Result<Decimal, RowError> {
        match self.units.iter().find(|unit| unit.key == key) {
            Some(unit) => unit.convert(&number).map_err(|error| row_error("unit", format!("`{key}`: {error}"))),
            None => Ok(number),
        }
    }

    /// Reads a further field; nothing where nothing was measured.
    pub(super) fn field(&self, name: &str, cell: &Cell<'_>) -> Result<Option<Value>, RowError> {
        let value = match cell {
            Cell::Text(text) if self.missing.contains(text, self.sign) => return Ok(None),
            Cell::Text(text) => number::value(text, self.sign),
            Cell::Json(raw) => match Reading::field_from_json(name, raw)? {
                value if !matches!(value, Value::Null) && self.missing.contains_value(&value) => return Ok(None),
                value => value,
            },
        };
        match value {
            Value::Number(number) => self.converted(name, number).map(|number| Some(Value::Number(number))),
            Value::Text(text) if self.units.iter().any(|unit| unit.key == name) => {
                let number = number::number(&text, self.sign).map_err(|error| number_error(name, error))?;
                self.converted(name, number).map(|number| Some(Value::Number(number)))
            }
            value => Ok(Some(value)),
        }
    }

    /// Reads the sensor.
    pub(super) fn sensor<'a>(&'a self, cell: Option<&Cell<'a>>) -> Result<Cow<'a, str>, RowError> {
        let text = match cell {
            Some(Cell::Json(raw)) if raw.get().starts_with(['{', '[', 't', 'f']) => {
                return Err(ReadingError::WrongType { key: SENSOR, wanted: "string" }.into());
            }
            Some(cell) => {
                let text = cell.text().map(trimmed);
                text.as_deref().map_or(Ok(()), check_sensor)?;
                text
            }
            None => self.sensor.as_deref().map(Cow::Borrowed),
        };
        match text {
            Some(text) if text.len() > MAX_SENSOR_ID_BYTES => Err(ReadingError::IdTooLong { bytes: text.len() }.into()),
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.paths.missing(SENSOR, cell.is_some())),
        }
    }

    /// Makes the record of a row. `fields` come sorted by name, without those that are not kept.
    ///
    /// # Errors
    /// When it is no reading.
    pub(super) fn record<'a>(
        &mut self,
        row: &RowValues<'a>,
        fields: impl Iterator<Item = (Cow<'a, str>, Cell<'a>)>,
        line: u64,
    ) -> Result<Record, RowError> {
        let temperature = self.temperature(row.temperature.as_ref())?;
        let seconds = self.time(row.time.as_ref(), row.is_copy)?;
        self.facts.impossible += u64::from(measured::is_impossible(temperature.as_str()));
        let mut data = self.spares.take(SMALL_TEXT);
        let sensor = self.sensor(row.sensor.as_ref())?;
        data.push_str("{\"sensor_id\":");
        json_escape::push_string(&mut data, &sensor);
        data.push_str(",\"temperature\":");
        data.push_str(temperature.as_str());
        data.push_str(",\"current_time\":");
        data.push_str(seconds.as_str());
        let mut constants = self.constants.iter().peekable();
        let mut push = |name: &str, value: &Value| {
            data.push(',');
            json_escape::push_string(&mut data, name);
            data.push(':');
            value.push_json(&mut data);
        };
        let mut before: Option<Cow<'a, str>> = None;
        for (name, cell) in fields {
            let Some(value) = self.field(&name, &cell)? else { continue };
            if let Value::Text(text) = &value {
                self.unit_watch.check_field(&name, text).map_err(|reason| row_error("unit", reason))?;
            }
            while let Some((constant, value)) = constants.next_if(|(constant, _)| **constant < *name) {
                push(constant, value);
            }
            let is_constant = constants.peek().is_some_and(|(constant, _)| **constant == *name);
            if is_constant || before.as_ref().is_some_and(|before| *before == name) {
                return Err(ReadingError::DuplicateKey { key: truncate_for_log(&name) }.into());
            }
            push(&name, &value);
            before = Some(name);
        }
        constants.for_each(|(name, value)| push(name, value));
        data.push('}');
        if data.len() > SMALL_JSON {
            Reading::from_json(data.as_bytes())?;
        }
        Record::from_json(data, &sensor, seconds.as_str(), self.input, line)
            .map_err(|reason| row_error("record-too-large", reason))
    }

    /// Returns whether the unit of a time is certain without a closer look, and counts the time if it is.
    fn is_certain(&mut self, time: &str) -> bool {
        let is_certain = self.times_are_auto && time_format::is_certainly_seconds(time);
        if is_certain {
            self.facts.times.add_seconds();
            self.count_future(time);
        }
        is_certain
    }

    /// Makes the record of a flat object; nothing where it has to be read in the other way.
    ///
    /// # Errors
    /// When its time is uncertain.
    pub(super) fn flat_record(&mut self, flat: &FlatReading<'_>, line: u64) -> Result<Option<Record>, RowError> {
        let time = flat.time.as_str();
        if !flat.is_copy() {
            check_sensor(flat.sensor)?;
        }
        // Before the time is counted: the other way counts it, too.
        let mut data = self.spares.take(SMALL_TEXT);
        let Some(()) = flat.write_json(time, &mut data) else { return Ok(None) };
        for (name, text) in flat.texts() {
            self.unit_watch.check_field(name, text).map_err(|reason| row_error("unit", reason))?;
        }
        let decided;
        let seconds = if flat.is_copy() || self.is_certain(time) {
            time
        } else {
            let Ok(number) = Decimal::parse(time) else { return Ok(None) };
            decided = self.numeric_time(&number)?;
            if decided != number {
                data.clear();
                let Some(()) = flat.write_json(decided.as_str(), &mut data) else { return Ok(None) };
            }
            decided.as_str()
        };
        let record = Record::from_json(data, flat.sensor, seconds, self.input, line).ok();
        let is_impossible = record.is_some() && measured::is_impossible(flat.temperature.as_str());
        self.facts.impossible += u64::from(is_impossible);
        Ok(record)
    }

    /// Makes the record of a reading that JSON has by its own keys.
    ///
    /// # Errors
    /// When its time is uncertain, or it is larger than a record may be.
    pub(super) fn plain_record(&mut self, mut reading: Reading, is_copy: bool, line: u64) -> Result<Record, RowError> {
        for (name, value) in &reading.fields {
            self.unit_watch.check_value(name, value).map_err(|reason| row_error("unit", reason))?;
        }
        if !is_copy {
            check_sensor(&reading.sensor_id)?;
        }
        if !is_copy && !self.is_certain(reading.current_time.as_str()) {
            reading.current_time = self.numeric_time(&reading.current_time)?;
        }
        self.facts.impossible += u64::from(measured::is_impossible(reading.temperature.as_str()));
        Record::new(&reading, self.input, line).map_err(|reason| row_error("record-too-large", reason))
    }

    /// Makes the record of a joined reading.
    ///
    /// # Errors
    /// When it is no reading.
    pub(super) fn joined_record(&self, joined: JoinedReading) -> Result<Record, RowError> {
        let Value::Number(temperature) = joined.temperature else {
            return Err(ReadingError::WrongType { key: TEMPERATURE, wanted: "number" }.into());
        };
        let mut fields: BTreeMap<_, _> = joined.fields.into_iter().collect();
        for (name, value) in &self.constants {
            if fields.insert(name.clone(), value.clone()).is_some() {
                return Err(ReadingError::DuplicateKey { key: truncate_for_log(name) }.into());
            }
        }
        let reading = Reading { sensor_id: joined.sensor_id, temperature, current_time: joined.time, fields };
        reading.check()?;
        Record::new(&reading, self.input, joined.line).map_err(|reason| row_error("record-too-large", reason))
    }

    /// Refuses names that no further field may have, once for all rows of a file.
    pub(super) fn check_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<(), ReadingError> {
        let fields: BTreeMap<_, _> = names.into_iter().map(|name| (name.to_owned(), Value::Null)).collect();
        let Ok(zero) = Decimal::parse("0") else { return Ok(()) };
        Reading { sensor_id: "s".to_owned(), temperature: zero.clone(), current_time: zero, fields }.check()
    }
}
