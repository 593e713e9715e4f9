//! Evidence of the function's log: the newest batch of each shard, and invocations that ended without a word.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::operate::{InvocationMetrics, InvocationUsage, LogKind, LogLine};
use crate::pipeline::compare_sequence_numbers;

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
    /// The time of the newest line, in ms since 1970.
    pub last_line_ms: Option<i64>,
    /// True if lines of this time were not read.
    pub is_cut: bool,
    /// True if the newest lines are among those that were not read: then nothing here is the newest.
    pub lacks_newest: bool,
    /// The batches of each shard, the oldest first; under an empty name those of no shard, such as an event without
    /// records.
    pub shards: BTreeMap<String, Vec<LoggedBatch>>,
    /// The invocations that the platform ended, the oldest first.
    pub crashes: Vec<Crash>,
    /// When an invocation that may be of a shard last ended well, in ms since 1970.
    pub last_success_ms: Option<i64>,
    /// The newest text about an error that no invocation is known to, such as a program that does not start.
    pub last_error_text: Option<String>,
    /// The invocations that reported a failure themselves, which says more than the platform.
    failed: BTreeSet<String>,
    /// The invocations of no shard.
    by_hand: BTreeSet<String>,
    /// The invocations that began and did not end, by their ids, with their begin in ms since 1970.
    pub running: BTreeMap<String, i64>,
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
    /// The report of the platform.
    pub usage: InvocationUsage,
}

/// A crash that may still keep its batch from being delivered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OpenCrash<'a> {
    /// The newest one.
    pub crash: &'a Crash,
    /// The number of crashes.
    pub count: usize,
    /// True if no invocation ended well since. Otherwise those may be of other batches.
    pub is_last: bool,
}

impl LogEvidence {
    /// Creates the evidence of a log without a line in this time.
    pub(crate) fn within(window_ms: i64) -> Self {
        LogEvidence { window_ms, ..LogEvidence::default() }
    }

    /// Adds a line. Lines come in the order of their times.
    pub(crate) fn add(&mut self, line: &LogLine) {
        self.lines += 1;
        self.last_line_ms = self.last_line_ms.max(Some(line.time));
        if let Some(id) = &line.request_id {
            if line.kind == LogKind::Start {
                self.running.insert(id.clone(), line.time);
            } else if line.kind == LogKind::Report {
                self.running.remove(id);
            }
        }
        if let Some(metrics) = InvocationMetrics::of(&line.message) {
            self.add_batch(line.time, metrics);
        } else if let Some(usage) = InvocationUsage::of(&line.message) {
            let is_among = |ids: &BTreeSet<String>| line.request_id.as_ref().is_some_and(|id| ids.contains(id));
            // A partial batch response is a success for the platform.
            let is_known = is_among(&self.failed) || is_among(&self.by_hand);
            match usage.status {
                _ if is_known => {}
                Some(_) => self.crashes.push(Crash { time_ms: line.time, usage }),
                None => self.last_success_ms = Some(line.time),
            }
        } else if line.kind == LogKind::Error {
            self.last_error_text = Some(line.message.clone());
        }
    }

