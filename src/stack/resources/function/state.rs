//! The state of a function, the result of its last update, and the visibility of its tags.

use aws_sdk_lambda::types::{FunctionConfiguration, LastUpdateStatus, State as Status, TagsError};

use crate::aws::{AwsFailure, FailureCause};
use crate::stack::State;

/// Returns the state of a function. It depends on the function's state and on that of its last update, which may be
/// absent (docs/facts/lambda.md, Function states).
pub(super) fn state_of(function: &FunctionConfiguration) -> State {
    match &function.state {
        Some(Status::Failed) => return State::Failed(reason(function.state_reason())),
        Some(Status::Deleting) => return State::Deleting,
        // An idle function becomes active by itself.
        Some(Status::Active | Status::Inactive) | None => {}
        Some(state) => return State::Changing(state.to_string()),
    }
    match &function.last_update_status {
        Some(LastUpdateStatus::InProgress) => State::Changing("update in progress".to_owned()),
        _ => State::Active,
    }
}

/// The result of a last update that did not fail.
pub(super) const DONE: &str = "done";

/// Returns the reason why the last update failed, if it did. The function then continues as before the update, and the
/// update can be repeated.
pub(super) fn failed_update(function: &FunctionConfiguration) -> Option<String> {
    (function.last_update_status == Some(LastUpdateStatus::Failed))
        .then(|| format!("failed: {}", reason(function.last_update_status_reason())))
}

/// Returns the failure to read a function's tags, without which its owner is unknown.
pub(super) fn tags_failure(failure: AwsFailure, error: &TagsError) -> AwsFailure {
    let code = error.error_code().to_owned();
    let cause = if code.starts_with("AccessDenied") { FailureCause::Denied } else { FailureCause::ServerError };
    AwsFailure { cause, code: Some(code), ..failure }
}

fn reason(text: Option<&str>) -> String {
    text.unwrap_or("the service gives no reason").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_update_is_repeated_without_replacing_the_function() {
        let function = FunctionConfiguration::builder()
            .state(Status::Active)
            .last_update_status(LastUpdateStatus::Failed)
            .last_update_status_reason("no room")
            .build();
        assert_eq!(state_of(&function), State::Active);
        assert_eq!(failed_update(&function).as_deref(), Some("failed: no room"));
        assert_eq!(failed_update(&FunctionConfiguration::builder().build()), None);
    }

    #[test]
    fn denied_tags_are_a_failure_and_not_missing_tags() {
        let failure = AwsFailure {
            service: "Lambda",
            operation: "ListTags",
            resource: "function f".into(),
            location: "here".into(),
            code: None,
            message: "not authorized to perform: lambda:ListTags".into(),
            cause: FailureCause::Other,
        };
        let with = |code: &str| {
            let error = TagsError::builder().error_code(code).message("no").build().unwrap();
            tags_failure(failure.clone(), &error).cause
        };
        assert_eq!(
            (with("AccessDeniedException"), with("InternalFailure")),
            (FailureCause::Denied, FailureCause::ServerError)
        );
        assert!(
            crate::error::Error::from(AwsFailure { cause: FailureCause::Denied, ..failure }).hints()[0]
                .contains("lambda:ListTags")
        );
    }
}
