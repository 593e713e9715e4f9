//! Compares settings of an event source mapping by their meaning.

use serde_json::{Value, json};

/// Returns filter patterns as sorted documents. Their order has no meaning: a record needs to match any of them.
pub(crate) fn by_meaning<'a>(patterns: impl Iterator<Item = &'a str>) -> Value {
    let mut patterns: Vec<Value> =
        patterns.map(|pattern| serde_json::from_str(pattern).unwrap_or_else(|_| json!(pattern))).collect();
    patterns.sort_by_key(Value::to_string);
    json!(patterns)
}

/// Returns whether new filters may drop readings that the old ones let through. Without a filter, all readings pass.
/// Otherwise those pass that match one of them.
pub(crate) fn leaves_out(has: &Value, wanted: &Value) -> bool {
    let patterns = |filters: &Value| filters.as_array().cloned().unwrap_or_default();
    let (has, wanted) = (patterns(has), patterns(wanted));
    !wanted.is_empty() && (has.is_empty() || has.iter().any(|pattern| !wanted.contains(pattern)))
}

/// Normalizes an unlimited value. Older responses have the maximum value for an unset one
/// (docs/facts/event-source-mapping.md, Parameters).
pub(crate) fn unlimited(value: Option<i32>, greatest: i32) -> Value {
    json!(value.filter(|value| *value != greatest).unwrap_or(-1))
}
