//! Counts in the part of a file that was looked at.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::facts::{InputFacts, PossibleDevices};
use crate::pipeline::InputSummary;

/// Counts of the part that was read.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct InspectionCounts {
    /// Readings that replace another.
    pub replaced_in_input: u64,
    /// Rows of one quantity without a temperature.
    pub unjoined: u64,
    /// Numbers of quantities that nothing asks for.
    pub other_quantities: u64,
    /// Their first names.
    #[serde(skip)]
    pub other_names: Vec<String>,
    /// Values that belong to none of several temperatures.
    pub unassigned_values: u64,
    /// Units of numeric times.
    pub time_units: BTreeMap<&'static str, u64>,
    /// Times without a zone.
    pub assumed_utc: u64,
    /// Seconds of 1970-01-01 that may be days of a spreadsheet.
    pub possible_days: u64,
    /// Times of 1970, or before 2000 in a unit below seconds.
    pub early_times: u64,
    /// Times later than a day from now.
    pub future_times: u64,
    /// Dates before one which shows that the day stands before the month.
    pub swapped_dates: u64,
    /// Temperatures that stand for no value.
    pub impossible_temperatures: u64,
    /// Lines without a reading by their form.
    pub passed_over: u64,
    /// Columns that may name devices.
    #[serde(skip_serializing_if = "PossibleDevices::is_empty")]
    pub possible_devices: PossibleDevices,
    /// Names of `--only` and `--drop` that no field has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmatched_fields: Vec<String>,
}

impl InspectionCounts {
    /// Returns what was counted, and the readings that replaced another.
    pub(super) fn new(counted: &InputFacts, replaced: u64) -> Self {
        InspectionCounts {
            replaced_in_input: replaced + counted.replaced,
            unjoined: counted.unjoined,
            other_quantities: counted.other_quantities.count,
            other_names: counted.other_quantities.names.iter().cloned().collect(),
            unassigned_values: counted.unassigned,
            time_units: counted.times.units().map(|(unit, count)| (unit.name(), count)).collect(),
            assumed_utc: counted.times.assumed_utc,
            possible_days: counted.times.possible_days,
            early_times: counted.times.early,
            future_times: counted.times.future,
            swapped_dates: counted.times.swapped,
            impossible_temperatures: counted.impossible,
            passed_over: counted.passed_over,
            possible_devices: counted.possible_devices.clone(),
            unmatched_fields: counted.unmatched.iter().flatten().cloned().collect(),
        }
    }

    /// Returns what a person should know of it, one line each.
    pub(super) fn remarks(&self) -> Vec<String> {
        let InspectionCounts {
            replaced_in_input,
            unjoined,
            other_quantities,
            other_names,
            unassigned_values,
            time_units,
            assumed_utc,
            possible_days,
            early_times,
            future_times,
            swapped_dates,
            impossible_temperatures,
            passed_over,
            possible_devices,
            unmatched_fields,
        } = self.clone();
        let summary = InputSummary {
            replaced_in_input,
            unjoined,
            other_quantities,
            other_names,
            unassigned_values,
            time_units,
            assumed_utc,
            possible_days,
            early_times,
            future_times,
            swapped_dates,
            impossible_temperatures,
            passed_over,
            possible_devices,
            unmatched_fields,
            ..InputSummary::default()
        };
        summary.remarks()
    }
}
