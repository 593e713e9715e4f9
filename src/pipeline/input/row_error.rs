//! The reason that a row is rejected for.

use sensor_model::{ReadingError, truncate_for_log};

use super::number::NumberError;

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

pub(super) fn number_error(key: &str, error: NumberError) -> RowError {
    let code = match error {
        NumberError::Comma | NumberError::Point => "decimal-sign",
        NumberError::Decimal(sensor_model::DecimalError::TooManyDigits) => "too-many-digits",
        NumberError::Decimal(sensor_model::DecimalError::OutOfRange) => "number-out-of-range",
        _ => "not-a-number",
    };
    row_error(code, format!("`{}`: {error}", truncate_for_log(key)))
}
