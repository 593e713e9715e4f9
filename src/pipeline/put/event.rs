//! Events of a bulk put, their observer, and the final counts.

use std::collections::BTreeMap;
use std::time::Duration;

use sensor_model::truncate_for_log;
use serde::Serialize;

use crate::observer::Observer;
use crate::pipeline::input::facts::{PossibleDevices, SharedFacts};
use crate::pipeline::{PutEstimate, RejectedLine, Unread};

/// An event while readings are put.
#[derive(Debug)]
pub(crate) enum PutEvent<'a> {
    /// A line of the input is not a valid reading.
    Rejected(&'a RejectedLine),
    /// The stream accepted more readings.
    Accepted {
        /// Number of readings.
        readings: u64,
        /// Bytes of the accepted records.
        bytes: u64,
    },
    /// The stream did not accept some records. They are retried after a pause.
    Resending {
        /// Number of records.
        records: usize,
        /// The service's error code.
        code: &'a str,
        /// The pause before the retry.
        pause: Duration,
    },
}

/// An observer of a bulk put.
pub(crate) type PutObserver = dyn for<'e> Observer<PutEvent<'e>>;

/// The counts of a bulk put: `read` = `accepted` + `rejected` + `failed`, always.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct PutSummary {
    /// Readings read from the input, valid or not.
    pub read: u64,
    /// Readings that the stream accepted.
    pub accepted: u64,
    /// Lines that are not valid readings.
    pub rejected: u64,
    /// Readings that the stream did not accept.
    pub failed: u64,
    /// Kinesis records that the stream accepted. One that is sent again counts when it is accepted for good.
    pub records: u64,
    /// Data bytes of those records.
    pub bytes: u64,
    /// Retried records.
    pub retries: u64,
    /// Total seconds.
    pub seconds: f64,
    /// Accepted readings per second.
    pub readings_per_second: f64,
    /// Readings and rejected lines that earlier runs with the same checkpoint settled. They are not in `read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_before: Option<u64>,
    /// The records that a put would send, and their cost, where nothing was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<PutEstimate>,
    /// Findings in the input.
    #[serde(flatten)]
    pub input: InputSummary,
}

/// Findings of a bulk put in its input that may be wrong, for the ledger.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct InputSummary {
    /// Rejected lines by the class of their reason.
    pub reasons: BTreeMap<&'static str, u64>,
    /// Readings with the sensor and time of an earlier one in the same put; above a million different ones an estimate.
    pub replaced_in_input: u64,
    /// True if `replaced_in_input` is an estimate.
    #[serde(skip)]
    pub replaced_is_estimate: bool,
    /// Rows of one quantity that no temperature of their sensor and time goes with.
    pub unjoined: u64,
    /// Numbers of quantities that nothing asks for, of rows that are passed over.
    pub other_quantities: u64,
    /// The names of the first of them.
    #[serde(skip)]
    pub other_names: Vec<String>,
    /// Values of columns that belong to none of several temperatures, and were left out.
    pub unassigned_values: u64,
    /// Readings with a numeric time by its unit.
    pub time_units: BTreeMap<&'static str, u64>,
    /// Times without a zone that were taken as UTC.
    pub assumed_utc: u64,
    /// Local times that clocks show twice, taken as the earlier.
    pub ambiguous_times: u64,
    /// Local times that clocks never show, moved on by the length of the gap.
    pub skipped_times: u64,
    /// Seconds of 1970-01-01 that may be days of a spreadsheet: whole numbers from 20,000 to 80,000.
    pub possible_days: u64,
    /// Times of 1970: of a clock that was not set, or that counts from the start of its device.
    pub early_times: u64,
    /// Times later than a day from now: of a clock that is wrong, or that counts from another year.
    pub future_times: u64,
    /// Dates that were taken before one which shows that the day stands before the month.
    pub swapped_dates: u64,
    /// Temperatures that stand for no value, as those below absolute zero do.
    pub impossible_temperatures: u64,
    /// Lines without a reading by their form: comments, units, repeated headers, and rows that `--match` leaves out.
    pub passed_over: u64,
    /// Of these, rows that `--match`, or the quantities that are asked for, leave out.
    #[serde(skip)]
    pub left_out: u64,
    /// Columns that may name devices which are put as one sensor, with the number of their values.
    #[serde(skip_serializing_if = "PossibleDevices::is_empty")]
    pub possible_devices: PossibleDevices,
    /// Names of `--only` and `--drop` that no field of the input has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmatched_fields: Vec<String>,
    /// The part that was not read after an early end.
    #[serde(flatten)]
    pub unread: UnreadSummary,
    /// True if the last line of an input has no line end: it may have been cut.
    pub last_line_unterminated: bool,
}

/// The part of all inputs that was not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct UnreadSummary {
    /// Lines; null where there are some and they cannot be counted: a pipe, a cut file, or more than can be counted in time.
    pub unread_lines: Option<u64>,
    /// Bytes, where lines cannot be counted and bytes can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread_bytes: Option<u64>,
}

