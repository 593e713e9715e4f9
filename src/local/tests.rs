//! The local cloud as its users meet it: through the AWS SDK, over HTTP, across restarts.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, PutRequest, ScalarAttributeType, Tag,
    TimeToLiveSpecification, WriteRequest,
};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{ShardIteratorType, StreamStatus};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use std::path::Path;

use super::*;
use crate::aws::{Clients, connect};
use crate::local::wire::Response;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

async fn start(dir: &Path) -> (LocalCloud, Clients) {
    let options = LocalOptions {
        data_dir: dir.to_owned(),
        port: 0,
        region: Some("eu-central-1".into()),
        ..LocalOptions::default()
    };
    let cloud = LocalCloud::start(options).await.unwrap();
    let clients = connect(&cloud.target()).await.unwrap();
    (cloud, clients)
}

async fn create_table(clients: &Clients) -> String {
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let attribute =
        |name: &str, kind| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap();
    let answer = clients
        .dynamodb
        .create_table()
        .table_name("SensorData")
        .key_schema(key("SensorId", KeyType::Hash))
        .key_schema(key("CurrentTime", KeyType::Range))
        .attribute_definitions(attribute("SensorId", ScalarAttributeType::S))
        .attribute_definitions(attribute("CurrentTime", ScalarAttributeType::N))
        .billing_mode(BillingMode::PayPerRequest)
        .tags(Tag::builder().key("sensorctl:stage").value("test").build().unwrap())
        .send()
        .await
        .unwrap();
    answer.table_description.unwrap().table_arn.unwrap()
}

fn put(sensor: &str, time: u32, temperature: &str) -> WriteRequest {
    let put = PutRequest::builder()
        .item("SensorId", AttributeValue::S(sensor.into()))
        .item("CurrentTime", AttributeValue::N(time.to_string()))
        .item("Temperature", AttributeValue::N(temperature.into()))
        .build()
        .unwrap();
    WriteRequest::builder().put_request(put).build()
}

async fn write(clients: &Clients, requests: Vec<WriteRequest>) -> Result<(), String> {
    match clients.dynamodb.batch_write_item().request_items("SensorData", requests).send().await {
        Ok(answer) => {
            assert!(answer.unprocessed_items.unwrap_or_default().is_empty());
            Ok(())
        }
        Err(error) => Err(error.message().unwrap_or_default().to_owned()),
    }
}

async fn temperatures(clients: &Clients) -> Vec<String> {
    let mut items = clients.dynamodb.scan().table_name("SensorData").send().await.unwrap().items.unwrap();
    items.sort_by_key(|item| item["CurrentTime"].as_n().unwrap().parse::<u32>().unwrap());
    items.iter().map(|item| item["Temperature"].as_n().unwrap().clone()).collect()
}

