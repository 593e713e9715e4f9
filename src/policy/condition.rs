//! Conditions of a statement: the operators on text, ARNs, truth values, numbers and dates.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::pattern::{Context, Key, Pattern};

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

/// Returns whether all conditions of a statement are met, given the keys of a request.
pub(super) fn met(conditions: &Value, context: Context<'_>, has_variables: bool) -> Met {
    let Some(operators) = conditions.as_object() else { return Met::Unclear };
    Met::all(operators.iter().map(|(operator, keys)| match (keys.as_object(), Operator::named(operator)) {
        (Some(keys), Some(operator)) => Met::all(keys.iter().map(|(key, wanted)| match values(wanted) {
            Some(wanted) => operator.holds(&context.find(key), &wanted, context, has_variables),
            None => Met::Unclear,
        })),
        _ => Met::Unclear,
    }))
}

/// A condition operator that is evaluated here.
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
    /// Returns the operator of a name; none for one that is not evaluated here, such as `IpAddress` and the set operators.
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

    fn holds(&self, found: &Key<'_>, wanted: &[String], context: Context<'_>, has_variables: bool) -> Met {
        let found = match (found, &self.compare) {
            (Key::Unknown, _) => return Met::Unclear,
            (found, Compare::Null) => {
                let is_absent = if *found == Key::Absent { "true" } else { "false" };
                return Met::any(wanted.iter().map(|wanted| match wanted.as_str() {
                    "true" | "false" => Met::when(wanted == is_absent),
                    _ => Met::Unclear,
                }));
            }
            // A key that is absent differs from everything.
            (Key::Absent, _) => return Met::when(self.if_exists || self.is_negated),
            (Key::Known(found), _) => *found,
        };
        let is_one = |wanted: &String| match Pattern::of(wanted, context, has_variables) {
            Some(wanted) => self.compare.matches(&wanted, found),
            None => Met::Unclear,
        };
        let is_any = Met::any(wanted.iter().map(is_one));
        if self.is_negated { is_any.not() } else { is_any }
    }
}

impl Compare {
    fn matches(&self, wanted: &Pattern, found: &str) -> Met {
        let ordered = |found: Option<f64>, wanted: Option<f64>, holds: fn(Ordering) -> bool| match (found, wanted) {
            (Some(found), Some(wanted)) => {
                found.partial_cmp(&wanted).map_or(Met::Unclear, |order| Met::when(holds(order)))
            }
            _ => Met::Unclear,
        };
        match self {
            Compare::Text => Met::when(wanted.text() == found),
            Compare::TextIgnoringCase => Met::when(wanted.text().eq_ignore_ascii_case(found)),
            Compare::Pattern => Met::when(wanted.matches(found)),
            Compare::Arn => wanted.matches_arn(found).map_or(Met::Unclear, Met::when),
            Compare::Number(holds) => ordered(found.parse().ok(), wanted.text().parse().ok(), *holds),
            Compare::Date(holds) => ordered(seconds(found), seconds(&wanted.text()), *holds),
            // Decided by whether the key is there.
            Compare::Null => Met::Unclear,
        }
    }
}

/// Returns a date as seconds since 1970: a number of them, or one of the ISO 8601 forms.
fn seconds(text: &str) -> Option<f64> {
    let moment = || text.parse::<Timestamp>().ok();
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    let date = || moment().or_else(day).map(|at| at.as_duration().as_secs_f64());
    text.parse().ok().or_else(date)
}

/// Returns the values that a key is compared with; none where they are no values.
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
