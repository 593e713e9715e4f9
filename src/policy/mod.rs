//! What policy documents say: whether they are the same, and whether they allow something.
//!
//! A small evaluator of our own: identity and trust policies with Effect, (Not)Action, (Not)Resource, Principal,
//! wildcards, explicit deny and the usual conditions. Not evaluated: policy variables (`${aws:…}`), resource policies.

mod canonical;
mod condition;
mod pattern;
mod statement;

use serde_json::Value;

pub use self::canonical::canonical;
use self::statement::{Reach, Statement};

/// What somebody wants to do.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
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
    #[must_use]
    pub fn new(action: &'a str, resource: &'a str) -> Self {
        Ask { action, resource: Some(resource), context: &[], service: None }
    }
}

/// What policies say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it, and none denies it.
    Allowed,
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it.
    Denied,
}

/// What these documents, taken together, say. A document that is none says nothing.
#[must_use]
pub fn decide(policies: &[String], ask: &Ask<'_>) -> Decision {
    let documents: Vec<Value> = policies.iter().filter_map(|policy| serde_json::from_str(policy).ok()).collect();
    weigh(&documents, ask).0
}

/// What these documents, taken together, say, and whether that is certain: a condition that is not understood here opens
/// no door, and closes what it may close.
#[must_use]
pub fn weigh(documents: &[Value], ask: &Ask<'_>) -> (Decision, bool) {
    let (mut allowed, mut may_be_denied) = (Reach::NotCovered, false);
    for statement in documents.iter().flat_map(statements) {
        match (statement.allows(), statement.reach(ask)) {
            (false, Reach::Covered) => return (Decision::Denied, true),
            (false, Reach::Unclear) => may_be_denied = true,
            (true, Reach::Unclear) if allowed == Reach::NotCovered => allowed = Reach::Unclear,
            (true, Reach::Covered) => allowed = Reach::Covered,
            _ => {}
        }
    }
    match (allowed, may_be_denied) {
        (Reach::Covered, false) => (Decision::Allowed, true),
        (Reach::NotCovered, _) => (Decision::NotAllowed, true),
        (_, true) => (Decision::Denied, false),
        (Reach::Unclear, false) => (Decision::NotAllowed, false),
    }
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
    fn a_verdict_tells_whether_it_hangs_on_what_is_not_understood() {
        let ask = Ask::new("dynamodb:BatchWriteItem", TABLE);
        let weigh = |statements: Value| super::weigh(&[json!({ "Statement": statements })], &ask);
        let all = |effect: &str| json!({"Effect": effect, "Action": "*", "Resource": "*"});
        let mut odd_allow = all("Allow");
        odd_allow["Condition"] = json!({"NumericLessThan": {"aws:MultiFactorAuthAge": "5"}});
        let mut odd_deny = odd_allow.clone();
        odd_deny["Effect"] = json!("Deny");
        assert_eq!(weigh(json!([])), (Decision::NotAllowed, true));
        assert_eq!(weigh(odd_allow.clone()), (Decision::NotAllowed, false));
        assert_eq!(weigh(json!([odd_allow, all("Allow")])), (Decision::Allowed, true));
        assert_eq!(weigh(json!([odd_deny, all("Allow")])), (Decision::Denied, false));
        assert_eq!(weigh(json!([odd_deny, all("Allow"), all("Deny")])), (Decision::Denied, true));
    }
}
