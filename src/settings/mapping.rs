//! `[mapping]`: the event source mapping from the stream to the function.

use jiff::Timestamp;

use super::constraints;
use super::layers::Layers;
use crate::error::Error;

/// Settings of the event source mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// True if it polls the stream.
    pub enabled: bool,
    /// Maximum records in a batch.
    pub batch_size: i32,
    /// Batch window: seconds to wait for a batch to fill.
    pub window_seconds: i32,
    /// Concurrent batches of one shard. Above 1, order is kept per partition key only.
    pub parallelization: i32,
    /// Retries of a failed batch. -1 retries until its records expire.
    pub retry_attempts: i32,
    /// Age in seconds at which a record is given up. -1 means when it expires.
    pub record_age_seconds: i32,
    /// True to bisect a failed batch.
    pub bisect: bool,
    /// Starting position in the stream. Used only at creation.
    pub starting_position: StartingPosition,
    /// Filter patterns. Without a filter, all records are delivered.
    pub filters: Vec<String>,
    /// True if the service publishes metrics of the mapping.
    pub metrics: bool,
    /// Failure destination: ARN of the queue, topic or bucket for batches that are given up.
    pub on_failure: Option<String>,
}

/// The position in the stream where a new mapping begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartingPosition {
    /// The oldest record, if the stream is managed by sensorctl. On another stream, the time at which `up` began.
    Auto,
    /// The oldest record.
    TrimHorizon,
    /// Records put after the mapping is active. Records put while it starts may be missed.
    Latest,
    /// A point in time.
    At(Timestamp),
}

impl Mapping {
    pub(super) fn read(layers: &mut Layers<'_>) -> Result<Self, Error> {
        let mut section = layers.section("mapping");
        let position = section.text("starting_position", "auto", |text| {
            let words = "\"auto\", \"trim-horizon\", \"latest\" or a past time as in \"2026-11-23T08:00:00Z\"";
            position(text).map(drop).ok_or_else(|| words.to_owned())
        })?;
        Ok(Mapping {
            enabled: section.boolean("enabled", true)?,
            batch_size: section.integer("batch_size", 1000, &constraints::BATCH)?,
            window_seconds: section.integer("window_seconds", 0, &constraints::WINDOW)?,
            parallelization: section.integer("parallelization", 1, &constraints::PARALLELIZATION)?,
            retry_attempts: section.integer("retry_attempts", -1, &constraints::RETRIES)?,
            record_age_seconds: section.integer("record_age_seconds", -1, &constraints::RECORD_AGE)?,
            bisect: section.boolean("bisect", true)?,
            starting_position: position_or_auto(&position),
            filters: section.texts("filters", constraints::MOST_FILTERS, check_pattern, PATTERN)?,
            metrics: section.boolean("metrics", false)?,
            on_failure: section.optional("on_failure", check_destination)?,
        })
    }
}

fn position_or_auto(text: &str) -> StartingPosition {
    position(text).unwrap_or(StartingPosition::Auto)
}

fn position(text: &str) -> Option<StartingPosition> {
    match text {
        "auto" => Some(StartingPosition::Auto),
        "trim-horizon" => Some(StartingPosition::TrimHorizon),
        "latest" => Some(StartingPosition::Latest),
        // The service does not accept a time in the future.
        text => text.parse().ok().filter(|time| *time <= Timestamp::now()).map(StartingPosition::At),
    }
}

const PATTERN: &str = "JSON documents of at most 4096 characters, as in '{ \"data\": { \"temperature\": [ { \"numeric\": [ \">\", 30 ] } ] } }'";

/// Checks that a pattern is a JSON document (`CreateEventSourceMapping`, docs/facts/event-source-mapping.md,
/// Parameters). The service checks its content.
fn check_pattern(pattern: &str) -> bool {
    pattern.len() <= 4096 && serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(pattern).is_ok()
}

/// Checks the ARN of a failure destination: SQS, SNS or S3, at most 350 characters (`CreateEventSourceMapping`,
/// docs/facts/event-source-mapping.md, Parameters). A FIFO queue is not allowed.
fn check_destination(arn: &str) -> Result<(), String> {
    let parts: Vec<_> = arn.split(':').collect();
    let known = match parts.as_slice() {
        ["arn", _, "sqs" | "sns", region, account, name] => {
            !region.is_empty()
                && constraints::is_account(account)
                && !name.is_empty()
                && name.rsplit_once('.').is_none()
        }
        ["arn", _, "s3", "", "", bucket] => !bucket.is_empty(),
        _ => false,
    };
    if known && arn.len() <= 350 {
        return Ok(());
    }
    Err("the ARN of an SQS queue (not FIFO), an SNS topic or an S3 bucket".to_owned())
}
