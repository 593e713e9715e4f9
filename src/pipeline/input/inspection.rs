//! Inspects a file for `sensorctl inspect`: its format, the readings it gives, and the options to read it with.

mod columns;
mod guess;
mod head;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read};

use serde::Serialize;
use serde_json::value::RawValue;

use self::columns::{ColumnReport, columns_of};
use self::head::Head;
use super::options::{Delimiter, InputFormat, InputOptions};
use super::parsed_line::ParsedLine;
use super::parser::{Input, unreadable};
use super::replaced::ReplacedCounter;
use crate::error::Error;
use crate::pipeline::{Compression, FileHead, InputOrigin, InputSummary, Layouts};

/// Reasons for which a recognized layout refuses values that other options would take.
const WRONG_DATA: [&str; 6] = ["unit", "time-unit", "unset-time", "leap-second", "decimal-sign", "wrong-encoding"];
/// Bytes of a JSON value that was cut from which on more is read, to see whether it is too long.
const LONG_ELEMENT: usize = 64 * 1024;
const NO_READING: &str = "no line of it is a reading";
/// Readings that are shown.
const SHOWN: usize = 5;

/// The report on a file.
#[derive(Debug, Serialize)]
pub(crate) struct Inspection {
    /// The file as it was named.
    pub file: String,
    /// `gzip` or `zstd`.
    pub compression: Option<&'static str>,
    /// The character encoding, in small letters.
    pub encoding: String,
    /// True if it begins with a byte order mark.
    pub byte_order_mark: bool,
    /// The format; nothing where the file is empty.
    pub format: Option<InputFormat>,
    /// The delimiter of CSV.
    pub delimiter: Option<String>,
    /// The decimal sign of its numbers: `point` or `comma`; nothing where none shows it.
    pub decimal: Option<&'static str>,
    /// The line of the CSV header.
    pub header_line: Option<u64>,
    /// Its columns, or the members of its JSON.
    pub columns: Vec<ColumnReport>,
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
}

/// Counts of the part that was read.
#[derive(Debug, Default, Serialize)]
pub(crate) struct InspectionCounts {
    /// Readings that replace another.
    pub replaced_in_input: u64,
    /// Rows of one quantity without a temperature.
    pub unjoined: u64,
    /// Values that belong to none of several temperatures.
    pub unassigned_values: u64,
    /// Units of numeric times.
    pub time_units: BTreeMap<&'static str, u64>,
    /// Times without a zone.
    pub assumed_utc: u64,
    /// Seconds of 1970-01-01 that may be days of a spreadsheet.
    pub possible_days: u64,
    /// Lines without a reading by their form.
    pub passed_over: u64,
}

/// Why lines are rejected.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RejectReason {
    /// How many lines.
    pub count: u64,
    /// The first of them.
    pub line: u64,
    /// The error in that line.
    pub reason: String,
}

/// An attempt to read the head.
struct Attempt {
    options: InputOptions,
    result: Result<Outcome, Error>,
}

