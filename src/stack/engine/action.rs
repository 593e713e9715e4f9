//! The actions of a plan.

use serde::Serialize;

/// The action for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// No change: it is as configured.
    None,
    /// Create it.
    Create,
    /// Update it in place.
    Update,
    /// Delete and recreate it.
    Replace,
    /// Delete it.
    Delete,
    /// Keep it, although it blocks the requested change.
    Keep,
}

impl Action {
    /// Returns the public name, as in `"action"` of the JSON reports.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Action::None => "none",
            Action::Create => "create",
            Action::Update => "update",
            Action::Replace => "replace",
            Action::Delete => "delete",
            Action::Keep => "keep",
        }
    }
}
