//! The differences between a resource and the settings, as `property: old → new` with the values that the service has and
//! will have.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::escape::one_line;
use crate::stack::Difference;

/// The most characters of a value that are shown whole.
const MOST: usize = 160;
/// The characters of a checksum that are shown.
const DIGITS_OF_A_HASH: usize = 12;
/// How many actions of a statement are named.
const NAMED_ACTIONS: usize = 2;
/// A value that there is not.
const NONE: &str = "none";

/// One value that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ChangedValue {
    /// Where: the property, and what of it.
    name: String,
    /// The value that the service has.
    found: String,
    /// The value of the settings.
    wanted: String,
}

impl ChangedValue {
    fn new(name: impl Into<String>, found: impl Into<String>, wanted: impl Into<String>) -> Self {
        let line = |text: String| one_line(&text).into_owned();
        ChangedValue { name: line(name.into()), found: line(found.into()), wanted: line(wanted.into()) }
    }

    /// Returns the line of a change that is made, or would be.
    fn change(&self) -> String {
        format!("{}: {} → {}", self.name, self.found, self.wanted)
    }

    /// Returns the line of a difference that stays.
    fn difference(&self) -> String {
        format!("{}: {} (settings: {})", self.name, self.found, self.wanted)
    }
}

/// Returns the values that differ; none where the difference is only that ARNs were not known.
fn changed_values(difference: &Difference) -> Vec<ChangedValue> {
    let Difference { property, found, desired: wanted, .. } = difference;
    match (*property, found, wanted) {
        ("policy" | "trust_policy", _, _) => changed_statements(property, found, wanted),
        ("key", Value::Array(found), Value::Array(wanted)) => vec![changed_key(found, wanted)],
        ("code_sha256", _, _) => {
            let [found, wanted] = [found, wanted].map(|hash| {
                let text = text(hash);
                let digits: String = text.chars().take(DIGITS_OF_A_HASH).collect();
                if digits == text { text } else { format!("{digits}…") }
            });
            vec![ChangedValue::new(*property, found, wanted)]
        }
        (_, Value::Object(_), Value::Object(_) | Value::Null) | (_, Value::Null, Value::Object(_)) => {
            changed_members(property, found, wanted)
        }
        _ => {
            let (found, wanted) = shortened(&text(found), &text(wanted));
            vec![ChangedValue::new(*property, found, wanted)]
        }
    }
}

/// Returns the lines of a change.
#[must_use]
pub(crate) fn change_lines(difference: &Difference) -> Vec<String> {
    let lines: Vec<_> = changed_values(difference).iter().map(ChangedValue::change).collect();
    if lines.is_empty() {
        return vec![format!("{}: compared again when the new resources have their ARNs", difference.property)];
    }
    lines
}

/// Returns the lines of a difference that stays.
#[must_use]
pub(crate) fn difference_lines(difference: &Difference) -> Vec<String> {
    changed_values(difference).iter().map(ChangedValue::difference).collect()
}

/// Variables, tags and other values with names of their own, each by its name.
fn changed_members(property: &str, found: &Value, wanted: &Value) -> Vec<ChangedValue> {
    let empty = serde_json::Map::new();
    let [found, wanted] = [found, wanted].map(|value| value.as_object().unwrap_or(&empty));
    let names = found.keys().chain(wanted.keys().filter(|name| !found.contains_key(*name)));
    let differing = names.filter(|name| found.get(*name) != wanted.get(*name));
    let value = |name: &str, of: &serde_json::Map<String, Value>| of.get(name).map_or_else(|| NONE.to_owned(), text);
    let changed = differing.map(|name| {
        let (found, wanted) = shortened(&value(name, found), &value(name, wanted));
        let shown = match property {
            "environment" => name.clone(),
            "tags" => format!("tag {name}"),
            _ => format!("{property} {name}"),
        };
        ChangedValue::new(shown, found, wanted)
    });
    changed.collect()
}

/// A table's key: the type of one attribute, or all of it.
fn changed_key(found: &[Value], wanted: &[Value]) -> ChangedValue {
    let kind = |part: &Value| match part[2].as_str() {
        Some("S") => "text",
        Some("N") => "number",
        Some("B") => "binary",
        _ => "unknown",
    };
    let same = found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| (&a[0], &a[1]) == (&b[0], &b[1]));
    let mut differing = found.iter().zip(wanted).filter(|(found, wanted)| found != wanted);
    if let (true, Some((found, wanted)), None) = (same, differing.next(), differing.next()) {
        let name = found[0].as_str().unwrap_or_default();
        return ChangedValue::new("key", format!("{name} {}", kind(found)), kind(wanted));
    }
    let whole = |parts: &[Value]| {
        let parts = parts.iter().map(|part| format!("{} ({})", part[0].as_str().unwrap_or_default(), kind(part)));
        parts.collect::<Vec<_>>().join(", ")
    };
    ChangedValue::new("key", whole(found), whole(wanted))
}

