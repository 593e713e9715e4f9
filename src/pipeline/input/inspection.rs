//! Inspects a file for `sensorctl inspect`: its format, the readings it gives, and the options to read it with.

mod attempt;
mod candidate;
mod columns;
mod counts;
mod csv_guess;
mod csv_quantities;
mod csv_table;
mod guess;
mod head;
mod long_guess;
mod names;
mod other_columns;
mod outcome;
mod own_times;
mod positional;
mod remarks;
mod temperatures;
mod time_choice;
mod time_columns;
mod time_parts;
mod without_header;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

use serde::Serialize;
use serde_json::value::RawValue;

use self::attempt::{Attempt, Question};
use self::columns::{ColumnReport, columns_of, mark_times};
use self::counts::InspectionCounts;
use self::head::Head;
use self::outcome::{Outcome, RejectReason};
use super::decoding;
use super::device_names::DeviceColumn;
use super::keys::{SENSOR, TEMPERATURE, TIME};
use super::mapping::unquoted;
use super::options::{InputFormat, InputOptions};
use super::parser::{Input, unreadable};
use crate::error::Error;
use crate::pipeline::{ColumnMapping, Compression, FileHead, InputOrigin, Layouts};

const NO_READING: &str = "no line of it is a reading";
const UNDECIDED: &str = "none of its times tells the day from the month";
const UNTIMED: &str = "nothing in it tells which column holds the times of the readings";
const UNNAMED: &str = "nothing in it tells which column is the temperature";
const UNTITLED: &str = "no header names its columns, and its values do not tell what each of them is; `--columns` names them in \
                        their order";

/// The report on a file.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the report, or makes a remark of its own")]
pub(crate) struct Inspection {
    /// The file as it was named.
    pub file: String,
    /// `gzip` or `zstd`.
    pub compression: Option<&'static str>,
    /// The character encoding, in small letters.
    pub encoding: String,
    /// True if the encoding is a guess, and names have letters that another one would read otherwise.
    #[serde(skip)]
    pub is_encoding_guessed: bool,
    /// True if it begins with a byte order mark.
    pub byte_order_mark: bool,
    /// The format; nothing where the file is empty.
    pub format: Option<InputFormat>,
    /// The unit of the temperatures, where their column names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature_unit: Option<&'static str>,
    /// True if no header names the columns, and their order is guessed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub guessed_columns: bool,
    /// True if the sensor is read of a column that only its values show to name devices.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub guessed_sensor: bool,
    /// The delimiter of CSV.
    pub delimiter: Option<String>,
    /// The decimal sign of its numbers: `point` or `comma`; nothing where none shows it.
    pub decimal: Option<&'static str>,
    /// The line of the CSV header.
    pub header_line: Option<u64>,
    /// Its columns, or the members of its JSON.
    pub columns: Vec<ColumnReport>,
    /// Temperatures beside those that are read, which stay further fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_temperatures: Vec<String>,
    /// Times beside that which is read, which stay further fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_times: Vec<String>,
    /// Layouts that files like this one have.
    pub layouts: Vec<String>,
    /// True if all of it was read.
    pub is_complete: bool,
    /// The first readings as they would be put.
    pub readings: Vec<Box<RawValue>>,
    /// Readings in what was read.
    pub accepted: u64,
    /// Lines that would be rejected.
    pub rejected: u64,
    /// Their reasons.
    pub reasons: BTreeMap<&'static str, RejectReason>,
    /// Further counts.
    #[serde(flatten)]
    pub counts: InspectionCounts,
    /// The flags of `put` that read it so.
    #[serde(skip)]
    pub options: InputOptions,
    /// Why it is not read, where it is not.
    pub error: Option<String>,
    /// The command that puts it.
    pub command: Option<String>,
    /// Commands of which one is right, where the file does not tell which.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<InspectionChoice>,
}

/// A way to read a file of which the file does not tell whether it is right.
#[derive(Debug, Serialize)]
pub(crate) struct InspectionChoice {
    /// The form of its times, where it is that which is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_format: Option<String>,
    /// The column of the temperature, where it is that which is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<String>,
    /// The column of the times, where it is that which is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The first reading as it would be put.
    pub first_reading: Option<Box<RawValue>>,
    /// The flags of `put`.
    #[serde(skip)]
    pub options: InputOptions,
    /// The command that puts it so.
    pub command: Option<String>,
}