impl Default for UnreadSummary {
    fn default() -> Self {
        UnreadSummary { unread_lines: Some(0), unread_bytes: None }
    }
}

impl UnreadSummary {
    fn new(unread: &[Unread]) -> Self {
        let unread_lines = unread.iter().map(|unread| unread.lines).sum();
        let bytes = || unread.iter().map(|unread| unread.bytes).sum();
        UnreadSummary { unread_lines, unread_bytes: if unread_lines.is_none() { bytes() } else { None } }
    }
}

impl InputSummary {
    /// Returns what was counted while the inputs were read.
    pub(crate) fn new(shared: &SharedFacts, reasons: BTreeMap<&'static str, u64>, unread: &[Unread]) -> Self {
        let (counted, replaced) = shared.get();
        InputSummary {
            reasons,
            replaced_in_input: replaced.count + counted.replaced,
            replaced_is_estimate: !replaced.is_exact,
            unjoined: counted.unjoined,
            other_quantities: counted.other_quantities.count,
            other_names: counted.other_quantities.names.into_iter().collect(),
            unassigned_values: counted.unassigned,
            time_units: counted.times.units().map(|(unit, count)| (unit.name(), count)).collect(),
            assumed_utc: counted.times.assumed_utc,
            ambiguous_times: counted.times.ambiguous,
            skipped_times: counted.times.skipped,
            possible_days: counted.times.possible_days,
            early_times: counted.times.early,
            future_times: counted.times.future,
            swapped_dates: counted.times.swapped,
            impossible_temperatures: counted.impossible,
            passed_over: counted.passed_over,
            left_out: counted.left_out,
            possible_devices: counted.possible_devices,
            unmatched_fields: counted.unmatched.into_iter().flatten().collect(),
            unread: UnreadSummary::new(unread),
            last_line_unterminated: counted.last_line_unterminated,
        }
    }

    /// Returns what a person should know, one line each: only what is not as plain as could be.
    #[must_use]
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if !self.reasons.is_empty() {
            let reasons: Vec<_> =
                self.reasons.iter().map(|(code, count)| format!("{} {code}", count_of(*count))).collect();
            remarks.push(format!("rejected: {}", reasons.join(", ")));
        }
        remarks.extend(self.suspicions());
        remarks.extend(self.future_times());
        remarks.extend(self.possible_devices.remarks());
        let is_one = self.time_units.len() == 1;
        let others = self.time_units.iter().filter(|(unit, _)| is_one && **unit != "s");
        remarks.extend(others.map(|(unit, count)| format!("{} in {unit}", times(*count))));
        if self.other_quantities > 0 {
            let names: Vec<_> = self.other_names.iter().map(|name| format!("`{name}`")).collect();
            let (count, names) = (count_of(self.other_quantities), names.join(", "));
            let are = if self.other_quantities == 1 { "number is" } else { "numbers are" };
            remarks.push(format!(
                "{count} {are} of quantities that are not read, such as {names} (`--map temperature=NAME`)"
            ));
        }
        if self.passed_over > 0 {
            remarks.push(format!(
                "{} without a reading passed over (comments, units, headers, `--match`)",
                lines(self.passed_over)
            ));
        }
        remarks
    }

    /// Returns what is said of times that are later than a day from now. A forecast has them, too: `--strict` lets them pass.
    fn future_times(&self) -> Option<String> {
        let (lie, count) = match self.future_times {
            0 => return None,
            1 => ("lies", "counts"),
            _ => ("lie", "count"),
        };
        let times = times(self.future_times);
        Some(format!(
            "{times} {lie} later than a day from now, as those of a clock that is wrong, or {count} from another year than \
             1970"
        ))
    }

    /// Returns what `--strict` takes as a failure, one line each.
    #[must_use]
    pub(crate) fn suspicions(&self) -> Vec<String> {
        let mut found = Vec::new();
        let about = if self.replaced_is_estimate { "about " } else { "" };
        let counts = [
            (self.replaced_in_input, "reading has", "readings have", "the sensor and time of another and replaces it"),
            (self.unjoined, "row has", "rows have", "no temperature of the same sensor and time (`--join-within`)"),
            (
                self.unassigned_values,
                "value belongs",
                "values belong",
                "to none of several temperatures and is left out",
            ),
            (self.assumed_utc, "time has", "times have", "no zone and counts as UTC (`--time-zone`)"),
            (self.ambiguous_times, "local time occurs", "local times occur", "twice and counts as the earlier"),
            (self.skipped_times, "local time lies", "local times lie", "in a gap of the clocks and moves on by it"),
            (
                self.possible_days,
                "time lies",
                "times lie",
                "on 1970-01-01, as days of a spreadsheet would (`--time-unit s`)",
            ),
            (
                self.early_times,
                "time lies",
                "times lie",
                "in 1970, on another day on which clocks begin, or before 2000 in a unit below seconds, as those of a clock that is not set, or counts from the start of its device or from another year",
            ),
            (
                self.swapped_dates,
                "date was",
                "dates were",
                "taken before one that shows the day before the month (`--time-format`)",
            ),
            (
                self.impossible_temperatures,
                "temperature stands",
                "temperatures stand",
                "for no value, as those below absolute zero, -127 and 32767 do (`--missing`)",
            ),
            (self.unread.unread_lines.unwrap_or_default(), "line was", "lines were", "not read"),
        ];
        for (count, one, many, what) in counts.into_iter().filter(|(count, ..)| *count > 0) {
            let subject = if count == 1 { one } else { many };
            let about = if what.starts_with("the sensor") { about } else { "" };
            let what = if count == 1 {
                what.to_owned()
            } else {
                what.replace("replaces", "replace")
                    .replace("is left", "are left")
                    .replace("counts", "count")
                    .replace("moves", "move")
            };
            found.push(format!("{about}{} {subject} {what}", count_of(count)));
        }
        if self.time_units.len() > 1 {
            let units: Vec<_> = self.time_units.iter().map(|(unit, n)| format!("{} in {unit}", count_of(*n))).collect();
            found.push(format!("times are in several units: {} (`--time-unit`)", units.join(", ")));
        }
        for name in &self.unmatched_fields {
            let name = truncate_for_log(name);
            found.push(format!("no further field is called `{name}` (`--only`, `--drop`)"));
        }
        match (self.unread.unread_lines, self.unread.unread_bytes) {
            (Some(_), _) => {}
            (None, Some(bytes)) => {
                found.push(format!("{} bytes were not read; their lines are not counted", count_of(bytes)));
            }
            (None, None) => found.push("not all was read; the lines that are left cannot be counted".to_owned()),
        }
        if self.last_line_unterminated {
            found.push("the last line has no line end: the file may have been cut".to_owned());
        }
        found
    }
}

