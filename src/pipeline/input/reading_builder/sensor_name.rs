//! Texts such as `N/A` that stand where a sensor has no name.

use std::borrow::Cow;

use super::super::keys::SENSOR;
use super::super::number;
use super::super::row_error::{RowError, row_error};

/// The longest of the texts.
const MOST_BYTES: usize = 4;
/// Words such as `null` may be names.
const NO_SENSOR: [&str; 4] = ["-", "--", "n/a", "#n/a"];

/// Refuses a text that says that there is no sensor.
#[inline]
pub(super) fn check_sensor(text: &str) -> Result<(), RowError> {
    if text.len() <= MOST_BYTES && NO_SENSOR.iter().any(|none| text.eq_ignore_ascii_case(none)) {
        return Err(row_error("missing-key", format!("`{SENSOR}` is `{text}`, which names no sensor")));
    }
    Ok(())
}

/// Returns a text without blanks around it.
pub(super) fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(number::trimmed(text)),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}