/// The result of an attempt.
#[derive(Default)]
struct Outcome {
    format: Option<InputFormat>,
    csv: Option<(Option<u64>, Delimiter, Vec<String>)>,
    decimal: Option<&'static str>,
    readings: Vec<String>,
    accepted: u64,
    rejected: u64,
    reasons: BTreeMap<&'static str, RejectReason>,
    counts: InspectionCounts,
    last_line_unterminated: bool,
    /// True if the head ends within a JSON value that may be too long.
    ends_in_long_element: bool,
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
    let head = Head::read(name, source, given)?;
    let mut inspection = inspect_head(&head, given, layouts)?;
    if is_all && !inspection.is_complete && (inspection.error.is_none() || head.is_cut_value()) {
        if *origin == InputOrigin::Stdin {
            return Err(Error::usage("`--all` needs a file: standard input can be read only once"));
        }
        let (name, source) = self::source(origin)?;
        if let (Some(_), None, Some(first)) =
            (&inspection.error, &inspection.options.layout, inspection.layouts.first())
        {
            inspection.options = guess::with_layout(&layouts.get(first)?, &inspection.options, &head.name);
        }
        let options = layouts.resolved(&inspection.options)?;
        let outcome = Outcome::read(Input::open(name.into(), source, &options)?, true)?;
        inspection.take(outcome)?;
        inspection.error = (inspection.accepted == 0).then(|| NO_READING.to_owned());
        inspection.is_complete = true;
    }
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
            given.sensor = Some(guess::sensor_of(&head.name));
        }
    }
    let given = &given;
    let mut best = head.attempt(given.clone(), layouts);
    if best.readings() == 0 && given.layout.is_none() {
        for layout in &matching {
            let attempt = head.attempt(guess::with_layout(layout, given, &head.name), layouts);
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
        let mut candidates = guess::other_sensors(&text, &matching, given);
        candidates.extend(guess::candidates(&text, &head.name, given));
        for options in candidates.into_iter().filter(|_| !is_decided) {
            let attempt = head.attempt(options, layouts);
            if attempt.is_better_than(&best) {
                best = attempt;
            }
        }
    }
    if head.sample().len() < head.text.len() {
        best = head.read_with(best.options, &head.text, head.is_complete, layouts);
    }
    if best.result.as_ref().is_ok_and(|outcome| outcome.ends_in_long_element) {
        best = head.read_with(best.options, &head.read, head.is_complete, layouts);
    }
    head.inspection(best, names)
}

impl Head {
    fn attempt(&self, options: InputOptions, layouts: &Layouts) -> Attempt {
        let sample = self.sample();
        self.read_with(options, sample, self.is_complete && sample.len() == self.text.len(), layouts)
    }

    fn read_with(&self, options: InputOptions, text: &[u8], is_complete: bool, layouts: &Layouts) -> Attempt {
        // The text is decoded already.
        let resolved = match layouts.resolved(&options) {
            Ok(resolved) => InputOptions { encoding: None, ..resolved },
            // A candidate that lacks a flag fails. For the layout that was typed, this error is the answer.
            Err(error) => return Attempt { options, result: Err(error) },
        };
        let text = self.text_for(&resolved, text).to_vec();
        let opened = Input::open(self.name.as_str().into(), Box::new(Cursor::new(text)), &resolved);
        let result = opened.and_then(|mut input| {
            input.set_encoding(self.recognized.encoding);
            Outcome::read(input, is_complete)
        });
        Attempt { options, result }
    }

    fn inspection(&self, best: Attempt, layouts: Vec<String>) -> Result<Inspection, Error> {
        let mut inspection = Inspection {
            file: self.name.clone(),
            compression: self.recognized.compression.map(|compression| match compression {
                Compression::Gzip => "gzip",
                Compression::Zstd => "zstd",
            }),
            encoding: self.recognized.encoding.unwrap_or("utf-8").to_ascii_lowercase(),
            byte_order_mark: self.recognized.has_mark,
            format: None,
            delimiter: None,
            decimal: None,
            header_line: None,
            columns: Vec::new(),
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
        };
        match best.result {
            Ok(outcome) => {
                let (format, csv) = (outcome.format, outcome.csv.clone());
                inspection.take(outcome)?;
                if inspection.accepted == 0 && inspection.format.is_some() {
                    let cut = "its first value goes on behind the first megabyte; `--all` reads all of it";
                    inspection.error = Some(if self.is_cut_value() { cut } else { NO_READING }.to_owned());
                }
                inspection.columns = columns_of(self.values(), format, csv.as_ref());
            }
            Err(error) => {
                inspection.format = Some(super::format::recognize(&self.text));
                let lines: Vec<_> =
                    std::iter::once(error.full_message()).chain(error.hints().iter().cloned()).collect();
                inspection.error = Some(lines.join("\n"));
            }
        }
        Ok(inspection)
    }
}

impl Attempt {
    fn readings(&self) -> u64 {
        self.result.as_ref().map_or(0, |outcome| outcome.accepted)
    }

