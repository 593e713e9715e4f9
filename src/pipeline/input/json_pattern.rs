//! Patterns that values of JSON paths are compared with.

use super::json_paths::PathValue;
use super::mapping::captured;
use super::reading_builder::{Cell, ReadingBuilder};

/// Returns whether a value exists and matches; for `*` alone it only has to exist. A value of `--missing` does not exist.
pub(super) fn matches(value: Option<&PathValue<'_>>, pattern: &str, builder: &ReadingBuilder) -> bool {
    match value {
        None => false,
        Some(PathValue::Name(name)) => captured(pattern, name).is_some(),
        Some(PathValue::Json(raw)) => {
            let cell = Cell::Json(raw);
            let is_like = cell.text().is_some_and(|text| captured(pattern, &text).is_some());
            is_like && !(pattern == "*" && builder.is_missing(&cell))
        }
    }
}
