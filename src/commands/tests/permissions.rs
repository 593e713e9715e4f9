//! The check of a caller's permissions, by IAM or by reads.

use serde_json::{Value, json};

use super::in_process_runner::InProcessEnv;
use super::support::{ApiClient, percent_encode};
use crate::aws::{Access, Target, connect};
use crate::operate::{CommandCheck, CommandPermissions, PermissionResult, check_permissions};
use crate::settings::Pipeline;

/// Allows the caller to ask IAM about itself.
const ASK: &str = "arn:aws:iam::000000000000:role/team/caller";

fn owner(env: &InProcessEnv) -> Access {
    let endpoint = env.endpoint();
    let text = |name: &str| endpoint[name].as_str().unwrap().to_owned();
    Access { key_id: text("access_key_id"), secret: text("secret_access_key"), token: None }
}

/// Creates a role with a path and these statements. Returns the keys of a session of it.
fn session(api: &ApiClient, statements: &Value) -> Access {
    let document =
        |statements: &Value| percent_encode(&json!({"Version": "2012-10-17", "Statement": statements}).to_string());
    let trust = document(&json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
        "Action": "sts:AssumeRole"}));
    api.iam(&format!("Action=CreateRole&RoleName=caller&Path=/team/&AssumeRolePolicyDocument={trust}"));
    let policy = document(statements);
    api.iam(&format!("Action=PutRolePolicy&RoleName=caller&PolicyName=p&PolicyDocument={policy}"));
    let form = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={ASK}&RoleSessionName=test");
    let (status, answer) = api.query("sts", &form);
    assert_eq!(status, 200, "{answer}");
    let part = |name: &str| answer.split_once(&format!("<{name}>")).unwrap().1.split_once("</").unwrap().0.to_owned();
    Access { key_id: part("AccessKeyId"), secret: part("SecretAccessKey"), token: Some(part("SessionToken")) }
}

fn check(env: &InProcessEnv, access: Access) -> Vec<CommandCheck> {
    let target = Target {
        profile: None,
        profile_wins: false,
        region: Some("us-east-1".to_owned()),
        endpoint_url: Some(env.endpoint()["endpoint"].as_str().unwrap().to_owned()),
        access: Some(access),
        mapping_in_force: None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clients = connect(&target).await.unwrap();
        check_permissions(&clients, &Pipeline::by_default().unwrap(), &CommandPermissions::needing()).await
    })
}

#[track_caller]
fn of<'a>(checks: &'a [CommandCheck], command: &str) -> &'a CommandCheck {
    checks.iter().find(|check| check.command == command).unwrap()
}

/// Returns the statements of the policy for some commands.
fn statements_for(env: &InProcessEnv, commands: &str) -> Vec<Value> {
    let policy = env.run(["export", "policy", "--local", "--for", commands]).assert_success().json();
    policy["Statement"].as_array().unwrap().clone()
}

#[test]
fn owner_may_run_every_command() {
    let env = InProcessEnv::with_local_cloud();
    let checks = check(&env, owner(&env));
    for check in &checks {
        assert_eq!(
            (check.result, &check.missing, &check.limited),
            (PermissionResult::Ok, &vec![], &vec![]),
            "{check:?}"
        );
        let asked = "iam:SimulatePrincipalPolicy of arn:aws:iam::000000000000:user/sensorctl";
        assert!(check.evidence.contains(asked), "{check:?}");
    }
    assert!(checks.iter().any(|check| check.command == "up"));
}

#[test]
fn role_with_the_policy_of_some_commands_lacks_those_of_others() {
    let env = InProcessEnv::with_local_cloud();
    let mut statements = statements_for(&env, "put,scan,up");
    statements
        .push(json!({"Effect": "Allow", "Action": ["iam:SimulatePrincipalPolicy", "iam:GetRole"], "Resource": ASK}));
    let checks = check(&env, session(&ApiClient::new(&env), &json!(statements)));
    for command in ["put", "scan", "up"] {
        let found = of(&checks, command);
        assert_eq!((found.result, &found.limited), (PermissionResult::Ok, &vec![]), "{found:?}");
        assert!(found.evidence.ends_with("role/team/caller"), "with its path: {found:?}");
    }
    assert_eq!(of(&checks, "tail").missing, ["kinesis:GetRecords", "kinesis:GetShardIterator"]);
    assert_eq!(of(&checks, "tail").result, PermissionResult::Missing);
    let plan = of(&checks, "plan");
    assert_eq!(plan.result, PermissionResult::Ok, "{plan:?}");
    assert!(plan.limited.iter().any(|limited| limited.actions == ["tag:GetResources"]), "{plan:?}");
}

#[test]
fn role_that_may_not_ask_is_judged_by_reads() {
    let env = InProcessEnv::with_pipeline();
    let checks = check(&env, session(&ApiClient::new(&env), &json!(statements_for(&env, "scan,logs"))));
    let logs = of(&checks, "logs");
    assert_eq!(logs.result, PermissionResult::Ok, "{logs:?}");
    assert!(logs.evidence.contains("reads were tried, because IAM SimulatePrincipalPolicy"), "{logs:?}");
    let scan = of(&checks, "scan");
    assert_eq!(scan.result, PermissionResult::Unknown, "{scan:?}");
    assert!(scan.evidence.contains("not known: dynamodb:Query"), "{scan:?}");
    let plan = of(&checks, "plan");
    assert_eq!(plan.result, PermissionResult::Missing);
    assert!(plan.missing.contains(&"lambda:GetFunction".to_owned()), "{plan:?}");
    assert_eq!(of(&checks, "put").result, PermissionResult::Unknown);
}