#[tokio::test]
async fn a_table_has_our_arn_its_tags_and_exact_numbers_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    let arn = create_table(&clients).await;
    assert_eq!(arn, "arn:aws:dynamodb:eu-central-1:000000000000:table/SensorData");
    write(&clients, vec![put("a", 1, "1.10"), put("a", 2, "-0.5")]).await.unwrap();
    write(&clients, vec![put("a", 2, "12345678901234567890123456789012345678")]).await.unwrap();
    let ttl = TimeToLiveSpecification::builder().attribute_name("ExpiresAt").enabled(true).build().unwrap();
    clients
        .dynamodb
        .update_time_to_live()
        .table_name("SensorData")
        .time_to_live_specification(ttl)
        .send()
        .await
        .unwrap();
    cloud.shutdown().await.unwrap();

    let (cloud, clients) = start(dir.path()).await;
    assert_eq!(temperatures(&clients).await, ["1.1", "12345678901234567890123456789012345678"]);
    let tags = clients.dynamodb.list_tags_of_resource().resource_arn(&arn).send().await.unwrap().tags.unwrap();
    assert_eq!((tags[0].key(), tags[0].value()), ("sensorctl:stage", "test"));
    // A table may be named by its ARN.
    let found = clients.dynamodb.query().table_name(&arn).key_condition_expression("SensorId = :s");
    let found = found.expression_attribute_values(":s", AttributeValue::S("a".into())).send().await.unwrap();
    assert_eq!(found.count, 2);
    let ttl = clients.dynamodb.describe_time_to_live().table_name("SensorData").send().await.unwrap();
    assert_eq!(ttl.time_to_live_description.unwrap().attribute_name(), Some("ExpiresAt"));
    clients.dynamodb.delete_table().table_name("SensorData").send().await.unwrap();
    let gone = clients.dynamodb.describe_table().table_name("SensorData").send().await.unwrap_err();
    assert_eq!(gone.code(), Some("ResourceNotFoundException"));
    cloud.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_batch_that_breaks_a_rule_is_refused_whole_in_the_services_words() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, clients) = start(dir.path()).await;
    create_table(&clients).await;
    let keyless = PutRequest::builder().item("SensorId", AttributeValue::S("a".into())).build().unwrap();
    let keyless = WriteRequest::builder().put_request(keyless).build();
    let wrong_type = PutRequest::builder()
        .item("SensorId", AttributeValue::S("a".into()))
        .item("CurrentTime", AttributeValue::S("1".into()))
        .build()
        .unwrap();
    let wrong_type = WriteRequest::builder().put_request(wrong_type).build();
    let large = PutRequest::builder()
        .item("SensorId", AttributeValue::S("a".into()))
        .item("CurrentTime", AttributeValue::N("1".into()))
        .item("Text", AttributeValue::S("x".repeat(400 * 1024)))
        .build()
        .unwrap();
    let large = WriteRequest::builder().put_request(large).build();
    for (bad, words) in [
        (vec![put("b", 1, "1"), put("b", 1, "2")], "Provided list of item keys contains duplicates"),
        // The same number written in two ways is one key.
        (
            vec![put("b", 10, "1"), {
                let put = PutRequest::builder()
                    .item("SensorId", AttributeValue::S("b".into()))
                    .item("CurrentTime", AttributeValue::N("1e1".into()))
                    .build()
                    .unwrap();
                WriteRequest::builder().put_request(put).build()
            }],
            "Provided list of item keys contains duplicates",
        ),
        (vec![put("b", 1, "1"), keyless], "key"),
        (vec![put("b", 1, "1"), wrong_type], "does not match the schema"),
        (vec![put("b", 1, "1"), large], "Item size has exceeded the maximum allowed size"),
        (vec![put("b", 1, &"1".repeat(39))], "more than 38 significant digits"),
        ((0..26).map(|time| put("b", time, "1")).collect(), "less than or equal to 25"),
    ] {
        let message = write(&clients, bad).await.unwrap_err();
        assert!(message.contains(words), "{words}: {message}");
    }
    assert!(temperatures(&clients).await.is_empty());
}

#[tokio::test]
async fn a_stream_has_its_tags_at_once_and_hands_out_what_was_put() {
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
    let arn = loop {
        let stream = clients.kinesis.describe_stream_summary().stream_name(name).send().await.unwrap();
        let stream = stream.stream_description_summary.unwrap();
        if *stream.stream_status() == StreamStatus::Active {
            break stream.stream_arn;
        }
    };
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
    loop {
        match clients.kinesis.describe_stream_summary().stream_arn(&arn).send().await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => break assert_eq!(error.code(), Some("ResourceNotFoundException")),
        }
    }
}

