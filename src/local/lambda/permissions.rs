//! What a role's policies mean for a function: who may assume it, and whether it may make its log group.

use serde_json::Value;

/// Whether a trust policy lets `lambda.amazonaws.com` assume the role. Conditions are taken as met.
pub(super) fn trusts_lambda(policy: &str) -> bool {
    is_allowed(&statements(policy), |statement| {
        let service = statement.get("Principal").and_then(|principal| principal.get("Service"));
        is_or_holds(service, |service| service == "lambda.amazonaws.com")
            && is_or_holds(statement.get("Action"), |action| ["sts:AssumeRole", "sts:*", "*"].contains(&action))
    })
}

/// Whether these policies let a function make a log group (on whatever resource they name).
pub(super) fn may_create_log_group(policies: &[String]) -> bool {
    let all: Vec<Value> = policies.iter().flat_map(|policy| statements(policy)).collect();
    is_allowed(&all, |statement| {
        is_or_holds(statement.get("Action"), |action| match action.to_ascii_lowercase().strip_suffix('*') {
            Some(start) => "logs:createloggroup".starts_with(start),
            None => action.eq_ignore_ascii_case("logs:CreateLogGroup"),
        })
    })
}

fn statements(policy: &str) -> Vec<Value> {
    match serde_json::from_str::<Value>(policy).ok().and_then(|mut policy| Some(policy.get_mut("Statement")?.take())) {
        Some(Value::Array(many)) => many,
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// One statement that allows it, and none that denies it.
fn is_allowed(statements: &[Value], applies: impl Fn(&Value) -> bool) -> bool {
    let effects: Vec<&str> = statements
        .iter()
        .filter(|statement| applies(statement))
        .filter_map(|statement| statement.get("Effect")?.as_str())
        .collect();
    effects.contains(&"Allow") && !effects.contains(&"Deny")
}

fn is_or_holds(value: Option<&Value>, wanted: impl Fn(&str) -> bool) -> bool {
    match value {
        Some(Value::String(one)) => wanted(one),
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).any(wanted),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_policy_that_names_lambda_is_trusted() {
        let policy = |effect: &str, principal: &str, action: &str| {
            format!(r#"{{"Statement":[{{"Effect":"{effect}","Principal":{principal},"Action":{action}}}]}}"#)
        };
        let lambda = r#"{"Service":"lambda.amazonaws.com"}"#;
        assert!(trusts_lambda(&policy("Allow", lambda, r#""sts:AssumeRole""#)));
        assert!(trusts_lambda(&policy(
            "Allow",
            r#"{"Service":["a","lambda.amazonaws.com"]}"#,
            r#"["sts:AssumeRole"]"#
        )));
        assert!(!trusts_lambda(&policy("Deny", lambda, r#""sts:AssumeRole""#)));
        assert!(!trusts_lambda(&policy("Allow", r#"{"Service":"ec2.amazonaws.com"}"#, r#""sts:AssumeRole""#)));
        assert!(!trusts_lambda(&policy("Allow", lambda, r#""sts:TagSession""#)));
        assert!(!trusts_lambda("nonsense"));
    }

    #[test]
    fn a_log_group_is_made_only_with_permission() {
        let policy = |effect: &str, action: &str| {
            format!(r#"{{"Statement":{{"Effect":"{effect}","Action":{action},"Resource":"*"}}}}"#)
        };
        let allowed = |policies: &[String]| may_create_log_group(policies);
        assert!(allowed(&[policy("Allow", r#"["logs:CreateLogGroup","logs:PutLogEvents"]"#)]));
        assert!(allowed(&[policy("Allow", r#""logs:Create*""#)]));
        assert!(allowed(&[policy("Allow", r#""*""#)]));
        assert!(!allowed(&[policy("Allow", r#"["logs:CreateLogStream","logs:PutLogEvents"]"#)]));
        assert!(!allowed(&[policy("Allow", r#""logs:*""#), policy("Deny", r#""logs:CreateLogGroup""#)]));
        assert!(!allowed(&[]));
    }
}
