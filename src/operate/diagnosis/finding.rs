//! The findings of a probe: a proven cause, its exclusion, or the reason why neither is possible.

use serde::{Serialize, Serializer};

use super::bisection::FaultyRecord;

/// A cause, by the stable name that reports and docs/troubleshooting.md give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CauseName {
    MappingAbsent,
    MappingDisabled,
    MappingStuck,
    FunctionMissing,
    FunctionNotReady,
    NoConcurrency,
    FunctionThrottled,
    RoleMissing,
    RoleNotAssumable,
    RoleLacksAction,
    StaleKmsGrant,
    TableMissing,
    TableNotReady,
    StreamMissing,
    StreamNotReady,
    LogGroupMissing,
    FunctionFailing,
    FunctionTimeout,
    FunctionOutOfMemory,
    TableThrottled,
    HotKey,
    MappingFailing,
    PartialBatchOff,
    RecordsGivenUp,
    FiltersDropRecords,
    ConsumerBehindRetention,
    HotShard,
    StreamThrottled,
    AnotherReader,
    DestinationFailing,
    DeadLetters,
    AutoDistribution,
    StreamEmpty,
}

impl CauseName {
    /// All causes, in the order of reports: what blocks everything first.
    #[cfg(test)]
    pub(crate) const ALL: [CauseName; 33] = [
        CauseName::MappingAbsent,
        CauseName::MappingDisabled,
        CauseName::MappingStuck,
        CauseName::FunctionMissing,
        CauseName::FunctionNotReady,
        CauseName::NoConcurrency,
        CauseName::FunctionThrottled,
        CauseName::RoleMissing,
        CauseName::RoleNotAssumable,
        CauseName::RoleLacksAction,
        CauseName::StaleKmsGrant,
        CauseName::TableMissing,
        CauseName::TableNotReady,
        CauseName::StreamMissing,
        CauseName::StreamNotReady,
        CauseName::LogGroupMissing,
        CauseName::FunctionFailing,
        CauseName::FunctionTimeout,
        CauseName::FunctionOutOfMemory,
        CauseName::TableThrottled,
        CauseName::HotKey,
        CauseName::MappingFailing,
        CauseName::PartialBatchOff,
        CauseName::RecordsGivenUp,
        CauseName::FiltersDropRecords,
        CauseName::ConsumerBehindRetention,
        CauseName::HotShard,
        CauseName::StreamThrottled,
        CauseName::AnotherReader,
        CauseName::DestinationFailing,
        CauseName::DeadLetters,
        CauseName::AutoDistribution,
        CauseName::StreamEmpty,
    ];

    /// Returns the public name.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            CauseName::MappingAbsent => "mapping-absent",
            CauseName::MappingDisabled => "mapping-disabled",
            CauseName::MappingStuck => "mapping-stuck",
            CauseName::FunctionMissing => "function-missing",
            CauseName::FunctionNotReady => "function-not-ready",
            CauseName::NoConcurrency => "no-concurrency",
            CauseName::FunctionThrottled => "function-throttled",
            CauseName::RoleMissing => "role-missing",
            CauseName::RoleNotAssumable => "role-not-assumable",
            CauseName::RoleLacksAction => "role-lacks-action",
            CauseName::StaleKmsGrant => "stale-kms-grant",
            CauseName::TableMissing => "table-missing",
            CauseName::TableNotReady => "table-not-ready",
            CauseName::StreamMissing => "stream-missing",
            CauseName::StreamNotReady => "stream-not-ready",
            CauseName::LogGroupMissing => "log-group-missing",
            CauseName::FunctionFailing => "function-failing",
            CauseName::FunctionTimeout => "function-timeout",
            CauseName::FunctionOutOfMemory => "function-out-of-memory",
            CauseName::TableThrottled => "table-throttled",
            CauseName::HotKey => "hot-key",
            CauseName::MappingFailing => "mapping-failing",
            CauseName::PartialBatchOff => "partial-batch-off",
            CauseName::RecordsGivenUp => "records-given-up",
            CauseName::FiltersDropRecords => "filters-drop-records",
            CauseName::ConsumerBehindRetention => "consumer-behind-retention",
            CauseName::HotShard => "hot-shard",
            CauseName::StreamThrottled => "stream-throttled",
            CauseName::AnotherReader => "another-reader",
            CauseName::DestinationFailing => "destination-failing",
            CauseName::DeadLetters => "dead-letters",
            CauseName::AutoDistribution => "auto-distribution",
            CauseName::StreamEmpty => "stream-empty",
        }
    }

    /// Returns whether batches fail or stay unread because of it, so that it explains a mapping with a problem.
    #[must_use]
    pub(crate) fn explains_failure(self) -> bool {
        !matches!(
            self,
            CauseName::MappingFailing
                | CauseName::PartialBatchOff
                | CauseName::LogGroupMissing
                | CauseName::RecordsGivenUp
                | CauseName::FiltersDropRecords
                | CauseName::ConsumerBehindRetention
                | CauseName::HotShard
                | CauseName::StreamThrottled
                | CauseName::AnotherReader
                | CauseName::DestinationFailing
                | CauseName::DeadLetters
                | CauseName::AutoDistribution
                | CauseName::StreamEmpty
        )
    }
}

impl Serialize for CauseName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A proven cause.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Cause {
    /// Its name.
    pub name: CauseName,
    /// The proof.
    pub evidence: String,
    /// The command that mends it.
    pub remedy: String,
    /// The records for which the function fails, as far as they were searched for and found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<FaultyRecord>,
}

/// The result of a diagnosis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Diagnosis {
    /// True if no cause is proven, and none is open.
    pub healthy: bool,
    /// The proven causes, what blocks everything first.
    pub causes: Vec<Cause>,
    /// The causes that could not be excluded.
    pub unknown: Vec<Unexcluded>,
    /// The excluded causes.
    pub excluded: Vec<CauseName>,
}

impl Diagnosis {
    pub(super) fn of(findings: Vec<Finding>) -> Self {
        let (mut causes, mut unknown, mut excluded) = (Vec::new(), Vec::new(), Vec::new());
        for finding in findings {
            match finding {
                Finding::Proven(cause) => causes.push(cause),
                Finding::Unknown(question) => unknown.push(question),
                Finding::Excluded(name) => excluded.push(name),
            }
        }
        Diagnosis { healthy: causes.is_empty() && unknown.is_empty(), causes, unknown, excluded }
    }
}

/// A cause that could neither be proven nor excluded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Unexcluded {
    /// Its name.
    pub name: CauseName,
    /// Why not.
    pub reason: String,
}

/// The answer of a probe about one cause.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Finding {
    /// It is a cause.
    Proven(Cause),
    /// It is not a cause.
    Excluded(CauseName),
    /// Neither can be told.
    Unknown(Unexcluded),
}

impl Finding {
    /// Creates a proven cause.
    pub(crate) fn proven(name: CauseName, evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Finding::Proven(Cause { name, evidence: evidence.into(), remedy: remedy.into(), records: Vec::new() })
    }

    /// Creates an open question.
    pub(crate) fn unknown(name: CauseName, reason: impl Into<String>) -> Self {
        Finding::Unknown(Unexcluded { name, reason: reason.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_documented_under_its_name() {
        let documented = include_str!("../../../docs/troubleshooting.md");
        for name in CauseName::ALL {
            assert!(documented.contains(&format!("| `{}` |", name.as_str())), "{} is not documented", name.as_str());
        }
        let mut sorted = CauseName::ALL;
        sorted.sort_unstable();
        assert_eq!(sorted, CauseName::ALL);
    }
}
