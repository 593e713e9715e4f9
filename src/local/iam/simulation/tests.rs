//! Tests of the policy simulator.

use serde_json::json;

use super::super::tests::{call, create, iam};
use crate::identity::Identity;

const ROLE: &str = "arn:aws:iam::000000000000:role/r";

/// Returns the texts of an element, in order.
fn texts<'a>(xml: &'a str, tag: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    xml.split(&open).skip(1).filter_map(|rest| rest.split_once(&close)).map(|(text, _)| text).collect()
}

fn document(statements: &serde_json::Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// Simulates a role with one policy.
async fn simulate(statements: &serde_json::Value, fields: &[(&str, &str)]) -> (u16, String) {
    let dir = tempfile::tempdir().unwrap();
    let iam = iam(dir.path());
    create(&iam, "r").await;
    let document = document(statements);
    let put =
        [("Action", "PutRolePolicy"), ("RoleName", "r"), ("PolicyName", "p"), ("PolicyDocument", document.as_str())];
    assert_eq!(call(&iam, &put).await.0, 200);
    let mut all = vec![("Action", "SimulatePrincipalPolicy")];
    if !fields.iter().any(|(name, _)| *name == "PolicySourceArn") {
        all.push(("PolicySourceArn", ROLE));
    }
    all.extend(fields);
    call(&iam, &all).await
}

#[tokio::test]
async fn simulation_decides_each_action_for_each_resource() {
    let statements = json!([
        {"Effect": "Allow", "Action": "kinesis:*", "Resource": "arn:a"},
        {"Effect": "Deny", "Action": "kinesis:DeleteStream", "Resource": "*"},
    ]);
    let fields = [
        ("ActionNames.member.1", "kinesis:PutRecord"),
        ("ActionNames.member.2", "kinesis:DeleteStream"),
        ("ActionNames.member.3", "s3:GetObject"),
        ("ResourceArns.member.1", "arn:a"),
        ("ResourceArns.member.2", "arn:b"),
    ];
    let (status, xml) = simulate(&statements, &fields).await;
    assert_eq!(status, 200, "{xml}");
    assert_eq!(texts(&xml, "EvalActionName"), ["kinesis:PutRecord", "kinesis:DeleteStream", "s3:GetObject"]);
    assert_eq!(texts(&xml, "EvalDecision"), ["implicitDeny", "explicitDeny", "implicitDeny"]);
    let each = ["allowed", "implicitDeny", "explicitDeny", "explicitDeny", "implicitDeny", "implicitDeny"];
    assert_eq!(texts(&xml, "EvalResourceDecision"), each);
    assert_eq!(texts(&xml, "SourcePolicyId"), ["role_r_p", "role_r_p", "role_r_p"], "what decides");
    assert_eq!(texts(&xml, "IsTruncated"), ["false"]);
    let on_all = simulate(&statements, &fields[..2]).await.1;
    assert_eq!(texts(&on_all, "EvalResourceName")[0], "*");
    assert_eq!(texts(&on_all, "EvalDecision"), ["implicitDeny", "explicitDeny"]);
}

#[tokio::test]
async fn simulation_tells_condition_keys_without_value() {
    let statements = json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
        "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}});
    let action = ("ActionNames.member.1", "iam:PassRole");
    let without = simulate(&statements, &[action]).await.1;
    assert_eq!(texts(&without, "EvalDecision"), ["implicitDeny"]);
    assert!(without.contains("<MissingContextValues><member>iam:PassedToService</member>"), "{without}");
    let entry = [
        action,
        ("ContextEntries.member.1.ContextKeyName", "IAM:PassedToService"),
        ("ContextEntries.member.1.ContextKeyType", "string"),
        ("ContextEntries.member.1.ContextKeyValues.member.1", "lambda.amazonaws.com"),
    ];
    let with = simulate(&statements, &entry).await.1;
    assert_eq!(texts(&with, "EvalDecision"), ["allowed"]);
    assert!(with.contains("<MissingContextValues></MissingContextValues>"), "{with}");
    let other = simulate(&statements, &[("ActionNames.member.1", "iam:GetRole")]).await.1;
    assert!(!other.contains("iam:PassedToService"), "the statement is about another action: {other}");
    // A denial under a condition on an absent key does not apply.
    let denial = json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "*",
        "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]);
    let xml = simulate(&denial, &[action]).await.1;
    assert_eq!(texts(&xml, "EvalDecision"), ["allowed"]);
    assert!(xml.contains("<member>aws:SecureTransport</member>"), "{xml}");
}

#[tokio::test]
async fn simulation_of_boundary_and_further_policies() {
    let all = json!({"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"});
    let reads = document(&json!({"Effect": "Allow", "Action": ["kinesis:Get*", "s3:Get*"], "Resource": "*"}));
    let fields = [
        ("ActionNames.member.1", "kinesis:PutRecord"),
        ("ActionNames.member.2", "kinesis:GetRecords"),
        ("ActionNames.member.3", "s3:GetObject"),
        ("PermissionsBoundaryPolicyInputList.member.1", reads.as_str()),
    ];
    let xml = simulate(&all, &fields).await.1;
    assert_eq!(texts(&xml, "EvalDecision"), ["implicitDeny", "allowed", "implicitDeny"]);
    assert_eq!(texts(&xml, "AllowedByPermissionsBoundary")[0], "false");
    let added =
        simulate(&all, &[("ActionNames.member.1", "s3:GetObject"), ("PolicyInputList.member.1", reads.as_str())])
            .await
            .1;
    assert_eq!(texts(&added, "EvalDecision"), ["allowed"]);
    assert_eq!(texts(&added, "SourcePolicyId")[0], "PolicyInputList.1");
    let custom = [
        ("Action", "SimulateCustomPolicy"),
        ("PolicyInputList.member.1", reads.as_str()),
        ("ActionNames.member.1", "s3:GetObject"),
    ];
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(texts(&call(&iam(dir.path()), &custom).await.1, "EvalDecision"), ["allowed"]);
}

#[tokio::test]
async fn simulation_is_given_in_pages() {
    let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let actions = [("ActionNames.member.1", "a:b"), ("ActionNames.member.2", "a:c"), ("ActionNames.member.3", "a:d")];
    let page = |marker: Option<&'static str>| {
        let mut fields = actions.to_vec();
        fields.push(("MaxItems", "2"));
        fields.extend(marker.map(|marker| ("Marker", marker)));
        fields
    };
    let first = simulate(&all, &page(None)).await.1;
    assert_eq!((texts(&first, "EvalActionName"), texts(&first, "IsTruncated")), (vec!["a:b", "a:c"], vec!["true"]));
    let marker = texts(&first, "Marker")[0].to_owned();
    let last = simulate(&all, &page(Some(marker.leak()))).await.1;
    assert_eq!((texts(&last, "EvalActionName"), texts(&last, "IsTruncated")), (vec!["a:d"], vec!["false"]));
    assert_eq!(simulate(&all, &page(Some("9"))).await.0, 400);
}

