//! The statements of a policy document with their places in its text, and the condition keys that they name.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Line and column, from 1.
type Position = (usize, usize);

/// A statement and its place.
pub(super) struct StatementText {
    pub body: Value,
    /// The document's version, which decides whether variables have a value.
    pub version: Value,
    pub start: Position,
    pub end: Position,
}

impl StatementText {
    /// Returns a document of this statement alone.
    pub(super) fn document(&self) -> Value {
        json!({"Version": self.version, "Statement": self.body})
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    #[serde(default)]
    version: Value,
    #[serde(borrow)]
    statement: &'a RawValue,
}

/// Returns the statements of a document; none if it is not one.
pub(super) fn statements(document: &str) -> Vec<StatementText> {
    let Ok(Document { version, statement }) = serde_json::from_str(document) else { return Vec::new() };
    let all: Vec<&RawValue> = serde_json::from_str(statement.get()).unwrap_or_else(|_| vec![statement]);
    let of = |text: &&RawValue| {
        let start = text.get().as_ptr() as usize - document.as_ptr() as usize;
        Some(StatementText {
            body: serde_json::from_str(text.get()).ok()?,
            version: version.clone(),
            start: position(document, start),
            end: position(document, start + text.get().len()),
        })
    };
    all.iter().filter_map(of).collect()
}

fn position(document: &str, at: usize) -> Position {
    let before = document.get(..at).unwrap_or(document);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// Returns the condition keys in conditions and variables of a document or a part of it.
pub(super) fn condition_keys(value: &Value) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    collect(value, &mut keys);
    keys
}

fn collect(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, keys)),
        Value::Object(members) => {
            if let Some(operators) = members.get("Condition").and_then(Value::as_object) {
                keys.extend(operators.values().filter_map(Value::as_object).flat_map(|keys| keys.keys().cloned()));
            }
            members.values().for_each(|member| collect(member, keys));
        }
        Value::String(text) => {
            let variables = text.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
            // `${*}`, `${?}` and `${$}` are the characters themselves; a default stands behind a comma.
            let names = variables.map(|(name, _)| name.split(',').next().unwrap_or_default().trim());
            keys.extend(names.filter(|name| name.contains(':')).map(str::to_owned));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_have_their_lines_and_columns() {
        let document = "{\"Version\":\"2012-10-17\",\n \"Statement\": [{\"Sid\":\"a\"},\n  {\"Sid\":\"é\"} ]}";
        let found: Vec<_> = statements(document).iter().map(|it| (it.body["Sid"].clone(), it.start, it.end)).collect();
        assert_eq!(found, [(json!("a"), (2, 16), (2, 27)), (json!("é"), (3, 3), (3, 14))]);
        assert_eq!(statements(r#"{"Statement":{"Sid":"one"}}"#).len(), 1);
        assert!(statements("").is_empty());
    }

    #[test]
    fn condition_keys_are_those_of_conditions_and_variables() {
        let document = json!({"Statement": [
            {"Condition": {"StringEquals": {"iam:PassedToService": "x"}, "Bool": {"aws:SecureTransport": "true"}}},
            {"Resource": ["arn:x/${aws:username}/${*}", "${aws:PrincipalTag/team, 'none'}"]}]});
        let found: Vec<_> = condition_keys(&document).into_iter().collect();
        assert_eq!(found, ["aws:PrincipalTag/team", "aws:SecureTransport", "aws:username", "iam:PassedToService"]);
    }
}
