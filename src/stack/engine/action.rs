//! The actions of a plan.

use serde::Serialize;

/// What is to be done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing: it is up to date.
    None,
    /// Create it.
    Create,
    /// Change it in place.
    Update,
    /// Delete it and create it again.
    Replace,
    /// Delete it.
    Delete,
    /// Leave it as it is, though it is in the way of what was asked.
    Keep,
}

impl Action {
    /// The public name, as in `"action"` of the JSON reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
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
