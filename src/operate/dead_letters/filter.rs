//! Which dead letters are meant.

use sensor_model::Decimal;

use super::dead_letter::DeadLetter;

/// Conditions on dead letters, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DeadLetterFilter {
    /// Reasons, of which one must be that of the dead letter; without any, every reason matches.
    pub reasons: Vec<String>,
    /// Earliest arrival (inclusive), in seconds since 1970.
    pub since: Option<Decimal>,
    /// Latest arrival (inclusive).
    pub until: Option<Decimal>,
}

/// The result of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// All conditions hold.
    Yes,
    /// A condition does not hold.
    No,
    /// The dead letter has no arrival time to compare.
    Unknown,
}

impl DeadLetterFilter {
    pub(super) fn matches(&self, letter: &DeadLetter) -> Match {
        if !self.reasons.is_empty() && !self.reasons.contains(&letter.reason) {
            return Match::No;
        }
        if self.since.is_none() && self.until.is_none() {
            return Match::Yes;
        }
        let Some(arrived) = &letter.arrived else { return Match::Unknown };
        let is_early = self.since.as_ref().is_some_and(|since| arrived < since);
        let is_late = self.until.as_ref().is_some_and(|until| arrived > until);
        if is_early || is_late { Match::No } else { Match::Yes }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dead_letter::{DeadLetterId, DeadLetterPart};
    use super::super::joiner::single_part;
    use super::*;

    #[test]
    fn filter_takes_reasons_and_both_ends_of_a_time_and_knows_what_it_cannot_compare() {
        let number = |text: &str| Decimal::parse(text).ok();
        let id: DeadLetterId = "s/1/0".parse().unwrap();
        let part = DeadLetterPart { reject_id: String::new(), bytes: 0, expires_at: None };
        let letter = DeadLetter { reason: "not-json".into(), arrived: number("5.5"), ..single_part(id, part, vec![]) };
        let times = |since: &str, until: &str| DeadLetterFilter {
            since: number(since),
            until: number(until),
            ..DeadLetterFilter::default()
        };
        assert_eq!(times("", "").matches(&letter), Match::Yes);
        assert_eq!(times("5.5", "5.5").matches(&letter), Match::Yes);
        assert_eq!(times("5.6", "").matches(&letter), Match::No);
        assert_eq!(times("", "5.4").matches(&letter), Match::No);
        let timeless = DeadLetter { arrived: None, ..letter.clone() };
        assert_eq!((times("1", "").matches(&timeless), times("", "").matches(&timeless)), (Match::Unknown, Match::Yes));
        let reasons = |reason: &str| DeadLetterFilter { reasons: vec![reason.into()], ..times("", "") };
        assert_eq!(
            (reasons("not-json").matches(&letter), reasons("panic").matches(&timeless)),
            (Match::Yes, Match::No)
        );
    }
}
