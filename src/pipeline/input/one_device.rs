//! The device of rows that are all put as one sensor.

use sensor_model::truncate_for_log;

use super::device_names::DeviceColumn;
use super::row_error::{RowError, row_error};
use crate::hint_flags::shell_word;

/// The device that a column or path named in the first rows.
#[derive(Clone, Debug)]
pub(super) struct OneDevice {
    name: String,
}

impl OneDevice {
    /// Returns the device where the first rows name one for certain.
    pub(super) fn of(column: &DeviceColumn) -> Option<Self> {
        column.certain_device().map(|name| OneDevice { name: name.to_owned() })
    }

    /// Returns whether a row's text, without blanks around it, names another device. An empty one names none.
    #[inline]
    pub(super) fn is_other(&self, text: &str) -> bool {
        !text.is_empty() && text != self.name
    }
}

/// Returns why a row is refused whose column or path names another device.
pub(super) fn other_device(name: &str, [map, drop]: [String; 2]) -> RowError {
    let name = truncate_for_log(name);
    let reason =
        format!("`{name}` names another device than in the rows before, and all are put as one sensor; {map}, {drop}");
    row_error("other-device", reason)
}

/// Returns what to type where the values of a source name several devices: to tell them apart, or to say that they are
/// one. `dropped` is the name of its field.
pub(super) fn device_options(source: &str, dropped: &str) -> [String; 2] {
    let map = format!("sensor_id={source}");
    [
        format!("`--map {}` makes a sensor of each", shell_word(&map)),
        format!("`--drop {}` says that they are one", shell_word(dropped)),
    ]
}
