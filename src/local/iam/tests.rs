//! IAM below the wire: what the walkthrough and `down` lean on.

use super::*;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

fn iam(directory: &Path) -> Iam {
    let timing = crate::local::Timing::default();
    Iam::open(&directory.join("iam.json"), Identity::new("us-east-1"), timing, Durability::Process).unwrap()
}

async fn call(iam: &Iam, fields: &[(&str, &str)]) -> (u16, String) {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let response = iam.handle(axum::http::Request::post("/").body(body.into()).unwrap()).await;
    (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
}

async fn create(iam: &Iam, name: &str) -> (u16, String) {
    call(iam, &[("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", TRUST)]).await
}

#[tokio::test]
async fn a_role_survives_a_restart_with_its_policies_and_is_known_by_its_arn() {
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
    assert_eq!(again.policies(arn), [policy]);
}

#[tokio::test]
async fn a_role_is_deleted_only_when_nothing_hangs_on_it() {
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
async fn bad_input_is_refused_in_the_services_words() {
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
        (vec![("Action", "Nonsense")], 400, "InvalidAction"),
    ] {
        let (found, body) = call(&iam, &fields).await;
        assert!(found == status && body.contains(&format!("<Code>{code}</Code>")), "{fields:?}: {found} {body}");
    }
    assert!(iam.role("arn:aws:iam::000000000000:role/x").is_none());
}

#[tokio::test]
async fn roles_are_listed_in_pages() {
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
