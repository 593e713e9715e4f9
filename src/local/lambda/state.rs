//! Functions and event source mappings as plain data, in their format on the disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Tags of a function or event source mapping.
pub(super) type Tags = BTreeMap<String, String>;

/// Processing result of an event source mapping that has delivered nothing so far, as in the service.
pub(super) const NOTHING_YET: &str = "No records processed";

/// A function: its code, its configuration and its tags.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FunctionRecord {
    /// Bare name.
    pub name: String,
    /// Identity of the function: a function recreated with the same name has another one.
    pub id: String,
    /// `provided.al2023` or `provided.al2`.
    pub runtime: String,
    /// Execution role of the code.
    pub role: String,
    /// ID of that role when it was set: the key of the variables is granted to this role, and to no later one with the
    /// same name.
    #[serde(default)]
    pub role_id: String,
    /// Handler setting; custom runtimes interpret it freely.
    pub handler: String,
    /// Free text.
    pub description: String,
    /// Timeout in seconds.
    pub timeout: u64,
    /// Memory size in MB.
    pub memory_size: u64,
    /// Scratch space in MB; returned, not enforced.
    pub ephemeral_storage: u64,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// The function's own variables.
    pub environment: BTreeMap<String, String>,
    /// Log settings.
    pub logging: Logging,
    /// Settings that are only stored and returned, by their name in the API.
    pub shown: Map<String, Value>,
    /// SHA-256 of the zip in base64.
    pub code_sha256: String,
    /// Size of the zip in bytes.
    pub code_size: u64,
    /// Folder below `code/` with the unpacked zip.
    pub code_folder: String,
    /// Tags.
    pub tags: Tags,
    /// Reserved concurrency, if set.
    pub reserved_concurrency: Option<u64>,
    /// The newest published version.
    #[serde(default)]
    pub published: Published,
    /// Changes with every change.
    pub revision_id: String,
    /// Time of the last change, in the service's format.
    pub last_modified: String,
}

/// `LoggingConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Logging {
    /// `Text` or `JSON`.
    pub format: String,
    /// Log group.
    pub group: String,
    /// Log level of the application; only with JSON.
    pub application_level: Option<String>,
    /// Log level of the platform; only with JSON.
    pub system_level: Option<String>,
}

/// An event source mapping: a stream, a function, and the delivery settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MappingRecord {
    /// Identifier.
    pub uuid: String,
    /// The stream.
    pub stream_arn: String,
    /// The consumer of the stream as which it reads (enhanced fan-out); `None`: it polls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer_arn: Option<String>,
    /// ARN of the function, with the qualifier from the request.
    pub function_arn: String,
    /// Starting position: `TRIM_HORIZON`, `LATEST` or `AT_TIMESTAMP`.
    pub starting_position: String,
    /// Timestamp for `AT_TIMESTAMP`, in epoch seconds.
    pub starting_timestamp: Option<f64>,
    /// The settings that can be changed.
    pub settings: MappingSettings,
    /// `Creating`, `Enabled`, …
    pub state: MappingState,
    /// Reason of the state.
    pub state_reason: String,
    /// Processing result of the last batch.
    pub last_result: String,
    /// Time of the last change in epoch seconds.
    pub last_modified: f64,
    /// Time in epoch seconds from which its pollers interpret partial batch responses; `None`: since its creation, or
    /// not at all.
    #[serde(default)]
    pub understands_from: Option<f64>,
    /// Tags.
    pub tags: Tags,
}

impl MappingRecord {
    /// Returns the ARN of the event source: of the consumer, else of the stream.
    pub(super) fn source_arn(&self) -> &str {
        self.consumer_arn.as_deref().unwrap_or(&self.stream_arn)
    }

    /// Returns whether its pollers interpret partial batch responses, at a time in epoch seconds.
    pub(super) fn understands_partial_answers(&self, now: f64) -> bool {
        self.settings.report_failures && self.understands_from.is_none_or(|from| from <= now)
    }
}

/// The settings that `UpdateEventSourceMapping` can change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MappingSettings {
    /// True if records are read.
    pub enabled: bool,
    /// Maximum records in a batch.
    pub batch_size: usize,
    /// Batch window in seconds.
    pub window_seconds: u64,
    /// Parallelization factor: workers for each shard.
    pub parallelization: usize,
    /// Maximum age of a record in seconds, or -1 for no limit but the stream's own.
    pub max_record_age: i64,
    /// Maximum retries of a batch, or -1 for no limit.
    pub max_retries: i64,
    /// True if a failed batch is bisected.
    pub bisect: bool,
    /// True if the function returns partial batch responses (`ReportBatchItemFailures`).
    pub report_failures: bool,
    /// Failure destination: a queue, topic or bucket; stored, but not notified (see `failure_destination`).
    pub on_failure: Option<String>,
    /// Filter patterns, one of which a record must match; without patterns every record is delivered.
    #[serde(default)]
    pub filters: Vec<String>,
    /// Settings that are only stored and returned, by their name in the API.
    pub shown: Map<String, Value>,
}

impl MappingSettings {
    /// Returns whether `MetricsConfig` asks for metrics of events.
    pub(super) fn counts_events(&self) -> bool {
        let metrics =
            self.shown.get("MetricsConfig").and_then(|config| config.get("Metrics")).and_then(Value::as_array);
        metrics.is_some_and(|metrics| metrics.iter().any(|metric| metric == "EventCount"))
    }
}

/// The states of an event source mapping in the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum MappingState {
    /// In creation.
    Creating,
    /// Reading is being started.
    Enabling,
    /// Records are read.
    Enabled,
    /// Batches in progress are finished; no more records are read.
    Disabling,
    /// No records are read.
    Disabled,
    /// Settings are being changed.
    Updating,
    /// In deletion.
    Deleting,
}

impl MappingState {
    /// Returns whether it may be changed now.
    pub(super) fn is_settled(self) -> bool {
        matches!(self, MappingState::Enabled | MappingState::Disabled)
    }
}

/// The newest published version of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Published {
    /// Version number; 0 if none was published.
    pub number: u64,
    /// A hash of the published content.
    pub of: String,
}