#[tokio::test]
async fn a_role_reads_back_as_it_was_made_and_its_session_says_who_it_is() {
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
    assert_eq!(clients.account().await.unwrap(), "000000000000");

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
async fn a_log_group_takes_events_and_gives_them_back() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, clients) = start(dir.path()).await;
    let group = "/aws/lambda/f";
    clients.logs.create_log_group().log_group_name(group).tags("a", "1").send().await.unwrap();
    clients.logs.put_retention_policy().log_group_name(group).retention_in_days(14).send().await.unwrap();
    clients.logs.create_log_stream().log_group_name(group).log_stream_name("s").send().await.unwrap();
    let now = i64::try_from(wire::now_ms()).unwrap();
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
async fn a_wrong_key_is_refused_by_every_service_in_its_own_words() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    let mut target = cloud.target();
    target.access.as_mut().unwrap().key_id = "LKIAAAAAAAAAAAAAAAAA".into();
    let clients = connect(&target).await.unwrap();
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
        assert_eq!(found.as_deref(), Some("UnrecognizedClientException"));
    }
    assert_eq!((iam.code(), sts.code()), (Some("InvalidClientTokenId"), Some("InvalidClientTokenId")));
}

/// Sends raw HTTP: `(status, head, body)`.
async fn raw(cloud: &LocalCloud, head: &str, body: &str) -> (u16, String, String) {
    let address = cloud.endpoint().strip_prefix("http://").unwrap();
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("{head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
}

/// Sends a request of Kinesis over HTTP/2, as the SDKs of Java and JavaScript do: status, headers and body.
async fn over_http2(
    cloud: &LocalCloud,
    host: &str,
    target: &str,
    content_type: &str,
    body: Vec<u8>,
) -> (u16, Response) {
    let address = cloud.endpoint().strip_prefix("http://").unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (executor, stream) = (hyper_util::rt::TokioExecutor::new(), hyper_util::rt::TokioIo::new(stream));
    let (mut client, connection) = hyper::client::conn::http2::handshake(executor, stream).await.unwrap();
    tokio::spawn(connection);
    let key = cloud.target().access.unwrap().key_id;
    let request = axum::http::Request::post(format!("http://{host}/"))
        .header("x-amz-target", format!("Kinesis_20131202.{target}"))
        .header("content-type", content_type)
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={key}/20261123/r/kinesis/aws4_request"))
        .body(http_body_util::Full::new(axum::body::Bytes::from(body)))
        .unwrap();
    let (parts, body) = client.send_request(request).await.unwrap().into_parts();
    let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    (parts.status.as_u16(), axum::http::Response::from_parts(parts, body))
}

#[tokio::test]
async fn http2_is_spoken_too_and_java_is_refused_in_cbor() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    let (status, answer) =
        over_http2(&cloud, "127.0.0.1", "ListStreams", "application/x-amz-json-1.1", "{}".into()).await;
    assert_eq!(status, 200);
    assert!(answer.body().starts_with(b"{\"HasMoreStreams\":false"), "{:?}", answer.body());
    let json = "application/x-amz-json-1.1";
    assert_eq!(over_http2(&cloud, "evil.example", "ListStreams", json, "{}".into()).await.0, 403);

    let faults = |text: &str| text.parse::<FaultPlan>().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let options = LocalOptions {
        data_dir: dir.path().to_owned(),
        faults: faults("kinesis:ListStreams=throttle"),
        ..LocalOptions::default()
    };
    let cloud = LocalCloud::start(options).await.unwrap();
    let cbor = "application/x-amz-cbor-1.1";
    for (operation, body, code) in [
        ("ListStreams", vec![0xa0], "LimitExceededException"),
        ("DescribeLimits", vec![0; 17 << 20], "RequestTooLarge"),
        ("SubscribeToShard", vec![0xa0], "InvalidArgumentException"),
        ("CreateStream", vec![0xff; 10], "SerializationException"),
    ] {
        let (_, answer) = over_http2(&cloud, "127.0.0.1", operation, cbor, body).await;
        assert_eq!(answer.headers()["content-type"], cbor, "{operation}");
        let body: ciborium::Value = ciborium::from_reader(&answer.body()[..]).unwrap();
        let members = body.into_map().unwrap();
        let (_, found) = members.iter().find(|(name, _)| *name == "__type".into()).unwrap();
        assert_eq!(*found, code.into(), "{operation}");
    }
}

