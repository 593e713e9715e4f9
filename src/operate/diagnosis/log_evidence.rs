//! What the function's log says about the newest batch of each shard, and about invocations that ended without a word.

use std::collections::{BTreeMap, BTreeSet};

use crate::operate::{InvocationMetrics, InvocationUsage, LogKind, LogLine};

/// The longest retention of a stream, a year (API reference, `IncreaseStreamRetentionPeriod`), and a day.
const LONGEST_RETENTION_MS: f64 = 366.0 * 24.0 * 3_600_000.0;
/// How much the clocks of this machine and of the function may differ, in ms.
const CLOCK_SKEW_MS: u64 = 600_000;

/// The part of the log that was read, summed up.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LogEvidence {
    /// True if the log group exists.
    pub exists: bool,
    /// For how long it was looked back, in ms.
    pub window_ms: i64,
    /// The number of lines.
    pub lines: usize,
    /// True if more lines followed that were not read.
    pub is_cut: bool,
    /// The batches of each shard, the oldest first; under an empty name those of no shard, such as an event without
    /// records.
    pub shards: BTreeMap<String, Vec<LoggedBatch>>,
    /// The invocations that the platform ended, the oldest first.
    pub crashes: Vec<Crash>,
    /// When an invocation last ended well, in ms since 1970.
    pub last_success_ms: Option<i64>,
    /// The newest text about an error that no invocation is known to, such as a program that does not start.
    pub last_error_text: Option<String>,
    /// The invocations that wrote their own metrics, which say more than the platform.
    reported: BTreeSet<String>,
}

/// A batch, by the metrics of its invocation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LoggedBatch {
    /// When its invocation ended, in ms since 1970.
    pub time_ms: i64,
    /// The number of its records.
    pub records: u64,
    /// The first and the last sequence number.
    pub range: Option<(String, String)>,
    /// The age of its last record at the invocation, in ms.
    pub age_ms: Option<f64>,
    /// The class and the text of the reason why something was not stored.
    pub error: Option<(String, String)>,
}

/// An invocation that the platform ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Crash {
    /// When, in ms since 1970.
    pub time_ms: i64,
    /// What the platform reports.
    pub usage: InvocationUsage,
}

impl LogEvidence {
    /// Creates the evidence of a log without a line in this time.
    pub(crate) fn within(window_ms: i64) -> Self {
        LogEvidence { window_ms, ..LogEvidence::default() }
    }

    /// Adds a line. Lines come in the order of their times.
    pub(crate) fn add(&mut self, line: &LogLine) {
        self.lines += 1;
        if let Some(metrics) = InvocationMetrics::of(&line.message) {
            self.add_batch(line.time, metrics);
        } else if let Some(usage) = InvocationUsage::of(&line.message) {
            let is_reported = line.request_id.as_ref().is_some_and(|id| self.reported.contains(id));
            if usage.status.is_some() && !is_reported {
                self.crashes.push(Crash { time_ms: line.time, usage });
            } else {
                self.last_success_ms = Some(line.time);
            }
        } else if line.kind == LogKind::Error {
            self.last_error_text = Some(line.message.clone());
        }
    }

    fn add_batch(&mut self, time_ms: i64, metrics: InvocationMetrics) {
        self.reported.extend(metrics.request_id.clone());
        if is_made_up(time_ms, &metrics) {
            return;
        }
        let code = metrics.error_code.unwrap_or_else(|| "error".to_owned());
        let error = metrics.error.map(|text| (code, text));
        let shard = metrics.shard_id.unwrap_or_default();
        let batch = LoggedBatch {
            time_ms,
            records: metrics.records,
            range: metrics.range,
            age_ms: metrics.iterator_age_ms,
            error,
        };
        self.shards.entry(shard).or_default().push(batch);
    }

    /// Returns whether a batch of a shard is among the invocations.
    pub(crate) fn has_batches(&self) -> bool {
        self.shards.keys().any(|shard| !shard.is_empty())
    }

