//! What the function is told, and what it sends back.

use serde_json::Value;

/// The mapping understands partial answers.
pub const PARTIAL: (&str, &str) = ("SENSORCTL_PARTIAL_BATCH", "1");
/// There is a table for rejects.
pub const REJECTS: (&str, &str) = ("SENSORCTL_REJECTS_TABLE", "SensorDataRejects");

/// What the function sent back.
#[derive(Debug)]
pub enum Answer {
    Response(Value),
    Error { kind: String, message: String },
}

impl Answer {
    /// The sequence numbers in the answer.
    pub fn failures(&self) -> Vec<&str> {
        let Answer::Response(response) = self else { panic!("{self:?}") };
        let failures = response["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap()).collect()
    }

    /// The message of a failed invocation.
    pub fn error(&self) -> &str {
        let Answer::Error { message, .. } = self else { panic!("{self:?}") };
        message
    }
}
