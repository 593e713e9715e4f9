//! A role with a permanent failure is distinguished from one that is only too new to be visible everywhere.

use crate::support::{ForeignStack, TestEnv};

/// Creates an environment whose settings name an unmanaged role.
fn env_with_existing_role(timing: &str) -> (TestEnv, ForeignStack) {
    let env = TestEnv::new();
    env.run(["local", "start", "--port", "0", "--timing", timing]).assert_success();
    let foreign = ForeignStack::with_suffix(&env, "theirs");
    foreign.create_role();
    env.write("sensorctl.toml", format!("[role]\nname = \"{}\"\nexisting = true\n", foreign.role));
    (env, foreign)
}

#[test]
fn role_not_assumable_by_lambda_is_reported_also_for_existing_function() {
    let (env, foreign) = env_with_existing_role("none");
    env.run(["up", "--local"]).assert_success();
    foreign.trust_only_ec2();
    env.run(["up", "--local", "--timeout", "60s", "--set", "function.memory_mb=512"])
        .assert_code(1)
        .assert_stderr_contains(&[
            "Lambda cannot assume the role `kinesis-lambda-dynamodb-theirs`",
            "sts:AssumeRole",
            "cannot be assumed by Lambda",
        ]);
}

#[test]
fn on_failure_queue_permission_is_added_to_own_role() {
    let env = TestEnv::with_local_cloud();
    let queue = "mapping.on_failure=arn:aws:sqs:us-east-1:000000000000:failed";
    env.run(["up", "--local", "--set", queue]).assert_success();
    let api = ForeignStack::with_default_names(&env).api;
    let policy = api.iam("Action=GetRolePolicy&RoleName=kinesis-lambda-dynamodb&PolicyName=sensorctl");
    assert!(policy.contains("sqs%3ASendMessage"), "{policy}");
    assert_eq!(env.run(["plan", "--local", "--set", queue, "-o", "json"]).assert_success().json()["changed"], 0);
    assert_eq!(env.run(["plan", "--local", "-o", "json"]).assert_success().json()["changed"], 2, "policy and mapping");
}

mod slow {
    use super::{ForeignStack, TestEnv, env_with_existing_role};

    #[test]
    fn role_not_assumable_by_lambda_is_reported_with_missing_statement() {
        for timing in ["none", "aws/10"] {
            let (env, foreign) = env_with_existing_role(timing);
            foreign.trust_only_ec2();
            // Long before the timeout, which has a different message.
            env.run(["up", "--local", "--timeout", "60s"]).assert_code(1).assert_stderr_contains(&[
                "Lambda cannot assume the role `kinesis-lambda-dynamodb-theirs`",
                r#"{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}"#,
                "cannot be assumed by Lambda",
                "hint: ",
            ]);
        }
    }

    #[test]
    fn role_without_stream_permissions_is_reported_with_missing_actions() {
        let (env, foreign) = env_with_existing_role("aws/10");
        foreign.api.iam(&format!(
            "Action=DetachRolePolicy&RoleName={}&PolicyArn=arn:aws:iam::aws:policy/service-role/AWSLambdaKinesisExecutionRole",
            foreign.role
        ));
        foreign.put_policy("own", "Allow", "kinesis:GetRecords");
        env.run(["up", "--local", "--timeout", "60s"]).assert_code(1).assert_stderr_contains(&[
            "the role `kinesis-lambda-dynamodb-theirs` cannot do what the mapping needs",
            r#"{"Action":["kinesis:GetShardIterator"],"Effect":"Allow","Resource":"arn:aws:kinesis:us-east-1:000000000000:stream/temperature-sensor-data"}"#,
            "ensure the role can perform",
        ]);
        foreign.put_policy("own", "Deny", "kinesis:*");
        env.run(["up", "--local", "--timeout", "60s"])
            .assert_code(1)
            .assert_stderr_contains(&["deny kinesis:DescribeStream"]);
        foreign.put_policy("own", "Allow", "kinesis:*");
        env.run(["up", "--local", "--timeout", "60s"]).assert_success();
    }

    #[test]
    fn new_role_not_yet_visible_is_waited_for() {
        let env = TestEnv::new();
        env.run(["local", "start", "--port", "0", "--timing", "aws/10"]).assert_success();
        let foreign = ForeignStack::with_suffix(&env, "theirs");
        env.write("sensorctl.toml", format!("[role]\nname = \"{}\"\nexisting = true\n", foreign.role));
        // Created late, so that Lambda does not see it at first.
        foreign.create_role();
        env.run(["up", "--local", "--timeout", "60s"]).assert_success();
    }
}
