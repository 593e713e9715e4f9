//! Tests of Kinesis, IAM, STS and Logs through the SDK, and of the access keys of all services.

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{ShardIteratorType, StreamDescriptionSummary, StreamStatus};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{eventually, start};
use crate::connection_info::ConnectionInfo;
use crate::protocol::aws_json;
use crate::tests::clients::connect;

/// Lambda, and any principal of this account with the permission, may assume the role.
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com","AWS":"000000000000"},"Action":"sts:AssumeRole"}]}"#;

#[tokio::test]
async fn stream_has_tags_at_once_and_returns_put_records() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, clients) = start(dir.path()).await;
    let name = "temperature-sensor-data";
    clients
        .kinesis
        .create_stream()
        .stream_name(name)
        .shard_count(1)
        .tags("sensorctl:stage", "test")
        .send()
        .await
        .unwrap();
    let tags = clients.kinesis.list_tags_for_stream().stream_name(name).send().await.unwrap().tags;
    assert_eq!((tags[0].key(), tags[0].value()), ("sensorctl:stage", Some("test")));
    let describe = async || {
        let stream = clients.kinesis.describe_stream_summary().stream_name(name).send().await.unwrap();
        stream.stream_description_summary.unwrap()
    };
    let is_active = |stream: &StreamDescriptionSummary| *stream.stream_status() == StreamStatus::Active;
    let arn = eventually("the stream is ACTIVE", describe, is_active).await.stream_arn;
    assert_eq!(arn, "arn:aws:kinesis:eu-central-1:000000000000:stream/temperature-sensor-data");
    assert_eq!(clients.kinesis.list_tags_for_resource().resource_arn(&arn).send().await.unwrap().tags().len(), 1);
    let put = clients.kinesis.put_record().stream_arn(&arn).partition_key("s").data(Blob::new("x"));
    let put = put.send().await.unwrap();
    let shards = clients.kinesis.list_shards().stream_arn(&arn).send().await.unwrap().shards.unwrap();
    let iterator = clients.kinesis.get_shard_iterator().stream_arn(&arn).shard_id(shards[0].shard_id());
    let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
    let read = clients.kinesis.get_records().stream_arn(&arn).set_shard_iterator(iterator.shard_iterator);
    let read = read.send().await.unwrap();
    assert_eq!(read.records()[0].sequence_number(), put.sequence_number());
    assert_eq!(read.records()[0].data().as_ref(), b"x");
    let listed = clients.kinesis.list_streams().send().await.unwrap();
    assert_eq!(listed.stream_summaries()[0].stream_arn(), arn);
    clients.kinesis.delete_stream().stream_arn(&arn).send().await.unwrap();
    let describe = async || clients.kinesis.describe_stream_summary().stream_arn(&arn).send().await;
    let gone = eventually("the stream is deleted", describe, Result::is_err).await;
    assert_eq!(gone.unwrap_err().code(), Some("ResourceNotFoundException"));
}

#[tokio::test]
async fn role_reads_back_as_created_and_its_session_has_its_identity() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    let tag = aws_sdk_iam::types::Tag::builder().key("a").value("<1>").build().unwrap();
    let create = clients.iam.create_role().role_name("r").assume_role_policy_document(TRUST).tags(tag);
    create.send().await.unwrap();
    let role = clients.iam.get_role().role_name("r").send().await.unwrap().role.unwrap();
    assert_eq!(role.arn(), "arn:aws:iam::000000000000:role/r");
    assert_eq!(role.tags()[0].value(), "<1>");
    let trust = percent_encoding::percent_decode_str(role.assume_role_policy_document().unwrap()).decode_utf8();
    assert_eq!(trust.unwrap(), TRUST);
    let caller = clients.sts.get_caller_identity().send().await.unwrap();
    assert_eq!(caller.account(), Some("000000000000"));

    let session = clients.sts.assume_role().role_arn(role.arn()).role_session_name("me").send().await.unwrap();
    let keys = session.credentials.unwrap();
    let credentials = aws_credential_types::Credentials::new(
        keys.access_key_id(),
        keys.secret_access_key(),
        Some(keys.session_token().to_owned()),
        None,
        "test",
    );
    let config = clients.sts.config().to_builder().credentials_provider(credentials).build();
    let who = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await.unwrap();
    assert_eq!(who.arn(), Some("arn:aws:sts::000000000000:assumed-role/r/me"));
    assert_eq!(who.user_id(), Some(format!("{}:me", role.role_id()).as_str()));
    cloud.shutdown().await.unwrap();
}

