//! Why a row is no reading.

use sensor_model::ReadingError;

/// The reason for which a row is rejected: its class for programs, and a text that names keys, never values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowError {
    pub code: &'static str,
    pub reason: String,
}

pub(super) fn row_error(code: &'static str, reason: impl Into<String>) -> RowError {
    RowError { code, reason: reason.into() }
}

impl From<ReadingError> for RowError {
    fn from(error: ReadingError) -> Self {
        row_error(error.code(), error.to_string())
    }
}
