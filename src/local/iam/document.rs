//! Policy documents: validation and encoding.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::protocol::aws_json::ServiceError;

/// The unreserved characters of RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Returns a document in the encoding of IAM's responses.
pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, UNRESERVED).to_string()
}

/// Validates a trust policy: each statement names a principal and no resource.
pub(super) fn check_trust(document: &str) -> Result<(), ServiceError> {
    for statement in statements(document)? {
        let Some(principal) = statement.get("Principal") else {
            return Err(malformed("Missing required field Principal"));
        };
        if statement.contains_key("Resource") || statement.contains_key("NotResource") {
            return Err(malformed("Has prohibited field Resource"));
        }
        let is_named = |kinds: &Map<String, Value>| {
            let is_known = |kind: &str| matches!(kind, "AWS" | "Service" | "Federated" | "CanonicalUser");
            !kinds.is_empty() && kinds.iter().all(|(kind, names)| is_known(kind) && are_texts(names))
        };
        if !(principal == "*" || principal.as_object().is_some_and(is_named)) {
            return Err(malformed("Invalid principal in policy"));
        }
    }
    Ok(())
}

/// Validates a permission policy: each statement names a resource and no principal.
pub(super) fn check_permissions(document: &str) -> Result<(), ServiceError> {
    for statement in statements(document)? {
        if statement.contains_key("Principal") {
            return Err(malformed("Policy document should not specify a principal."));
        }
        if !one_of_two(&statement, "Resource", "NotResource")? {
            return Err(malformed("Policy statement must contain resources."));
        }
    }
    Ok(())
}

type Statement = Map<String, Value>;

/// Returns the statements of a document, all of whose members are understood.
fn statements(document: &str) -> Result<Vec<Statement>, ServiceError> {
    let Ok(Value::Object(policy)) = serde_json::from_str(document) else {
        return Err(malformed("This policy contains invalid Json"));
    };
    match policy.get("Version").map(Value::as_str) {
        None | Some(Some("2012-10-17" | "2008-10-17")) => {}
        Some(_) => return Err(malformed("Syntax errors in policy.")),
    }
    only(&policy, &["Version", "Id", "Statement"])?;
    let statements: Vec<&Value> = match policy.get("Statement") {
        Some(Value::Array(list)) if !list.is_empty() => list.iter().collect(),
        Some(one) => vec![one],
        None => return Err(malformed("Syntax errors in policy.")),
    };
    statements.into_iter().map(checked).collect()
}

fn checked(statement: &Value) -> Result<Statement, ServiceError> {
    let Some(statement) = statement.as_object() else { return Err(malformed("Syntax errors in policy.")) };
    if statement.contains_key("NotPrincipal") {
        // AWS accepts it; the local cloud could not tell which principal it means.
        return Err(malformed(
            "The local cloud does not evaluate NotPrincipal: name the principals, or use a condition.",
        ));
    }
    only(statement, &MEMBERS)?;
    if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
        return Err(malformed("Syntax errors in policy."));
    }
    if !one_of_two(statement, "Action", "NotAction")? {
        return Err(malformed("Policy statement must contain actions."));
    }
    if let Some(condition) = statement.get("Condition") {
        check_condition(condition)?;
    }
    Ok(statement.clone())
}

/// The members of a statement.
const MEMBERS: [&str; 8] =
    ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "Condition"];

/// The condition operators of AWS, without `ForAllValues:`, `ForAnyValue:` and `IfExists`.
const OPERATORS: [&str; 27] = [
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "BinaryEquals",
    "Bool",
    "DateEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateNotEquals",
    "IpAddress",
    "NotIpAddress",
    "Null",
    "NumericEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericNotEquals",
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
    "StringNotLike",
];

fn check_condition(condition: &Value) -> Result<(), ServiceError> {
    let Some(operators) = condition.as_object() else { return Err(malformed("Syntax errors in policy.")) };
    for (operator, keys) in operators {
        let bare = operator.strip_prefix("ForAllValues:").or(operator.strip_prefix("ForAnyValue:")).unwrap_or(operator);
        let bare = bare.strip_suffix("IfExists").filter(|bare| *bare != "Null").unwrap_or(bare);
        if !OPERATORS.contains(&bare) {
            return Err(malformed(&format!("Invalid Condition type : {operator}")));
        }
        let is_value = |value: &Value| matches!(value, Value::String(_) | Value::Bool(_) | Value::Number(_));
        let are_values = |values: &Value| match values {
            Value::Array(many) => !many.is_empty() && many.iter().all(is_value),
            one => is_value(one),
        };
        if !keys.as_object().is_some_and(|keys| keys.values().all(are_values)) {
            return Err(malformed("Syntax errors in policy."));
        }
    }
    Ok(())
}