#[tokio::test]
async fn log_group_returns_put_events() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, clients) = start(dir.path()).await;
    let group = "/aws/lambda/f";
    clients.logs.create_log_group().log_group_name(group).tags("a", "1").send().await.unwrap();
    clients.logs.put_retention_policy().log_group_name(group).retention_in_days(14).send().await.unwrap();
    clients.logs.create_log_stream().log_group_name(group).log_stream_name("s").send().await.unwrap();
    let now = i64::try_from(aws_json::now_ms()).unwrap();
    let event =
        aws_sdk_cloudwatchlogs::types::InputLogEvent::builder().timestamp(now).message("hello").build().unwrap();
    let put = clients.logs.put_log_events().log_group_name(group).log_stream_name("s").log_events(event);
    put.send().await.unwrap();
    let found = clients.logs.filter_log_events().log_group_name(group).send().await.unwrap();
    assert_eq!(found.events()[0].message(), Some("hello"));
    let missing = clients.logs.delete_log_group().log_group_name("none").send().await.unwrap_err();
    assert_eq!(missing.code(), Some("ResourceNotFoundException"));
}

#[tokio::test]
async fn wrong_access_key_or_secret_gets_each_services_own_error() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    let mut target = cloud.connection_info();
    target.access_key.secret = "a secret that was made up".into();
    refused(&target, "InvalidSignatureException", "SignatureDoesNotMatch").await;
    target.access_key.key_id = "LKIAAAAAAAAAAAAAAAAA".into();
    refused(&target, "UnrecognizedClientException", "InvalidClientTokenId").await;
}

/// Asserts that every service rejects these keys: the JSON services with one code, IAM and STS with the other.
async fn refused(target: &ConnectionInfo, json_code: &str, query_code: &str) {
    let clients = connect(target).await;
    let code = |error: &dyn Fn() -> Option<String>| error();
    let dynamodb = clients.dynamodb.list_tables().send().await.unwrap_err();
    let kinesis = clients.kinesis.list_streams().send().await.unwrap_err();
    let logs = clients.logs.describe_log_groups().send().await.unwrap_err();
    let lambda = clients.lambda.list_functions().send().await.unwrap_err();
    let iam = clients.iam.list_roles().send().await.unwrap_err();
    let sts = clients.sts.get_caller_identity().send().await.unwrap_err();
    for found in [
        code(&|| dynamodb.code().map(str::to_owned)),
        code(&|| kinesis.code().map(str::to_owned)),
        code(&|| logs.code().map(str::to_owned)),
        code(&|| lambda.code().map(str::to_owned)),
    ] {
        assert_eq!(found.as_deref(), Some(json_code));
    }
    assert_eq!((iam.code(), sts.code()), (Some(query_code), Some(query_code)));
}

#[tokio::test]
async fn get_session_token_session_is_the_owner() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, clients) = start(dir.path()).await;
    let user = clients.iam.get_user().send().await.unwrap().user.unwrap();
    assert_eq!(user.arn(), "arn:aws:iam::000000000000:user/sensorctl");
    let keys = clients.sts.get_session_token().duration_seconds(900).send().await.unwrap().credentials.unwrap();
    let (id, secret, token) = (keys.access_key_id(), keys.secret_access_key(), keys.session_token().to_owned());
    let credentials = aws_credential_types::Credentials::new(id, secret, Some(token), None, "test");
    let config = clients.sts.config().to_builder().credentials_provider(credentials.clone()).build();
    let who = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await.unwrap();
    assert_eq!(who.arn(), Some(user.arn()));
    let config = clients.kinesis.config().to_builder().credentials_provider(credentials).build();
    aws_sdk_kinesis::Client::from_conf(config).list_streams().send().await.unwrap();
}

#[tokio::test]
async fn partial_fault_of_all_records_still_needs_the_stream() {
    let dir = tempfile::tempdir().unwrap();
    let options = crate::LocalOptions {
        data_dir: dir.path().to_owned(),
        faults: "kinesis:PutRecords=partial(100%)".parse().unwrap(),
        ..crate::LocalOptions::default()
    };
    let cloud = crate::LocalCloud::start(options).await.unwrap();
    let clients = connect(&cloud.connection_info()).await;
    let record = aws_sdk_kinesis::types::PutRecordsRequestEntry::builder().partition_key("k").data(Blob::new("x"));
    let put = || clients.kinesis.put_records().stream_name("none").records(record.clone().build().unwrap());
    assert_eq!(put().send().await.unwrap_err().code(), Some("ResourceNotFoundException"));
    clients.kinesis.create_stream().stream_name("none").shard_count(1).send().await.unwrap();
    let answer = put().send().await.unwrap();
    assert_eq!((answer.failed_record_count(), answer.records().len()), (Some(1), 1));
}
