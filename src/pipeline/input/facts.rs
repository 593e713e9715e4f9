//! Counts for the ledger, taken while inputs are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use sensor_model::truncate_for_log;
use serde::{Serialize, Serializer};

use super::mapping::unquoted;
use super::replaced::Replaced;
use super::series_columns::FoundColumn;
use super::time_format::TimeCounts;
use crate::hint_flags::shell_word;

/// Names that are kept of quantities that were left out.
const MOST_NAMES: usize = 3;

/// Numbers of quantities that nothing asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OtherQuantities {
    /// How many.
    pub count: u64,
    /// The names of the first of them.
    pub names: BTreeSet<String>,
}

impl OtherQuantities {
    /// Counts one.
    pub(super) fn add(&mut self, name: &str) {
        self.count += 1;
        if self.names.len() < MOST_NAMES {
            self.names.insert(truncate_for_log(name));
        }
    }

    fn merge(&mut self, other: &OtherQuantities) {
        self.count += other.count;
        let missing = MOST_NAMES.saturating_sub(self.names.len());
        self.names.extend(other.names.iter().take(missing).cloned());
    }
}

/// Columns that may name devices which are put as one sensor: how many values they have, and the source of a sensor that
/// tells these apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PossibleDevices(pub BTreeMap<String, (u64, String)>);

impl Serialize for PossibleDevices {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(column, (values, _))| (unquoted(column), values)))
    }
}

impl PossibleDevices {
    /// Takes a column.
    pub(super) fn add(&mut self, found: &FoundColumn, source: String) {
        self.0.insert(found.source.clone(), (found.values, source));
    }

    /// Takes columns.
    pub(super) fn extend(&mut self, columns: impl IntoIterator<Item = (FoundColumn, String)>) {
        columns.into_iter().for_each(|(found, source)| self.add(&found, source));
    }

    /// Returns whether it is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what a person should know, one line each.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|(column, (values, source))| {
            let (map, name) = (format!("sensor_id={source}"), unquoted(column));
            let (map, drop) = (shell_word(&map), shell_word(name));
            format!(
                "`{}` has {values} values for one sensor: where it names devices, `--map {map}` makes a sensor of each; \
                 `--drop {drop}` says that it does not",
                truncate_for_log(name)
            )
        })
    }

    fn merge(&mut self, other: &PossibleDevices) {
        for (column, (values, source)) in &other.0 {
            let (known, _) = self.0.entry(column.clone()).or_insert_with(|| (0, source.clone()));
            *known = (*known).max(*values);
        }
    }
}

/// Decisions about the lines of inputs.
#[derive(Clone, Debug, Default)]
pub(crate) struct InputFacts {
    /// Units and zones of times.
    pub times: TimeCounts,
    /// Lines that hold no reading by their form: comments, units, repeated headers, and rows that `--match` leaves out.
    pub passed_over: u64,
    /// Of these, rows that `--match`, or the quantities that are asked for, leave out.
    pub left_out: u64,
    /// Of these, rows with a number of a quantity that nothing asks for.
    pub other_quantities: OtherQuantities,
    /// Values of columns that belong to none of several temperatures, and were left out.
    pub unassigned: u64,
    /// Temperatures that stand for no value.
    pub impossible: u64,
    /// Rows of one quantity without a temperature to go with.
    pub unjoined: u64,
    /// Quantities that a later one of the same sensor and time replaced before they were joined.
    pub replaced: u64,
    /// Columns that may name devices.
    pub possible_devices: PossibleDevices,
    /// Names of `--only` and `--drop` that no field had; nothing before the end of the first input.
    pub unmatched: Option<BTreeSet<String>>,
    /// True if the last line of an input has no line end.
    pub last_line_unterminated: bool,
}

impl InputFacts {
    /// Adds what was counted elsewhere.
    pub(crate) fn merge(&mut self, other: &InputFacts) {
        self.times.merge(&other.times);
        self.passed_over += other.passed_over;
        self.left_out += other.left_out;
        self.other_quantities.merge(&other.other_quantities);
        self.unassigned += other.unassigned;
        self.impossible += other.impossible;
        self.unjoined += other.unjoined;
        self.replaced += other.replaced;
        self.possible_devices.merge(&other.possible_devices);
        if let Some(other) = &other.unmatched {
            // Another input may have the field.
            let known = self.unmatched.get_or_insert_with(|| other.clone());
            known.retain(|name| other.contains(name));
        }
        self.last_line_unterminated |= other.last_line_unterminated;
    }
}

/// Facts that the thread that reads adds to, and the ledger takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedFacts(Arc<Mutex<(InputFacts, Replaced)>>);

impl SharedFacts {
    /// Notes how many readings replaced an earlier one so far.
    pub(crate) fn set_replaced(&self, replaced: Replaced) {
        self.0.lock().1 = replaced;
    }

    /// Adds what was counted since the last call, and begins again.
    pub(crate) fn take(&self, counted: &mut InputFacts) {
        let counted = std::mem::take(counted);
        self.0.lock().0.merge(&counted);
    }

    /// Returns what was counted so far.
    pub(crate) fn get(&self) -> (InputFacts, Replaced) {
        self.0.lock().clone()
    }
}
