//! What an invocation says to Lambda.

use lambda_runtime::Diagnostic;
use serde::Serialize;

/// The answer to Lambda's event source mapping.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    batch_item_failures: Vec<FirstFailure>,
}

/// The record from which on the batch is to be retried.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FirstFailure {
    item_identifier: String,
}

impl Answer {
    /// The batch is to be retried from this record on.
    pub fn retry_from(sequence_number: &str) -> Self {
        Answer { batch_item_failures: vec![FirstFailure { item_identifier: sequence_number.to_owned() }] }
    }
}

/// Why an invocation failed, so that all of its batch is retried.
#[derive(Debug)]
pub struct Fault {
    /// A short name that stays the same.
    pub kind: &'static str,
    /// What happened, without content of readings.
    pub message: String,
}

impl Fault {
    /// The environment makes no sense.
    pub fn misconfigured(message: &str) -> Self {
        Fault { kind: "Misconfigured", message: message.to_owned() }
    }

    /// The event does not come from Kinesis.
    pub fn foreign_event(message: String) -> Self {
        Fault { kind: "NotAKinesisEvent", message }
    }

    /// Something is not stored, and the mapping would take a partial answer as success.
    pub fn not_stored(message: String) -> Self {
        Fault { kind: "NotStored", message }
    }
}

impl From<Fault> for Diagnostic {
    fn from(fault: Fault) -> Self {
        Diagnostic { error_type: fault.kind.to_owned(), error_message: fault.message }
    }
}
