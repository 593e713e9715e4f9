//! Tests that for any input the server responds or ends the connection, and continues to serve.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use proptest::prelude::*;

use crate::auth::credentials::control_token;
use crate::auth::signature::testing::{REGION, signed_lines};
use crate::connection_info::AccessKey;
use crate::tests::fuzzing;
use crate::{LocalCloud, LocalOptions};

const TARGETS: [&str; 18] = [
    "Kinesis_20131202.PutRecords",
    "Kinesis_20131202.GetRecords",
    "Kinesis_20131202.GetShardIterator",
    "Kinesis_20131202.CreateStream",
    "Kinesis_20131202.UpdateShardCount",
    "Kinesis_20131202.ListShards",
    "Kinesis_20131202.SplitShard",
    "DynamoDB_20120810.CreateTable",
    "DynamoDB_20120810.BatchWriteItem",
    "DynamoDB_20120810.PutItem",
    "DynamoDB_20120810.Query",
    "DynamoDB_20120810.Scan",
    "DynamoDB_20120810.UpdateTimeToLive",
    "Logs_20140328.CreateLogGroup",
    "Logs_20140328.PutLogEvents",
    "Logs_20140328.FilterLogEvents",
    "Nobody_1.Nothing",
    "",
];
const PATHS: [&str; 10] = [
    "/",
    "/2015-03-31/functions",
    "/2015-03-31/functions/%ff%00/configuration",
    "/2015-03-31/functions/f/invocations?Qualifier=%zz",
    "/2015-03-31/event-source-mappings/",
    "/2015-03-31/event-source-mappings/x?MaxItems=-1",
    "/2017-03-31/tags/arn%3Aaws",
    "/_sensorctl/faults",
    "/_sensorctl/calls",
    "/_sensorctl/../etc",
];
const KEYS: [&str; 16] = [
    "StreamName",
    "StreamARN",
    "ShardCount",
    "Records",
    "Data",
    "PartitionKey",
    "ShardIterator",
    "Limit",
    "TableName",
    "RequestItems",
    "Item",
    "KeySchema",
    "logGroupName",
    "logEvents",
    "FunctionName",
    "Tags",
];

/// A map of one, a list of one, a text, a list and a map without end, a text, bytes and a list of 2^63, a tag, a float.
const CBOR_HEADS: [&[u8]; 10] = [
    b"\xa1\x61a",
    b"\x81",
    b"\x63abc",
    b"\x9f",
    b"\xbf",
    b"\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xc1",
    b"\xfb",
];

/// Generates JSON that is nearly valid for the services.
fn near_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        Just("1e999".to_owned()),
        "[a-zA-Z0-9+/=.:_-]{0,40}".prop_map(|text| format!("\"{text}\"")),
        Just("\"\\ud800\"".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((prop::sample::select(&KEYS[..]), inner), 0..5).prop_map(|pairs| {
                let pairs: Vec<String> = pairs.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", pairs.join(","))
            }),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => near_json().prop_map(String::into_bytes),
        1 => "Action=[A-Z][a-zA-Z]{0,20}(&[A-Za-z.0-9]{1,12}=[%a-z0-9{}\"]{0,20}){0,4}".prop_map(String::into_bytes),
        1 => Just(br#"{"a":"#.repeat(5000)),
        1 => prop::collection::vec(any::<u8>(), 0..300),
        2 => near_cbor(),
    ]
}

/// Generates CBOR that is deep, promises more data than follows, or is truncated.
fn near_cbor() -> impl Strategy<Value = Vec<u8>> {
    let head = prop::sample::select(&CBOR_HEADS[..]);
    let known = prop::sample::select(&KEYS[..]).prop_map(|key| {
        let mut pair = vec![0xa1, 0x60 + u8::try_from(key.len()).unwrap()];
        pair.extend(key.as_bytes());
        pair
    });
    let part = prop_oneof![3 => head.clone().prop_map(<[u8]>::to_vec), 3 => known, 1 => prop::collection::vec(any::<u8>(), 0..9)];
    prop_oneof![
        4 => prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat()),
        1 => head.prop_map(|head| head.repeat(20_000)),
    ]
}

