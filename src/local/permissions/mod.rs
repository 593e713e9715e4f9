//! What a role's policies allow: who may do what with which resource, in the service's own words when they may not.
//!
//! A small evaluator of our own: identity policies with Effect, (Not)Action, (Not)Resource, wildcards, explicit deny
//! and the usual conditions. Not evaluated: boundaries, policy variables (`${aws:…}`), resource policies.

mod condition;
mod pattern;
mod resource;
mod statement;

use serde_json::Value;

pub(crate) use self::resource::asked;
use self::statement::{Reach, Statement};
use super::wire::ServiceError;

/// What somebody wants to do.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    /// `dynamodb:BatchWriteItem`.
    pub action: &'a str,
    /// The ARN; none where the request does not tell (a Kinesis iterator), which any allowed resource covers.
    pub resource: Option<&'a str>,
    /// Condition keys and their values.
    pub context: &'a [(&'a str, &'a str)],
    /// In a trust policy: the service that asks.
    pub service: Option<&'a str>,
}

impl<'a> Ask<'a> {
    /// To do something with a resource, with no condition key known.
    pub(crate) fn new(action: &'a str, resource: &'a str) -> Self {
        Ask { action, resource: Some(resource), context: &[], service: None }
    }
}

/// What policies say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// A statement allows it, and none denies it.
    Allowed,
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it.
    Denied,
}

/// What these documents, taken together, say. A document that is none says nothing.
pub(crate) fn decide(policies: &[String], ask: &Ask<'_>) -> Decision {
    let documents: Vec<Value> = policies.iter().filter_map(|policy| serde_json::from_str(policy).ok()).collect();
    let mut decision = Decision::NotAllowed;
    for statement in documents.iter().flat_map(statements) {
        match (statement.allows(), statement.reach(ask)) {
            (false, Reach::Covered | Reach::Unclear) => return Decision::Denied,
            (true, Reach::Covered) => decision = Decision::Allowed,
            _ => {}
        }
    }
    decision
}

/// The refusal of what is not allowed, as the services word it.
pub(crate) fn check(policies: &[String], user: &str, ask: &Ask<'_>) -> Result<(), ServiceError> {
    let why = match decide(policies, ask) {
        Decision::Allowed => return Ok(()),
        Decision::NotAllowed => format!("because no identity-based policy allows the {} action", ask.action),
        Decision::Denied => "with an explicit deny in an identity-based policy".to_owned(),
    };
    let on = ask.resource.map(|resource| format!(" on resource: {resource}")).unwrap_or_default();
    let message = format!("User: {user} is not authorized to perform: {}{on} {why}", ask.action);
    Err(ServiceError::bad_request("AccessDeniedException", message))
}

