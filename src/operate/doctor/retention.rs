//! How long records and dead letters stay, against how long the event source mapping tries.

use super::finding::{CheckFinding, Verdict, timed};
use crate::settings::Pipeline;

/// The record age and retries of the mapping, against the retention of the stream.
const RETRIES: &str = "retention-retries";
/// The expiry of dead letters, against the retention of the stream.
const DEAD_LETTERS: &str = "retention-dead-letters";

/// Checks the settings against each other.
#[must_use]
pub(crate) fn examine_retention(settings: &Pipeline) -> Vec<CheckFinding> {
    vec![timed(RETRIES, || retries(settings)), timed(DEAD_LETTERS, || dead_letters(settings))]
}

fn retries(settings: &Pipeline) -> Verdict {
    let mapping = &settings.mapping;
    let hours = settings.stream.retention_hours;
    let retention = i64::from(hours) * 3600;
    let age = i64::from(mapping.record_age_seconds);
    let ends_by_age = age >= 0 && age < retention;
    let ends_by_retries = mapping.retry_attempts >= 0;
    let retried = match mapping.retry_attempts {
        0 => "never retried".to_owned(),
        1 => "retried once".to_owned(),
        times => format!("retried {times} times"),
    };
    let ends = match (ends_by_retries, ends_by_age) {
        (true, true) => format!("a failed batch is {retried}, for at most {age} s"),
        (true, false) => format!("a failed batch is {retried}"),
        (false, true) => format!("a failed batch is retried for {age} s"),
        (false, false) => format!("a failed batch is retried until its records expire after {hours} h"),
    };
    if age >= retention {
        return Verdict::warning(
            format!(
                "`mapping.record_age_seconds` is {age}, and the stream deletes records after {hours} h: none gets that old"
            ),
            "set it below `stream.retention_hours`, or to -1",
        );
    }
    match (&mapping.on_failure, ends_by_retries || ends_by_age) {
        (None, true) => Verdict::warning(
            format!("{ends}; then its readings are lost, because `mapping.on_failure` is not set"),
            "set `mapping.on_failure` to a queue, topic or bucket, or `mapping.retry_attempts` and \
             `mapping.record_age_seconds` to -1",
        ),
        (Some(_), false) => Verdict::warning(
            format!("{ends}; expired records never reach `mapping.on_failure`"),
            "set `mapping.record_age_seconds` below `stream.retention_hours`, or `mapping.retry_attempts`",
        ),
        (Some(_), true) => Verdict::ok(format!("{ends}, then it goes to `mapping.on_failure`")),
        (None, false) => Verdict::ok(ends),
    }
}

fn dead_letters(settings: &Pipeline) -> Verdict {
    let (days, hours) = (settings.rejects.retention_days, settings.stream.retention_hours);
    let unit = if days == 1 { "day" } else { "days" };
    if settings.rejects.table.existing {
        return Verdict::unknown(format!(
            "`rejects.existing`: the expiry of table {} is its owner's; the function marks dead letters to expire after \
             {days} {unit}",
            settings.rejects.table.name
        ));
    }
    if i64::from(days) * 24 < i64::from(hours) {
        return Verdict::warning(
            format!("a dead letter expires after {days} {unit}, its record in the stream after {hours} h"),
            "set `rejects.retention_days` to the stream's retention or longer",
        );
    }
    Verdict::ok(format!("a dead letter expires after {days} {unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::doctor::CheckResult;

    fn changed(change: impl Fn(&mut Pipeline)) -> Pipeline {
        let mut settings = Pipeline::by_default().unwrap();
        change(&mut settings);
        settings
    }

    #[test]
    fn retries_are_judged_with_destination_and_retention() {
        let queue = || Some("arn:aws:sqs:us-east-1:000000000000:q".to_owned());
        let judged = |retries_: i32, age: i32, destination: Option<String>| {
            retries(&changed(|settings| {
                settings.mapping.retry_attempts = retries_;
                settings.mapping.record_age_seconds = age;
                settings.mapping.on_failure.clone_from(&destination);
            }))
        };
        assert_eq!(judged(-1, -1, None).result, CheckResult::Ok, "the default");
        assert_eq!(judged(3, -1, queue()).result, CheckResult::Ok);
        assert_eq!(judged(-1, 3600, queue()).result, CheckResult::Ok);
        for (verdict, says) in [
            (judged(3, -1, None), "retried 3 times; then its readings are lost"),
            (judged(0, 60, None), "never retried, for at most 60 s; then"),
            (judged(-1, 3600, None), "retried for 3600 s; then its readings are lost"),
            (judged(-1, -1, queue()), "expired records never reach `mapping.on_failure`"),
            (judged(-1, 86_400, queue()), "deletes records after 24 h"),
            (judged(3, 604_800, queue()), "none gets that old"),
        ] {
            assert_eq!(verdict.result, CheckResult::Warning, "{verdict:?}");
            assert!(verdict.evidence.contains(says) && verdict.remedy.is_some(), "{verdict:?}");
        }
    }

    #[test]
    fn dead_letters_outlive_the_records_of_the_stream() {
        let judged = |days: i32, hours: i32| {
            dead_letters(&changed(|settings| {
                settings.rejects.retention_days = days;
                settings.stream.retention_hours = hours;
            }))
            .result
        };
        assert_eq!((judged(30, 24), judged(1, 24)), (CheckResult::Ok, CheckResult::Ok));
        assert_eq!(judged(1, 25), CheckResult::Warning);
        let existing = dead_letters(&changed(|settings| settings.rejects.table.existing = true));
        assert_eq!(existing.result, CheckResult::Unknown);
    }
}
