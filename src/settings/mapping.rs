//! `[mapping]`: the event source mapping from the stream to the function.

use jiff::Timestamp;

use super::constraints;
use super::layers::Layers;
use crate::error::Error;

/// What is wanted of the mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Whether it reads.
    pub enabled: bool,
    /// Records in a batch at most.
    pub batch_size: i32,
    /// Seconds to wait for a batch to fill.
    pub window_seconds: i32,
    /// Batches of one shard at the same time; above 1, order is kept per partition key only.
    pub parallelization: i32,
    /// Retries of a failed batch; -1: until its records expire.
    pub retry_attempts: i32,
    /// Age in seconds at which a record is given up; -1: when it expires.
    pub record_age_seconds: i32,
    /// Whether a failed batch is split in two.
    pub bisect: bool,
    /// Where in the stream it begins. Only looked at when it is made.
    pub starting_position: StartingPosition,
    /// Patterns of records that are delivered; all are where there is none.
    pub filters: Vec<String>,
    /// Whether the service counts what the mapping does.
    pub metrics: bool,
    /// ARN of the queue, topic or bucket that hears of given-up batches.
    pub on_failure: Option<String>,
}

/// Where in the stream a new mapping begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartingPosition {
    /// The oldest record of a stream of ours; on another stream, the moment at which `up` began.
    Auto,
    /// The oldest record.
    TrimHorizon,
    /// What comes after the mapping works; what is put while it starts may be missed.
    Latest,
    /// A moment.
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
        // The service takes no moment of the future.
        text => text.parse().ok().filter(|time| *time <= Timestamp::now()).map(StartingPosition::At),
    }
}

const PATTERN: &str = "JSON documents of at most 4096 characters, as in '{ \"data\": { \"temperature\": [ { \"numeric\": [ \">\", 30 ] } ] } }'";

/// A pattern is a JSON document (`CreateEventSourceMapping`, docs/facts/event-source-mapping.md, Parameters); what it
/// may say is the service's to judge.
fn check_pattern(pattern: &str) -> bool {
    pattern.len() <= 4096 && serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(pattern).is_ok()
}

/// SQS, SNS or S3, at most 350 characters (`CreateEventSourceMapping`, docs/facts/event-source-mapping.md, Parameters).
/// A FIFO queue is not taken.
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