/// Policy documents by statement: those of the same actions by their resources, others as a whole.
fn changed_statements(property: &str, found: &Value, wanted: &Value) -> Vec<ChangedValue> {
    let statements = |document: &Value| match &document["Statement"] {
        Value::Array(many) => many.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    let (has, shall_have) = (statements(found), statements(wanted));
    let is_in = |all: &[Value], one: &Value| all.iter().any(|other| normalized(other) == normalized(one));
    let gone: Vec<_> = has.iter().filter(|statement| !is_in(&shall_have, statement)).collect();
    let mut new: Vec<_> = shall_have.iter().filter(|statement| !is_in(&has, statement)).collect();
    let mut changed = Vec::new();
    for before in gone {
        let same_but_resource = |after: &&Value| without_resource(before) == without_resource(after);
        match new.iter().position(same_but_resource) {
            Some(place) => {
                let after = new.remove(place);
                let [old, now] = [before, after].map(|statement| list(&statement["Resource"]));
                let only = |these: &[String], others: &[String]| {
                    let these: Vec<_> = these.iter().filter(|it| !others.contains(it)).cloned().collect();
                    if these.is_empty() { NONE.to_owned() } else { these.join(", ") }
                };
                let name = format!("{property}, {}", actions(before));
                changed.push(ChangedValue::new(name, only(&old, &now), only(&now, &old)));
            }
            None => changed.push(ChangedValue::new(property, in_words(before), NONE)),
        }
    }
    changed.extend(new.into_iter().map(|statement| ChangedValue::new(property, NONE, in_words(statement))));
    // A text that is not a document stands for itself.
    if changed.is_empty() && found.is_string() {
        changed.push(ChangedValue::new(property, text(found), text(wanted)));
    }
    changed
}

/// The statement with its lists in one order: real ARNs sort otherwise than those that stand for them.
fn normalized(statement: &Value) -> Value {
    let mut statement = statement.clone();
    for name in ["Resource", "Action"] {
        if let Some(Value::Array(many)) = statement.get_mut(name) {
            many.sort_by_key(ToString::to_string);
        }
    }
    statement
}

fn without_resource(statement: &Value) -> Value {
    let mut rest = normalized(statement);
    rest.as_object_mut().map(|members| members.remove("Resource"));
    rest
}

fn list(value: &Value) -> Vec<String> {
    value.as_array().map_or_else(|| vec![text(value)], |many| many.iter().map(text).collect())
}

/// Returns the actions of the function's own policies by their form in small letters, in which documents are compared.
fn spellings() -> &'static BTreeMap<String, String> {
    static SPELLINGS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
        let documents = [
            include_str!("../../templates/lambda-access-policy.json"),
            include_str!("../../templates/lambda-trust-policy.json"),
        ];
        let documents = documents.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok());
        let statements = documents.flat_map(|document| document["Statement"].as_array().cloned().unwrap_or_default());
        let actions = statements.flat_map(|statement| list(&statement["Action"]));
        actions.map(|action| (action.to_ascii_lowercase(), action)).collect()
    });
    &SPELLINGS
}

fn actions(statement: &Value) -> String {
    let spelled = |action: String| spellings().get(&action).cloned().unwrap_or(action);
    let all: Vec<_> = list(&statement["Action"]).into_iter().map(spelled).collect();
    match all.len().saturating_sub(NAMED_ACTIONS) {
        0 | 1 => all.join(", "),
        more => format!("{} and {more} more", all[..NAMED_ACTIONS].join(", ")),
    }
}

fn in_words(statement: &Value) -> String {
    let effect = statement["Effect"].as_str().unwrap_or_default().to_lowercase();
    let on = statement.get("Resource").map(|resource| format!(" on {}", list(resource).join(", ")));
    let to = statement.get("Principal").map(|principal| format!(" to {}", principal_in_words(principal)));
    let when = statement.get("Condition").map(|condition| format!(" where {condition}"));
    let rest: String = [on, to, when].into_iter().flatten().collect();
    format!("{effect} {}{rest}", actions(statement))
}

fn principal_in_words(principal: &Value) -> String {
    match principal.as_object() {
        Some(members) => members.values().flat_map(list).collect::<Vec<_>>().join(", "),
        None => text(principal),
    }
}

/// Text as it is, lists with commas, nothing as `none`, everything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Null => NONE.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(many) if many.is_empty() => NONE.to_owned(),
        Value::Array(many) => many.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(members) if members.is_empty() => NONE.to_owned(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name} {}", text(value)));
            members.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// Returns two long values around the place of their first difference; the JSON report has them whole. ARNs and lists of
