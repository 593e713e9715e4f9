//! `[log_group]`: the function's log.

use super::constraints::LOG_RETENTION;
use super::layers::Layers;
use crate::error::Error;

/// Settings of the log group. Its name follows from the function's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogGroup {
    /// Days until a line is deleted. `None` means never.
    pub retention_days: Option<i32>,
}

impl LogGroup {
    pub(super) fn read(layers: &mut Layers<'_>) -> Result<Self, Error> {
        let allowed = LOG_RETENTION.map(|days| days.to_string()).join(", ");
        let retention_days = layers.section("log_group").integer_or(
            "retention_days",
            "never",
            Some(14),
            |days| i32::try_from(days).ok().filter(|days| LOG_RETENTION.contains(days)),
            &format!("one of {allowed} (days)"),
        )?;
        Ok(LogGroup { retention_days })
    }
}
