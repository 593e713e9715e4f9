//! Counts of the decisions about times.

use super::TimeUnit;

/// A decision about a time, for the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a time, not states")]
pub(crate) struct TimeFacts {
    /// The unit that a number was taken in; nothing for a text.
    pub unit: Option<TimeUnit>,
    /// It has no zone and no `--time-zone` names one.
    pub assumed_utc: bool,
    /// The clocks showed it twice; the earlier moment was taken.
    pub ambiguous: bool,
    /// The clocks never showed it; it was moved on by the length of the gap.
    pub skipped: bool,
    /// It is of the size of a spreadsheet's days, and was taken as seconds of 1970-01-01.
    pub possible_day: bool,
    /// It is of 1970, as those of a clock that was not set, or that counts from the start of its device; or a number of
    /// milliseconds or less before 2000, as those that count from another year.
    pub early: bool,
}

/// How many times were decided in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimeCounts {
    units: [u64; 5],
    /// Without a zone, taken as UTC.
    pub assumed_utc: u64,
    /// Shown twice by the clocks.
    pub ambiguous: u64,
    /// Never shown by the clocks.
    pub skipped: u64,
    /// Seconds of the size of a spreadsheet's days.
    pub possible_days: u64,
    /// Of 1970, or of another day on which clocks begin, or before 2000 in milliseconds and smaller units.
    pub early: u64,
    /// Later than a day from now.
    pub future: u64,
    /// Dates that were read before one which shows that the day stands before the month.
    pub swapped: u64,
}

const UNITS: [TimeUnit; 5] =
    [TimeUnit::Seconds, TimeUnit::Milliseconds, TimeUnit::Microseconds, TimeUnit::Nanoseconds, TimeUnit::LocalSeconds];

impl TimeCounts {
    /// Counts one time.
    pub(crate) fn add(&mut self, decided: TimeFacts) {
        for (unit, count) in UNITS.into_iter().zip(&mut self.units) {
            *count += u64::from(decided.unit == Some(unit));
        }
        self.assumed_utc += u64::from(decided.assumed_utc);
        self.ambiguous += u64::from(decided.ambiguous);
        self.skipped += u64::from(decided.skipped);
        self.possible_days += u64::from(decided.possible_day);
        self.early += u64::from(decided.early);
    }

    /// Counts a number that is in seconds for certain.
    pub(crate) fn add_seconds(&mut self) {
        self.units[0] += 1;
    }

    /// Adds what was counted elsewhere.
    pub(crate) fn merge(&mut self, other: &TimeCounts) {
        for (count, more) in self.units.iter_mut().zip(other.units) {
            *count += more;
        }
        self.assumed_utc += other.assumed_utc;
        self.ambiguous += other.ambiguous;
        self.skipped += other.skipped;
        self.possible_days += other.possible_days;
        self.early += other.early;
        self.future += other.future;
        self.swapped += other.swapped;
    }

    /// The units that occurred, with how often.
    pub(crate) fn units(&self) -> impl Iterator<Item = (TimeUnit, u64)> + '_ {
        UNITS.into_iter().zip(self.units).filter(|(_, count)| *count > 0)
    }
}