    /// Returns the newest batch of each shard.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (&str, &LoggedBatch)> {
        self.shards.iter().filter_map(|(shard, batches)| Some((shard.as_str(), batches.last()?)))
    }

    /// Returns the shards whose newest batch failed, with the class and the text of the reason.
    pub(crate) fn failing(&self) -> impl Iterator<Item = (&str, &LoggedBatch, &str, &str)> {
        self.newest().filter_map(|(shard, batch)| {
            let (code, text) = batch.error.as_ref()?;
            Some((shard, batch, code.as_str(), text.as_str()))
        })
    }

    /// Returns the newest invocation that the platform ended, unless one ended well since.
    pub(crate) fn crash(&self) -> Option<&Crash> {
        self.crashes.last().filter(|crash| self.last_success_ms.is_none_or(|success| success <= crash.time_ms))
    }
}

/// Returns whether an event was made by hand: its records are older than a stream can keep them (the walkthrough's), or
/// their sequence number is the time in nanoseconds (`invoke --reading`).
fn is_made_up(time_ms: i64, metrics: &InvocationMetrics) -> bool {
    let first = metrics.range.as_ref().and_then(|(first, _)| first.parse::<i64>().ok());
    let is_time = first.is_some_and(|first| (first / 1_000_000).abs_diff(time_ms) < CLOCK_SKEW_MS);
    is_time || metrics.iterator_age_ms.is_some_and(|age| age > LONGEST_RETENTION_MS)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn line(time: i64, message: &str) -> LogLine {
        let kind = if message.starts_with("Runtime.") { LogKind::Error } else { LogKind::Message };
        LogLine { time, kind, request_id: None, message: message.to_owned() }
    }

    /// Returns a line of the function's metrics.
    pub(in crate::operate::diagnosis) fn batch(time: i64, shard: &str, age_ms: f64, error: Option<&str>) -> LogLine {
        let mut metrics = serde_json::json!({"_aws": {"Timestamp": time}, "ShardId": shard, "Rejected": 0,
            "FirstSequenceNumber": "1", "LastSequenceNumber": "9", "IteratorAge": age_ms});
        if let Some(error) = error {
            let (code, text) = error.split_once(": ").unwrap_or(("NotStored", error));
            metrics["ErrorCode"] = code.into();
            metrics["Error"] = text.into();
        }
        line(time, &metrics.to_string())
    }

    /// Returns what a log with these lines says.
    pub(in crate::operate::diagnosis) fn evidence(lines: &[LogLine]) -> LogEvidence {
        let mut evidence = LogEvidence { exists: true, ..LogEvidence::within(900_000) };
        for line in lines {
            evidence.add(line);
        }
        evidence
    }

    #[test]
    fn shard_is_failing_only_while_its_newest_batch_failed() {
        let evidence = evidence(&[
            batch(NOW + 1, "shardId-0", 5.0, Some("AccessDeniedException: no")),
            batch(NOW + 2, "shardId-0", 5.0, None),
            batch(NOW + 3, "shardId-1", 5.0, None),
            batch(NOW + 4, "shardId-1", 5.0, Some("Throttled: no")),
        ]);
        let failing: Vec<_> = evidence.failing().map(|(shard, _, code, text)| (shard, code, text)).collect();
        assert_eq!(failing, [("shardId-1", "Throttled", "no")]);
    }

    #[test]
    fn events_made_by_hand_are_no_batches() {
        let by_hand = batch(NOW, "shardId-0", 5.0, Some("X: no"));
        let by_hand = line(NOW, &by_hand.message.replace("\"1\"", "\"1799999999000000000\""));
        let of_walkthrough = batch(NOW, "shardId-0", 2.5e11, Some("X: no"));
        let evidence = evidence(&[by_hand, of_walkthrough]);
        assert!(!evidence.has_batches() && evidence.failing().next().is_none(), "{evidence:?}");
    }

    #[test]
    fn crash_counts_until_an_invocation_ends_well() {
        let report = |time, rest: &str| {
            line(
                time,
                &format!(
                    "REPORT RequestId: 1\tDuration: 1.0 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory \
                     Used: 20 MB\t{rest}"
                ),
            )
        };
        let timeout = report(1, "Status: timeout");
        assert!(evidence(std::slice::from_ref(&timeout)).crash().is_some());
        assert_eq!(evidence(&[timeout, report(2, "")]).crash(), None);
        assert_eq!(evidence(&[line(1, "Runtime.ExitError")]).last_error_text.as_deref(), Some("Runtime.ExitError"));
    }
}
