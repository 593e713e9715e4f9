//! Patterns that values of JSON paths are compared with.

use std::borrow::Cow;

use super::cell::Cell;
use super::json_paths::PathValue;
use super::mapping::captured;
use super::reading_builder::ReadingBuilder;

/// Returns whether a value matches one of the patterns; an empty one asks that the value is absent. Where a part of it is its
/// value, a value of `--missing` counts as absent.
pub(super) fn matches(value: Option<&PathValue<'_>>, patterns: &[String], builder: &ReadingBuilder) -> bool {
    let text = match value {
        None => None,
        Some(PathValue::Name(name)) => Some(name.clone()),
        Some(PathValue::Json(raw)) => Cell::Json(raw).text(),
    };
    let Some(text) = text else { return patterns.iter().any(String::is_empty) };
    let is_absent = |part: &str| builder.is_missing(&Cell::Text(Cow::Borrowed(part)));
    patterns
        .iter()
        .any(|pattern| captured(pattern, &text).is_some_and(|part| !pattern.contains('*') || !is_absent(part)))
}