fn signed(cloud: &LocalCloud, target: &str, more: &str) -> String {
    let key = cloud.target().access.unwrap().key_id;
    format!(
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-amz-target: {target}\r\nx-amz-date: 20261123T000000Z\r\n\
         content-type: application/x-amz-json-1.1\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential={key}/20261123/eu-central-1/x/aws4_request, SignedHeaders=host, Signature=0{more}"
    )
}

#[tokio::test]
async fn a_web_page_is_refused_even_with_the_right_key() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    let target = "Kinesis_20131202.ListStreams";
    assert_eq!(raw(&cloud, &signed(&cloud, target, ""), "{}").await.0, 200);
    for header in ["\r\norigin: https://evil.example", "\r\nsec-fetch-site: cross-site"] {
        assert_eq!(raw(&cloud, &signed(&cloud, target, header), "{}").await.0, 403);
    }
    let rebound = signed(&cloud, target, "").replace("host: 127.0.0.1", "host: evil.example");
    assert_eq!(raw(&cloud, &rebound, "{}").await.0, 403);
}

#[tokio::test]
async fn bad_json_unknown_operations_and_too_much_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    for (target, code) in [
        ("Kinesis_20131202.PutRecord", "SerializationException"),
        ("Kinesis_20131202.ListShards", "SerializationException"),
        ("DynamoDB_20120810.PutItem", "SerializationException"),
        ("Logs_20140328.CreateLogGroup", "SerializationException"),
    ] {
        let (status, head, body) = raw(&cloud, &signed(&cloud, target, ""), "{\"a\":").await;
        assert!(status == 400 && body.contains(code), "{target}: {status} {body}");
        assert!(head.to_ascii_lowercase().contains("x-amzn-requestid:"), "{head}");
    }
    for target in ["Kinesis_20131202.Nonsense", "DynamoDB_20120810.Nonsense", "Logs_20140328.Nonsense"] {
        let (status, _, body) = raw(&cloud, &signed(&cloud, target, ""), "{}").await;
        assert!(status == 400 && body.contains("UnknownOperationException"), "{target}: {status} {body}");
    }
}

#[tokio::test]
async fn health_needs_the_key_and_tells_pid_version_and_region() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    let get = "GET /_sensorctl/health HTTP/1.1\r\nhost: localhost";
    assert_eq!(raw(&cloud, get, "").await.0, 403);
    let key = cloud.target().access.unwrap().key_id;
    let (status, _, body) = raw(&cloud, &format!("{get}\r\nx-sensorctl-key: {key}"), "").await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, body["pid"].as_u64()), (200, Some(std::process::id().into())));
    assert_eq!(body["region"], "eu-central-1");
}

#[tokio::test]
async fn a_running_cloud_announces_itself_and_a_second_owner_is_refused_until_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    let announced = EndpointFile::read(dir.path()).unwrap().unwrap();
    assert_eq!((announced.endpoint.as_str(), announced.pid), (cloud.endpoint(), std::process::id()));
    let options = LocalOptions { data_dir: dir.path().to_owned(), port: 0, ..LocalOptions::default() };
    let Err(error) = LocalCloud::start(options.clone()).await else { panic!("two owners") };
    assert!(error.to_string().contains("already uses the data directory"), "{error}");
    let key = cloud.target().access.unwrap().key_id;
    cloud.shutdown().await.unwrap();
    assert!(EndpointFile::read(dir.path()).unwrap().is_none());
    let again = LocalCloud::start(options).await.unwrap();
    assert_eq!(again.target().access.unwrap().key_id, key);
    again.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_said_with_a_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let options = LocalOptions { data_dir: dir.path().to_owned(), port, ..LocalOptions::default() };
    let Err(error) = LocalCloud::start(options).await else { panic!("two listeners") };
    assert!(error.hints()[0].contains("--port"), "{error:?}");
}
