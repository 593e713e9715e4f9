//! Tests of role sessions: which roles they may assume, and that no form of a request bypasses a policy.

use std::path::Path;

use aws_credential_types::Credentials;
use aws_sdk_iam::types::Tag;
use aws_sdk_lambda::types::FunctionCode;
use aws_sdk_sts::types::PolicyDescriptorType;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Value, json};

use super::start;
use crate::LocalCloud;
use crate::tests::clients::{Clients, connect};

const ACCOUNT: &str = "000000000000";
const REGION: &str = "eu-central-1";

fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn document(statement: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statement}).to_string()
}

fn statement(effect: &str, action: &str, resource: &str) -> Value {
    json!({"Effect": effect, "Action": action, "Resource": resource})
}

fn trust(principal: &Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
}

/// Creates a role with a trust policy and one inline policy.
async fn role(clients: &Clients, name: &str, trust: &Value, allowed: &Value) {
    let create = clients.iam.create_role().role_name(name).assume_role_policy_document(document(trust));
    create.send().await.unwrap();
    let put = clients.iam.put_role_policy().role_name(name).policy_name("p").policy_document(document(allowed));
    put.send().await.unwrap();
}

/// Returns the clients of a role session.
async fn session(cloud: &LocalCloud, role: &str) -> Clients {
    let keys = cloud.keys.issue(&role_arn(role), "me");
    let (id, secret, token) = (keys.access_key_id, keys.secret_access_key, keys.session_token);
    let credentials = Credentials::new(id, secret, Some(token), None, "test");
    let mut clients = connect(&cloud.connection_info()).await;
    macro_rules! with_credentials {
        ($($service:ident: $sdk:ident),+) => {$(
            let config = clients.$service.config().to_builder().credentials_provider(credentials.clone());
            clients.$service = $sdk::Client::from_conf(config.build());
        )+};
    }
    with_credentials!(
        cloudwatch: aws_sdk_cloudwatch, dynamodb: aws_sdk_dynamodb, iam: aws_sdk_iam, kinesis: aws_sdk_kinesis, lambda: aws_sdk_lambda,
        logs: aws_sdk_cloudwatchlogs, sts: aws_sdk_sts
    );
    clients
}

fn lambda() -> Value {
    json!({"Service": "lambda.amazonaws.com"})
}

async fn start_with_roles(dir: &Path) -> (LocalCloud, Clients) {
    let (cloud, clients) = start(dir).await;
    role(&clients, "low", &trust(&lambda()), &statement("Allow", "sts:AssumeRole", "*")).await;
    (cloud, clients)
}

/// Assumes a role; returns the error code, or `None` if it is allowed.
async fn assume(clients: &Clients, role: &str) -> Option<String> {
    let asked = clients.sts.assume_role().role_arn(role_arn(role)).role_session_name("next").send().await;
    asked.err().map(|error| error.code().unwrap().to_owned())
}

#[tokio::test]
async fn assume_role_is_allowed_only_to_principals_of_the_trust_policy() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start_with_roles(dir.path()).await;
    let denied = Some("AccessDenied".to_owned());
    let low = session(&cloud, "low").await;
    for (name, trusted, by_low, by_owner) in [
        ("admin", trust(&lambda()), denied.clone(), denied.clone()),
        ("of-account", trust(&json!({"AWS": ACCOUNT})), None, None),
        ("of-low", trust(&json!({"AWS": role_arn("low")})), None, denied.clone()),
        ("of-other", trust(&json!({"AWS": role_arn("other")})), denied.clone(), denied.clone()),
        (
            "of-named-session",
            json!({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:RoleSessionName": "next", "aws:PrincipalArn": role_arn("low")}}}),
            None,
            denied.clone(),
        ),
        (
            "not-of-low",
            json!([trust(&json!({"AWS": ACCOUNT})), {"Effect": "Deny", "Principal": {"AWS": role_arn("low")},
                "Action": "sts:AssumeRole"}]),
            denied.clone(),
            None,
        ),
    ] {
        role(&clients, name, &trusted, &statement("Allow", "*", "*")).await;
        assert_eq!((assume(&low, name).await, assume(&clients, name).await), (by_low, by_owner), "{name}");
    }
    assert_eq!(assume(&low, "nobody").await, denied);
    // A trust policy alone is not enough: the caller's own policies must allow it as well.
    role(&clients, "bare", &trust(&lambda()), &statement("Allow", "kinesis:*", "*")).await;
    let refused = assume(&session(&cloud, "bare").await, "of-account").await;
    assert_eq!(refused, denied);
    cloud.shutdown().await.unwrap();
}

#[tokio::test]
async fn assume_role_evaluates_external_id_and_rejects_unsupported_parameters() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start_with_roles(dir.path()).await;
    let mut guarded = trust(&json!({"AWS": ACCOUNT}));
    guarded["Condition"] = json!({"StringEquals": {"sts:ExternalId": "right"}});
    role(&clients, "guarded", &guarded, &statement("Allow", "*", "*")).await;
    let ask = || clients.sts.assume_role().role_arn(role_arn("guarded")).role_session_name("next").external_id("right");
    ask().send().await.unwrap();
    assert_eq!(ask().external_id("wrong").send().await.unwrap_err().code(), Some("AccessDenied"));
    assert_eq!(ask().set_external_id(None).send().await.unwrap_err().code(), Some("AccessDenied"));
    let policy = PolicyDescriptorType::builder().arn("arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess").build();
    let tag = aws_sdk_sts::types::Tag::builder().key("a").value("b").build().unwrap();
    for (refused, name) in [
        (ask().policy(document(&statement("Deny", "*", "*"))), "Policy"),
        (ask().policy_arns(policy), "PolicyArns.member.1.arn"),
        (ask().tags(tag), "Tags.member.1.Key"),
        (ask().source_identity("me"), "SourceIdentity"),
        (ask().serial_number("arn:aws:iam::0:mfa/x").token_code("123456"), "SerialNumber"),
    ] {
        let error = refused.send().await.unwrap_err();
        assert_eq!(error.code(), Some("ValidationError"), "{name}");
        assert!(error.message().unwrap().contains(&format!("does not evaluate {name}")), "{:?}", error.message());
    }
    cloud.shutdown().await.unwrap();
}

