//! Policy documents: filled in from templates, and compared by meaning and not by text.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Kind, References};

/// Who may take the role: Lambda.
const TRUST: &str = include_str!("../../templates/lambda-trust-policy.json");

/// What the function and its mapping may do; `${kind}` stands for the ARN of that resource.
const ACCESS: &str = include_str!("../../templates/lambda-access-policy.json");

/// The trust policy of the role.
#[must_use]
pub fn trust() -> Value {
    parse(TRUST)
}

/// The kinds of resources that the access policy names.
pub const NAMED: [Kind; 4] = [Kind::Table, Kind::RejectsTable, Kind::Stream, Kind::LogGroup];

/// The access policy of the role, with the ARNs that are known and `${kind}` for those that are not.
#[must_use]
pub fn access(references: &References) -> Value {
    let mut text = ACCESS.to_owned();
    for kind in NAMED {
        if let Some(arn) = references.known(kind) {
            text = text.replace(&format!("${{{kind}}}"), &arn);
        }
    }
    parse(&text)
}

/// Reads a policy document; a text that is no JSON stands for itself, so that it differs from every document.
#[must_use]
pub fn parse(text: &str) -> Value {
    serde_json::from_str(text).map_or_else(|_| Value::from(text), |document: Value| canonical(&document))
}

/// The same policy in one form: a list of one is that one, order in lists does not matter, statements may be one.
fn canonical(document: &Value) -> Value {
    match document {
        Value::Array(items) => {
            let mut seen = BTreeSet::new();
            let mut items: Vec<Value> =
                items.iter().map(canonical).filter(|item| seen.insert(item.to_string())).collect();
            items.sort_by_key(ToString::to_string);
            if items.len() == 1 { items.remove(0) } else { Value::Array(items) }
        }
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), canonical(value))).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_lists_of_one_do_not_matter() {
        let one = parse(r#"{"Statement":{"Action":["b:C","a:B"],"Resource":"x","Effect":"Allow"}}"#);
        let other = parse(r#"{"Statement":[{"Effect":"Allow","Action":["a:B","b:C"],"Resource":["x"]}]}"#);
        assert_eq!(one, other);
        assert_ne!(one, parse(r#"{"Statement":{"Action":["b:C"],"Resource":"x","Effect":"Allow"}}"#));
    }

    #[test]
    fn arns_are_filled_in_as_they_become_known() {
        let references = References::default();
        assert!(access(&references).to_string().contains("${stream}"));
        for kind in NAMED {
            references.tell(kind, &format!("arn:of:{kind}"));
        }
        let text = access(&references).to_string();
        assert!(!text.contains("${") && text.contains("arn:of:rejects-table") && text.contains("arn:of:log-group:*"));
    }

    #[test]
    fn nothing_is_allowed_on_everything_but_what_takes_no_arn() {
        let text: Value = serde_json::from_str(ACCESS).unwrap();
        for statement in text["Statement"].as_array().unwrap() {
            if statement["Resource"] == "*" {
                assert_eq!(statement["Action"], "kinesis:ListStreams");
            }
        }
        assert!(!ACCESS.contains("CreateLogGroup"));
    }
}