/// Returns whether `member` is present rather than `opposite`. Both at once and an empty list are malformed.
fn one_of_two(statement: &Statement, member: &str, opposite: &str) -> Result<bool, ServiceError> {
    match (statement.get(member), statement.get(opposite)) {
        (None, None) => Ok(false),
        (Some(names), None) | (None, Some(names)) if are_texts(names) => Ok(true),
        _ => Err(malformed("Syntax errors in policy.")),
    }
}

fn are_texts(value: &Value) -> bool {
    match value {
        Value::Array(many) => !many.is_empty() && many.iter().all(Value::is_string),
        one => one.is_string(),
    }
}

/// Rejects unknown members, which would have no effect.
fn only(object: &Map<String, Value>, known: &[&str]) -> Result<(), ServiceError> {
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(_) => Err(malformed("Syntax errors in policy.")),
        None => Ok(()),
    }
}

fn malformed(message: &str) -> ServiceError {
    ServiceError::bad_request("MalformedPolicyDocument", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_document_trust_needs_principal_and_permission_needs_resource() {
        let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"x"}}}"#;
        let may = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
        assert!(check_trust(trust).is_ok() && check_permissions(may).is_ok());
        assert!(check_trust(may).is_err() && check_permissions(trust).is_err());
    }

    #[test]
    fn policy_document_invalid_syntax_is_malformed() {
        for text in ["", "{", "[]", "{}", r#"{"Version":"2099-01-01","Statement":[]}"#, r#"{"Statement":[1]}"#] {
            assert_eq!(check_trust(text).unwrap_err().code, "MalformedPolicyDocument", "{text}");
        }
    }

    #[test]
    fn policy_document_ineffective_or_ambiguous_statement_is_malformed() {
        let with = |member: &str| {
            format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Resource":"*","Action":"a:b",{member}}}}}"#
            )
        };
        assert!(check_permissions(&with(r#""Sid":"s""#)).is_ok());
        for member in [
            r#""NotAction":"c:d""#,
            r#""NotResource":"x""#,
            r#""Principal":"*""#,
            r#""NotPrincipal":{"AWS":"*"}"#,
            r#""Conditions":{}"#,
            r#""Condition":[]"#,
            r#""Condition":{"StringEqual":{"a:b":"c"}}"#,
            r#""Condition":{"NullIfExists":{"a:b":"true"}}"#,
            r#""Condition":{"StringEquals":{"a:b":[]}}"#,
            r#""Condition":{"StringEquals":{"a:b":{"c":"d"}}}"#,
            r#""Condition":{"StringEquals":"a:b"}"#,
        ] {
            assert_eq!(check_permissions(&with(member)).unwrap_err().code, "MalformedPolicyDocument", "{member}");
        }
        for condition in ["ForAnyValue:StringLikeIfExists", "IpAddress", "Null", "DateLessThanIfExists"] {
            let document = with(&format!(r#""Condition":{{"{condition}":{{"a:b":["true"]}}}}"#));
            assert!(check_permissions(&document).is_ok(), "{condition}");
        }
        for actions in ["[5]", "[]", "{}", "5", r#"["a:b",null]"#] {
            let document = with("").replace(r#""a:b","#, actions);
            assert_eq!(check_permissions(&document).unwrap_err().code, "MalformedPolicyDocument", "{document}");
        }
        assert!(
            check_permissions(&with(r#""Sid":"s""#).replace("Version", "version")).is_err(),
            "members have letter case"
        );
    }

    #[test]
    fn policy_document_invalid_principal_is_malformed() {
        for principal in ["\"x\"", "{}", "[]", r#"{"AWS":[]}"#, r#"{"Aws":"*"}"#, r#"{"Service":5}"#] {
            let trust = format!(r#"{{"Statement":{{"Effect":"Allow","Action":"sts:*","Principal":{principal}}}}}"#);
            assert_eq!(check_trust(&trust).unwrap_err().code, "MalformedPolicyDocument", "{principal}");
        }
    }
}
