//! The paths from which the keys of a reading come, for the errors of rows that have nothing there.

use super::keys::SENSOR;
use super::row_error::{RowError, row_error};

/// The path of each key; none where columns hold the values, which are there or not for a whole file.
#[derive(Debug, Default)]
pub(super) struct KeyPaths(Vec<(&'static str, String)>);

impl KeyPaths {
    /// Keeps the path of each key.
    pub(super) fn new(paths: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        KeyPaths(paths.into_iter().collect())
    }

    /// Returns the error of a row without a value for a key. `is_there` says that the row has the place, without a value.
    pub(super) fn missing(&self, key: &str, is_there: bool) -> RowError {
        let path = self.0.iter().find(|(of, _)| *of == key).filter(|_| !is_there);
        let Some((_, path)) = path else { return row_error("missing-key", format!("`{key}` is empty")) };
        let or = if key == SENSOR { " or `--sensor ID`" } else { "" };
        let at = format!("`{key}` is missing: there is nothing at `{path}`; `--map {key}=PATH`{or} names it");
        row_error("missing-key", at)
    }
}
