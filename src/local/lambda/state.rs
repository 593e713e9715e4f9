//! Functions and event source mappings as plain data, in the form in which they are kept on disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Tags of a function or mapping.
pub(super) type Tags = BTreeMap<String, String>;

/// The result of a mapping that has brought nothing so far, in the service's words.
pub(super) const NOTHING_YET: &str = "No records processed";

/// A function: its code, its configuration and its tags.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FunctionRecord {
    /// Bare name.
    pub name: String,
    /// Identity of this incarnation: a function made anew under an old name is another one.
    pub id: String,
    /// `provided.al2023` or `provided.al2`.
    pub runtime: String,
    /// Role whose permissions the code has.
    pub role: String,
    /// Id of that role when it was set: the key of the variables is granted to it, and to no later one of its name.
    #[serde(default)]
    pub role_id: String,
    /// What the service calls handler; custom runtimes do as they like with it.
    pub handler: String,
    /// Free text.
    pub description: String,
    /// Seconds.
    pub timeout: u64,
    /// MB.
    pub memory_size: u64,
    /// MB of scratch space; shown back, not enforced.
    pub ephemeral_storage: u64,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// The function's own variables.
    pub environment: BTreeMap<String, String>,
    /// Where and how it logs.
    pub logging: Logging,
    /// Settings that are kept and shown back, by their name in the API.
    pub shown: Map<String, Value>,
    /// Base64 of the SHA-256 of the zip.
    pub code_sha256: String,
    /// Bytes of the zip.
    pub code_size: u64,
    /// Folder below `code/` that holds the unpacked zip.
    pub code_folder: String,
    /// Tags.
    pub tags: Tags,
    /// Reserved concurrency, if set.
    pub reserved_concurrency: Option<u64>,
    /// Its newest published version.
    #[serde(default)]
    pub published: Published,
    /// Changes with every change.
    pub revision_id: String,
    /// When it was last changed, in the service's form.
    pub last_modified: String,
}

/// `LoggingConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Logging {
    /// `Text` or `JSON`.
    pub format: String,
    /// Log group.
    pub group: String,
    /// Level of the application's lines; only with JSON.
    pub application_level: Option<String>,
    /// Level of the platform's lines; only with JSON.
    pub system_level: Option<String>,
}

/// An event source mapping: a stream, a function, and how records go from one to the other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MappingRecord {
    /// Its identifier.
    pub uuid: String,
    /// The stream.
    pub stream_arn: String,
    /// The function's ARN, with the qualifier that was asked for.
    pub function_arn: String,
    /// Where reading starts: `TRIM_HORIZON`, `LATEST` or `AT_TIMESTAMP`.
    pub starting_position: String,
    /// With `AT_TIMESTAMP`: epoch seconds.
    pub starting_timestamp: Option<f64>,
    /// What can be changed.
    pub settings: MappingSettings,
    /// `Creating`, `Enabled`, …
    pub state: MappingState,
    /// Why the state is what it is.
    pub state_reason: String,
    /// What came of the last batch.
    pub last_result: String,
    /// Epoch seconds of the last change.
    pub last_modified: f64,
    /// Epoch seconds from which its pollers understand partial answers; none: since it was made, or not at all.
    #[serde(default)]
    pub understands_from: Option<f64>,
    /// Tags.
    pub tags: Tags,
}

impl MappingRecord {
    /// Whether its pollers read which records failed out of an answer, at a moment in epoch seconds.
    pub(super) fn understands_partial_answers(&self, now: f64) -> bool {
        self.settings.report_failures && self.understands_from.is_none_or(|from| from <= now)
    }
}

/// What `UpdateEventSourceMapping` can change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MappingSettings {
    /// Whether records are read.
    pub enabled: bool,
    /// Records a batch has at most.
    pub batch_size: usize,
    /// Seconds to wait for a batch to fill.
    pub window_seconds: u64,
    /// Lanes of a shard.
    pub parallelization: usize,
    /// Seconds, or -1 for no limit but the stream's own.
    pub max_record_age: i64,
    /// Retries of a batch, or -1 for no limit.
    pub max_retries: i64,
    /// Whether a failed batch is halved.
    pub bisect: bool,
    /// Whether the function answers which records failed (`ReportBatchItemFailures`).
    pub report_failures: bool,
    /// The queue, topic or bucket that hears of batches that are given up; kept, and not told (see `discard`).
    pub on_failure: Option<String>,
    /// Patterns, one of which a record must fit to be brought; none: all are.
    #[serde(default)]
    pub filters: Vec<String>,
    /// Settings that are kept and shown back, by their name in the API.
    pub shown: Map<String, Value>,
}

/// The states of a mapping that the service shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum MappingState {
    /// Being made.
    Creating,
    /// Reading starts again.
    Enabling,
    /// Records are read.
    Enabled,
    /// Batches under way are finished, then nothing more is read.
    Disabling,
    /// Nothing is read.
    Disabled,
    /// Settings are being changed.
    Updating,
    /// Going away.
    Deleting,
}

impl MappingState {
    /// Whether it may be changed now.
    pub(super) fn is_settled(self) -> bool {
        matches!(self, MappingState::Enabled | MappingState::Disabled)
    }
}

/// The newest published version of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Published {
    /// 0 where none was published.
    pub number: u64,
    /// A hash of what was published.
    pub of: String,
}