/// ARNs stay whole, because a part of an ARN names nothing.
fn shortened(found: &str, wanted: &str) -> (String, String) {
    /// The characters before the difference, which say where it is.
    const BEFORE: usize = 20;
    let is_whole = |text: &str| text == NONE || text.split(", ").all(|part| part.starts_with("arn:"));
    if is_whole(found) && is_whole(wanted) {
        return (found.to_owned(), wanted.to_owned());
    }
    let texts = [found, wanted].map(|text| text.chars().collect::<Vec<_>>());
    let same = texts[0].iter().zip(&texts[1]).take_while(|(a, b)| a == b).count();
    let [found, wanted] = texts.map(|text| {
        let begin = if text.len() <= MOST { 0 } else { same.saturating_sub(BEFORE) };
        let end = text.len().min(begin + MOST);
        let (before, after) = (if begin > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
        format!("{before}{}{after}", text[begin..end].iter().collect::<String>())
    });
    (found, wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(property: &'static str, found: Value, wanted: Value) -> Vec<String> {
        change_lines(&Difference { property, desired: wanted, found, replaces: false, loses_data: false })
    }

    #[test]
    fn values_variables_and_tags_are_named_one_by_one() {
        assert_eq!(lines("memory_mb", json!(256), json!(512)), ["memory_mb: 256 → 512"]);
        assert_eq!(lines("ttl_attribute", json!(null), json!("until")), ["ttl_attribute: none → until"]);
        assert_eq!(lines("managed_policies", json!(["a", "b"]), json!([])), ["managed_policies: a, b → none"]);
        let found = json!({"SENSORCTL_REJECTS_DAYS": "30", "SENSORCTL_TABLE": "SensorData", "OLD": "1"});
        let wanted = json!({"SENSORCTL_REJECTS_DAYS": "60", "SENSORCTL_TABLE": "SensorData", "TOKEN": "sha256:x"});
        assert_eq!(
            lines("environment", found, wanted),
            ["OLD: 1 → none", "SENSORCTL_REJECTS_DAYS: 30 → 60", "TOKEN: none → sha256:x"]
        );
        assert_eq!(lines("tags", json!({}), json!({"team": "blue"})), ["tag team: none → blue"]);
        let units = json!({"read_units": 5, "write_units": 6});
        assert_eq!(
            lines("billing", json!("on-demand"), units.clone()),
            ["billing: on-demand → read_units 5, write_units 6"]
        );
        assert_eq!(lines("billing", units, json!({"read_units": 7, "write_units": 6})), ["billing read_units: 5 → 7"]);
        let (old, new) = (json!("XQIa3fgAAAAAAAAA="), json!("6yBgqaBBBBBBBBBB="));
        assert_eq!(lines("code_sha256", old, new), ["code_sha256: XQIa3fgAAAAA… → 6yBgqaBBBBBB…"]);
    }

    #[test]
    fn key_is_named_by_the_attribute_that_differs() {
        let key = |name: &str, kind: &str| json!([["SensorId", "HASH", "S"], [name, "RANGE", kind]]);
        assert_eq!(lines("key", key("CurrentTime", "S"), key("CurrentTime", "N")), ["key: CurrentTime text → number"]);
        assert_eq!(
            lines("key", key("Time", "S"), key("CurrentTime", "N")),
            ["key: SensorId (text), Time (text) → SensorId (text), CurrentTime (number)"]
        );
    }

    #[test]
    fn policies_are_compared_by_statement() {
        let write = |table: &str| {
            let tables = [table, "arn:rejects"];
            json!({"Effect": "Allow", "Action": "dynamodb:batchwriteitem", "Resource": tables})
        };
        let read = json!({"Effect": "Allow", "Action": ["kinesis:a", "kinesis:b", "kinesis:c", "kinesis:d"],
            "Resource": "arn:stream"});
        let document = |statements: &[&Value]| json!({"Version": "2012-10-17", "Statement": statements});
        assert_eq!(
            lines("policy", document(&[&write("arn:old")]), document(&[&write("arn:new"), &read])),
            [
                "policy, dynamodb:BatchWriteItem: arn:old → arn:new",
                "policy: none → allow kinesis:a, kinesis:b and 2 more on arn:stream"
            ]
        );
        let one = json!({"Version": "2012-10-17", "Statement": read});
        assert_eq!(
            lines("policy", one, json!(null)),
            ["policy: allow kinesis:a, kinesis:b and 2 more on arn:stream → none"]
        );
        let trust = |service: &str| {
            document(&[&json!({"Effect": "Allow", "Action": "sts:assumerole", "Principal": {"Service": service}})])
        };
        assert_eq!(
            lines("trust_policy", trust("ec2.amazonaws.com"), trust("lambda.amazonaws.com")),
            [
                "trust_policy: allow sts:AssumeRole to ec2.amazonaws.com → none",
                "trust_policy: none → allow sts:AssumeRole to lambda.amazonaws.com"
            ]
        );
        let mut other_order = write("arn:old");
        other_order["Resource"] = json!(["arn:rejects", "arn:old"]);
        assert_eq!(
            lines("policy", document(&[&write("arn:old")]), document(&[&other_order])),
            ["policy: compared again when the new resources have their ARNs"]
        );
    }

    #[test]
    fn long_values_are_shown_where_they_differ() {
        let text = |middle: &str| json!(format!("{}{middle}{}", "x".repeat(300), "y".repeat(300)));
        let line = lines("filters", text("SensorData"), text("Other")).remove(0);
        assert!(line.contains("xSensorData") && line.contains("xOther") && line.chars().count() < 360, "{line}");
        let line = lines("filters", json!("é".repeat(200)), json!("é".repeat(199))).remove(0);
        let (found, wanted) = line.split_once(" → ").unwrap();
        assert_ne!(found.trim_start_matches("filters: "), wanted);
    }
}
