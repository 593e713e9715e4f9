//! The part of the report of `status` that says whether readings pass: lag, shards, dead letters, last write.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::units;
use crate::operate::{DeadLetterCount, GivenUpRecords, Health, LagSource};

/// The flow of readings through the pipeline.
#[derive(Debug, Default, Serialize)]
pub(crate) struct HealthStatus {
    /// How long the oldest record that is not processed has waited. Null only if nothing says it.
    pub lag_ms: Option<u64>,
    /// True if it may be more.
    pub lag_is_at_least: bool,
    /// Where the lag was read.
    pub lag_source: Option<&'static str>,
    /// The reason why the lag is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_reason: Option<String>,
    /// The shards of the stream.
    pub shards: Option<ShardStatus>,
    /// The number of dead letters.
    pub dead_letters: Option<DeadLetterStatus>,
    /// The reason why it is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letters_reason: Option<String>,
    /// The records that the mapping gave up in the last hours.
    pub given_up: Option<GivenUpStatus>,
    /// The reason why they are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_up_reason: Option<String>,
    /// The minute in which the table was last written, by the metrics.
    pub last_write: Option<String>,
    /// The reason why there are no metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_reason: Option<String>,
    /// The same for a person.
    #[serde(skip)]
    pub lines: Vec<String>,
}

/// The shards of a stream.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ShardStatus {
    /// Shards that take records.
    pub open: u64,
    /// `provisioned` or `on-demand`.
    pub mode: String,
    /// True if the service is changing their number.
    pub is_resharding: bool,
}

/// A number of dead letters.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct DeadLetterStatus {
    /// The number, as far as it was counted.
    pub count: u64,
    /// True if there are more.
    pub is_at_least: bool,
}

/// Records that the mapping gave up.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct GivenUpStatus {
    /// Their number.
    pub records: u64,
    /// When the first of them was given up.
    pub first: Option<String>,
    /// When the last was given up.
    pub last: Option<String>,
    /// When they are not named any more.
    pub until: Option<String>,
    /// The number of their readings that neither table has by now; null where it is not known.
    pub missing: Option<u64>,
}

impl GivenUpStatus {
    fn of(records: Option<&GivenUpRecords>) -> Self {
        let time = |ms| Timestamp::from_millisecond(ms).ok().map(|time| format!("{time:.0}"));
        let none = || GivenUpStatus { missing: Some(0), ..GivenUpStatus::default() };
        records.map_or_else(none, |records| GivenUpStatus {
            records: records.count,
            first: time(records.first_ms),
            last: time(records.last_ms),
            until: time(records.until_ms()),
            missing: records.missing.as_ref().ok().copied(),
        })
    }
}

impl HealthStatus {
    /// Creates the status from what was read at `now`.
    #[must_use]
    pub(crate) fn new(
        health: &Health,
        shards: Option<ShardStatus>,
        dead_letters: &Result<DeadLetterCount, String>,
        metrics_reason: Option<String>,
        now: Timestamp,
    ) -> Self {
        let lag = health.lag.as_ref().ok();
        let dead = dead_letters.as_ref().ok();
        let mut lines = Vec::new();
        lines.extend(shards.as_ref().map(ShardStatus::line));
        lines.push(match (&health.lag, lag) {
            (Ok(lag), _) => {
                let time = units::duration(Duration::from_millis(lag.milliseconds));
                let least = if lag.is_at_least { "at least " } else { "" };
                let time = match (lag.milliseconds, lag.is_at_least) {
                    (0, false) => "none".to_owned(),
                    // A wait of at least no time says nothing.
                    (0, true) => "unknown".to_owned(),
                    _ => format!("{least}{time}"),
                };
                format!("lag: {time} ({})", words(lag.source))
            }
            (Err(reason), _) => format!("lag: unknown ({reason})"),
        });
        lines.push(match dead_letters {
            Ok(DeadLetterCount { count: 0, is_at_least: false }) => "dead letters: none".to_owned(),
            Ok(DeadLetterCount { count, is_at_least }) => {
                format!("dead letters: {}{}", if *is_at_least { "at least " } else { "" }, units::count(*count))
            }
            Err(reason) => format!("dead letters: unknown ({reason})"),
        });
        lines.extend(health.last_write.map(|at| {
            let ago = units::duration(Duration::try_from(now.duration_since(at)).unwrap_or_default());
            format!("rows: last written at {} UTC, {ago} ago", at.strftime("%Y-%m-%d %H:%M"))
        }));
        lines.extend(match &health.given_up {
            Ok(None) => None,
            Ok(Some(records)) => {
                let (what, when, until) = (records.described(), records.when(), records.until());
                let rest = match &records.missing {
                    Ok(0) => "the tables have their readings by now".to_owned(),
                    Ok(missing) => format!("readings in neither table: {missing}; named until {until}"),
                    Err(why) => format!("not known whether they are stored by now ({why}); named until {until}"),
                };
                Some(format!("given-up records: {what} {when}; {rest}"))
            }
            Err(reason) => Some(format!("given-up records: unknown ({reason})")),
        });
        if let (Some(reason), Ok(_)) = (&metrics_reason, &health.lag) {
            lines.push(format!("metrics: unknown ({reason})"));
        }
        HealthStatus {
            lag_ms: lag.map(|lag| lag.milliseconds),
            lag_is_at_least: lag.is_some_and(|lag| lag.is_at_least),
            lag_source: lag.map(|lag| lag.source.name()),
            lag_reason: health.lag.as_ref().err().cloned(),
            shards,
            dead_letters: dead.map(|dead| DeadLetterStatus { count: dead.count, is_at_least: dead.is_at_least }),
            dead_letters_reason: dead_letters.as_ref().err().cloned(),
            given_up: health.given_up.as_ref().ok().map(|records| GivenUpStatus::of(records.as_ref())),
            given_up_reason: health.given_up.as_ref().err().cloned(),
            last_write: health.last_write.map(|at| at.to_string()),
            metrics_reason,
            lines,
        }
    }
}

impl HealthStatus {
    /// Returns what is not known of what says whether readings pass.
    #[must_use]
    pub(crate) fn not_known(&self) -> Vec<&'static str> {
        let parts = [
            (self.lag_ms.is_none() || self.lag_is_at_least, "lag"),
            (self.dead_letters.is_none(), "dead letters"),
            (self.given_up_reason.is_some(), "given-up records"),
        ];
        parts.into_iter().filter_map(|(is_unknown, name)| is_unknown.then_some(name)).collect()
    }
}

impl ShardStatus {
    fn line(&self) -> String {
        let s = if self.open == 1 { "" } else { "s" };
        let resharding = if self.is_resharding { ", resharding" } else { "" };
        format!("stream: {} open shard{s}, {}{resharding}", self.open, self.mode)
    }
}

fn words(source: LagSource) -> &'static str {
    match source {
        LagSource::IteratorAge => "iterator age of the function, CloudWatch",
        LagSource::WaitingRecords => "records came and the function was not invoked, CloudWatch",
        LagSource::StreamIteratorAge => "the consumers have read the stream to its end, CloudWatch",
        LagSource::StreamAndTable => "newest records of the stream compared with the table",
    }
}
