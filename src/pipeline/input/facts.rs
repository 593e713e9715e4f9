//! Counts for the ledger, taken while inputs are read.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use sensor_model::truncate_for_log;

use super::replaced::Replaced;
use super::time_format::TimeCounts;

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
    /// Temperatures below absolute zero in every unit.
    pub impossible: u64,
    /// Rows of one quantity without a temperature to go with.
    pub unjoined: u64,
    /// Quantities that a later one of the same sensor and time replaced before they were joined.
    pub replaced: u64,
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
