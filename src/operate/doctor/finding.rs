//! The result of a check.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::error::Error;

/// The class of a result, in rising severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CheckResult {
    /// It was tested, and all is well.
    Ok,
    /// It could not be tested.
    Unknown,
    /// It works, and will not under some circumstances.
    Warning,
    /// It does not work.
    Failed,
}

impl CheckResult {
    /// Returns the word for it.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            CheckResult::Ok => "ok",
            CheckResult::Unknown => "unknown",
            CheckResult::Warning => "warning",
            CheckResult::Failed => "failed",
        }
    }
}

/// The result of a check, without its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) result: CheckResult,
    pub(super) evidence: String,
    pub(super) remedy: Option<String>,
    pub(super) figures: BTreeMap<&'static str, u64>,
}

impl Verdict {
    pub(super) fn ok(evidence: impl Into<String>) -> Self {
        Verdict { result: CheckResult::Ok, evidence: evidence.into(), remedy: None, figures: BTreeMap::new() }
    }

    pub(super) fn unknown(evidence: impl Into<String>) -> Self {
        Verdict { result: CheckResult::Unknown, ..Self::ok(evidence) }
    }

    pub(super) fn warning(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Verdict { result: CheckResult::Warning, remedy: Some(remedy.into()), ..Self::ok(evidence) }
    }

    pub(super) fn failed(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Verdict { result: CheckResult::Failed, remedy: Some(remedy.into()), ..Self::ok(evidence) }
    }

    /// Returns the failure that an error describes; its hints are the remedy.
    pub(super) fn failed_with(error: &Error) -> Self {
        Verdict { result: CheckResult::Failed, ..Self::unknown_with(error) }
    }

    /// Returns the reason why something is not known, with the error's hints as the remedy.
    pub(super) fn unknown_with(error: &Error) -> Self {
        let remedy = error.hints().join("; ");
        Verdict { remedy: (!remedy.is_empty()).then_some(remedy), ..Self::unknown(error.full_message()) }
    }

    /// Adds a number that the evidence shows rounded.
    pub(super) fn with_figure(mut self, name: &'static str, value: u64) -> Self {
        self.figures.insert(name, value);
        self
    }

    /// Returns the finding of a check that took this long.
    pub(super) fn named(self, name: impl Into<String>, took: Duration) -> CheckFinding {
        let Verdict { result, evidence, remedy, figures } = self;
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        CheckFinding { name: name.into(), result, evidence, remedy, figures, ms }
    }
}

/// The finding of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CheckFinding {
    /// Stable name (docs/troubleshooting.md).
    pub name: String,
    /// The result of the test.
    pub result: CheckResult,
    /// The observation.
    pub evidence: String,
    /// The remedy.
    pub remedy: Option<String>,
    /// Exact numbers that the evidence shows rounded, with their unit in the name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<&'static str, u64>,
    /// How long the test took, in milliseconds.
    pub ms: u64,
}

/// Makes and times a check.
pub(super) fn timed(name: impl Into<String>, check: impl FnOnce() -> Verdict) -> CheckFinding {
    let began = Instant::now();
    let verdict = check();
    verdict.named(name, began.elapsed())
}
