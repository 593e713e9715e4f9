//! The answers of the services, once each. Probes judge them without calling anything.

use std::collections::BTreeMap;

use super::answer::Answer;
use super::log_evidence::LogEvidence;
use super::metric_facts::MetricFacts;
use crate::operate::EventRecord;
use crate::operate::dead_letter_count::DeadLetterReasons;
use crate::operate::given_up::{GivenUpLog, GivenUpRecords};
use crate::settings::Pipeline;
use crate::stack::RoleAccess;

/// Everything that was read.
#[derive(Clone, Debug)]
pub(crate) struct Observations {
    /// The settings, with the names of the resources.
    pub settings: Pipeline,
    /// The time by the service's clock, in ms since 1970.
    pub now_ms: i64,
    /// The time in ms after its last change when a mapping certainly uses its new settings.
    pub mapping_in_force_ms: i64,
    /// True if the last result of a mapping is never old, as in the local cloud.
    pub is_result_current: bool,
    /// The event source mapping from the stream to the function.
    pub mapping: Answer<Option<MappingFacts>>,
    /// The function.
    pub function: Answer<Option<FunctionFacts>>,
    /// The stream.
    pub stream: Answer<Option<StreamFacts>>,
    /// The table of readings: its status.
    pub table: Answer<Option<String>>,
    /// True if the table of readings is on demand.
    pub is_table_on_demand: bool,
    /// The dead-letter table: its status.
    pub rejects: Answer<Option<String>>,
    /// The dead letters in it.
    pub dead_letters: Answer<Option<DeadLetterReasons>>,
    /// The function's role.
    pub role: Answer<Option<RoleAccess>>,
    /// The function's log.
    pub log: Answer<LogEvidence>,
    /// The batches that the mapping gave up. `None` where no log tells them.
    pub given_up: Answer<Option<GivenUpLog>>,
    /// The records that it gave up, by its metrics. `None` where it publishes none.
    pub counted_given_up: Option<Answer<Option<GivenUpRecords>>>,
    /// The counts of CloudWatch.
    pub metrics: Answer<MetricFacts>,
    /// The functions of other event source mappings that read the stream. `None` where nobody was throttled.
    pub other_readers: Option<Answer<Vec<String>>>,
    /// True if the stream holds no record. `None` where nothing had to be read.
    pub emptiness: Option<Answer<Emptiness>>,
}

impl Observations {
    /// Returns whether the mapping certainly delivers the batches of each shard one after the other.
    pub(super) fn is_shard_in_order(&self) -> bool {
        matches!(&self.mapping, Ok(Some(mapping)) if mapping.parallelization == 1)
    }

    /// Returns whether it certainly delivers all batches one after the other: from one shard, also before a reshard.
    pub(super) fn is_in_order(&self) -> bool {
        let is_one = matches!(&self.stream, Ok(Some(stream)) if stream.open_shards == 1);
        let logged = |log: &LogEvidence| log.shards.keys().filter(|shard| !shard.is_empty()).count();
        self.is_shard_in_order() && is_one && self.log.as_ref().is_ok_and(|log| logged(log) <= 1)
    }
}

/// An event source mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MappingFacts {
    /// Its UUID.
    pub uuid: String,
    /// `Enabled`, `Disabled` and so on.
    pub state: String,
    /// The reason of the last change of state.
    pub state_reason: String,
    /// The result of its last batch.
    pub last_result: String,
    /// When it was changed last, in ms since 1970. The service cuts it to the minute.
    pub changed_ms: Option<i64>,
    /// The function, or its version or alias.
    pub function_arn: String,
    /// The ARN of the stream, or of the consumer.
    pub source_arn: String,
    /// True if it understands partial batch responses.
    pub reports_partial_batches: bool,
    /// The failure destination.
    pub on_failure: Option<String>,
    /// Retries of a failed batch. `None` until its records expire.
    pub retry_attempts: Option<i32>,
    /// The age in seconds at which a record is given up. `None` when it expires.
    pub record_age_seconds: Option<i32>,
    /// True if it publishes the metrics of its events.
    pub publishes_events: bool,
    /// Concurrent batches of one shard.
    pub parallelization: i32,
    /// Its filter patterns, or the reason why they are not known.
    pub filters: MappingFilters,
}

/// The filter patterns of an event source mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MappingFilters {
    /// These; none lets all records through.
    Known(Vec<String>),
    /// The list does not show them, for this reason.
    Hidden(String),
}

impl Default for MappingFilters {
    fn default() -> Self {
        MappingFilters::Known(Vec::new())
    }
}

/// A function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FunctionFacts {
    /// `Active`, `Pending`, `Failed`, `Inactive`.
    pub state: String,
    /// The code and the text of the reason for the state.
    pub state_reason: String,
    /// `Successful`, `InProgress`, `Failed`.
    pub last_update: String,
    /// The reason why the last update failed.
    pub last_update_reason: String,
    /// When it was changed last, in ms since 1970.
    pub changed_ms: Option<i64>,
    /// Its role's ARN.
    pub role_arn: String,
    /// The SHA-256 of its code in base64.
    pub code_sha256: String,
    /// The sensorctl that made it, by its tag.
    pub version: Option<String>,
    /// Its architecture.
    pub architecture: String,
    /// Its time limit in seconds.
    pub timeout_seconds: i32,
    /// Its memory in MB.
    pub memory_mb: i32,
    /// Its reserved concurrency.
    pub reserved_concurrency: Option<i32>,
    /// Its variables that sensorctl sets. `None` if the caller may not decrypt them.
    pub variables: Option<BTreeMap<String, String>>,
    /// True if it has any variable, which Lambda encrypts with a key.
    pub has_variables: bool,
}

/// A stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StreamFacts {
    /// Its ARN.
    pub arn: String,
    /// `ACTIVE`, `UPDATING`, `CREATING`, `DELETING`.
    pub status: String,
    /// For how long it keeps a record, in hours.
    pub retention_hours: i32,
    /// Its open shards.
    pub open_shards: i32,
    /// True if it is in on-demand mode.
    pub is_on_demand: bool,
    /// True if the service chooses the shards of its records.
    pub is_distributed_by_service: bool,
    /// The customer managed key of its encryption, if any.
    pub key_arn: Option<String>,
}

/// The result of a look at the oldest place of each shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Emptiness {
    /// No shard holds a record.
    Empty {
        /// The shards that were looked at.
        shards: usize,
    },
    /// A shard holds records.
    HasRecords,
    /// A shard returned no record and is not at its end.
    Undecided,
}

/// A batch of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockedBatch {
    /// The shard.
    pub shard_id: String,
    /// Where it begins.
    pub start: BatchStart,
    /// Its last sequence number, if that is known.
    pub last: Option<String>,
    /// The number of its records, if that is known.
    pub records: Option<usize>,
}

/// The records of a batch that were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct BatchRead {
    /// The records.
    pub records: Vec<EventRecord>,
    /// Why these are not certainly those of the batch.
    pub doubt: Option<String>,
}

/// Where a batch begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BatchStart {
    /// At this sequence number.
    At(String),
    /// Behind this sequence number, the last one that was delivered.
    After(String),
}
