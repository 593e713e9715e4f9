//! Tests of decisions on documents, one rule of the evaluation at a time.

use serde_json::json;

use super::*;

const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/SensorData";

fn says(statements: &Value, ask: &AuthorizationRequest<'_>) -> Decision {
    decide(&[json!({"Version": "2012-10-17", "Statement": statements}).to_string()], ask)
}

fn of_write(statements: &Value) -> Decision {
    says(statements, &AuthorizationRequest::new("dynamodb:BatchWriteItem", TABLE))
}

#[test]
fn decide_without_matching_statement_is_not_allowed() {
    assert_eq!(of_write(&json!([])), Decision::NotAllowed);
    assert_eq!(decide(&["nonsense".into()], &AuthorizationRequest::new("a:b", "*")), Decision::NotAllowed);
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
fn decide_explicit_deny_overrides_allow() {
    let allow = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let deny = |action: &str| json!({"Effect": "Deny", "Action": action, "Resource": "*"});
    assert_eq!(of_write(&json!([allow, deny("dynamodb:BatchWriteItem")])), Decision::Denied);
    assert_eq!(of_write(&json!([deny("dynamodb:*"), allow])), Decision::Denied);
    assert_eq!(of_write(&json!([deny("kinesis:*"), allow])), Decision::Allowed);
}

#[test]
fn not_action_and_not_resource_match_all_others() {
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

const ALL: &str = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;

/// Returns the decision of a statement for everything under a condition. A denying statement is combined with one that
/// allows everything.
fn under(effect: &str, condition: &Value, context: Context<'_>) -> Decision {
    let ask = AuthorizationRequest { context, ..AuthorizationRequest::new("dynamodb:BatchWriteItem", TABLE) };
    let all: Value = serde_json::from_str(ALL).unwrap();
    let one = json!({"Effect": effect, "Action": "*", "Resource": "*", "Condition": condition});
    if effect == "Deny" { says(&json!([all, one]), &ask) } else { says(&one, &ask) }
}

#[test]
fn condition_unmet_or_unknown_does_not_allow() {
    let known = [("aws:SourceAccount", "000000000000")];
    let context = Context { known: &known, absent: &["aws:Missing"] };
    let with = |effect: &str, condition: Value| under(effect, &condition, context);
    let ours = json!({"StringEquals": {"aws:sourceaccount": ["1", "000000000000"]}});
    let others = json!({"StringEquals": {"aws:SourceAccount": "111111111111"}});
    let odd = json!({"IpAddress": {"aws:SourceIp": "127.0.0.1/8"}});
    assert_eq!(with("Allow", ours.clone()), Decision::Allowed);
    assert_eq!(with("Allow", others.clone()), Decision::NotAllowed);
    assert_eq!(with("Allow", odd.clone()), Decision::NotAllowed);
    assert_eq!(with("Allow", json!({"NumericLessThan": {"aws:MultiFactorAuthAge": "5"}})), Decision::NotAllowed);
    assert_eq!(with("Allow", json!({"StringLike": {"aws:SourceAccount": "0000*"}})), Decision::Allowed);
    assert_eq!(with("Allow", json!({"StringEquals": {"aws:Missing": "x"}})), Decision::NotAllowed);
    assert_eq!(with("Allow", json!({"StringEqualsIfExists": {"aws:Missing": "x"}})), Decision::Allowed);
    assert_eq!(with("Allow", json!({"StringNotEquals": {"aws:SourceAccount": "111111111111"}})), Decision::Allowed);
    assert_eq!(with("Deny", ours), Decision::Denied);
    assert_eq!(with("Deny", others), Decision::Allowed);
    assert_eq!(with("Deny", odd), Decision::Denied);
}

#[test]
fn condition_unknown_key_does_not_allow_but_denies() {
    let absent = Context { known: &[], absent: &["aws:ResourceTag/env", "aws:TokenIssueTime", "aws:ViaAWSService"] };
    for (condition, when_absent) in [
        (json!({"StringNotEquals": {"aws:ResourceTag/env": "prod"}}), true),
        (json!({"StringEqualsIfExists": {"aws:ResourceTag/env": "prod"}}), true),
        (json!({"StringNotLikeIfExists": {"aws:ResourceTag/env": "prod*"}}), true),
        (json!({"Null": {"aws:TokenIssueTime": "true"}}), true),
        (json!({"Null": {"aws:TokenIssueTime": false}}), false),
        (json!({"Bool": {"aws:ViaAWSService": "false"}}), false),
        (json!({"ArnNotEquals": {"aws:ResourceTag/env": "arn:aws:iam::1:role/x"}}), true),
    ] {
        assert_eq!(under("Allow", &condition, Context::default()), Decision::NotAllowed, "{condition}");
        assert_eq!(under("Deny", &condition, Context::default()), Decision::Denied, "{condition}");
        let allowed = under("Allow", &condition, absent) == Decision::Allowed;
        let denied = under("Deny", &condition, absent) == Decision::Denied;
        assert_eq!((allowed, denied), (when_absent, when_absent), "{condition}, absent");
    }
}

#[test]
fn condition_compares_numbers_and_dates_by_value_and_arns_by_part() {
    let known = [
        ("aws:EpochTime", "1795000000"),
        ("aws:CurrentTime", "2026-11-18T11:06:40Z"),
        ("aws:PrincipalArn", "arn:aws:iam::000000000000:role/x"),
    ];
    let context = Context { known: &known, absent: &[] };
    for (condition, expected) in [
        (json!({"NumericGreaterThan": {"aws:EpochTime": 999_999_999}}), true),
        (json!({"NumericNotEquals": {"aws:EpochTime": "1795000000.0"}}), false),
        (json!({"DateLessThan": {"aws:CurrentTime": "2026-11-18T13:06:41+02:00"}}), true),
        (json!({"DateGreaterThanEquals": {"aws:CurrentTime": "2026-11-18"}}), true),
        (json!({"DateLessThanEquals": {"aws:CurrentTime": "1794999999"}}), false),
        (json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}), true),
        (json!({"ArnEquals": {"aws:PrincipalArn": "arn:*:role/x"}}), false),
    ] {
        let decision = if expected { Decision::Allowed } else { Decision::NotAllowed };
        assert_eq!(under("Allow", &condition, context), decision, "{condition}");
    }
    for malformed in [
        json!({"DateLessThan": {"aws:CurrentTime": "tomorrow"}}),
        json!({"NumericLessThan": {"aws:EpochTime": "many"}}),
        json!({"ArnLike": {"aws:PrincipalArn": "arn:*x"}}),
        json!({"Null": {"aws:EpochTime": "perhaps"}}),
        json!({"StringEquals": {"aws:EpochTime": []}}),
        json!({"StringEquals": {"aws:EpochTime": {"a": "b"}}}),
        json!({"StringEquals": "aws:EpochTime"}),
    ] {
        assert_eq!(under("Allow", &malformed, context), Decision::NotAllowed, "{malformed}");
        assert_eq!(under("Deny", &malformed, context), Decision::Denied, "{malformed}");
    }
}

