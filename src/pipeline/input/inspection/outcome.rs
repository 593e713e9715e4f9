//! The outcome of reading a part of a file.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::options::{Delimiter, InputFormat};
use super::super::parsed_line::ParsedLine;
use super::super::parser::Input;
use super::super::replaced::ReplacedCounter;
use super::counts::InspectionCounts;
use crate::error::Error;

/// Bytes of a JSON value that was cut from which on more is read, to see whether it is too long.
const LONG_ELEMENT: usize = 64 * 1024;
/// Readings that are shown.
pub(super) const SHOWN: usize = 5;

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

/// The result of an attempt.
#[derive(Clone, Default)]
pub(super) struct Outcome {
    pub format: Option<InputFormat>,
    pub csv: Option<(Option<u64>, Delimiter, Vec<String>)>,
    pub decimal: Option<&'static str>,
    pub readings: Vec<String>,
    pub accepted: u64,
    pub rejected: u64,
    pub reasons: BTreeMap<&'static str, RejectReason>,
    pub counts: InspectionCounts,
    pub temperature_unit: Option<&'static str>,
    pub last_line_unterminated: bool,
    /// True if the head ends within a JSON value that may be too long.
    pub ends_in_long_element: bool,
}

impl Outcome {
    /// Reads an input to its end; one that goes on behind it is not cut there.
    pub(super) fn read(mut input: Input, is_complete: bool) -> Result<Self, Error> {
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
        outcome.temperature_unit = input.csv().and_then(|header| header.temperature_unit);
        outcome.decimal = input.decimal_sign();
        let counted = input.facts();
        outcome.counts = InspectionCounts::new(counted, replaced.replaced().count);
        outcome.last_line_unterminated = counted.last_line_unterminated;
        Ok(outcome)
    }
}
