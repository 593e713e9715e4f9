//! Conditions of a statement: the operators on text, ARNs and truth values.

use serde_json::Value;

use super::pattern::{Context, Pattern, found};

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    Yes,
    No,
    /// It depends on what is not known here: an operator, or a key.
    Unclear,
}

impl Met {
    pub(super) fn when(is_met: bool) -> Met {
        if is_met { Met::Yes } else { Met::No }
    }

    pub(super) fn not(self) -> Met {
        match self {
            Met::Yes => Met::No,
            Met::No => Met::Yes,
            Met::Unclear => Met::Unclear,
        }
    }

    /// One of several.
    pub(super) fn any(all: impl Iterator<Item = Met>) -> Met {
        all.fold(Met::No, |any, one| match (any, one) {
            (Met::Yes, _) | (_, Met::Yes) => Met::Yes,
            (Met::Unclear, _) | (_, Met::Unclear) => Met::Unclear,
            _ => Met::No,
        })
    }

    /// Each of several.
    pub(super) fn all(all: impl Iterator<Item = Met>) -> Met {
        Met::any(all.map(Met::not)).not()
    }
}

/// Whether all conditions of a statement are met, given the keys of a request.
pub(super) fn met(conditions: &Value, context: &Context<'_>) -> Met {
    let Some(operators) = conditions.as_object() else { return Met::Unclear };
    Met::all(operators.iter().map(|(operator, keys)| match keys.as_object() {
        Some(keys) => Met::all(keys.iter().map(|(key, wanted)| holds(operator, found(key, context), wanted, context))),
        None => Met::Unclear,
    }))
}

fn holds(operator: &str, found: Option<&str>, wanted: &Value, context: &Context<'_>) -> Met {
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let compare: fn(&Pattern, &str) -> bool = match operator {
        "StringEquals" | "StringNotEquals" => |wanted, found| wanted.text() == found,
        "StringEqualsIgnoreCase" | "StringNotEqualsIgnoreCase" | "Bool" => {
            |wanted, found| wanted.text().eq_ignore_ascii_case(found)
        }
        "StringLike" | "StringNotLike" | "ArnLike" | "ArnEquals" | "ArnNotLike" | "ArnNotEquals" => Pattern::matches,
        "Null" => {
            let is_missing = if found.is_none() { "true" } else { "false" };
            return Met::when(texts(wanted).iter().any(|wanted| wanted == is_missing));
        }
        _ => return Met::Unclear,
    };
    let is_negated = operator.contains("Not");
    // A key that is not there differs from everything.
    let Some(found) = found else { return Met::when(if_exists || is_negated) };
    let is_one = |wanted: &String| match Pattern::with_variables(wanted, context) {
        Some(wanted) => Met::when(compare(&wanted, found)),
        None => Met::Unclear,
    };
    let is_any = Met::any(texts(wanted).iter().map(is_one));
    if is_negated { is_any.not() } else { is_any }
}

fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Array(many) => many.iter().map(text).collect(),
        one => vec![text(one)],
    }
}
