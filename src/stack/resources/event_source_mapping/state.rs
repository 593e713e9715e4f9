//! The state of an event source mapping, and failures of calls that come too early.

use aws_sdk_lambda::types::EventSourceMappingConfiguration;

use super::NO_FUNCTION;
use crate::aws::{AwsFailure, FailureCause};
use crate::stack::{Observed, State};

/// Marks a failure as transient: the function was created or seen before, so it is only not visible everywhere yet.
pub(crate) fn not_seen_yet(failure: AwsFailure) -> AwsFailure {
    match failure.cause {
        FailureCause::Other if failure.message.contains(NO_FUNCTION) => {
            AwsFailure { cause: FailureCause::Propagating, ..failure }
        }
        _ => failure,
    }
}

pub(crate) fn uuid_of(found: &Observed) -> String {
    found.details.get("uuid").cloned().unwrap_or_default()
}

pub(crate) fn state_of(mapping: &EventSourceMappingConfiguration) -> State {
    match mapping.state() {
        Some("Enabled" | "Disabled") => State::Active,
        Some("Deleting") => State::Deleting,
        state => State::Changing(state.unwrap_or("unknown").to_owned()),
    }
}
