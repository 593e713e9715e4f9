//! Patterns that values of JSON paths are compared with.

use super::json_paths::PathValue;
use super::mapping::captured;
use super::reading_builder::Cell;

/// Returns whether a value exists and matches; for `*` alone it only has to exist.
pub(super) fn matches(value: Option<&PathValue<'_>>, pattern: &str) -> bool {
    match value {
        None => false,
        Some(PathValue::Name(name)) => captured(pattern, name).is_some(),
        Some(PathValue::Json(raw)) => Cell::Json(raw).text().is_some_and(|text| captured(pattern, &text).is_some()),
    }
}
