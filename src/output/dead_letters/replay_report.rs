//! The ledger of a replay.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::operate::{ReplayFate, ReplayReason};
use crate::output::{Report, table_of_record, units};

/// The ledger of a replay of dead letters: found = replayed + refused + rejected again + failed, or with a dry run, found = ready +
/// refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct ReplayReport {
    /// Those that were asked for.
    pub found: u64,
    /// Those whose reading the table holds, and that are deleted.
    pub replayed: u64,
    /// Those that were not sent.
    pub refused: u64,
    /// Those that the function rejected again.
    pub rejected_again: u64,
    /// Those that are not known to be stored.
    pub failed: u64,
    /// Of those that are replayed, those whose reading the table held before.
    pub already_stored: u64,
    /// With a dry run, those that would be replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<u64>,
    /// Why the others were not replayed.
    pub reasons: BTreeMap<String, u64>,
    /// Readings whose time had no zone, and was taken as UTC.
    pub assumed_utc: u64,
    /// Members of dead letters that `--drop` left out of their readings.
    pub left_out: u64,
    /// How long it took.
    pub seconds: f64,
    /// Replayed readings a second.
    pub readings_per_second: f64,
}

impl ReplayReport {
    /// Counts what became of a dead letter.
    pub(crate) fn add(&mut self, fate: &ReplayFate) {
        self.found += 1;
        let (count, reason) = match fate {
            ReplayFate::Ready => (self.ready.get_or_insert(0), None),
            ReplayFate::Replayed { was_stored } => {
                self.already_stored += u64::from(*was_stored);
                (&mut self.replayed, None)
            }
            ReplayFate::Refused(reason) => (&mut self.refused, Some(reason)),
            ReplayFate::RejectedAgain(reason) => (&mut self.rejected_again, Some(reason)),
            ReplayFate::Failed(reason) => (&mut self.failed, Some(reason)),
        };
        *count += 1;
        if let Some(ReplayReason { code, .. }) = reason {
            *self.reasons.entry(code.clone()).or_default() += 1;
        }
    }

    /// Returns the number of those that were not replayed.
    #[must_use]
    pub(crate) fn left(&self) -> u64 {
        self.refused + self.rejected_again + self.failed
    }

    /// Says how many were not replayed, and why.
    #[must_use]
    pub(crate) fn left_in_words(&self) -> String {
        let counts = [(self.refused, "refused"), (self.rejected_again, "rejected again"), (self.failed, "failed")];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts.map(|(count, what)| format!("{} {what}", units::count(*count))).collect();
        let reasons: Vec<_> = self.reasons.iter().map(|(code, count)| format!("{count} {code}")).collect();
        format!("{} ({})", counts.join(", "), reasons.join(", "))
    }
}

impl Report for ReplayReport {
    fn table(&self) -> String {
        let mut columns = vec!["found", "replayed", "refused", "rejected_again", "failed", "already_stored"];
        let counts = [self.found, self.replayed, self.refused, self.rejected_again, self.failed, self.already_stored];
        let mut cells: Vec<_> = counts.into_iter().map(units::count).collect();
        if let Some(ready) = self.ready {
            columns.push("ready");
            cells.push(units::count(ready));
        }
        columns.push("seconds");
        cells.push(format!("{:.1}", self.seconds));
        table_of_record(&columns, &cells)
    }
}

/// Says what became of a dead letter that was not replayed.
#[must_use]
pub(crate) fn fate_line(id: &str, fate: &ReplayFate) -> Option<String> {
    let (word, ReplayReason { code, message }) = match fate {
        ReplayFate::Ready | ReplayFate::Replayed { .. } => return None,
        ReplayFate::Refused(reason) => ("refused", reason),
        ReplayFate::RejectedAgain(reason) => ("rejected again", reason),
        ReplayFate::Failed(reason) => ("failed", reason),
    };
    Some(format!("{id}: {word}: {message} ({code})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ledger_adds_up_and_names_the_reasons() {
        let reason = |code: &str| ReplayReason::new(code, "why");
        let mut report = ReplayReport::default();
        for fate in [
            ReplayFate::Replayed { was_stored: true },
            ReplayFate::Replayed { was_stored: false },
            ReplayFate::Refused(reason("other-values")),
            ReplayFate::RejectedAgain(reason("wrong-type")),
            ReplayFate::Failed(reason("not-stored")),
            ReplayFate::Failed(reason("not-stored")),
        ] {
            report.add(&fate);
        }
        let ReplayReport { found, replayed, refused, rejected_again, failed, already_stored, .. } = report;
        assert_eq!((found, replayed, already_stored), (6, 2, 1));
        assert_eq!(found, replayed + refused + rejected_again + failed);
        assert_eq!(
            report.left_in_words(),
            "1 refused, 1 rejected again, 2 failed (2 not-stored, 1 other-values, 1 wrong-type)"
        );
        assert_eq!(fate_line("a", &ReplayFate::Refused(reason("c"))).unwrap(), "a: refused: why (c)");
    }
}
