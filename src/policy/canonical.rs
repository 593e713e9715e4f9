//! The canonical form of policy documents.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Returns the canonical form of a policy, so that equivalent policies are equal. A list of one is that one, the order
/// of lists does not matter, the statements may be a single one, action names are case-insensitive, and ids are
/// ignored.
#[must_use]
pub fn canonical(document: &Value) -> Value {
    form("", document)
}

fn form(name: &str, value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut seen = BTreeSet::new();
            let items = items.iter().map(|item| form(name, item));
            let mut items: Vec<Value> = items.filter(|item| seen.insert(item.to_string())).collect();
            items.sort_by_key(ToString::to_string);
            if items.len() == 1 { items.remove(0) } else { Value::Array(items) }
        }
        Value::Object(members) => {
            let members = members.iter().filter(|(name, _)| !matches!(name.as_str(), "Sid" | "Id"));
            Value::Object(members.map(|(name, value)| (name.clone(), form(name, value))).collect::<Map<_, _>>())
        }
        Value::String(action) if matches!(name, "Action" | "NotAction") => Value::from(action.to_ascii_lowercase()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_equivalent_policies_are_equal() {
        let one = json!({"Id": "x", "Statement": {"Action": ["b:C", "a:B"], "Resource": "x", "Effect": "Allow"}});
        let other =
            json!({"Statement": [{"Sid": "y", "Effect": "Allow", "Action": ["a:b", "b:c", "b:C"], "Resource": ["x"]}]});
        assert_eq!(canonical(&one), canonical(&other));
        let less = json!({"Statement": {"Action": ["b:C"], "Resource": "x", "Effect": "Allow"}});
        assert_ne!(canonical(&one), canonical(&less));
        let another = json!({"Statement": {"Action": ["b:C", "a:B"], "Resource": "X", "Effect": "Allow"}});
        assert_ne!(canonical(&one), canonical(&another), "resources have letter case");
    }
}