/// Generates a complete request as bytes; mostly with the right key, so that it reaches a service.
fn request(access: AccessKey) -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![
        4 => prop::sample::select(&["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"][..]).prop_map(str::to_owned),
        1 => "[A-Z!~]{1,12}",
    ];
    let path = prop_oneof![4 => prop::sample::select(&PATHS[..]).prop_map(str::to_owned), 1 => "/[!-~]{0,40}"];
    let scope = prop::sample::select(&["kinesis", "dynamodb", "iam", "sts", "logs", "lambda", "s3", ""][..]);
    let content = prop::sample::select(
        &[
            "application/x-amz-json-1.1",
            "application/x-amz-json-1.0",
            "application/x-amz-cbor-1.1",
            "application/x-www-form-urlencoded; charset=utf-8",
            "x",
            "",
        ][..],
    );
    let length = prop_oneof![5 => Just(None), 1 => prop::sample::select(&["-1", "x", "99999999999999999999", "7"][..]).prop_map(Some)];
    let target = prop::sample::select(&TARGETS[..]);
    let extra = "([A-Za-z-]{1,12}: [ -~]{0,30}\r\n){0,3}";
    (method, path, scope, content, length, target, extra, body()).prop_map(
        move |(method, path, scope, content, length, target, extra, body)| {
            let length = length.map_or_else(|| body.len().to_string(), str::to_owned);
            let signed = signed_lines(&access, scope, target, &format!("{method} {path}"), &body);
            let mut bytes = format!(
                "{method} {path} HTTP/1.1\r\n{signed}\r\ncontent-type: {content}\r\n\
                 x-sensorctl-key: {}\r\nconnection: close\r\n{extra}content-length: {length}\r\n\r\n",
                control_token(&access.secret)
            )
            .into_bytes();
            bytes.extend(body);
            bytes
        },
    )
}

/// Returns the response until the connection ends; it may be empty.
fn send(address: &str, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The server may end the connection while the request is being written, or before the response is read.
    if stream.write_all(request).is_ok() {
        stream.shutdown(Shutdown::Write).unwrap_or_default();
    }
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("no answer, and no end"),
        _ => answer,
    }
}

fn healthy(address: &str, key: &str) -> bool {
    let request = format!("GET /_sensorctl/health HTTP/1.0\r\nhost: localhost\r\nx-sensorctl-key: {key}\r\n\r\n");
    send(address, request.as_bytes()).starts_with(b"HTTP/1.0 200")
}

#[test]
fn oversized_body_is_rejected_and_not_buffered() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let options =
        LocalOptions { data_dir: dir.path().to_owned(), region: Some(REGION.into()), ..LocalOptions::default() };
    let cloud = runtime.block_on(LocalCloud::start(options)).unwrap();
    let address = cloud.endpoint().strip_prefix("http://").unwrap().to_owned();
    let AccessKey { key_id, secret } = cloud.connection_info().access_key;
    let key = control_token(&secret);
    // Without a target header the path selects the control endpoint.
    for (path, target, limit) in
        [("/", "x-amz-target: Kinesis_20131202.PutRecord", 16 << 20), ("/_sensorctl/faults", "x-nothing: 1", 64 << 10)]
    {
        let head = format!(
            "PUT {path} HTTP/1.1\r\nhost: localhost\r\n{target}\r\nx-sensorctl-key: {key}\r\n\
             authorization: AWS4-HMAC-SHA256 Credential={key_id}/1/r/kinesis/aws4_request\r\ncontent-length: {}\r\n\r\n",
            limit + 1
        );
        let answer = send(&address, &[head.as_bytes(), &vec![b' '; limit + 1]].concat());
        assert!(answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
    }
    assert!(healthy(&address, &key));
    runtime.block_on(cloud.shutdown()).unwrap();
}

mod slow {
    use super::*;

    #[test]
    fn malformed_requests_by_the_thousand_do_not_crash_the_server() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        fuzzing::rounds(|seed| {
            let dir = tempfile::tempdir().unwrap();
            let options = LocalOptions {
                data_dir: dir.path().to_owned(),
                region: Some(REGION.into()),
                ..LocalOptions::default()
            };
            let cloud = runtime.block_on(LocalCloud::start(options)).unwrap();
            let address = cloud.endpoint().strip_prefix("http://").unwrap().to_owned();
            let access = cloud.connection_info().access_key;
            let is_answered = |request: Vec<u8>| {
                let answer = send(&address, &request);
                let text = String::from_utf8_lossy(&answer);
                prop_assert!(answer.is_empty() || text.starts_with("HTTP/1.1 "), "{text}");
                // The response to a panic.
                prop_assert!(!text.contains("the local cloud failed") && !text.contains("panicked"), "{text}");
                Ok(())
            };
            fuzzing::runner(seed, 3000).run(&request(access.clone()), is_answered).unwrap();
            send(&address, &fuzzing::dynamodb_bytes(&access, "CreateTable", fuzzing::TABLE));
            fuzzing::runner(seed, 300).run(&fuzzing::dynamodb_request(access.clone()), is_answered).unwrap();
            let http2 = prop::collection::vec(any::<u8>(), 0..200);
            let is_survived = |garbage: Vec<u8>| {
                send(&address, &[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &garbage[..]].concat());
                Ok(())
            };
            fuzzing::runner(seed, 300).run(&http2, is_survived).unwrap();
            assert!(healthy(&address, &control_token(&access.secret)));
            runtime.block_on(cloud.shutdown()).unwrap();
        });
    }
}
