//! A role that can never do what is needed is told apart from one that is too new to be known everywhere.

use crate::support::{Home, Neighbour};

/// Somebody's role, which the settings point at.
fn with_existing_role(timing: &str) -> (Home, Neighbour) {
    let home = Home::new();
    home.run(["local", "start", "--port", "0", "--timing", timing]).succeeded();
    let somebody = Neighbour::ending(&home, "theirs");
    somebody.makes_role();
    home.write("sensorctl.toml", format!("[role]\nname = \"{}\"\nexisting = true\n", somebody.role));
    (home, somebody)
}

#[test]
fn a_role_that_lambda_cannot_take_is_named_with_the_missing_statement() {
    for timing in ["none", "aws/10"] {
        let (home, somebody) = with_existing_role(timing);
        somebody.trusts_somebody_else();
        // Long before the time is up: that would be said in other words.
        home.run(["up", "--local", "--timeout", "60"]).exited(1).says(&[
            "the role `kinesis-lambda-dynamodb-theirs` cannot be taken by Lambda",
            r#"{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}"#,
            "cannot be assumed by Lambda",
            "hint: ",
        ]);
    }
}

#[test]
fn a_role_that_lambda_cannot_take_is_named_also_where_the_function_is_there() {
    let (home, somebody) = with_existing_role("none");
    home.run(["up", "--local"]).succeeded();
    somebody.trusts_somebody_else();
    home.run(["up", "--local", "--timeout", "60", "--set", "function.memory_mb=512"]).exited(1).says(&[
        "the role `kinesis-lambda-dynamodb-theirs` cannot be taken by Lambda",
        "sts:AssumeRole",
        "cannot be assumed by Lambda",
    ]);
}

#[test]
fn a_role_that_may_not_read_the_stream_is_named_with_what_it_lacks() {
    let (home, somebody) = with_existing_role("aws/10");
    somebody.cloud.iam(&format!(
        "Action=DetachRolePolicy&RoleName={}&PolicyArn=arn:aws:iam::aws:policy/service-role/AWSLambdaKinesisExecutionRole",
        somebody.role
    ));
    somebody.puts_policy("own", "Allow", "kinesis:Get*");
    home.run(["up", "--local", "--timeout", "60"]).exited(1).says(&[
        "the role `kinesis-lambda-dynamodb-theirs` cannot do what the mapping needs",
        r#"{"Action":["kinesis:ListShards"],"Effect":"Allow","Resource":"arn:aws:kinesis:us-east-1:000000000000:stream/temperature-sensor-data"}"#,
        "ensure the role can perform",
    ]);
    somebody.puts_policy("own", "Deny", "kinesis:*");
    home.run(["up", "--local", "--timeout", "60"]).exited(1).says(&["deny kinesis:DescribeStream"]);
    somebody.puts_policy("own", "Allow", "kinesis:*");
    home.run(["up", "--local", "--timeout", "60"]).succeeded();
}

#[test]
fn a_role_that_is_only_too_new_is_waited_for() {
    let home = Home::new();
    home.run(["local", "start", "--port", "0", "--timing", "aws/10"]).succeeded();
    let somebody = Neighbour::ending(&home, "theirs");
    home.write("sensorctl.toml", format!("[role]\nname = \"{}\"\nexisting = true\n", somebody.role));
    // Made this very moment.
    somebody.makes_role();
    home.run(["up", "--local", "--timeout", "60"]).succeeded();
}

#[test]
fn an_on_failure_queue_that_the_role_may_not_send_to_is_no_riddle_for_our_own_role() {
    let home = Home::with_local_cloud();
    let queue = "mapping.on_failure=arn:aws:sqs:us-east-1:000000000000:failed";
    home.run(["up", "--local", "--set", queue]).succeeded();
    let cloud = Neighbour::with_our_names(&home).cloud;
    let policy = cloud.iam("Action=GetRolePolicy&RoleName=kinesis-lambda-dynamodb&PolicyName=sensorctl");
    assert!(policy.contains("sqs%3ASendMessage"), "{policy}");
    assert_eq!(home.run(["plan", "--local", "--set", queue, "-o", "json"]).succeeded().json()["changed"], 0);
    assert_eq!(home.run(["plan", "--local", "-o", "json"]).succeeded().json()["changed"], 2, "policy and mapping");
}