    /// Returns whether lines are rejected for their values, and not for missing names.
    fn refuses_wrong_data(&self) -> bool {
        self.result.as_ref().is_ok_and(|outcome| WRONG_DATA.iter().any(|code| outcome.reasons.contains_key(code)))
    }

    /// Returns whether it gives more readings, or as many with fewer rejected lines.
    fn is_better_than(&self, other: &Attempt) -> bool {
        let score = |attempt: &Attempt| {
            attempt.result.as_ref().map_or((0, u64::MAX), |outcome| (outcome.accepted, outcome.rejected))
        };
        let ((more, rejected), (fewer, others)) = (score(self), score(other));
        more > fewer || more == fewer && more > 0 && rejected < others
    }
}

impl Outcome {
    /// Reads an input to its end; one that goes on behind it is not cut there.
    fn read(mut input: Input, is_complete: bool) -> Result<Self, Error> {
        let mut outcome = Outcome { format: input.recognized().format, ..Outcome::default() };
        let mut replaced = ReplacedCounter::new();
        loop {
            match input.next() {
                Ok(Some(ParsedLine::Ready(record))) => {
                    outcome.accepted += 1;
                    replaced.add([record.row]);
                    if outcome.readings.len() < SHOWN {
                        outcome.readings.push(record.data);
                    }
                }
                Ok(Some(ParsedLine::Rejected(line))) if line.code == "cut-line" && !is_complete => {
                    outcome.ends_in_long_element = line.raw.len() > LONG_ELEMENT;
                }
                Ok(Some(ParsedLine::Rejected(line))) => {
                    outcome.rejected += 1;
                    let first = RejectReason { count: 0, line: line.line, reason: line.reason };
                    outcome.reasons.entry(line.code).or_insert(first).count += 1;
                }
                Ok(None) => break,
                Err(error) => return Err(input.unreadable(error)),
            }
        }
        outcome.csv = input.csv().map(|header| (header.line, header.delimiter, header.names.clone()));
        outcome.decimal = input.decimal_sign();
        let counted = input.facts();
        outcome.counts = InspectionCounts {
            replaced_in_input: replaced.replaced().count + counted.replaced,
            unjoined: counted.unjoined,
            unassigned_values: counted.unassigned,
            time_units: counted.times.units().map(|(unit, count)| (unit.name(), count)).collect(),
            assumed_utc: counted.times.assumed_utc,
            possible_days: counted.times.possible_days,
            passed_over: counted.passed_over,
        };
        outcome.last_line_unterminated = counted.last_line_unterminated;
        Ok(outcome)
    }
}

impl Inspection {
    fn take(&mut self, outcome: Outcome) -> Result<(), Error> {
        self.format = outcome.format;
        self.decimal = outcome.decimal;
        if let Some((line, delimiter, _)) = outcome.csv {
            self.header_line = line;
            self.delimiter = Some(delimiter.to_string());
        }
        let raw = |json: String| {
            RawValue::from_string(json).map_err(|error| Error::failed("a reading is not JSON").with_source(error))
        };
        self.readings = outcome.readings.into_iter().map(raw).collect::<Result<_, _>>()?;
        (self.accepted, self.rejected) = (outcome.accepted, outcome.rejected);
        self.reasons = outcome.reasons;
        self.counts = outcome.counts;
        Ok(())
    }

    /// Returns what a person should know about what was counted, one line each.
    #[must_use]
    pub(crate) fn remarks(&self) -> Vec<String> {
        let InspectionCounts {
            replaced_in_input,
            unjoined,
            unassigned_values,
            time_units,
            assumed_utc,
            possible_days,
            passed_over,
        } = &self.counts;
        let summary = InputSummary {
            replaced_in_input: *replaced_in_input,
            unjoined: *unjoined,
            unassigned_values: *unassigned_values,
            time_units: time_units.clone(),
            assumed_utc: *assumed_utc,
            possible_days: *possible_days,
            passed_over: *passed_over,
            ..InputSummary::default()
        };
        summary.remarks()
    }
}

#[cfg(test)]
mod tests;
