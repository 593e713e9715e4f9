//! Settings of the function and its responses.

use serde_json::Value;

/// Enables partial batch responses of the mapping.
pub const PARTIAL: (&str, &str) = ("SENSORCTL_PARTIAL_BATCH", "1");
/// Sets a dead-letter table.
pub const REJECTS: (&str, &str) = ("SENSORCTL_REJECTS_TABLE", "SensorDataRejects");

/// A response of the function.
#[derive(Debug)]
pub enum Answer {
    Response(Value),
    Error { kind: String, message: String },
}

impl Answer {
    /// Returns the sequence numbers in the response.
    pub fn failures(&self) -> Vec<&str> {
        let Answer::Response(response) = self else { panic!("{self:?}") };
        let failures = response["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap()).collect()
    }

    /// Returns the message of a failed invocation.
    pub fn error(&self) -> &str {
        let Answer::Error { message, .. } = self else { panic!("{self:?}") };
        message
    }
}