fn statements(document: &Value) -> Vec<Statement<'_>> {
    match document.get("Statement") {
        Some(Value::Array(many)) => many.iter().map(Statement).collect(),
        Some(one) => vec![Statement(one)],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/SensorData";

    fn says(statements: &Value, ask: &Ask<'_>) -> Decision {
        decide(&[json!({"Version": "2012-10-17", "Statement": statements}).to_string()], ask)
    }

    fn of_write(statements: &Value) -> Decision {
        says(statements, &Ask::new("dynamodb:BatchWriteItem", TABLE))
    }

    #[test]
    fn what_no_statement_names_is_not_allowed() {
        assert_eq!(of_write(&json!([])), Decision::NotAllowed);
        assert_eq!(decide(&["nonsense".into()], &Ask::new("a:b", "*")), Decision::NotAllowed);
        for (action, resource, expected) in [
            ("dynamodb:BatchWriteItem", TABLE, Decision::Allowed),
            ("DynamoDB:batchwrite*", "*", Decision::Allowed),
            ("*", "arn:aws:dynamodb:*:*:table/Sensor????", Decision::Allowed),
            ("dynamodb:PutItem", TABLE, Decision::NotAllowed),
            ("dynamodb:*", "arn:aws:dynamodb:us-east-1:000000000000:table/sensordata", Decision::NotAllowed),
            ("dynamodb:*", "arn:aws:dynamodb:us-east-1:000000000000:table/SensorData/index/*", Decision::NotAllowed),
        ] {
            let found = of_write(&json!({"Effect": "Allow", "Action": [action], "Resource": resource}));
            assert_eq!(found, expected, "{action} {resource}");
        }
    }

    #[test]
    fn an_explicit_deny_goes_before_any_allow() {
        let allow = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        let deny = |action: &str| json!({"Effect": "Deny", "Action": action, "Resource": "*"});
        assert_eq!(of_write(&json!([allow, deny("dynamodb:BatchWriteItem")])), Decision::Denied);
        assert_eq!(of_write(&json!([deny("dynamodb:*"), allow])), Decision::Denied);
        assert_eq!(of_write(&json!([deny("kinesis:*"), allow])), Decision::Allowed);
    }

    #[test]
    fn not_action_and_not_resource_mean_all_others() {
        let one = |key: &str, value: &str, other: &str| {
            let mut statement = json!({"Effect": "Allow", key: value});
            statement[other] = json!("*");
            of_write(&statement)
        };
        assert_eq!(one("NotAction", "iam:*", "Resource"), Decision::Allowed);
        assert_eq!(one("NotAction", "dynamodb:*", "Resource"), Decision::NotAllowed);
        assert_eq!(one("NotResource", "arn:aws:kinesis:*", "Action"), Decision::Allowed);
        assert_eq!(one("NotResource", TABLE, "Action"), Decision::NotAllowed);
    }

    #[test]
    fn conditions_hold_back_and_unknown_ones_never_open_a_door() {
        let context = [("aws:SourceAccount", "000000000000")];
        let ask = Ask { context: &context, ..Ask::new("dynamodb:BatchWriteItem", TABLE) };
        let with = |effect: &str, condition: Value| {
            let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            let one = json!({"Effect": effect, "Action": "*", "Resource": "*", "Condition": condition});
            if effect == "Deny" { says(&json!([all, one]), &ask) } else { says(&one, &ask) }
        };
        let ours = json!({"StringEquals": {"aws:sourceaccount": ["1", "000000000000"]}});
        let others = json!({"StringEquals": {"aws:SourceAccount": "111111111111"}});
        let odd = json!({"NumericLessThan": {"aws:MultiFactorAuthAge": "5"}});
        assert_eq!(with("Allow", ours.clone()), Decision::Allowed);
        assert_eq!(with("Allow", others.clone()), Decision::NotAllowed);
        assert_eq!(with("Allow", odd.clone()), Decision::NotAllowed);
        assert_eq!(with("Allow", json!({"StringLike": {"aws:SourceAccount": "0000*"}})), Decision::Allowed);
        assert_eq!(with("Allow", json!({"StringEquals": {"aws:Missing": "x"}})), Decision::NotAllowed);
        assert_eq!(with("Allow", json!({"StringEqualsIfExists": {"aws:Missing": "x"}})), Decision::Allowed);
        assert_eq!(with("Allow", json!({"StringNotEquals": {"aws:SourceAccount": "111111111111"}})), Decision::Allowed);
        assert_eq!(with("Deny", ours), Decision::Denied);
        assert_eq!(with("Deny", others), Decision::Allowed);
        assert_eq!(with("Deny", odd), Decision::Denied);
    }

    #[test]
    fn a_resource_that_is_not_told_is_covered_by_any_allow_but_denied_only_by_all() {
        let ask = Ask { resource: None, ..Ask::new("kinesis:GetRecords", "") };
        let one = |effect: &str, resource: &str| json!({"Effect": effect, "Action": "kinesis:*", "Resource": resource});
        assert_eq!(says(&one("Allow", "arn:x"), &ask), Decision::Allowed);
        assert_eq!(says(&json!([one("Allow", "*"), one("Deny", "arn:x")]), &ask), Decision::Allowed);
        assert_eq!(says(&json!([one("Allow", "*"), one("Deny", "*")]), &ask), Decision::Denied);
    }

    #[test]
    fn the_refusal_is_worded_as_the_service_does() {
        let user = "arn:aws:sts::000000000000:assumed-role/r/f";
        let error = check(&[], user, &Ask::new("dynamodb:BatchWriteItem", TABLE)).unwrap_err();
        assert_eq!(
            error.message,
            format!(
                "User: {user} is not authorized to perform: dynamodb:BatchWriteItem on resource: {TABLE} because no \
                 identity-based policy allows the dynamodb:BatchWriteItem action"
            )
        );
    }
}
