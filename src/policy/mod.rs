//! What policy documents say: whether they are the same, and whether they allow something.
//!
//! Evaluated are identity and trust policies: Effect, (Not)Action, (Not)Resource, Principal, wildcards, explicit deny,
//! policy variables, and conditions on text, ARNs and truth values. What is not understood (another operator, a key that
//! is not known here) opens no door: it allows nothing, and denies what it may deny. Not evaluated: session and resource
//! policies.
//!
//! Why an evaluator of our own: two crates were tried on the cases of the tests below. Both `iam-rs` 0.8 and
//! `scratchstack-aspen` 0.3 put an empty text where a variable has no value, so that `table/${aws:PrincipalTag/team}*`
//! allows every table to who has no team; take neither `*` as the resource of a request nor a pattern like
//! `arn:aws:dynamodb:*`; and do not evaluate trust policies. `iam-rs` lets `ForAllValues` on a key that it was not told
//! allow everything; `scratchstack-aspen` (last released on the crates of 2022) compares services with their letter
//! case, knows no set operators, and compiles five regular expressions for each comparison.

mod canonical;
mod condition;
mod pattern;
mod statement;

use serde_json::Value;

pub use self::canonical::canonical;
use self::condition::Met;
use self::statement::Statement;

/// What somebody wants to do.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// `dynamodb:BatchWriteItem`.
    pub action: &'a str,
    /// The ARN; none where the request does not tell: allowed only by who allows all, denied by who denies any.
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

/// What these documents, taken together, say, and whether that is certain: it is not where it hangs on something that is
/// not understood.
#[must_use]
pub fn weigh(documents: &[Value], ask: &Ask<'_>) -> (Decision, bool) {
    let (mut allowed, mut denied) = (Met::No, Met::No);
    for statement in documents.iter().flat_map(statements) {
        let covered = statement.covers(ask);
        let so_far = if statement.allows() { &mut allowed } else { &mut denied };
        *so_far = Met::any([*so_far, covered].into_iter());
    }
    match (allowed, denied) {
        // Where nothing allows it, it is not allowed whatever the denial says.
        (_, Met::Yes) | (Met::No, Met::Unclear) => (Decision::Denied, true),
        (Met::No, Met::No) => (Decision::NotAllowed, true),
        (Met::Unclear, Met::No) => (Decision::NotAllowed, false),
        (_, Met::Unclear) => (Decision::Denied, false),
        (Met::Yes, Met::No) => (Decision::Allowed, true),
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
    fn a_resource_that_is_not_told_is_allowed_only_by_all_and_denied_by_any() {
        let ask = Ask { resource: None, ..Ask::new("dynamodb:ExecuteStatement", "") };
        let one = |effect: &str, resource: &str| json!({"Effect": effect, "Action": "*", "Resource": resource});
        assert_eq!(says(&one("Allow", "arn:x"), &ask), Decision::NotAllowed);
        assert_eq!(says(&one("Allow", "*"), &ask), Decision::Allowed);
        assert_eq!(says(&json!([one("Allow", "*"), one("Deny", "arn:x")]), &ask), Decision::Denied);
    }

    #[test]
    fn a_variable_without_a_value_opens_no_door() {
        let context = [("aws:PrincipalAccount", "000000000000")];
        let ask = Ask { context: &context, ..Ask::new("dynamodb:BatchWriteItem", TABLE) };
        let one = |effect: &str, key: &str, resource: &str| {
            let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            let mut one = json!({"Effect": effect, "Action": "*"});
            one[key] = json!(resource);
            if effect == "Deny" { says(&json!([all, one]), &ask) } else { says(&one, &ask) }
        };
        let (known, unknown) = ("arn:*:${aws:PrincipalAccount}:table/*", "arn:*:table/${aws:PrincipalTag/team}*");
        assert_eq!(one("Allow", "Resource", known), Decision::Allowed);
        assert_eq!(one("Allow", "Resource", unknown), Decision::NotAllowed);
        assert_eq!(one("Deny", "Resource", unknown), Decision::Denied);
        assert_eq!(one("Allow", "NotResource", unknown), Decision::NotAllowed);
        assert_eq!(one("Deny", "NotResource", unknown), Decision::Denied);
        let owner = |value: &str| {
            says(
                &json!({"Effect": "Allow", "Action": "*", "Resource": "*",
                    "Condition": {"StringEquals": {"aws:PrincipalAccount": value}}}),
                &ask,
            )
        };
        assert_eq!(owner("${aws:PrincipalAccount}"), Decision::Allowed);
        assert_eq!(owner("${aws:PrincipalTag/account}"), Decision::NotAllowed);
    }

    #[test]
    fn set_operators_and_other_unknown_ones_open_no_door() {
        for operator in ["ForAllValues:StringEquals", "ForAnyValue:StringLike", "OddOperator", "IpAddress"] {
            let condition = json!({operator: {"dynamodb:LeadingKeys": ["a"]}});
            let one = |effect| json!({"Effect": effect, "Action": "*", "Resource": "*", "Condition": condition});
            let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            assert_eq!(of_write(&one("Allow")), Decision::NotAllowed, "{operator}");
            assert_eq!(of_write(&json!([all, one("Deny")])), Decision::Denied, "{operator}");
        }
    }

    #[test]
    fn a_trust_policy_is_about_who_asks() {
        let trust = |principal: Value| {
            let ask = Ask { service: Some("lambda.amazonaws.com"), ..Ask::new("sts:AssumeRole", "arn:role") };
            says(&json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}), &ask)
        };
        assert_eq!(trust(json!({"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]})), Decision::Allowed);
        assert_eq!(trust(json!("*")), Decision::Allowed);
        for other in [json!({"Service": "ec2.amazonaws.com"}), json!({"AWS": "*"}), json!({})] {
            assert_eq!(trust(other.clone()), Decision::NotAllowed, "{other}");
        }
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
