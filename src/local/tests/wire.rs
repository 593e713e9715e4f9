//! Tests of raw HTTP: authentication, and responses to invalid requests.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::start;
use crate::auth::credentials::control_token;
use crate::auth::signature::testing::{REGION, sign, signed_lines};
use crate::connection_info::ConnectionInfo;
use crate::protocol::aws_json::Response;
use crate::tests::clients::connect;
use crate::{FaultPlan, LocalCloud, LocalOptions};

/// Sends raw HTTP; returns `(status, head, body)`.
pub(super) async fn raw(cloud: &LocalCloud, head: &str, body: &str) -> (u16, String, String) {
    let address = cloud.endpoint().strip_prefix("http://").unwrap();
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("{head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
}

/// Sends a Kinesis request over HTTP/2, as the SDKs of Java and JavaScript do; returns status, headers and body.
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
    let mut request = http::Request::post(format!("http://{host}/"))
        .header("x-amz-target", format!("Kinesis_20131202.{target}"))
        .header("content-type", content_type)
        .body(())
        .unwrap();
    sign(&mut request, &cloud.connection_info().access_key, "kinesis", &body);
    let request = request.map(|()| http_body_util::Full::new(bytes::Bytes::from(body)));
    let (parts, body) = client.send_request(request).await.unwrap().into_parts();
    let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    (parts.status.as_u16(), http::Response::from_parts(parts, body))
}

#[tokio::test]
async fn http2_is_supported_and_java_gets_errors_in_cbor() {
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
        region: Some(REGION.into()),
        faults: faults("kinesis:ListStreams=throttle"),
        ..LocalOptions::default()
    };
    let cloud = LocalCloud::start(options).await.unwrap();
    let cbor = "application/x-amz-cbor-1.1";
    for (operation, body, code) in [
        ("ListStreams", vec![0xa0], "LimitExceededException"),
        ("DescribeLimits", vec![0; 17 << 20], "RequestTooLarge"),
        ("SubscribeToShard", vec![0xa0], "ValidationException"),
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

fn signed(cloud: &LocalCloud, target: &str, more: &str, body: &str) -> String {
    let signed = signed_lines(&cloud.connection_info().access_key, "x", target, "POST /", body.as_bytes());
    format!("POST / HTTP/1.1\r\n{signed}\r\ncontent-type: application/x-amz-json-1.1{more}")
}

#[tokio::test]
async fn request_from_a_web_page_is_rejected_even_with_the_right_key() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    let target = "Kinesis_20131202.ListStreams";
    assert_eq!(raw(&cloud, &signed(&cloud, target, "", "{}"), "{}").await.0, 200);
    for header in ["\r\norigin: https://evil.example", "\r\nsec-fetch-site: cross-site"] {
        assert_eq!(raw(&cloud, &signed(&cloud, target, header, "{}"), "{}").await.0, 403);
    }
    let rebound = signed(&cloud, target, "", "{}").replace("host: 127.0.0.1", "host: evil.example");
    assert_eq!(raw(&cloud, &rebound, "{}").await.0, 403);
}

#[tokio::test]
async fn invalid_json_unknown_operation_and_oversized_body_get_errors() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    for (target, code) in [
        ("Kinesis_20131202.PutRecord", "SerializationException"),
        ("Kinesis_20131202.ListShards", "SerializationException"),
        ("DynamoDB_20120810.PutItem", "SerializationException"),
        ("Logs_20140328.CreateLogGroup", "SerializationException"),
    ] {
        let (status, head, body) = raw(&cloud, &signed(&cloud, target, "", "{\"a\":"), "{\"a\":").await;
        assert!(status == 400 && body.contains(code), "{target}: {status} {body}");
        assert!(head.to_ascii_lowercase().contains("x-amzn-requestid:"), "{head}");
    }
    for target in ["Kinesis_20131202.Nonsense", "DynamoDB_20120810.Nonsense", "Logs_20140328.Nonsense"] {
        let (status, _, body) = raw(&cloud, &signed(&cloud, target, "", "{}"), "{}").await;
        assert!(status == 400 && body.contains("UnknownOperationException"), "{target}: {status} {body}");
    }
}

