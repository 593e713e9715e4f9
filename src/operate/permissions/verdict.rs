//! The result of testing an action.

use std::collections::BTreeMap;

use super::action_resource::ActionResource;

/// The result of testing an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    /// With the service's words.
    Denied(String),
    /// With the reason.
    Unknown(String),
}

/// The verdict on each action on a resource.
pub(super) type Verdicts = BTreeMap<(ActionResource, &'static str), Verdict>;