fn count_of(count: u64) -> String {
    let digits = count.to_string();
    let group = |(at, digit): (usize, char)| {
        let separator = (at > 0 && (digits.len() - at).is_multiple_of(3)).then_some(',');
        separator.into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(group).collect()
}

fn times(count: u64) -> String {
    if count == 1 { "1 time".to_owned() } else { format!("{} times", count_of(count)) }
}

fn lines(count: u64) -> String {
    if count == 1 { "1 line".to_owned() } else { format!("{} lines", count_of(count)) }
}

impl PutSummary {
    /// Sets the elapsed time, to the millisecond.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown with one decimal")]
    pub(crate) fn within(mut self, elapsed: Duration) -> Self {
        self.seconds = (elapsed.as_secs_f64() * 1000.0).round() / 1000.0;
        let rate = self.accepted as f64 / elapsed.as_secs_f64().max(0.001);
        self.readings_per_second = (rate * 10.0).round() / 10.0;
        self
    }

    /// Returns whether every reading of the input is in the stream.
    #[must_use]
    pub(crate) fn is_whole(&self) -> bool {
        self.rejected == 0 && self.failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_that_may_be_days_are_a_suspicion() {
        let summary = InputSummary { possible_days: 2, ..InputSummary::default() };
        let expected = "2 times lie on 1970-01-01, as days of a spreadsheet would (`--time-unit s`)";
        assert_eq!(summary.suspicions(), [expected], "`--strict` fails");
    }

    #[test]
    fn future_times_are_told_and_no_failure() {
        let of = |future_times| InputSummary { future_times, ..InputSummary::default() };
        assert!(of(1).remarks()[0].starts_with("1 time lies later than a day from now"));
        assert!(of(2).remarks()[0].starts_with("2 times lie later than a day from now"));
        assert!(of(2).suspicions().is_empty() && of(0).remarks().is_empty(), "a forecast has them");
    }

    #[test]
    fn what_was_not_read_is_never_no_lines() {
        let unread = |lines, bytes| Unread { origin: crate::pipeline::InputOrigin::Stdin, lines_read: 1, lines, bytes };
        let json = |all: &[Unread]| serde_json::to_string(&UnreadSummary::new(all)).unwrap();
        assert_eq!(json(&[]), r#"{"unread_lines":0}"#);
        assert_eq!(json(&[unread(Some(2), Some(9)), unread(Some(3), None)]), r#"{"unread_lines":5}"#);
        assert_eq!(
            json(&[unread(Some(2), Some(9)), unread(None, Some(20))]),
            r#"{"unread_lines":null,"unread_bytes":29}"#
        );
        assert_eq!(json(&[unread(None, None)]), r#"{"unread_lines":null}"#);
        let summary = InputSummary { unread: UnreadSummary::new(&[unread(None, None)]), ..InputSummary::default() };
        assert_eq!(summary.suspicions().len(), 1, "`--strict` fails");
    }
}
