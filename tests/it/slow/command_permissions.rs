//! Without any action of its policy a command fails, or names the denied call.

use serde_json::{Value, json};

use crate::command_permissions::{
    DOWN, DeadLetters, Lines, ON_PIPELINE, PUT, PolicyCaller, REJECTS, UP, policy_for, with_sequence, without_delivery,
};
use crate::support::TestEnv;

/// Actions that the command lines do not need, with the case that needs them.
const OTHER_CASES: &[(&str, &str)] = &[
    ("lambda:GetEventSourceMapping", "filters that are encrypted with a key"),
    ("iam:GetPolicy", "a role that can never work"),
    ("iam:GetPolicyVersion", "a role that can never work"),
    ("iam:RemoveRoleFromInstanceProfile", "the local cloud has no instance profiles"),
];

/// What `up` needs in other cases only.
const NOT_BY_UP: &[(&str, &str)] = &[
    ("dynamodb:DeleteTable", "`--replace`"),
    ("iam:DeleteRole", "`--replace`"),
    ("iam:DeleteRolePermissionsBoundary", "a boundary"),
    ("iam:ListInstanceProfilesForRole", "`--replace`"),
    ("iam:ListRolePolicies", "`--replace`"),
    ("iam:PutRolePermissionsBoundary", "a boundary"),
    ("iam:UpdateAssumeRolePolicy", "a trust policy that was changed by hand"),
    ("kinesis:DeleteStream", "`--replace`"),
    ("kinesis:ListStreamConsumers", "`--replace`"),
    ("lambda:DeleteEventSourceMapping", "`--replace`"),
    ("lambda:DeleteFunction", "`--replace`"),
    ("lambda:UpdateFunctionCode", "another version of the function"),
    ("logs:DeleteLogGroup", "`--replace`"),
];

/// Lists for what the tagging API does not find. It answers, so they are not called.
const NOT_WITH_TAGGING: &[(&str, &str)] = &[
    ("dynamodb:ListTables", "the tagging API is denied, too"),
    ("kinesis:ListStreams", "the tagging API is denied, too"),
    ("lambda:ListFunctions", "the tagging API is denied, too"),
    ("iam:DetachRolePolicy", "a role with managed policies"),
];

/// What `status` calls only where others are denied or find something.
const NOT_BY_STATUS: &[(&str, &str)] = &[
    ("dynamodb:BatchGetItem", "metrics are denied"),
    ("kinesis:GetRecords", "metrics are denied"),
    ("kinesis:GetShardIterator", "metrics are denied"),
    ("kinesis:ListShards", "metrics are denied"),
    ("dynamodb:ListTagsOfResource", "the tagging API is denied"),
    ("kinesis:ListTagsForStream", "the tagging API is denied"),
    ("lambda:ListTags", "the tagging API is denied"),
    ("logs:ListTagsForResource", "the tagging API is denied"),
    ("iam:ListRoles", "there are other orphans"),
];

/// What `why` calls only where readings wait.
const NOT_BY_WHY: &[(&str, &str)] = &[
    ("dynamodb:BatchGetItem", "nothing was given up"),
    ("kinesis:GetRecords", "nothing is stored"),
    ("kinesis:GetShardIterator", "nothing is stored"),
    ("kinesis:ListShards", "nothing is stored"),
];

fn actions(policy: &Value) -> Vec<String> {
    let statements = policy["Statement"].as_array().unwrap();
    let all = statements.iter().flat_map(|statement| statement["Action"].as_array().unwrap());
    let mut all: Vec<_> = all.map(|action| action.as_str().unwrap().to_owned()).collect();
    all.sort();
    all.dedup();
    all
}

fn without(policy: &Value, action: &str) -> Value {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    for statement in statements.iter_mut() {
        statement["Action"].as_array_mut().unwrap().retain(|it| it != action);
    }
    statements.retain(|statement| statement["Action"] != json!([]));
    policy
}