#[tokio::test]
async fn assume_role_duration_is_limited_by_role_and_to_an_hour_if_chained() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start_with_roles(dir.path()).await;
    role(&clients, "short", &trust(&json!({"AWS": ACCOUNT})), &statement("Allow", "*", "*")).await;
    let ask = |clients: &Clients, seconds: i32| {
        clients.sts.assume_role().role_arn(role_arn("short")).role_session_name("next").duration_seconds(seconds)
    };
    ask(&clients, 3600).send().await.unwrap();
    let error = ask(&clients, 3601).send().await.unwrap_err();
    assert!(error.message().unwrap().contains("MaxSessionDuration set for this role"), "{error:?}");
    clients.iam.update_role().role_name("short").max_session_duration(7200).send().await.unwrap();
    ask(&clients, 7200).send().await.unwrap();
    let error = ask(&session(&cloud, "low").await, 7200).send().await.unwrap_err();
    assert!(error.message().unwrap().contains("1 hour session limit"), "{error:?}");
    cloud.shutdown().await.unwrap();
}

#[tokio::test]
async fn create_function_without_pass_role_permission_is_denied() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    role(&clients, "low", &trust(&lambda()), &statement("Allow", "lambda:*", "*")).await;
    role(&clients, "admin", &trust(&lambda()), &statement("Allow", "*", "*")).await;
    let zip = crate::lambda::tests::support::zip_of(b"#!/bin/sh\n", 0o755);
    let create = |clients: &Clients, name: &str| {
        let code = FunctionCode::builder().zip_file(aws_sdk_lambda::primitives::Blob::new(zip.clone())).build();
        clients
            .lambda
            .create_function()
            .function_name(name)
            .role(role_arn("admin"))
            .code(code)
            .handler("bootstrap")
            .runtime(aws_sdk_lambda::types::Runtime::Providedal2023)
    };
    let low = session(&cloud, "low").await;
    let error = create(&low, "f").send().await.unwrap_err();
    assert!(error.message().unwrap().contains("not authorized to perform: iam:PassRole"), "{error:?}");
    create(&clients, "f").send().await.unwrap();
    let update = || low.lambda.update_function_configuration().function_name("f");
    update().description("allowed").send().await.unwrap();
    let error = update().role(role_arn("low")).send().await.unwrap_err();
    assert!(error.message().unwrap().contains("iam:PassRole on resource: arn:aws:iam::000000000000:role/low"));
    let mut to_lambda = statement("Allow", "iam:PassRole", &role_arn("*"));
    for (service, is_allowed) in [("ecs-tasks.amazonaws.com", false), ("lambda.amazonaws.com", true)] {
        to_lambda["Condition"] = json!({"StringEquals": {"iam:PassedToService": service}});
        let put =
            clients.iam.put_role_policy().role_name("low").policy_name("pass").policy_document(document(&to_lambda));
        put.send().await.unwrap();
        assert_eq!(update().role(role_arn("low")).send().await.is_ok(), is_allowed, "{service}");
    }
    cloud.shutdown().await.unwrap();
}

/// Returns clients of a session with every permission except for resources named `secret`.
async fn all_but_secret(cloud: &LocalCloud, clients: &Clients) -> Clients {
    let secret = |service: &str, rest: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}");
    let denied = json!({"Effect": "Deny", "Action": "*", "Resource": [
        secret("kinesis", "stream/secret"), secret("dynamodb", "table/secret"), secret("dynamodb", "table/secret/*"),
        secret("logs", "log-group:secret:*"), secret("lambda", "function:secret"), role_arn("team/secret"),
        "arn:aws:iam::000000000000:policy/secret",
    ]});
    role(clients, "most", &trust(&lambda()), &json!([statement("Allow", "*", "*"), denied])).await;
    session(cloud, "most").await
}