/// Looks at a file. `given` are the flags that were typed; `is_all` reads all of it.
///
/// # Errors
/// When it cannot be read, or a layout has an error.
pub(crate) fn inspect(
    origin: &InputOrigin,
    given: &InputOptions,
    layouts: &Layouts,
    is_all: bool,
) -> Result<Inspection, Error> {
    let (name, source) = source(origin)?;
    let mut head = Head::read(name, source, given)?;
    let mut given = given.clone();
    let mut is_encoding_guessed = false;
    if let Some(encoding) = head.likely_encoding(&given).filter(|_| *origin != InputOrigin::Stdin) {
        given.encoding = Some(encoding);
        is_encoding_guessed = decoding::has_letters(&head.text) && !encoding.to_string().starts_with("utf-16");
        let (name, source) = self::source(origin)?;
        head = Head::read(name, source, &given)?;
    }
    let mut inspection = inspect_head(&head, &given, layouts)?;
    inspection.is_encoding_guessed = is_encoding_guessed;
    let is_readable = inspection.error.is_none() || head.is_cut_value();
    if is_all && !inspection.is_complete && is_readable && inspection.choices.is_empty() {
        if *origin == InputOrigin::Stdin {
            return Err(Error::usage("`--all` needs a file: standard input can be read only once"));
        }
        let (name, source) = self::source(origin)?;
        if let (Some(_), None, Some(first)) =
            (&inspection.error, &inspection.options.layout, inspection.layouts.first())
        {
            inspection.options = candidate::with_layout(&layouts.get(first)?, &inspection.options, &head.name);
        }
        let options = layouts.resolved(&inspection.options)?;
        let outcome = Outcome::read(Input::open(name.into(), source, &options)?, true)?;
        inspection.take(outcome)?;
        inspection.error = (inspection.accepted == 0).then(|| NO_READING.to_owned());
        inspection.is_complete = true;
    }
    inspection.find_other_columns();
    Ok(inspection)
}

fn source(origin: &InputOrigin) -> Result<(String, Box<dyn Read + Send>), Error> {
    Ok(match origin {
        InputOrigin::Stdin => ("-".to_owned(), Box::new(io::stdin())),
        InputOrigin::File(path) => {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|error| unreadable(&name, error))?;
            (name, Box::new(file))
        }
    })
}

fn inspect_head(head: &Head, given: &InputOptions, layouts: &Layouts) -> Result<Inspection, Error> {
    let text = String::from_utf8_lossy(head.values());
    let matching = layouts.matching(&FileHead::new(&text))?;
    let names = matching.iter().map(|layout| layout.name.clone()).collect();
    let mut given = given.clone();
    if let Some(name) = &given.layout {
        let needs_sensor = layouts.get(name)?.needs.iter().any(|need| need == "--sensor");
        if needs_sensor && given.sensor.is_none() && given.mapped("sensor_id").next().is_none() {
            given.sensor = Some(candidate::sensor_of(&head.name));
        }
    }
    let given = &given;
    let mut best = head.attempt(given.clone(), layouts);
    if best.replaces_many() {
        // The rows of one sensor and time may be those of several quantities.
        for candidate in csv_quantities::quantity_candidates(&text, &head.name, given) {
            best = head.attempt_candidate(candidate, layouts).filter(|attempt| attempt.readings() > 0).unwrap_or(best);
        }
    }
    if best.readings() == 0 && given.layout.is_none() {
        for layout in &matching {
            let attempt = head.attempt(candidate::with_layout(layout, given, &head.name), layouts);
            if attempt.refuses_wrong_data() && best.readings() == 0 {
                best = attempt;
                break;
            }
            if attempt.is_better_than(&best) {
                best = attempt;
            }
        }
        // A line that a recognized layout refuses is wrong: options that take it would only hide the error.
        let mut is_decided = best.readings() > 0 || best.options.layout.is_some();
        // Any other way to read it would take its values for degrees of any unit.
        if let Some(layout) = matching.first().filter(|layout| layout.lacks_unit(given)) {
            is_decided = true;
            best = head.attempt(InputOptions { layout: Some(layout.name.clone()), ..given.clone() }, layouts);
        }
        let mut candidates = csv_guess::open_temperatures(&text, &matching, &head.name, given);
        candidates.extend(guess::other_sensors(&text, &matching, given));
        candidates.extend(csv_guess::other_temperatures(&text, &matching, &head.name, given));
        candidates.extend(guess::other_json_temperatures(&text, &matching, &head.name, given));
        if text.trim_start().starts_with(['{', '[']) {
            candidates.extend(positional::positional_candidates(&text, head.is_complete, &head.name, given));
        }
        candidates.extend(guess::candidates(&text, &head.name, given));
        if !is_decided {
            // The obstacle of a recognized layout says more than what any other file lacks.
            if let Some(layout) = matching.first() {
                best = best.or_of(head.attempt(candidate::with_layout(layout, given, &head.name), layouts));
            }
        }
        for candidate in candidates.into_iter().filter(|_| !is_decided) {
            let Some(attempt) = head.attempt_candidate(candidate, layouts) else { continue };
            if attempt.is_refusal && best.readings() == 0 {
                best = attempt;
                break;
            }
            if attempt.is_better_than(&best) && !(attempt.replaces_many() && attempt.guesses_columns(given)) {
                best = attempt;
            }
        }
    }
    if best.readings() > 0 && best.rejected() > 0 && given.layout.is_none() {
        // A layout may know what other lines of such a file are.
        for layout in &matching {
            let attempt = head.attempt(candidate::with_layout(layout, given, &head.name), layouts);
            if attempt.is_better_than(&best) {
                best = attempt;
            }
        }
    }
    if best.has_other_series() {
        for candidate in guess::other_labels(&text, layouts, &best.options) {
            let Some(attempt) = head.attempt_candidate(candidate, layouts) else { continue };
            if attempt.is_better_than(&best) {
                best = attempt;
            }
        }
    }
    if head.sample().len() < head.text.len() {
        best = head.read_again(best, &head.text, layouts);
    }
    if best.result.as_ref().is_ok_and(|outcome| outcome.ends_in_long_element) {
        best = head.read_again(best, &head.read, layouts);
    }
    let mut inspection = head.inspection(best, names)?;
    let options = &inspection.options;
    let is_guess = options.layout.is_none() && options.columns.is_empty() && given.mapped(SENSOR).next().is_none();
    let is_named = |part: &str| part == SENSOR || DeviceColumn::at_path(unquoted(part)).is_some();
    let is_open = |mapping: &ColumnMapping| !mapping.source.split('+').all(is_named);
    inspection.guessed_sensor = is_guess && options.mapped(SENSOR).any(is_open);
    Ok(inspection)
}

