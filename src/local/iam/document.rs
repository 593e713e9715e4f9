//! Policy documents: what makes one malformed, and how it travels.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::local::wire::ServiceError;

/// What RFC 3986 leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A document as IAM answers it.
pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, UNRESERVED).to_string()
}

/// Who a role trusts: each statement names a principal and no resource.
pub(super) fn check_trust(document: &str) -> Result<(), ServiceError> {
    for statement in statements(document)? {
        if statement.get("Principal").is_none() && statement.get("NotPrincipal").is_none() {
            return Err(malformed("Missing required field Principal"));
        }
        if statement.get("Resource").is_some() || statement.get("NotResource").is_some() {
            return Err(malformed("Has prohibited field Resource"));
        }
    }
    Ok(())
}

/// What a role may do: each statement names a resource and no principal.
pub(super) fn check_permissions(document: &str) -> Result<(), ServiceError> {
    for statement in statements(document)? {
        if statement.get("Principal").is_some() || statement.get("NotPrincipal").is_some() {
            return Err(malformed("Policy document should not specify a principal."));
        }
        if statement.get("Resource").is_none() && statement.get("NotResource").is_none() {
            return Err(malformed("Policy statement must contain resources."));
        }
    }
    Ok(())
}

fn statements(document: &str) -> Result<Vec<Value>, ServiceError> {
    let Ok(Value::Object(policy)) = serde_json::from_str(document) else {
        return Err(malformed("This policy contains invalid Json"));
    };
    match policy.get("Version").map(Value::as_str) {
        None | Some(Some("2012-10-17" | "2008-10-17")) => {}
        Some(_) => return Err(malformed("Syntax errors in policy.")),
    }
    let statements = match policy.get("Statement") {
        Some(Value::Array(list)) if !list.is_empty() => list.clone(),
        Some(one @ Value::Object(_)) => vec![one.clone()],
        _ => return Err(malformed("Syntax errors in policy.")),
    };
    for statement in &statements {
        let allows = matches!(statement["Effect"].as_str(), Some("Allow" | "Deny"));
        if !statement.is_object() || !allows {
            return Err(malformed("Syntax errors in policy."));
        }
        if statement.get("Action").is_none() && statement.get("NotAction").is_none() {
            return Err(malformed("Policy statement must contain actions."));
        }
    }
    Ok(statements)
}

fn malformed(message: &str) -> ServiceError {
    ServiceError::bad_request("MalformedPolicyDocument", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trust_policy_needs_a_principal_and_a_permission_policy_a_resource() {
        let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"x"}}}"#;
        let may = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
        assert!(check_trust(trust).is_ok() && check_permissions(may).is_ok());
        assert!(check_trust(may).is_err() && check_permissions(trust).is_err());
    }

    #[test]
    fn what_is_no_policy_is_malformed() {
        for text in ["", "{", "[]", "{}", r#"{"Version":"2099-01-01","Statement":[]}"#, r#"{"Statement":[1]}"#] {
            assert_eq!(check_trust(text).unwrap_err().code, "MalformedPolicyDocument", "{text}");
        }
    }
}
