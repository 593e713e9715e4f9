//! The device of rows that are all put as one sensor.

use std::cell::OnceCell;

use sensor_model::truncate_for_log;

use super::device_names::DeviceColumn;
use super::row_error::{RowError, row_error};
use crate::hint_flags::shell_word;

/// The device that a column or path names.
#[derive(Clone, Debug)]
pub(super) struct OneDevice {
    /// Unset until a row names it. Then `None` where that text is no device's name.
    name: OnceCell<Option<String>>,
    /// The column or path, before the first row that names a device.
    column: DeviceColumn,
}

impl OneDevice {
    /// Returns the device where the first rows name one for certain, or may do so later: all of them are empty.
    pub(super) fn of(column: &DeviceColumn) -> Option<Self> {
        let name = match column.certain_device() {
            Some(name) => OnceCell::from(Some(name.to_owned())),
            None if column.may_name_device_later() => OnceCell::new(),
            None => return None,
        };
        Some(OneDevice { name, column: column.clone() })
    }

    /// Returns whether a row's text, without blanks around it, names another device. An empty one names none. The first that
    /// names one in a row which `is_reading` names that of all rows.
    #[inline]
    pub(super) fn is_other(&self, text: &str, is_reading: impl FnOnce() -> bool) -> bool {
        if text.is_empty() {
            return false;
        }
        if let Some(name) = self.name.get() {
            return name.as_ref().is_some_and(|name| name != text);
        }
        if is_reading() {
            self.take_name(text);
        }
        false
    }

    #[cold]
    fn take_name(&self, text: &str) {
        let column = self.column.clone().with(std::iter::once(text));
        self.name.get_or_init(|| column.certain_device().map(str::to_owned));
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