impl Head {
    fn inspection(&self, best: Attempt, layouts: Vec<String>) -> Result<Inspection, Error> {
        let mut inspection = Inspection {
            file: self.name.clone(),
            compression: self.recognized.compression.map(|compression| match compression {
                Compression::Gzip => "gzip",
                Compression::Zstd => "zstd",
            }),
            encoding: self.recognized.encoding.unwrap_or("utf-8").to_ascii_lowercase(),
            is_encoding_guessed: false,
            byte_order_mark: self.recognized.has_mark,
            format: None,
            temperature_unit: None,
            guessed_columns: !best.options.columns.is_empty() && !self.has_columns,
            guessed_sensor: false,
            delimiter: None,
            decimal: None,
            header_line: None,
            columns: Vec::new(),
            other_temperatures: Vec::new(),
            other_times: Vec::new(),
            layouts,
            is_complete: self.is_complete,
            readings: Vec::new(),
            accepted: 0,
            rejected: 0,
            reasons: BTreeMap::new(),
            counts: InspectionCounts::default(),
            options: best.options,
            error: None,
            command: None,
            choices: Vec::new(),
        };
        for (options, outcome) in best.choices {
            let first_reading = outcome.readings.into_iter().next().map(raw_reading).transpose()?;
            let source = |key| options.mapped(key).next().map_or(key, |mapping| mapping.source.as_str()).to_owned();
            let (time_format, temperature, time) = match best.question {
                Question::TimeFormat => (options.time_format.clone(), None, None),
                Question::Temperature => (None, Some(source(TEMPERATURE)), None),
                Question::Time => (None, None, Some(source(TIME))),
                Question::Columns => (None, None, None),
            };
            let choice = InspectionChoice { time_format, temperature, time, first_reading, options, command: None };
            inspection.choices.push(choice);
        }
        match best.result {
            Ok(outcome) => {
                let (format, csv) = (outcome.format, outcome.csv.clone());
                inspection.take(outcome)?;
                if inspection.accepted == 0 && inspection.format.is_some() {
                    let cut = "its first value goes on behind the first megabyte; `--all` reads all of it";
                    inspection.error = Some(if self.is_cut_value() { cut } else { NO_READING }.to_owned());
                }
                inspection.columns = columns_of(self.values(), format, csv.as_ref());
                mark_times(&mut inspection.columns, &inspection.options);
                if !inspection.choices.is_empty() {
                    inspection.readings.clear();
                    let error = match best.question {
                        Question::TimeFormat => UNDECIDED,
                        Question::Temperature => UNNAMED,
                        Question::Time => UNTIMED,
                        Question::Columns => UNTITLED,
                    };
                    inspection.error = Some(error.to_owned());
                }
            }
            Err(error) => {
                inspection.format = Some(super::format::recognize(&self.text));
                // A hint at this command leads nowhere here.
                let hints = error.hints().iter().filter(|hint| !hint.contains("`sensorctl inspect"));
                let lines: Vec<_> = std::iter::once(error.full_message()).chain(hints.cloned()).collect();
                inspection.error = Some(lines.join("\n"));
            }
        }
        Ok(inspection)
    }
}

fn raw_reading(json: String) -> Result<Box<RawValue>, Error> {
    RawValue::from_string(json).map_err(|error| Error::failed("a reading is not JSON").with_source(error))
}

impl Inspection {
    fn take(&mut self, outcome: Outcome) -> Result<(), Error> {
        self.format = outcome.format;
        self.decimal = outcome.decimal;
        if let Some((line, delimiter, _)) = outcome.csv {
            self.header_line = line;
            self.temperature_unit = outcome.temperature_unit;
            self.delimiter = Some(delimiter.to_string());
        }
        self.readings = outcome.readings.into_iter().map(raw_reading).collect::<Result<_, _>>()?;
        (self.accepted, self.rejected) = (outcome.accepted, outcome.rejected);
        self.reasons = outcome.reasons;
        self.counts = outcome.counts;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