    fn add_batch(&mut self, time_ms: i64, metrics: InvocationMetrics) {
        let is_made_up = is_made_up(time_ms, &metrics);
        if is_made_up || metrics.shard_id.as_ref().is_none_or(String::is_empty) {
            self.by_hand.extend(metrics.request_id.clone());
        }
        if metrics.error.is_some() {
            self.failed.extend(metrics.request_id.clone());
        }
        if is_made_up {
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

    /// Returns whether an invocation runs. One that began longer ago than it may take has ended without a report.
    pub(crate) fn is_running(&self, now_ms: i64, longest_ms: i64) -> bool {
        self.running.values().any(|began| now_ms - began <= longest_ms)
    }

    /// Returns whether a batch of a shard is among the invocations.
    pub(crate) fn has_batches(&self) -> bool {
        self.shards.keys().any(|shard| !shard.is_empty())
    }

    /// Returns the newest batch of each shard.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (&str, &LoggedBatch)> {
        self.shards.iter().filter_map(|(shard, batches)| Some((shard.as_str(), batches.last()?)))
    }

    /// Returns the failed batches of each shard that no later one replaces, with the class and the text of the reason.
    ///
    /// Where a shard is delivered in order, a later batch does that fails itself or ends as far on: one that ends before it
    /// is an older record that was invoked by hand. Otherwise the batches of a shard run side by side with ranges that
    /// overlap, and only a retry ends with the same record.
    pub(crate) fn failing(&self, is_in_order: bool) -> impl Iterator<Item = (&str, &LoggedBatch, &str, &str)> {
        let replaces = move |later: &LoggedBatch, batch: &LoggedBatch| match (&later.range, &batch.range) {
            (Some((_, later)), Some((_, last))) if !is_in_order => later == last,
            (Some((_, end)), Some((_, last))) => {
                later.error.is_some() || compare_sequence_numbers(end, last) != Ordering::Less
            }
            _ => true,
        };
        self.shards.iter().flat_map(move |(shard, batches)| {
            batches.iter().enumerate().filter_map(move |(at, batch)| {
                let (code, text) = batch.error.as_ref()?;
                // An invocation by hand is over when anything works.
                let is_over = shard.is_empty() && self.last_success_ms.is_some_and(|success| success > batch.time_ms);
                let is_replaced = batches[at + 1..].iter().any(|later| replaces(later, batch));
                (!is_over && !is_replaced).then_some((shard.as_str(), batch, code.as_str(), text.as_str()))
            })
        })
    }

    /// Returns how often a batch failed: the failed batches of its shard that end with the same record.
    pub(crate) fn failures_of(&self, shard: &str, batch: &LoggedBatch) -> usize {
        let last = |batch: &LoggedBatch| batch.range.as_ref().map(|(_, last)| last.clone());
        let batches = self.shards.get(shard).into_iter().flatten();
        batches.filter(|other| other.error.is_some() && last(other) == last(batch)).count()
    }

    /// Returns the batch of each shard that was delivered furthest on. The newest one may be an older record that was
    /// invoked by hand.
    pub(crate) fn furthest_delivered(&self) -> impl Iterator<Item = (&str, &LoggedBatch)> {
        let by_end = |one: &&LoggedBatch, other: &&LoggedBatch| match (&one.range, &other.range) {
            (Some((_, one)), Some((_, other))) => compare_sequence_numbers(one, other),
            (one, other) => one.is_some().cmp(&other.is_some()),
        };
        self.shards.iter().filter_map(move |(shard, batches)| {
            let delivered = batches.iter().filter(|batch| batch.error.is_none());
            Some((shard.as_str(), delivered.max_by(by_end)?))
        })
    }

    /// Returns when a batch or an invocation last ended well, in ms since 1970.
    pub(crate) fn last_delivery_ms(&self) -> Option<i64> {
        let of_shards = self.shards.iter().filter(|(shard, _)| !shard.is_empty()).flat_map(|(_, batches)| batches);
        let delivered = of_shards.filter(|batch| batch.error.is_none());
        delivered.map(|batch| batch.time_ms).chain(self.last_success_ms).max()
    }

    /// Returns the newest invocation that the platform ended. Its report does not name its batch, so that a later success
    /// is one of the same batch only where all batches are delivered one after the other (`is_in_order`).
    pub(crate) fn crash(&self, is_in_order: bool) -> Option<OpenCrash<'_>> {
        let crash = self.crashes.last()?;
        let is_last = self.last_success_ms.is_none_or(|success| success <= crash.time_ms);
        (is_last || !is_in_order).then_some(OpenCrash { crash, count: self.crashes.len(), is_last })
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

    /// Returns a line of the platform's report.
    pub(in crate::operate::diagnosis) fn report(time: i64, rest: &str) -> LogLine {
        let usage = "Duration: 1.0 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 20 MB";
        line(time, &format!("REPORT RequestId: 1\t{usage}\t{rest}"))
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
        for is_in_order in [true, false] {
            let failing = evidence.failing(is_in_order).map(|(shard, _, code, text)| (shard, code, text));
            assert_eq!(failing.collect::<Vec<_>>(), [("shardId-1", "Throttled", "no")]);
        }
    }

    #[test]
    fn batch_beside_others_of_its_shard_fails_until_its_own_retry_succeeds() {
        let of = |time, last: &str, error| {
            let line = batch(time, "shardId-0", 5.0, error);
            LogLine { message: line.message.replace("\"9\"", &format!("\"{last}\"")), ..line }
        };
        let ends = |lines: &[LogLine], is_in_order| -> Vec<String> {
            let evidence = evidence(lines);
            evidence.failing(is_in_order).map(|(_, batch, ..)| batch.range.clone().unwrap().1).collect()
        };
        let mut lines = vec![of(NOW, "8", Some("X: no")), of(NOW + 1, "9", None), of(NOW + 2, "10", None)];
        assert_eq!(ends(&lines, false), ["8"], "the others are not its retry");
        assert!(ends(&lines, true).is_empty(), "a later batch in order means that it is done or given up");
        assert_eq!(ends(&[of(NOW, "8", Some("X: no")), of(NOW + 1, "7", None)], true), ["8"], "an older one by hand");
        lines.push(of(NOW + 3, "8", None));
        assert!(ends(&lines, false).is_empty());
    }

    #[test]
    fn invocation_by_hand_that_failed_is_over_when_another_one_ended_well() {
        let by_hand = LogLine { request_id: Some("h".into()), ..batch(NOW, "", 5.0, Some("X: no")) };
        let mut by_hand = by_hand;
        by_hand.message = by_hand.message.replace("\"Rejected\"", "\"RequestId\":\"h\",\"Rejected\"");
        let own_end = LogLine { request_id: Some("h".into()), ..report(NOW + 1, "") };
        let mut lines = vec![by_hand, own_end];
        assert_eq!(evidence(&lines).failing(true).count(), 1, "its own report is no success");
        lines.push(report(NOW + 2, ""));
        assert_eq!(evidence(&lines).failing(true).count(), 0);
    }

    #[test]
    fn events_made_by_hand_are_no_batches() {
        let by_hand = batch(NOW, "shardId-0", 5.0, Some("X: no"));
        let by_hand = line(NOW, &by_hand.message.replace("\"1\"", "\"1799999999000000000\""));
        let of_walkthrough = batch(NOW, "shardId-0", 2.5e11, Some("X: no"));
        let evidence = evidence(&[by_hand, of_walkthrough]);
        assert!(!evidence.has_batches() && evidence.failing(true).next().is_none(), "{evidence:?}");
    }

    #[test]
    fn crash_is_over_after_a_success_only_where_all_batches_are_in_order() {
        let timeout = report(1, "Status: timeout");
        let of = |lines: &[LogLine], is_in_order| evidence(lines).crash(is_in_order).map(|open| open.is_last);
        assert_eq!(of(std::slice::from_ref(&timeout), true), Some(true));
        let lines = [timeout, report(2, "")];
        assert_eq!((of(&lines, true), of(&lines, false)), (None, Some(false)), "it may be of another shard");
    }

    #[test]
    fn failed_report_is_never_a_success_and_a_crash_unless_the_function_said_why() {
        let with_id = |line: LogLine| LogLine { request_id: Some("1".into()), ..line };
        let own = |error| {
            let line = batch(NOW, "shardId-0", 5.0, error);
            LogLine { message: line.message.replace("\"Rejected\"", "\"RequestId\":\"1\",\"Rejected\""), ..line }
        };
        let failed = with_id(report(NOW + 1, "Status: error\tError Type: Runtime.ExitError"));
        let said = evidence(&[own(Some("X: no")), failed.clone()]);
        assert_eq!((said.crashes.len(), said.last_success_ms), (0, None));
        let unsaid = evidence(&[own(None), failed]);
        assert_eq!((unsaid.crashes.len(), unsaid.last_success_ms), (1, None), "it failed after its metrics");
        let partial = evidence(&[own(Some("X: no")), with_id(report(NOW + 1, ""))]);
        assert_eq!(partial.last_success_ms, None, "a partial batch response");
    }

    #[test]
    fn invocation_runs_from_its_start_to_its_report_and_no_longer_than_it_may() {
        let of = |kind, message: &str| LogLine { kind, request_id: Some("1".into()), ..line(NOW, message) };
        let start = of(LogKind::Start, "START RequestId: 1 Version: $LATEST");
        let begun = evidence(std::slice::from_ref(&start));
        assert!(begun.is_running(NOW + 5000, 5000) && !begun.is_running(NOW + 5001, 5000));
        let ended = LogLine { kind: LogKind::Report, request_id: Some("1".into()), ..report(NOW + 1, "") };
        assert!(!evidence(&[start, ended]).is_running(NOW + 2, 5000));
    }

    #[test]
    fn error_text_of_a_program_that_does_not_start_is_kept() {
        assert_eq!(evidence(&[line(1, "Runtime.ExitError")]).last_error_text.as_deref(), Some("Runtime.ExitError"));
    }
}
