//! The fate of a failed batch: it is tried again, or given up after some retries, or passed over for good.

use super::super::log_evidence::LoggedBatch;
use super::super::observations::{MappingFacts, Observations};
use super::text::length;
use crate::operate::FailureDocument;
use crate::operate::given_up::GivenUpLog;
use crate::pipeline::compare_sequence_numbers;
use crate::stack::PARTIAL_BATCH;

/// The fate of a failed batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is tried again until its records expire.
    TriedAgain,
    /// It is tried again until this limit.
    Limited(String),
    /// The mapping took the answer for success.
    PassedOver,
    /// It used up its retries, or is too old.
    GivenUp,
}

impl Fate {
    /// Returns the fate of a batch that failed this often, whose records have this age in ms.
    pub(super) fn of(
        seen: &Observations,
        shard: &str,
        batch: &LoggedBatch,
        failures: usize,
        age_ms: Option<f64>,
    ) -> Self {
        let Ok(Some(mapping)) = &seen.mapping else { return Fate::TriedAgain };
        if shard.is_empty() {
            return Fate::TriedAgain;
        }
        if !mapping.reports_partial_batches && answers_with_part(seen) {
            return Fate::PassedOver;
        }
        let is_among = |log: &GivenUpLog| log.batches.iter().any(|given_up| is_part(&given_up.document, shard, batch));
        let was_reported = matches!(&seen.given_up, Ok(Some(log)) if is_among(log));
        let most_retries = mapping.retry_attempts.and_then(|retries| usize::try_from(retries).ok());
        let is_old = mapping.record_age_seconds.zip(age_ms).is_some_and(|(most, age)| age > f64::from(most) * 1000.0);
        if was_reported || is_old || most_retries.is_some_and(|retries| failures > retries) {
            return Fate::GivenUp;
        }
        limits(mapping).map_or(Fate::TriedAgain, Fate::Limited)
    }

    /// Returns whether the batch comes again.
    pub(super) fn is_tried_again(&self) -> bool {
        matches!(self, Fate::TriedAgain | Fate::Limited(_))
    }

    /// Returns what becomes of the records, which expire as `expiry` says.
    pub(super) fn evidence(&self, expiry: &str) -> String {
        match self {
            Fate::TriedAgain => format!("its records expire {expiry}"),
            Fate::Limited(limit) => format!("it is given up {limit}, and its records expire {expiry}"),
            Fate::PassedOver => format!(
                "the event source mapping took the answer for success and passed over what was not stored, which expires \
                 {expiry}"
            ),
            Fate::GivenUp => format!("it was given up and is not tried again; its records expire {expiry}"),
        }
    }

    /// Returns what stores the records besides, as the end of a remedy.
    pub(super) fn remedy(&self, shard: &str, batch: &LoggedBatch) -> String {
        let (false, Some((first, last))) = (self.is_tried_again(), &batch.range) else { return String::new() };
        let again = format!("`sensorctl invoke --from-stream {shard}:{first}`");
        if first == last {
            format!("; then {again}: the record does not come again by itself")
        } else {
            format!("; then {again}, and each other record up to {last} that is not stored: none comes again by itself")
        }
    }
}

/// Returns the limits of the retries, if there are any.
pub(super) fn limits(mapping: &MappingFacts) -> Option<String> {
    let retries = mapping.retry_attempts.map(|retries| format!("after {retries} retries"));
    let age = mapping.record_age_seconds.map(|age| format!("at an age of {}", length(f64::from(age) * 1000.0)));
    let limits: Vec<String> = retries.into_iter().chain(age).collect();
    (!limits.is_empty()).then(|| limits.join(" or "))
}

/// Returns whether the function returns partial batch responses.
fn answers_with_part(seen: &Observations) -> bool {
    let function = seen.function.as_ref().ok().and_then(Option::as_ref);
    let variables = function.and_then(|function| function.variables.as_ref());
    variables.and_then(|variables| variables.get(PARTIAL_BATCH)).is_some_and(|value| value == "1")
}

/// Returns whether a batch that was given up has records of this one.
fn is_part(given_up: &FailureDocument, shard: &str, batch: &LoggedBatch) -> bool {
    let Some((first, last)) = &batch.range else { return false };
    given_up.shard_id == shard
        && compare_sequence_numbers(&given_up.first, last).is_le()
        && compare_sequence_numbers(&given_up.last, first).is_ge()
}