#[tokio::test]
async fn denied_resource_stays_denied_under_every_name() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    let most = all_but_secret(&cloud, &clients).await;
    for group in ["open", "secret"] {
        clients.logs.create_log_group().log_group_name(group).send().await.unwrap();
        clients.kinesis.create_stream().stream_name(group).shard_count(1).send().await.unwrap();
    }
    let all = document(&statement("Allow", "*", "*"));
    clients.iam.create_policy().policy_name("secret").policy_document(all).send().await.unwrap();
    let trusting_lambda = document(&trust(&lambda()));
    let create = clients.iam.create_role().role_name("secret").path("/team/");
    create.assume_role_policy_document(trusting_lambda).send().await.unwrap();
    let refused =
        |code: Option<&str>| assert!(matches!(code, Some("AccessDeniedException" | "AccessDenied")), "{code:?}");

    // Logs: a group within a group's name, and a tag operation with another group's name beside the ARN.
    let read = most.logs.filter_log_events().log_group_name("open:log-group:secret").send().await;
    refused(read.unwrap_err().code());
    let secret = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:secret");
    refused(most.logs.tag_resource().resource_arn(&secret).tags("a", "b").send().await.unwrap_err().code());
    most.logs.filter_log_events().log_group_name("open").send().await.unwrap();

    // Kinesis: an ARN that continues after the stream's name.
    let arn = format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/secret");
    for arn in [arn.clone(), format!("{arn}/consumer/c:1"), format!("{arn}/")] {
        let summary = most.kinesis.describe_stream_summary().stream_arn(&arn).send().await;
        refused(summary.unwrap_err().code());
    }
    most.kinesis.describe_stream_summary().stream_name("open").send().await.unwrap();

    // Lambda: a name with its kind as a prefix.
    for name in ["secret", "function:secret", "000000000000:function:secret"] {
        refused(most.lambda.get_function().function_name(name).send().await.unwrap_err().code());
    }
    let new = most.lambda.get_function().function_name("open").send().await;
    assert_eq!(new.unwrap_err().code(), Some("ResourceNotFoundException"));

    // IAM: a role with a path, and a policy with the name of a role beside it.
    refused(most.iam.get_role().role_name("secret").send().await.unwrap_err().code());
    let tag = Tag::builder().key("a").value("b").build().unwrap();
    refused(most.iam.tag_role().role_name("secret").tags(tag).send().await.unwrap_err().code());
    let policy = most.iam.get_policy().policy_arn("arn:aws:iam::000000000000:policy/secret").send().await;
    refused(policy.unwrap_err().code());
    cloud.shutdown().await.unwrap();
}

#[tokio::test]
async fn subscription_needs_permission_on_the_consumer() {
    use aws_sdk_kinesis::types::{ShardIteratorType, StartingPosition};

    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    let stream = format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s");
    clients.kinesis.create_stream().stream_name("s").shard_count(1).send().await.unwrap();
    let mut consumers = Vec::new();
    for name in ["mine", "other"] {
        let register = clients.kinesis.register_stream_consumer().stream_arn(&stream).consumer_name(name);
        consumers.push(register.send().await.unwrap().consumer.unwrap().consumer_arn);
    }
    let allowed = statement("Allow", "kinesis:SubscribeToShard", &format!("{stream}/consumer/mine:*"));
    role(&clients, "reader", &trust(&lambda()), &allowed).await;
    role(&clients, "of-stream", &trust(&lambda()), &statement("Allow", "kinesis:SubscribeToShard", &stream)).await;
    let subscribe = async |role: &str, consumer: &str| {
        let position = StartingPosition::builder().r#type(ShardIteratorType::Latest).build().unwrap();
        let call = session(&cloud, role).await.kinesis.subscribe_to_shard().consumer_arn(consumer);
        let subscribed = call.shard_id("shardId-000000000000").starting_position(position).send().await;
        subscribed.err().map(|error| error.message().unwrap().to_owned())
    };
    assert_eq!(subscribe("reader", &consumers[0]).await, None);
    let refused = subscribe("reader", &consumers[1]).await.unwrap();
    assert!(refused.contains(&format!("kinesis:SubscribeToShard on resource: {}", consumers[1])), "{refused}");
    assert!(subscribe("of-stream", &consumers[0]).await.is_some(), "the stream is not the consumer");
}

#[tokio::test]
async fn get_metric_data_is_allowed_by_its_action_on_any_resource() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    let action = "cloudwatch:GetMetricData";
    role(&clients, "reader", &trust(&lambda()), &statement("Allow", action, "*")).await;
    role(&clients, "other", &trust(&lambda()), &statement("Allow", "kinesis:*", "*")).await;
    let read = async |role: &str| super::cloudwatch::newest(&session(&cloud, role).await, "s", "IncomingRecords").await;
    assert_eq!(read("reader").await.unwrap(), None);
    let denied = read("other").await.unwrap_err();
    assert_eq!(denied.code(), Some("AccessDenied"));
    assert!(denied.message().unwrap().contains(action), "{denied:?}");
}