#[tokio::test]
async fn simulation_refuses_what_it_does_not_evaluate_by_name() {
    let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let action = ("ActionNames.member.1", "a:b");
    for (fields, part) in [
        (
            vec![
                action,
                ("ContextEntries.member.1.ContextKeyName", "aws:x"),
                ("ContextEntries.member.1.ContextKeyType", "stringList"),
                ("ContextEntries.member.1.ContextKeyValues.member.1", "a"),
            ],
            "the ContextKeyType stringList",
        ),
        (vec![("ActionNames.member.1", "a:*")], "wildcards are not allowed"),
        (vec![], "'actionNames'"),
        (vec![action, ("PolicySourceArn", "arn:aws:iam::000000000000:role/x")], "role with name x cannot be found"),
        (
            vec![action, ("PolicySourceArn", "arn:aws:sts::000000000000:assumed-role/r/s")],
            "does not clearly define entity type and name",
        ),
        (vec![action, ("PolicyInputList.member.1", "{")], "invalid Json"),
    ] {
        let (status, xml) = simulate(&all, &fields).await;
        assert!(status >= 400 && xml.contains(part), "{part}: {xml}");
    }
    let owner = Identity::new("us-east-1").owner_arn();
    let xml = simulate(&all, &[action, ("PolicySourceArn", owner.as_str())]).await.1;
    assert_eq!(texts(&xml, "EvalDecision"), ["allowed"]);
    assert_eq!(texts(&xml, "SourcePolicyId")[0], "AdministratorAccess");
}
