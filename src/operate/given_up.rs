//! Records that the event source mapping gave up: the service does not try them again.
//!
//! AWS tells only a failure destination and metrics that are paid for (docs/facts/event-source-mapping.md, Failed
//! batches). The local cloud writes each batch that it gives up into the function's log.

mod by_log;
mod by_metric;
mod restoration;

use std::collections::BTreeSet;

use jiff::Timestamp;

pub(crate) use self::by_log::{GivenUpBatch, given_up_batches};
pub(crate) use self::by_metric::counted_given_up;
pub(crate) use self::restoration::GivenUpLog;

/// For how long it is looked back.
pub(crate) const GIVEN_UP_HOURS: u32 = 3;

/// Records that were given up in the last [`GIVEN_UP_HOURS`]: at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivenUpRecords {
    /// Their number.
    pub count: u64,
    /// Why, such as `RetryAttemptsExhausted`, or the metrics that count them.
    pub reasons: BTreeSet<String>,
    /// When the first was given up, in ms since 1970.
    pub first_ms: i64,
    /// When the last was given up.
    pub last_ms: i64,
    /// The number of their readings that neither table has by now, or the reason why it is not known.
    pub missing: Result<u64, String>,
}

impl GivenUpRecords {
    /// Creates those that were given up at one time for one reason.
    fn new(count: u64, reason: &str, time_ms: i64) -> Self {
        let missing = Err("the metrics do not say which records these are".to_owned());
        GivenUpRecords { count, reasons: [reason.to_owned()].into(), first_ms: time_ms, last_ms: time_ms, missing }
    }

    fn with(mut self, other: GivenUpRecords) -> Self {
        self.reasons.extend(other.reasons);
        GivenUpRecords {
            count: self.count + other.count,
            reasons: self.reasons,
            first_ms: self.first_ms.min(other.first_ms),
            last_ms: self.last_ms.max(other.last_ms),
            missing: self.missing,
        }
    }

    /// Returns the records of the batches, if there are any.
    pub(crate) fn of(log: &GivenUpLog) -> Option<Self> {
        let of_batch = |GivenUpBatch { time_ms, document }: &GivenUpBatch| {
            GivenUpRecords::new(document.records, &document.condition, *time_ms)
        };
        let all = log.batches.iter().map(of_batch).reduce(GivenUpRecords::with)?;
        Some(GivenUpRecords { missing: log.missing.clone(), ..all })
    }

    /// Returns whether the tables have all of their readings by now.
    pub(crate) fn is_restored(&self) -> bool {
        self.missing == Ok(0)
    }

    /// Returns their number with the reasons, as a clause: `10 records (RetryAttemptsExhausted)`.
    pub(crate) fn described(&self) -> String {
        let reasons: Vec<&str> = self.reasons.iter().map(String::as_str).collect();
        format!("{} record{} ({})", self.count, if self.count == 1 { "" } else { "s" }, reasons.join(", "))
    }

    /// Returns when they were given up: `at 10:02 UTC`, `from 10:02 to 10:07 UTC`.
    pub(crate) fn when(&self) -> String {
        let (first, last) = (minute(self.first_ms), minute(self.last_ms));
        if first == last { format!("at {last} UTC") } else { format!("from {first} to {last} UTC") }
    }

    /// Returns until when they are looked at, in ms since 1970.
    pub(crate) fn until_ms(&self) -> i64 {
        self.last_ms + i64::from(GIVEN_UP_HOURS) * 3_600_000
    }

    /// Returns until when they are looked at: `13:07 UTC`.
    pub(crate) fn until(&self) -> String {
        format!("{} UTC", minute(self.until_ms()))
    }
}

fn minute(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| format!("{ms} ms"), |time| time.strftime("%H:%M").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_batches_say_how_many_why_and_when() {
        assert_eq!(GivenUpRecords::of(&GivenUpLog { batches: Vec::new(), missing: Ok(0) }), None);
        let one = GivenUpRecords::new(1, "RetryAttemptsExhausted", 36_120_000);
        assert_eq!(one.described(), "1 record (RetryAttemptsExhausted)");
        assert_eq!((one.when().as_str(), one.until().as_str()), ("at 10:02 UTC", "13:02 UTC"));
        let both = one.with(GivenUpRecords::new(9, "RecordAgeExceeded", 36_420_000));
        assert_eq!(both.described(), "10 records (RecordAgeExceeded, RetryAttemptsExhausted)");
        assert_eq!((both.when().as_str(), both.until().as_str()), ("from 10:02 to 10:07 UTC", "13:07 UTC"));
    }
}
