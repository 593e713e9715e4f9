//! A caller with a policy of the test's own.

use serde_json::json;

use super::{ApiClient, percent_encode};

/// Creates a role that has only this policy. Returns the keys of a session of it.
pub fn role_session(api: &ApiClient, role: &str, policy: &str) -> Vec<(&'static str, String)> {
    let owner = json!({"Version": "2012-10-17", "Statement":
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}});
    let owner = percent_encode(&owner.to_string());
    api.iam(&format!("Action=CreateRole&RoleName={role}&AssumeRolePolicyDocument={owner}"));
    let policy = percent_encode(policy);
    api.iam(&format!("Action=PutRolePolicy&RoleName={role}&PolicyName=caller&PolicyDocument={policy}"));
    let arn = format!("arn:aws:iam::000000000000:role/{role}");
    let form = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={arn}&RoleSessionName=test");
    let (status, answer) = api.query("sts", &form);
    assert_eq!(status, 200, "{answer}");
    let part = |name: &str| {
        let rest = answer.split_once(&format!("<{name}>")).unwrap().1;
        rest.split_once("</").unwrap().0.to_owned()
    };
    vec![
        ("AWS_ACCESS_KEY_ID", part("AccessKeyId")),
        ("AWS_SECRET_ACCESS_KEY", part("SecretAccessKey")),
        ("AWS_SESSION_TOKEN", part("SessionToken")),
    ]
}