/// Returns the actions without which the lines do the same in silence.
fn silent(
    env: &TestEnv,
    caller: &PolicyCaller<'_>,
    (command, lines): (&str, Lines<'_>),
    except: &[(&str, &str)],
    prepare: impl Fn(),
) -> Vec<String> {
    let policy = policy_for(env, command);
    let tested = actions(&policy)
        .into_iter()
        .filter(|action| !OTHER_CASES.iter().chain(except).any(|(other, _)| other == action));
    let is_silent = |action: &String| {
        prepare();
        caller.allow(&without(&policy, action));
        let operation = action.split_once(':').unwrap().1;
        let said = caller.denied_line(lines, operation);
        if let Some(said) = &said {
            // A denied call is told with its action, unless a service's text leaves it out.
            assert!(said.contains(operation) || said.contains("not authorized"), "{command} without {action}: {said}");
        }
        said.is_none()
    };
    tested.filter(is_silent).map(|action| format!("{command}: {action}")).collect()
}

#[test]
fn each_action_on_a_pipeline_is_needed_or_its_denial_is_told() {
    let env = TestEnv::with_pipeline();
    let caller = PolicyCaller::new(&env);
    let mut all = Vec::new();
    for (command, lines) in ON_PIPELINE.into_iter().filter(|(command, _)| *command != "put") {
        let lines = with_sequence(&env, lines);
        let lines: Vec<_> = lines.iter().map(|(line, code)| (line.as_str(), *code)).collect();
        let of_command = match command {
            "status" => NOT_BY_STATUS,
            "why" => NOT_BY_WHY,
            _ => &[],
        };
        let except = [NOT_WITH_TAGGING, of_command].concat();
        all.extend(silent(&env, &caller, (command, &lines), &except, || {}));
    }
    assert_eq!(all, Vec::<String>::new());
}

#[test]
fn each_action_of_rejects_is_needed_or_its_denial_is_told() {
    let env = TestEnv::with_pipeline();
    let caller = PolicyCaller::new(&env);
    let letters = DeadLetters::new(&env);
    assert_eq!(silent(&env, &caller, REJECTS, &[], || letters.store()), Vec::<String>::new());
}

/// Checks of `doctor` that are unknown without an action. The other actions are for services whose refusal is an answer.
const CHECKS: [(&str, &str); 7] = [
    ("dynamodb:DescribeLimits", "dynamodb-capacity"),
    ("kinesis:DescribeLimits", "kinesis-shards"),
    ("kinesis:DescribeStreamSummary", "kinesis-shards"),
    ("lambda:GetAccountSettings", "lambda-concurrency"),
    ("lambda:GetFunctionConcurrency", "lambda-concurrency"),
    ("tag:GetResources", "tag-policies"),
    ("tag:ListRequiredTags", "tag-policies"),
];

#[test]
fn each_action_of_doctor_is_told_and_its_check_is_unknown() {
    let env = TestEnv::with_pipeline();
    let caller = PolicyCaller::new(&env);
    let policy = policy_for(&env, "doctor");
    // Settings with which the answers decide.
    let line = "doctor -o json --set function.reserved_concurrency=950 --set stream.shards=600 \
                --set table.billing={read_units=1,write_units=40000}";
    for action in actions(&policy) {
        caller.allow(&without(&policy, &action));
        let report = caller.run(line).assert_code(3).json();
        let check = |name: &str| {
            let all = report["checks"].as_array().unwrap();
            all.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name} in {report:#}")).clone()
        };
        let permissions = check("permissions-doctor");
        let is_untested = action == "iam:SimulatePrincipalPolicy";
        assert_eq!(permissions["result"], if is_untested { "unknown" } else { "warning" }, "{action}: {permissions:#}");
        assert!(permissions["evidence"].as_str().unwrap().contains(&action), "{action}: {permissions:#}");
        for (needed, name) in CHECKS {
            let found = check(name);
            if needed == action {
                assert_eq!(found["result"], "unknown", "{action}: {found:#}");
                let operation = action.split_once(':').unwrap().1;
                let is_named = found["evidence"].as_str().unwrap().contains(operation);
                assert!(is_named || operation == "DescribeStreamSummary", "{action}: {found:#}");
            }
        }
        for service in ["cloudwatch", "dynamodb", "iam", "logs"] {
            assert_eq!(check(&format!("endpoint-{service}"))["result"], "ok", "{action}: {report:#}");
        }
    }
}

#[test]
fn each_action_of_put_is_needed_or_its_denial_is_told() {
    let env = without_delivery();
    let caller = PolicyCaller::new(&env);
    assert_eq!(silent(&env, &caller, PUT, &[], || {}), Vec::<String>::new());
}

#[test]
fn each_action_of_up_is_needed_or_its_denial_is_told() {
    let env = TestEnv::with_local_cloud();
    let caller = PolicyCaller::new(&env);
    let prepare = || drop(env.run(["down", "--local", "--yes"]).assert_success());
    assert_eq!(silent(&env, &caller, UP, NOT_BY_UP, prepare), Vec::<String>::new());
}

#[test]
fn each_action_of_down_is_needed_or_its_denial_is_told() {
    let env = TestEnv::with_local_cloud();
    let caller = PolicyCaller::new(&env);
    let prepare = || drop(env.run(["up", "--local", "--yes"]).assert_success());
    assert_eq!(silent(&env, &caller, DOWN, NOT_WITH_TAGGING, prepare), Vec::<String>::new());
}
