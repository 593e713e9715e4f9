//! Running the pipeline: what its function logs, one invocation of it, its dead letters, and what keeps it from working.
//!
//! Nothing here prints. Reads `stack`'s resources and `pipeline`'s data; `commands` report what it returns.

mod answer_limit;
mod dead_letter_count;
mod dead_letters;
mod diagnosis;
mod doctor;
mod function_log;
mod given_up;
mod health;
mod invocation;
mod lag;
mod metrics;
mod permissions;
mod pipeline_metrics;
mod quotas;
mod read_budget;
mod sizing;

pub(crate) use dead_letter_count::DeadLetterCount;
pub(crate) use dead_letters::{
    DeadLetter, DeadLetterFilter, DeadLetterId, DeadLetterReader, DeadLetterSource, DeadLetterTable, Deletion,
    DestinationReader, FailureDocument, NOT_STORED, ParseResult, PipelineTarget, ReasonCount, ReasonCounts, ReplayEdit,
    ReplayFate, ReplayItem, ReplayOptions, ReplayReason, ReplayTarget, Replayer, parse_result, read_documents,
    retention_hours,
};
pub(crate) use diagnosis::{
    BatchRun, BatchRunner, Cause, CauseName, Diagnosis, FaultyRecord, FunctionSetup, SearchOptions, Unexcluded,
    diagnose,
};
pub(crate) use doctor::{
    CheckFinding, CheckResult, LocalCloudFacts, RunningLocalCloud, examine_artifact, examine_connection,
    examine_local_cloud, examine_permissions, examine_retention, examine_services, examine_zip, services_not_asked,
};
pub(crate) use function_log::{InvocationMetrics, InvocationUsage, LogFollower, LogKind, LogLine, LogQuery, read_log};
pub(crate) use given_up::GivenUpRecords;
pub(crate) use health::{Health, HealthReadings, MappingHealth};
pub(crate) use invocation::{EventOrigin, EventRecord, FunctionInvocation, invoke, read_record, records_event};
pub(crate) use lag::{LagSource, StreamLag};
pub(crate) use permissions::{
    COMMANDS, CommandPermissions, MANAGED_POLICY, POLICY_LIMITS, Place, PolicyLimit, caller_policy, groups_that_fit,
    policy_characters,
};
#[cfg(test)]
pub(crate) use permissions::{CommandCheck, PermissionResult, check_permissions};
pub(crate) use pipeline_metrics::PipelineNames;
pub(crate) use sizing::{Fixed, Load, NeededSetting, Sizing, SizingOptions, size};
