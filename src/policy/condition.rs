//! Conditions of a statement: the operators for strings, ARNs, booleans, numbers and dates.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::pattern::{Context, Key, Pattern};

/// The result of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConditionMatch {
    Yes,
    No,
    /// Depends on something unknown: an operator, or a key.
    Unclear,
}

impl ConditionMatch {
    pub(super) fn when(is_met: bool) -> ConditionMatch {
        if is_met { ConditionMatch::Yes } else { ConditionMatch::No }
    }

    pub(super) fn not(self) -> ConditionMatch {
        match self {
            ConditionMatch::Yes => ConditionMatch::No,
            ConditionMatch::No => ConditionMatch::Yes,
            ConditionMatch::Unclear => ConditionMatch::Unclear,
        }
    }

    /// Returns the result of a logical or.
    pub(super) fn any(all: impl Iterator<Item = ConditionMatch>) -> ConditionMatch {
        all.fold(ConditionMatch::No, |any, one| match (any, one) {
            (ConditionMatch::Yes, _) | (_, ConditionMatch::Yes) => ConditionMatch::Yes,
            (ConditionMatch::Unclear, _) | (_, ConditionMatch::Unclear) => ConditionMatch::Unclear,
            _ => ConditionMatch::No,
        })
    }

    /// Returns the result of a logical and.
    pub(super) fn all(all: impl Iterator<Item = ConditionMatch>) -> ConditionMatch {
        ConditionMatch::any(all.map(ConditionMatch::not)).not()
    }
}

/// Returns whether all conditions of a statement are met, given the keys of a request.
pub(super) fn met(conditions: &Value, context: Context<'_>, has_variables: bool) -> ConditionMatch {
    let Some(operators) = conditions.as_object() else { return ConditionMatch::Unclear };
    ConditionMatch::all(operators.iter().map(|(operator, keys)| match (keys.as_object(), Operator::named(operator)) {
        (Some(keys), Some(operator)) => ConditionMatch::all(keys.iter().map(|(key, wanted)| match values(wanted) {
            Some(wanted) => operator.holds(&context.find(key), &wanted, context, has_variables),
            None => ConditionMatch::Unclear,
        })),
        _ => ConditionMatch::Unclear,
    }))
}

/// A supported condition operator.
struct Operator {
    compare: Compare,
    is_negated: bool,
    if_exists: bool,
}

enum Compare {
    Text,
    TextIgnoringCase,
    Pattern,
    Arn,
    Null,
    Number(fn(Ordering) -> bool),
    Date(fn(Ordering) -> bool),
}

impl Operator {
    /// Returns the operator of this name, or `None` if it is not supported, as `IpAddress` and the set operators.
    fn named(name: &str) -> Option<Operator> {
        let (base, if_exists) = match name.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (name, false),
        };
        let is_negated = base.contains("Not");
        let compare = match base.replace("Not", "").as_str() {
            "StringEquals" => Compare::Text,
            "StringEqualsIgnoreCase" => Compare::TextIgnoringCase,
            "StringLike" => Compare::Pattern,
            "ArnLike" | "ArnEquals" => Compare::Arn,
            "NumericEquals" => Compare::Number(Ordering::is_eq),
            "DateEquals" => Compare::Date(Ordering::is_eq),
            _ if is_negated => return None,
            "Bool" => Compare::TextIgnoringCase,
            "Null" if !if_exists => Compare::Null,
            "NumericLessThan" => Compare::Number(Ordering::is_lt),
            "NumericLessThanEquals" => Compare::Number(Ordering::is_le),
            "NumericGreaterThan" => Compare::Number(Ordering::is_gt),
            "NumericGreaterThanEquals" => Compare::Number(Ordering::is_ge),
            "DateLessThan" => Compare::Date(Ordering::is_lt),
            "DateLessThanEquals" => Compare::Date(Ordering::is_le),
            "DateGreaterThan" => Compare::Date(Ordering::is_gt),
            "DateGreaterThanEquals" => Compare::Date(Ordering::is_ge),
            _ => return None,
        };
        Some(Operator { compare, is_negated, if_exists })
    }

    fn holds(&self, found: &Key<'_>, wanted: &[String], context: Context<'_>, has_variables: bool) -> ConditionMatch {
        let found = match (found, &self.compare) {
            (Key::Unknown, _) => return ConditionMatch::Unclear,
            (found, Compare::Null) => {
                let is_absent = if *found == Key::Absent { "true" } else { "false" };
                return ConditionMatch::any(wanted.iter().map(|wanted| match wanted.as_str() {
                    "true" | "false" => ConditionMatch::when(wanted == is_absent),
                    _ => ConditionMatch::Unclear,
                }));
            }
            // An absent key differs from every value.
            (Key::Absent, _) => return ConditionMatch::when(self.if_exists || self.is_negated),
            (Key::Known(found), _) => *found,
        };
        let is_one = |wanted: &String| match Pattern::of(wanted, context, has_variables) {
            Some(wanted) => self.compare.matches(&wanted, found),
            None => ConditionMatch::Unclear,
        };
        let is_any = ConditionMatch::any(wanted.iter().map(is_one));
        if self.is_negated { is_any.not() } else { is_any }
    }
}

impl Compare {
    fn matches(&self, wanted: &Pattern, found: &str) -> ConditionMatch {
        let ordered = |found: Option<f64>, wanted: Option<f64>, holds: fn(Ordering) -> bool| match (found, wanted) {
            (Some(found), Some(wanted)) => {
                found.partial_cmp(&wanted).map_or(ConditionMatch::Unclear, |order| ConditionMatch::when(holds(order)))
            }
            _ => ConditionMatch::Unclear,
        };
        match self {
            Compare::Text => ConditionMatch::when(wanted.text() == found),
            Compare::TextIgnoringCase => ConditionMatch::when(wanted.text().eq_ignore_ascii_case(found)),
            Compare::Pattern => ConditionMatch::when(wanted.matches(found)),
            Compare::Arn => wanted.matches_arn(found).map_or(ConditionMatch::Unclear, ConditionMatch::when),
            Compare::Number(holds) => ordered(found.parse().ok(), wanted.text().parse().ok(), *holds),
            Compare::Date(holds) => ordered(seconds(found), seconds(&wanted.text()), *holds),
            // Presence of the key already decides the result.
            Compare::Null => ConditionMatch::Unclear,
        }
    }
}

/// Parses a date as seconds since 1970: a number of them, or one of the ISO 8601 forms.
fn seconds(text: &str) -> Option<f64> {
    let moment = || text.parse::<Timestamp>().ok();
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    let date = || moment().or_else(day).map(|at| at.as_duration().as_secs_f64());
    text.parse().ok().or_else(date)
}

/// Returns the values that a key is compared with, or `None` if they are not scalar values.
fn values(value: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    match value {
        Value::Array(many) if many.is_empty() => None,
        Value::Array(many) => many.iter().map(text).collect(),
        one => Some(vec![text(one)?]),
    }
}
