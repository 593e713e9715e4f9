//! Whether an action is allowed.

use std::collections::BTreeMap;

use super::action_resource::ActionResource;

/// Whether an action is allowed.
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
