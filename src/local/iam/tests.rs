//! Tests of IAM behavior that the walkthrough and `down` depend on.

use super::*;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

pub(super) fn iam(directory: &Path) -> Iam {
    let timing = crate::LatencyProfile::default();
    Iam::open(&directory.join("iam.json"), Identity::new("us-east-1"), &timing, Durability::Process).unwrap()
}

pub(super) async fn call(iam: &Iam, fields: &[(&str, &str)]) -> (u16, String) {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let response = iam.handle(http::Request::post("/").body(body.into()).unwrap()).await;
    (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
}

pub(super) async fn create(iam: &Iam, name: &str) -> (u16, String) {
    call(iam, &[("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", TRUST)]).await
}

#[tokio::test]
async fn role_with_policies_survives_a_restart_and_is_found_by_arn() {
    let dir = tempfile::tempdir().unwrap();
    let first = iam(dir.path());
    assert_eq!(create(&first, "r").await.0, 200);
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"a:b","Resource":"*"}]}"#;
    let put = [("Action", "PutRolePolicy"), ("RoleName", "r"), ("PolicyName", "p"), ("PolicyDocument", policy)];
    assert_eq!(call(&first, &put).await.0, 200);
    drop(first);
    let again = iam(dir.path());
    let arn = "arn:aws:iam::000000000000:role/r";
    let role = again.role(arn).unwrap();
    assert_eq!(role.trust_policy, TRUST);
    assert!(role.id.starts_with("AROA") && role.id.len() == 21);
    assert_eq!(again.policies(arn), Policies { identity: vec![policy.to_owned()], boundary: None });
}

#[tokio::test]
async fn delete_role_with_policies_is_a_delete_conflict() {
    let dir = tempfile::tempdir().unwrap();
    let iam = iam(dir.path());
    create(&iam, "r").await;
    let arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaKinesisExecutionRole";
    let attach = |action| [("Action", action), ("RoleName", "r"), ("PolicyArn", arn)];
    assert_eq!(call(&iam, &attach("AttachRolePolicy")).await.0, 200);
    let delete = [("Action", "DeleteRole"), ("RoleName", "r")];
    let (status, body) = call(&iam, &delete).await;
    assert!(status == 409 && body.contains("must detach all policies first"), "{body}");
    assert_eq!(call(&iam, &attach("DetachRolePolicy")).await.0, 200);
    assert_eq!(call(&iam, &delete).await.0, 200);
    let (status, body) = call(&iam, &delete).await;
    assert!(status == 404 && body.contains("<Code>NoSuchEntity</Code>"), "{body}");
}

#[tokio::test]
async fn iam_invalid_input_gets_the_services_errors() {
    let dir = tempfile::tempdir().unwrap();
    let iam = iam(dir.path());
    create(&iam, "r").await;
    let unknown = "arn:aws:iam::aws:policy/NoSuchPolicy";
    for (fields, status, code) in [
        (
            vec![("Action", "CreateRole"), ("RoleName", "R"), ("AssumeRolePolicyDocument", TRUST)],
            409,
            "EntityAlreadyExists",
        ),
        (
            vec![("Action", "CreateRole"), ("RoleName", "x"), ("AssumeRolePolicyDocument", "{")],
            400,
            "MalformedPolicyDocument",
        ),
        (
            vec![("Action", "CreateRole"), ("RoleName", "a b"), ("AssumeRolePolicyDocument", TRUST)],
            400,
            "ValidationError",
        ),
        (vec![("Action", "CreateRole"), ("RoleName", "x")], 400, "ValidationError"),
        (vec![("Action", "GetRole"), ("RoleName", "none")], 404, "NoSuchEntity"),
        (vec![("Action", "AttachRolePolicy"), ("RoleName", "r"), ("PolicyArn", unknown)], 404, "NoSuchEntity"),
        (
            vec![("Action", "PutRolePermissionsBoundary"), ("RoleName", "r"), ("PermissionsBoundary", unknown)],
            404,
            "NoSuchEntity",
        ),
        (
            vec![("Action", "CreatePolicy"), ("PolicyName", "p"), ("PolicyDocument", TRUST)],
            400,
            "MalformedPolicyDocument",
        ),
        (vec![("Action", "GetPolicy"), ("PolicyArn", unknown)], 404, "NoSuchEntity"),
        (vec![("Action", "Nonsense")], 400, "InvalidAction"),
    ] {
        let (found, body) = call(&iam, &fields).await;
        assert!(found == status && body.contains(&format!("<Code>{code}</Code>")), "{fields:?}: {found} {body}");
    }
    assert!(iam.role("arn:aws:iam::000000000000:role/x").is_none());
}

#[tokio::test]
async fn list_roles_returns_pages() {
    let dir = tempfile::tempdir().unwrap();
    let iam = iam(dir.path());
    for name in ["a", "b", "c"] {
        create(&iam, name).await;
    }
    let (_, first) = call(&iam, &[("Action", "ListRoles"), ("MaxItems", "2")]).await;
    assert!(first.contains("<IsTruncated>true</IsTruncated><Marker>b</Marker>"), "{first}");
    let (_, second) = call(&iam, &[("Action", "ListRoles"), ("MaxItems", "2"), ("Marker", "b")]).await;
    assert!(second.contains("<RoleName>c</RoleName>") && second.contains("<IsTruncated>false</IsTruncated>"));
}

