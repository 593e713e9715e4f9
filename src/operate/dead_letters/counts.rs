//! Dead letters counted by their reasons.

use std::collections::BTreeMap;

use sensor_model::Decimal;

use super::dead_letter::DeadLetter;

/// The dead letters of one reason.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReasonCount {
    /// The reason.
    pub reason: String,
    /// Their number.
    pub count: u64,
    /// The arrival of the oldest.
    pub first: Option<Decimal>,
    /// The arrival of the newest.
    pub last: Option<Decimal>,
}

/// Counts dead letters by their reasons.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReasonCounts(BTreeMap<String, ReasonCount>);

impl ReasonCounts {
    /// Counts a dead letter.
    pub(crate) fn add(&mut self, letter: &DeadLetter) {
        let new = || ReasonCount { reason: letter.reason.clone(), count: 0, first: None, last: None };
        let counted = self.0.entry(letter.reason.clone()).or_insert_with(new);
        counted.count += 1;
        if let Some(arrived) = &letter.arrived {
            if counted.first.as_ref().is_none_or(|first| arrived < first) {
                counted.first = Some(arrived.clone());
            }
            if counted.last.as_ref().is_none_or(|last| arrived > last) {
                counted.last = Some(arrived.clone());
            }
        }
    }

    /// Returns the number of all dead letters.
    #[must_use]
    pub(crate) fn total(&self) -> u64 {
        self.0.values().map(|counted| counted.count).sum()
    }

    /// Returns the counts, the most frequent reason first.
    #[must_use]
    pub(crate) fn by_frequency(&self) -> Vec<ReasonCount> {
        let mut counts: Vec<_> = self.0.values().cloned().collect();
        counts.sort_by(|left, right| right.count.cmp(&left.count).then_with(|| left.reason.cmp(&right.reason)));
        counts
    }
}