#[test]
fn malformed_statement_does_not_allow_but_denies() {
    let ask = AuthorizationRequest::new("dynamodb:BatchWriteItem", TABLE);
    let all: Value = serde_json::from_str(ALL).unwrap();
    for parts in [
        json!({"Action": [5], "Resource": "*"}),
        json!({"Action": [], "Resource": "*"}),
        json!({"NotAction": [], "Resource": "*"}),
        json!({"Action": "*", "NotAction": "kinesis:*", "Resource": "*"}),
        json!({"Action": "*", "Resource": "*", "NotResource": "arn:x"}),
        json!({"Action": "*", "Resource": {"a": "*"}}),
        json!({"Action": "*"}),
        json!({"Resource": "*"}),
        json!({"Action": "*", "Resource": "*", "Principal": "*"}),
    ] {
        let with = |effect: &str| {
            let mut statement = parts.clone();
            statement["Effect"] = json!(effect);
            statement
        };
        assert_eq!(says(&with("Allow"), &ask), Decision::NotAllowed, "{parts}");
        assert_eq!(says(&json!([all, with("Deny")]), &ask), Decision::Denied, "{parts}");
        assert_eq!(says(&json!([all, with("deny")]), &ask), Decision::Denied, "{parts}");
    }
    let document = json!({"Statement": all}).to_string();
    assert_eq!(decide(&[document.clone(), r#"{"Statements": []}"#.to_owned()], &ask), Decision::Denied);
    assert_eq!(
        decide(&[document, "{".to_owned()], &ask),
        Decision::Allowed,
        "a text that is not a document says nothing"
    );
    assert_eq!(decide(&[ALL.to_owned()], &ask), Decision::Denied, "a statement is not a document");
}

#[test]
fn variables_are_plain_text_before_version_2012_10_17() {
    let known = [("aws:PrincipalAccount", "000000000000")];
    let context = Context { known: &known, absent: &[] };
    let ask = AuthorizationRequest { context, ..AuthorizationRequest::new("dynamodb:BatchWriteItem", TABLE) };
    for (version, expected) in [
        (Some("2012-10-17"), Decision::Allowed),
        (Some("2008-10-17"), Decision::NotAllowed),
        (None, Decision::NotAllowed),
    ] {
        let mut document = json!({"Statement": {"Effect": "Allow", "Action": "*",
            "Resource": "arn:*:${aws:PrincipalAccount}:table/*"}});
        if let Some(version) = version {
            document["Version"] = json!(version);
        }
        assert_eq!(decide(&[document.to_string()], &ask), expected, "{version:?}");
    }
}

#[test]
fn unknown_resource_is_allowed_only_by_all_and_denied_by_any() {
    let ask = AuthorizationRequest { resource: None, ..AuthorizationRequest::new("dynamodb:ExecuteStatement", "") };
    let one = |effect: &str, resource: &str| json!({"Effect": effect, "Action": "*", "Resource": resource});
    assert_eq!(says(&one("Allow", "arn:x"), &ask), Decision::NotAllowed);
    assert_eq!(says(&one("Allow", "*"), &ask), Decision::Allowed);
    assert_eq!(says(&json!([one("Allow", "*"), one("Deny", "arn:x")]), &ask), Decision::Denied);
}

#[test]
fn variable_without_value_does_not_allow() {
    let known = [("aws:PrincipalAccount", "000000000000")];
    let context = Context { known: &known, absent: &[] };
    let ask = AuthorizationRequest { context, ..AuthorizationRequest::new("dynamodb:BatchWriteItem", TABLE) };
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
fn unsupported_operators_do_not_allow() {
    for operator in ["ForAllValues:StringEquals", "ForAnyValue:StringLike", "OddOperator", "IpAddress"] {
        let condition = json!({operator: {"dynamodb:LeadingKeys": ["a"]}});
        let one = |effect| json!({"Effect": effect, "Action": "*", "Resource": "*", "Condition": condition});
        let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        assert_eq!(of_write(&one("Allow")), Decision::NotAllowed, "{operator}");
        assert_eq!(of_write(&json!([all, one("Deny")])), Decision::Denied, "{operator}");
    }
}

#[test]
fn trust_policy_matches_principal() {
    let trust = |principal: Value| {
        let lambda = Principal::Service("lambda.amazonaws.com");
        let ask =
            AuthorizationRequest { principal: Some(lambda), ..AuthorizationRequest::new("sts:AssumeRole", "arn:role") };
        says(&json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}), &ask)
    };
    assert_eq!(trust(json!({"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]})), Decision::Allowed);
    assert_eq!(trust(json!("*")), Decision::Allowed);
    for other in [json!({"Service": "ec2.amazonaws.com"}), json!({"AWS": "*"}), json!({})] {
        assert_eq!(trust(other.clone()), Decision::NotAllowed, "{other}");
    }
}

/// Returns the decision of a trust policy with these statements for a session of the role `caller`.
fn trusts_caller(statements: &Value) -> Decision {
    let arns = ["arn:aws:iam::000000000000:role/caller", "arn:aws:sts::000000000000:assumed-role/caller/me"];
    let principal = Some(Principal::Aws { account: "000000000000", arns: &arns });
    says(statements, &AuthorizationRequest { principal, ..AuthorizationRequest::new("sts:AssumeRole", "arn:role") })
}

#[test]
fn trust_policy_names_a_role_by_its_account_its_arn_or_its_session() {
    let trust = |principal: Value| {
        trusts_caller(&json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}))
    };
    for named in [
        json!({"AWS": "000000000000"}),
        json!({"AWS": "arn:aws:iam::000000000000:root"}),
        json!({"AWS": ["arn:aws:iam::1:root", "arn:aws:iam::000000000000:role/caller"]}),
        json!({"AWS": "arn:aws:sts::000000000000:assumed-role/caller/me"}),
        json!({"AWS": "*"}),
        json!("*"),
    ] {
        assert_eq!(trust(named.clone()), Decision::Allowed, "{named}");
    }
    for other in [
        json!({"Service": "lambda.amazonaws.com"}),
        json!({"AWS": "111111111111"}),
        json!({"AWS": "arn:aws:iam::000000000000:role/other"}),
        json!({"AWS": "arn:aws:iam::000000000000:role/*"}),
        json!({"AWS": "AROAEXAMPLEEXAMPLEEXA"}),
        json!({"AWS": [5]}),
    ] {
        assert_eq!(trust(other.clone()), Decision::NotAllowed, "{other}");
    }
}

#[test]
fn not_principal_is_unsupported_and_denies() {
    let allow = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"});
    let other = |effect: &str| json!({"Effect": effect, "Action": "sts:AssumeRole", "NotPrincipal": {"Service": "ec2.amazonaws.com"}});
    assert_eq!(trusts_caller(&json!([allow, other("Deny")])), Decision::Denied);
    assert_eq!(trusts_caller(&other("Allow")), Decision::NotAllowed);
}

#[test]
fn evaluate_reports_whether_the_decision_is_certain() {
    let ask = AuthorizationRequest::new("dynamodb:BatchWriteItem", TABLE);
    let weigh = |statements: Value| super::evaluate(&[json!({ "Statement": statements })], &ask);
    let all = |effect: &str| json!({"Effect": effect, "Action": "*", "Resource": "*"});
    let mut odd_allow = all("Allow");
    odd_allow["Condition"] = json!({"NumericLessThan": {"aws:MultiFactorAuthAge": "5"}});
    let mut odd_deny = odd_allow.clone();
    odd_deny["Effect"] = json!("Deny");
    assert_eq!(weigh(json!([])), (Decision::NotAllowed, true));
    assert_eq!(weigh(odd_deny.clone()), (Decision::NotAllowed, true), "whatever the denial says");
    assert!(!super::evaluate(&[json!("no document")], &ask).1);
    assert_eq!(weigh(odd_allow.clone()), (Decision::NotAllowed, false));
    assert_eq!(weigh(json!([odd_allow, all("Allow")])), (Decision::Allowed, true));
    assert_eq!(weigh(json!([odd_deny, all("Allow")])), (Decision::Denied, false));
    assert_eq!(weigh(json!([odd_deny, all("Allow"), all("Deny")])), (Decision::Denied, true));
}