#[tokio::test]
async fn customer_managed_policy_in_use_cannot_be_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let iam = iam(dir.path());
    create(&iam, "r").await;
    let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:b","Resource":"*"}}"#;
    let make = [("Action", "CreatePolicy"), ("PolicyName", "limit"), ("PolicyDocument", document)];
    assert_eq!(call(&iam, &make).await.0, 200);
    assert!(call(&iam, &make).await.1.contains("A policy called limit already exists."));
    let arn = "arn:aws:iam::000000000000:policy/limit";
    let of_policy = |action| [("Action", action), ("PolicyArn", arn)];
    let of_role = |action| [("Action", action), ("RoleName", "r"), ("PolicyArn", arn), ("PermissionsBoundary", arn)];
    for action in ["AttachRolePolicy", "PutRolePermissionsBoundary"] {
        assert_eq!(call(&iam, &of_role(action)).await.0, 200);
    }
    let role = "arn:aws:iam::000000000000:role/r";
    let text = document.to_owned();
    assert_eq!(iam.policies(role), Policies { identity: vec![text.clone()], boundary: Some(text) });
    let (_, shown) = call(&iam, &of_policy("GetPolicy")).await;
    assert!(shown.contains("<AttachmentCount>1<") && shown.contains("<PermissionsBoundaryUsageCount>1<"), "{shown}");
    assert!(call(&iam, &[("Action", "ListPolicies"), ("Scope", "Local")]).await.1.contains(arn));
    let (status, body) = call(&iam, &of_policy("DeletePolicy")).await;
    assert!(status == 409 && body.contains("Cannot delete a policy attached to entities."), "{body}");
    for action in ["DetachRolePolicy", "DeleteRolePermissionsBoundary"] {
        assert_eq!(call(&iam, &of_role(action)).await.0, 200);
    }
    assert_eq!(call(&iam, &of_policy("DeletePolicy")).await.0, 200);
    assert_eq!(call(&iam, &of_policy("DeletePolicy")).await.0, 404);
    assert_eq!(iam.policies(role), Policies::default());
}

#[tokio::test]
async fn aws_managed_policies_can_be_listed_and_attached() {
    let dir = tempfile::tempdir().unwrap();
    let iam = iam(dir.path());
    create(&iam, "r").await;
    let listed = call(&iam, &[("Action", "ListPolicies"), ("Scope", "AWS")]).await.1;
    for name in
        ["AdministratorAccess", "AmazonKinesisFullAccess", "AmazonKinesisReadOnlyAccess", "service-role/AWSLambdaRole"]
    {
        let arn = format!("arn:aws:iam::aws:policy/{name}");
        assert!(listed.contains(&format!("<Arn>{arn}</Arn>")), "{name}");
        let attach = [("Action", "AttachRolePolicy"), ("RoleName", "r"), ("PolicyArn", arn.as_str())];
        assert_eq!(call(&iam, &attach).await.0, 200, "{name}");
    }
    assert!(!call(&iam, &[("Action", "ListPolicies"), ("Scope", "Local")]).await.1.contains("iam::aws:policy"));
    assert_eq!(call(&iam, &[("Action", "ListPolicies"), ("Scope", "aws")]).await.0, 400);
    assert!(call(&iam, &[("Action", "GetUser"), ("UserName", "sensorctl")]).await.1.contains("user/sensorctl</Arn>"));
    assert_eq!(call(&iam, &[("Action", "GetUser"), ("UserName", "nobody")]).await.0, 404);
}

#[tokio::test]
async fn get_role_with_latency_profile_is_eventually_consistent() {
    let dir = tempfile::tempdir().unwrap();
    let timing = "aws".parse().unwrap();
    let iam =
        Iam::open(&dir.path().join("iam.json"), Identity::new("us-east-1"), &timing, Durability::Process).unwrap();
    create(&iam, "r").await;
    let put = async |action: &str| {
        let statement = format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"*"}}"#);
        let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        let put = [("Action", "PutRolePolicy"), ("RoleName", "r"), ("PolicyName", "p"), ("PolicyDocument", &document)];
        assert_eq!(call(&iam, &put).await.0, 200);
    };
    put("a:old").await;
    iam.0.propagation.forget();
    put("a:new").await;
    let mut found = (0, 0);
    for _ in 0..20 {
        let (_, look) = call(&iam, &[("Action", "GetRolePolicy"), ("RoleName", "r"), ("PolicyName", "p")]).await;
        if look.contains("a%3Aold") { found.0 += 1 } else { found.1 += 1 }
    }
    assert!(found.0 >= 4 && found.1 >= 4, "{found:?}");
    iam.0.propagation.forget();
    let (_, look) = call(&iam, &[("Action", "GetRolePolicy"), ("RoleName", "r"), ("PolicyName", "p")]).await;
    assert!(look.contains("a%3Anew"));
}
