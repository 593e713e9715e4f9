//! The responses of an invocation to Lambda.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use lambda_runtime::Diagnostic;
use serde::Serialize;

/// The partial batch response for the event source mapping.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchResponse {
    batch_item_failures: Vec<FirstFailure>,
}

/// The record from which the batch is retried.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FirstFailure {
    item_identifier: String,
}

impl BatchResponse {
    /// Returns the response that retries the batch from this record.
    pub(crate) fn retry_from(sequence_number: &str) -> Self {
        BatchResponse { batch_item_failures: vec![FirstFailure { item_identifier: sequence_number.to_owned() }] }
    }
}

/// The reason why an invocation failed. The whole batch is retried.
#[derive(Debug)]
pub struct InvocationError {
    /// A short, stable name.
    pub kind: &'static str,
    /// The message, without content of readings.
    pub message: String,
}

impl InvocationError {
    /// Returns the error for an invalid environment.
    pub fn misconfigured(message: &str) -> Self {
        InvocationError { kind: "Misconfigured", message: message.to_owned() }
    }

    /// Returns the error for an event that is not from Kinesis.
    pub fn foreign_event(message: String) -> Self {
        InvocationError { kind: "NotAKinesisEvent", message }
    }

    /// Returns the error for a panic. Its own message could quote a reading.
    fn panicked() -> Self {
        let message = "the function failed; the line `panicked at` before this one says where: please report it";
        InvocationError { kind: "Panicked", message: message.to_owned() }
    }

    /// Returns the error for unstored readings when the mapping would take a partial batch response as success.
    pub fn not_stored(message: String) -> Self {
        InvocationError { kind: "NotStored", message }
    }
}

/// Runs `work` and turns a panic into an error without the panic's message, which the runtime would write into the log
/// and return to the caller.
///
/// # Errors
/// The errors of `work`.
pub(crate) async fn contained<T>(work: impl Future<Output = Result<T, InvocationError>>) -> Result<T, InvocationError> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err(InvocationError::panicked()))
}

impl From<InvocationError> for Diagnostic {
    fn from(fault: InvocationError) -> Self {
        Diagnostic { error_type: fault.kind.to_owned(), error_message: fault.message }
    }
}

#[cfg(test)]
mod tests {
    use lambda_runtime::Diagnostic;

    use super::{InvocationError, contained};

    #[tokio::test]
    async fn contained_panic_becomes_error_without_message() {
        let reading = "hunter2".to_owned();
        let work = async {
            tokio::task::yield_now().await;
            if reading.len() == 7 { panic!("not a reading: {reading}") } else { Ok(()) }
        };
        let said = Diagnostic::from(contained(work).await.unwrap_err());
        assert_eq!(said.error_type, "Panicked");
        assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
        assert!(contained(async { Ok(1) }).await.is_ok_and(|one| one == 1));
        let fault = contained(async { Err::<(), _>(InvocationError::misconfigured("no table")) }).await.unwrap_err();
        assert_eq!(fault.message, "no table");
    }
}
