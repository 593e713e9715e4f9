//! Conditions of a statement: the operators on text, ARNs and truth values.

use serde_json::Value;

use super::pattern::matches;

/// Whether conditions are met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    Yes,
    No,
    /// An operator is not known here.
    Unclear,
}

/// Whether all conditions of a statement are met, given the keys of a request. Names of keys have no letter case.
pub(super) fn met(conditions: &Value, context: &[(&str, &str)]) -> Met {
    let Some(operators) = conditions.as_object() else { return Met::Unclear };
    let mut all = Met::Yes;
    for (operator, keys) in operators {
        let Some(keys) = keys.as_object() else { return Met::Unclear };
        for (key, wanted) in keys {
            let found = context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| *value);
            match holds(operator, found, &texts(wanted)) {
                Met::No => return Met::No,
                Met::Unclear => all = Met::Unclear,
                Met::Yes => {}
            }
        }
    }
    all
}

fn holds(operator: &str, found: Option<&str>, wanted: &[String]) -> Met {
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let compare: fn(&str, &str) -> bool = match operator {
        "StringEquals" | "StringNotEquals" => |wanted, found| wanted == found,
        "StringEqualsIgnoreCase" | "StringNotEqualsIgnoreCase" | "Bool" => {
            |wanted, found| wanted.eq_ignore_ascii_case(found)
        }
        "StringLike" | "StringNotLike" | "ArnLike" | "ArnEquals" | "ArnNotLike" | "ArnNotEquals" => matches,
        "Null" => {
            let is_missing = if found.is_none() { "true" } else { "false" };
            return yes_or_no(wanted.iter().any(|wanted| wanted == is_missing));
        }
        _ => return Met::Unclear,
    };
    let is_negated = operator.contains("Not");
    match found {
        // A key that is not there differs from everything.
        None => yes_or_no(if_exists || is_negated),
        Some(found) => yes_or_no(wanted.iter().any(|wanted| compare(wanted, found)) != is_negated),
    }
}

fn yes_or_no(is_met: bool) -> Met {
    if is_met { Met::Yes } else { Met::No }
}

fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Array(many) => many.iter().map(text).collect(),
        one => vec![text(one)],
    }
}
