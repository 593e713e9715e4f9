//! What a probe finds: a proven cause, its exclusion, or the reason why neither is possible.

use serde::{Serialize, Serializer};

/// A cause, by the stable name that reports and docs/troubleshooting.md give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CauseName {
    MappingAbsent,
    MappingDisabled,
    MappingStuck,
    FunctionMissing,
    FunctionNotReady,
    NoConcurrency,
    RoleMissing,
    RoleNotAssumable,
    RoleLacksAction,
    StaleKmsGrant,
    TableMissing,
    TableNotReady,
    StreamMissing,
    StreamNotReady,
    FunctionFailing,
    FunctionTimeout,
    FunctionOutOfMemory,
    TableThrottled,
    MappingFailing,
    PartialBatchOff,
    ConsumerBehindRetention,
    AutoDistribution,
    StreamEmpty,
}

impl CauseName {
    /// All causes, in the order of reports: what blocks everything first.
    #[cfg(test)]
    pub(crate) const ALL: [CauseName; 23] = [
        CauseName::MappingAbsent,
        CauseName::MappingDisabled,
        CauseName::MappingStuck,
        CauseName::FunctionMissing,
        CauseName::FunctionNotReady,
        CauseName::NoConcurrency,
        CauseName::RoleMissing,
        CauseName::RoleNotAssumable,
        CauseName::RoleLacksAction,
        CauseName::StaleKmsGrant,
        CauseName::TableMissing,
        CauseName::TableNotReady,
        CauseName::StreamMissing,
        CauseName::StreamNotReady,
        CauseName::FunctionFailing,
        CauseName::FunctionTimeout,
        CauseName::FunctionOutOfMemory,
        CauseName::TableThrottled,
        CauseName::MappingFailing,
        CauseName::PartialBatchOff,
        CauseName::ConsumerBehindRetention,
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
            CauseName::RoleMissing => "role-missing",
            CauseName::RoleNotAssumable => "role-not-assumable",
            CauseName::RoleLacksAction => "role-lacks-action",
            CauseName::StaleKmsGrant => "stale-kms-grant",
            CauseName::TableMissing => "table-missing",
            CauseName::TableNotReady => "table-not-ready",
            CauseName::StreamMissing => "stream-missing",
            CauseName::StreamNotReady => "stream-not-ready",
            CauseName::FunctionFailing => "function-failing",
            CauseName::FunctionTimeout => "function-timeout",
            CauseName::FunctionOutOfMemory => "function-out-of-memory",
            CauseName::TableThrottled => "table-throttled",
            CauseName::MappingFailing => "mapping-failing",
            CauseName::PartialBatchOff => "partial-batch-off",
            CauseName::ConsumerBehindRetention => "consumer-behind-retention",
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
                | CauseName::ConsumerBehindRetention
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
    /// What proves it.
    pub evidence: String,
    /// The command that mends it.
    pub remedy: String,
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
    /// It is none.
    Excluded(CauseName),
    /// Neither can be told.
    Unknown(Unexcluded),
}

impl Finding {
    /// Creates a proven cause.
    pub(crate) fn proven(name: CauseName, evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Finding::Proven(Cause { name, evidence: evidence.into(), remedy: remedy.into() })
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