#[tokio::test]
async fn get_resources_lists_tagged_resources_of_every_service() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    let table = super::tables::create_table(&clients).await;
    clients
        .kinesis
        .create_stream()
        .stream_name("s")
        .shard_count(1)
        .tags("sensorctl:stage", "test")
        .send()
        .await
        .unwrap();
    clients.kinesis.create_stream().stream_name("untagged").shard_count(1).send().await.unwrap();
    clients.logs.create_log_group().log_group_name("g").tags("sensorctl:stage", "test").send().await.unwrap();
    clients.logs.create_log_group().log_group_name("h").tags("sensorctl:stage", "other").send().await.unwrap();
    let body = r#"{"TagFilters":[{"Key":"sensorctl:stage","Values":["test"]}]}"#;
    let target = "ResourceGroupsTaggingAPI_20170126.GetResources";
    let (status, _, body) = raw(&cloud, &signed(&cloud, target, "", body), body).await;
    assert_eq!(status, 200, "{body}");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let found = body["ResourceTagMappingList"].as_array().unwrap();
    let arns: Vec<_> = found.iter().map(|resource| resource["ResourceARN"].as_str().unwrap()).collect();
    let of = |rest: &str| format!("arn:aws:{rest}");
    let (stream, group) =
        (of("kinesis:eu-central-1:000000000000:stream/s"), of("logs:eu-central-1:000000000000:log-group:g"));
    assert_eq!(arns, [table, stream, group]);
    let target = "ResourceGroupsTaggingAPI_20170126.GetTagKeys";
    let (status, _, body) = raw(&cloud, &signed(&cloud, target, "", "{}"), "{}").await;
    assert!(status == 400 && body.contains("tag:GetTagKeys"), "{status} {body}");
}

#[tokio::test]
async fn request_signed_for_another_region_is_rejected_except_by_iam_and_sts() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    let elsewhere = ConnectionInfo { region: "eu-west-1".to_owned(), ..cloud.connection_info() };
    let clients = connect(&elsewhere).await;
    let refused = clients.kinesis.list_streams().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidSignatureException"));
    let message = refused.message().unwrap();
    for part in ["not 'eu-west-1'", "AWS_REGION=eu-central-1", "--region eu-west-1"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(clients.lambda.list_functions().send().await.is_err());
    clients.iam.list_roles().send().await.unwrap();
    clients.sts.get_caller_identity().send().await.unwrap();
}

#[tokio::test]
async fn unsigned_query_request_is_rejected_in_xml() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded; charset=utf-8";
    let (status, _, body) = raw(&cloud, head, "Action=AssumeRoleWithWebIdentity").await;
    assert!(status == 403 && body.contains("<Code>MissingAuthenticationToken</Code>"), "{status} {body}");
}

#[tokio::test]
async fn health_needs_the_key_and_returns_pid_version_and_region() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    let get = "GET /_sensorctl/health HTTP/1.1\r\nhost: localhost";
    assert_eq!(raw(&cloud, get, "").await.0, 403);
    let access = cloud.connection_info().access_key;
    for key in [&access.key_id, &access.secret, ""] {
        let (status, _, body) = raw(&cloud, &format!("{get}\r\nx-sensorctl-key: {key}"), "").await;
        assert_eq!(status, 403, "{body}");
    }
    let key = control_token(&access.secret);
    let (status, _, body) = raw(&cloud, &format!("{get}\r\nx-sensorctl-key: {key}"), "").await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, body["pid"].as_u64()), (200, Some(std::process::id().into())));
    assert_eq!(body["region"], "eu-central-1");
}

#[tokio::test]
async fn body_size_limit_depends_on_the_service() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    let key = control_token(&cloud.connection_info().access_key.secret);
    let faults = format!("PUT /_sensorctl/faults HTTP/1.1\r\nhost: localhost\r\nx-sensorctl-key: {key}");
    // White space is JSON, and a plan without faults.
    for (content, limit) in [("{}", 16 << 20), ("  ", 64 << 10)] {
        let fits = format!("{content}{}", " ".repeat(limit - 2));
        let head = |body: &str| {
            if content == "{}" { signed(&cloud, "Kinesis_20131202.ListStreams", "", body) } else { faults.clone() }
        };
        assert_eq!(raw(&cloud, &head(&fits), &fits).await.0, 200, "{limit}");
        let (status, _, body) = raw(&cloud, &head(""), &format!("{fits} ")).await;
        assert!(status == 413 && body.contains(&format!("smaller than {limit} bytes")), "{status} {body}");
    }
}

#[tokio::test]
async fn request_with_forged_or_changed_signature_is_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    let mut access = cloud.connection_info().access_key;
    let target = "Kinesis_20131202.ListStreams";
    let head = signed(&cloud, target, "", "{}");
    assert_eq!(raw(&cloud, &head, "{}").await.0, 200);
    for (head, body) in [(head.clone(), "{ }"), (head.replace("host: 127.0.0.1", "host: localhost"), "{}")] {
        let (status, _, said) = raw(&cloud, &head, body).await;
        assert!(status == 400 && said.contains("InvalidSignatureException"), "{status} {said}");
    }
    access.secret = "a secret that was made up".to_owned();
    let function = signed_lines(&access, "lambda", "", "POST /2015-03-31/functions", b"{}");
    let (status, head, said) = raw(&cloud, &format!("POST /2015-03-31/functions HTTP/1.1\r\n{function}"), "{}").await;
    assert!(status == 403 && head.contains("InvalidSignatureException"), "{head} {said}");
    let form = signed_lines(&access, "iam", "", "POST /", b"Action=ListRoles");
    let (status, _, said) = raw(&cloud, &format!("POST / HTTP/1.1\r\n{form}"), "Action=ListRoles").await;
    assert!(status == 403 && said.contains("<Code>SignatureDoesNotMatch</Code>"), "{said}");
}
