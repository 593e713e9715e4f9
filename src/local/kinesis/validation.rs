//! Constraints on requests, with the service's error messages.
//!
//! `ferrokinesis-core` has such rules too, but they copy every request and lag behind the service: names where it takes
//! ARNs, a maximum retention of a week, records of 1 MiB.

use crate::protocol::aws_json::ServiceError;

/// The constraints that a request violates.
#[derive(Default)]
pub(super) struct Checks(Vec<String>);

impl Checks {
    /// Requires the member.
    pub(super) fn present<T>(&mut self, field: &str, value: Option<&T>) -> &mut Self {
        if value.is_none() {
            self.breaks("null", field, "Member must not be null");
        }
        self
    }

    /// Limits the number of characters of an optional member.
    pub(super) fn length(&mut self, field: &str, value: Option<&str>, least: usize, most: usize) -> &mut Self {
        let Some(value) = value else { return self };
        let count = value.chars().count();
        self.size(field, Some(count), least, most)
    }

    /// Limits the number of members or bytes of an optional member.
    pub(super) fn size(&mut self, field: &str, size: Option<usize>, least: usize, most: usize) -> &mut Self {
        match size {
            Some(size) if size < least => {
                self.breaks("", field, &format!("Member must have length greater than or equal to {least}"));
            }
            Some(size) if size > most => {
                self.breaks("", field, &format!("Member must have length less than or equal to {most}"));
            }
            _ => {}
        }
        self
    }

    /// Limits data that fits alone but not together with its partition key.
    pub(super) fn payload(&mut self, field: &str, size: usize, most: usize) -> &mut Self {
        let rule =
            format!("Member and partition key together must have length less than or equal to {most}, and have {size}");
        self.breaks("", field, &rule);
        self
    }

    /// Requires decimal digits of a hash key in an optional member.
    pub(super) fn hash_key(&mut self, field: &str, value: Option<&str>) -> &mut Self {
        let is_key = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            digits && (1..=39).contains(&text.len()) && (text == "0" || !text.starts_with('0'))
        };
        if value.is_some_and(|value| !is_key(value)) {
            self.breaks("", field, "Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})");
        }
        self
    }

    /// Limits the range of a number in an optional member.
    pub(super) fn range(&mut self, field: &str, value: Option<i64>, least: i64, most: i64) -> &mut Self {
        match value {
            Some(value) if value < least => self.breaks(
                &format!("'{value}'"),
                field,
                &format!("Member must have value greater than or equal to {least}"),
            ),
            Some(value) if value > most => self.breaks(
                &format!("'{value}'"),
                field,
                &format!("Member must have value less than or equal to {most}"),
            ),
            _ => {}
        }
        self
    }

    /// Requires a valid name of a stream, shard or consumer: 1 to 128 letters, digits, `_`, `.` and `-`.
    pub(super) fn name(&mut self, field: &str, value: Option<&str>) -> &mut Self {
        let is_named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if value.is_some_and(|value| !value.bytes().all(is_named)) {
            self.breaks("", field, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
        }
        self.length(field, value, 1, 128)
    }

    /// Requires one of these words in an optional member.
    pub(super) fn one_of(&mut self, field: &str, value: Option<&str>, words: &[&str]) -> &mut Self {
        if value.is_some_and(|value| !words.contains(&value)) {
            let words = words.join(", ");
            self.breaks("", field, &format!("Member must satisfy enum value set: [{words}]"));
        }
        self
    }

    /// Returns an error if the request violates any constraint.
    pub(super) fn done(&mut self) -> Result<(), ServiceError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let noun = if self.0.len() == 1 { "error" } else { "errors" };
        let message = format!("{} validation {noun} detected: {}", self.0.len(), self.0.join("; "));
        Err(ServiceError::bad_request("ValidationException", message))
    }

    /// Records a violation. Of the caller's values only numbers are repeated: another value may be a reading.
    fn breaks(&mut self, value: &str, field: &str, constraint: &str) {
        let space = if value.is_empty() { "" } else { " " };
        self.0.push(format!("Value{space}{value} at '{field}' failed to satisfy constraint: {constraint}"));
    }
}

/// Builds an `InvalidArgumentException`.
pub(super) fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::bad_request("InvalidArgumentException", message)
}
