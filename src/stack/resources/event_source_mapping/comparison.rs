//! Compares settings of an event source mapping by what they mean.

use serde_json::{Value, json};

/// Patterns as documents, in one order: one of them must match, whichever.
pub(crate) fn by_meaning<'a>(patterns: impl Iterator<Item = &'a str>) -> Value {
    let mut patterns: Vec<Value> =
        patterns.map(|pattern| serde_json::from_str(pattern).unwrap_or_else(|_| json!(pattern))).collect();
    patterns.sort_by_key(Value::to_string);
    json!(patterns)
}

/// Whether filters may leave out readings that those before let through. Without any, all come through; else those that one
/// of them matches.
pub(crate) fn leaves_out(has: &Value, wanted: &Value) -> bool {
    let patterns = |filters: &Value| filters.as_array().cloned().unwrap_or_default();
    let (has, wanted) = (patterns(has), patterns(wanted));
    !wanted.is_empty() && (has.is_empty() || has.iter().any(|pattern| !wanted.contains(pattern)))
}

/// Older answers give the greatest value where nothing was set (docs/facts/event-source-mapping.md, Parameters).
pub(crate) fn unlimited(value: Option<i32>, greatest: i32) -> Value {
    json!(value.filter(|value| *value != greatest).unwrap_or(-1))
}
