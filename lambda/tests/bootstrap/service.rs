//! Tests of the function when the service is down, slow, malformed, or has another time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_smithy_types::date_time::{DateTime, Format};
use hyper::Request;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::support::{
    Function, GARBAGE, PARTIAL, REJECTS, Said, Scripted, Tables, When, event, failure, plain, record, sent_times,
    sequence, stored,
};

#[tokio::test]
async fn malformed_response_is_retried() {
    for garbage in GARBAGE {
        let calls = AtomicUsize::new(0);
        let dynamodb = Scripted::start(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Said::text(garbage.0, garbage.1),
            _ => stored().into(),
        })
        .await;
        let mut function = Function::start(&dynamodb.address, &[]).await;
        assert_eq!(function.invoke(&event([plain(1)])).await.failures(), [""; 0], "{garbage:?}");
        assert_eq!(dynamodb.requests().len(), 3, "{garbage:?}");
    }
}

#[tokio::test]
async fn refusal_not_from_the_service_rejects_no_reading() {
    for (status, body) in [(400, "<html>"), (403, ""), (404, "not here"), (302, "")] {
        let proxy = Scripted::start(move |_| Said::text(status, body)).await;
        let mut function = Function::start(&proxy.address, &[REJECTS, PARTIAL]).await;
        assert_eq!(function.invoke(&event((1..=3).map(plain))).await.failures(), [sequence(1)], "{status}");
        assert_eq!(proxy.requests().len(), 1, "it is not tried again: {status}");
        assert_eq!(function.log_line().await["ErrorCode"], format!("Http{status}"));
    }
}

#[tokio::test]
async fn broken_connections_are_reopened() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        for number in 0.. {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let answer: &[u8] = match number {
                0 => b"",
                1 => b"HTTP/1.1 200 OK\r\ncontent-length: 23\r\n\r\n{\"Unproc",
                2 => b"SSH-2.0-OpenSSH_9.2\r\n",
                _ => b"HTTP/1.1 200 OK\r\ncontent-length: 23\r\n\r\n{\"UnprocessedItems\":{}}\n",
            };
            socket.write_all(answer).await.unwrap();
        }
    });
    let mut function = Function::start(&address, &[]).await;
    assert_eq!(function.invoke(&event([plain(1)])).await.failures(), [""; 0]);
    assert_eq!(function.log_line().await["Retries"], 3);
}

#[tokio::test]
async fn clock_skew_is_corrected_by_the_service_date() {
    let theirs = DateTime::from(SystemTime::now() + Duration::from_secs(3600)).fmt(Format::HttpDate).unwrap();
    let calls = AtomicUsize::new(0);
    let dynamodb = Scripted::start(move |_| {
        let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        let answer = if first { failure("InvalidSignatureException", "Signature expired") } else { stored() };
        Said { date: Some(theirs.clone()), ..Said::from(answer) }
    })
    .await;
    let mut function = Function::start(&dynamodb.address, &[PARTIAL]).await;
    assert_eq!(function.invoke(&event([plain(1)])).await.failures(), [""; 0]);
    assert_eq!(function.invoke(&event([plain(2)])).await.failures(), [""; 0]);
    assert_eq!(dynamodb.requests().len(), 3);
}

/// The service refuses signatures more than five minutes from its own time, as AWS does.
#[tokio::test]
async fn clock_skew_is_not_reverted_by_requests_in_flight() {
    let ahead = Duration::from_mins(20);
    let dynamodb = Scripted::start_with_heads(move |request: &Request<Bytes>, _: &Value| {
        let theirs = SystemTime::now() + ahead;
        let signed = request.headers()["x-amz-date"].to_str().unwrap();
        let off = DateTime::from(theirs).as_secs_f64() - seconds(signed);
        let answer = if off.abs() > 300.0 {
            failure("InvalidSignatureException", &format!("Signature expired: {signed} is now earlier than …"))
        } else {
            stored()
        };
        let date = Some(DateTime::from(theirs).fmt(Format::HttpDate).unwrap());
        // All three requests are sent before the first gets a response.
        Said { date, when: When::Requests(3), ..Said::from(answer) }
    })
    .await;
    let mut function = Function::start(&dynamodb.address, &[PARTIAL]).await;
    for retries in [3, 0] {
        assert_eq!(function.invoke(&event((1..=60).map(plain))).await.failures(), [""; 0]);
        assert_eq!(function.log_line().await["Retries"], retries);
    }
}

/// Returns the seconds since 1970 of `20261126T105000Z`.
fn seconds(amazon_date: &str) -> f64 {
    let (date, time) = amazon_date.split_at(8);
    let time =
        format!("{}-{}-{}T{}:{}:{}Z", &date[..4], &date[4..6], &date[6..], &time[1..3], &time[3..5], &time[5..7]);
    DateTime::from_str(&time, Format::DateTime).unwrap().as_secs_f64()
}

#[tokio::test]
async fn permanent_failure_is_tried_once_and_reported() {
    for code in [
        "AccessDeniedException",
        "ExpiredTokenException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "ResourceNotFoundException",
    ] {
        let dynamodb = Scripted::start(move |_| failure(code, "no")).await;
        let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
        assert_eq!(function.invoke(&event((1..=3).map(plain))).await.failures(), [sequence(1)], "{code}");
        assert_eq!(dynamodb.requests().len(), 1, "{code}");
        assert_eq!(function.log_line().await["ErrorCode"], code);
    }
}

#[tokio::test]
async fn invalid_settings_fail_every_invocation_without_requests() {
    let tables = Tables::start().await;
    for (name, value, said) in [
        ("SENSORCTL_TABLE", "a b", "SENSORCTL_TABLE: `a b` is not a table name"),
        ("SENSORCTL_REJECTS_TABLE", "x", "SENSORCTL_REJECTS_TABLE: `x` is not a table name"),
        ("SENSORCTL_TABLE", "arn:aws:dynamodb:us-east-1:1:table/T", "SENSORCTL_TABLE: `arn:aws:dynamodb:us-east-1:1:"),
        ("SENSORCTL_REJECTS_DAYS", "soon", "SENSORCTL_REJECTS_DAYS is not a whole number"),
        ("AWS_SECRET_ACCESS_KEY", "", "AWS_SECRET_ACCESS_KEY is not set"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "ftp://x", "is not an http or https address"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://hunter 2", "is not an address"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://me:hunter2@127.0.0.1", "is one with a user or password"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://me:hunter2/@127.0.0.1", "has an invalid port"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:70000", "has an invalid port"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:", "has an invalid port"),
    ] {
        let mut function = Function::start(&tables.address, &[(name, value), PARTIAL]).await;
        for _ in 0..2 {
            let answer = function.invoke(&event([plain(1)])).await;
            assert!(answer.error().contains(said) && !answer.error().contains("hunter"), "{answer:?}");
            let log = function.log_line().await;
            assert_eq!((&log["ErrorCode"], &log["Readings"]), (&json!("Misconfigured"), &json!(0)));
            assert!(log["Error"].as_str().unwrap().contains(said), "{log}");
            assert_eq!(log["FunctionName"], "ProcessKinesisRecords");
            assert_eq!(log["RequestId"], "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
        }
    }
    assert!(tables.rows("SensorData").is_empty());
}

#[tokio::test]
async fn aws_endpoint_url_is_used_unless_ignored() {
    let tables = Tables::start().await;
    let url = format!("http://{}", tables.address);
    let of_all = [("AWS_ENDPOINT_URL_DYNAMODB", ""), ("AWS_ENDPOINT_URL", &*url), PARTIAL];
    let mut function = Function::start("unused", &of_all).await;
    assert_eq!(function.invoke(&event([plain(1)])).await.failures(), [""; 0]);
    assert_eq!(tables.rows("SensorData").len(), 1);
    // The region's own endpoint. Here it is invalid, so that nothing is sent anywhere.
    let ignored =
        [&of_all[..], &[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"), ("AWS_REGION", "no region")]].concat();
    let mut function = Function::start("unused", &ignored).await;
    let answer = function.invoke(&event([plain(2)])).await;
    assert!(answer.error().contains("is not an address"), "{answer:?}");
    assert_eq!(tables.rows("SensorData").len(), 1);
}

#[tokio::test]
async fn missing_rejects_table_keeps_the_checkpoint_at_the_reject() {
    let tables = Tables::start().await;
    let missing = ("SENSORCTL_REJECTS_TABLE", "Missing");
    let mut function = Function::start(&tables.address, &[missing, PARTIAL]).await;
    let batch = || event([plain(1), record(2, b"hunter2"), plain(3)]);
    assert_eq!(function.invoke(&batch()).await.failures(), [sequence(2)]);
    let log = function.log_line().await;
    assert!(log["Error"].as_str().unwrap().contains("reject not stored: ResourceNotFoundException"), "{log}");
    let mut function = Function::start(&tables.address, &[missing]).await;
    assert!(function.invoke(&batch()).await.error().contains(&sequence(2)));
}

#[tokio::test]
async fn hot_key_is_retried_alone_until_stored() {
    let refused = AtomicUsize::new(0);
    let dynamodb = Scripted::start(move |request| {
        let mut left = request["RequestItems"].clone();
        let puts = left["SensorData"].as_array_mut().unwrap();
        puts.retain(|put| put["PutRequest"]["Item"]["CurrentTime"]["N"] == "7");
        let is_hot = !puts.is_empty() && refused.fetch_add(1, Ordering::Relaxed) < 5;
        if is_hot { (200, json!({"UnprocessedItems": left})) } else { stored() }
    })
    .await;
    let mut function = Function::start(&dynamodb.address, &[]).await;
    assert_eq!(function.invoke(&event((1..=25).map(plain))).await.failures(), [""; 0]);
    let sent: Vec<_> = dynamodb.requests().iter().map(sent_times).collect();
    assert_eq!(sent[0].len(), 25);
    assert_eq!(sent[1..], vec![vec![7]; 5]);
}

/// A frozen function must not resume a write when it is thawed: it would overwrite rows that are newer by then.
#[tokio::test]
async fn write_in_flight_at_the_deadline_is_closed_before_the_response() {
    // Larger than the buffers in between, so that the function still holds some of it.
    let filler = "x".repeat(390_000);
    let large = |number: u32| {
        let json = format!(r#"{{"sensor_id":"s","temperature":1,"current_time":{number},"filler":"{filler}"}}"#);
        record(number, json.as_bytes())
    };
    // A machine that is too busy to connect in time has not tested anything yet.
    for _ in 0..20 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut function = Function::start(&listener.local_addr().unwrap().to_string(), &[PARTIAL]).await;
        let sockets = Arc::new(Mutex::new(Vec::new()));
        let accepted = Arc::clone(&sockets);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                accepted.lock().unwrap().push(socket);
            }
        });
        // Two thirds of it are time for work. The first attempt may not take longer.
        let limit = Duration::from_millis(1500);
        let answer = function.invoke_within(&event((1..=4).map(large)), limit).await;
        function.freeze();
        assert_eq!(answer.failures(), [sequence(1)]);
        let sockets = std::mem::take(&mut *sockets.lock().unwrap());
        let connected = !sockets.is_empty();
        for mut socket in sockets {
            // The write in flight arrives. Then the connection must be closed, although the function is frozen.
            let rest = async {
                let mut buffer = vec![0; 1 << 16];
                while socket.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
            };
            timeout(Duration::from_secs(60), rest).await.expect("the connection is closed");
        }
        if connected {
            return;
        }
    }
    panic!("it never connected");
}

#[tokio::test]
async fn metrics_log_contains_counts_times_iterator_age_and_service_code() {
    let tables = Tables::start().await;
    let mut function = Function::start(&tables.address, &[REJECTS, PARTIAL]).await;
    let batch = [
        plain(1),
        plain(2),
        record(3, b"hunter2"),
        record(4, br#"{"sensor_id":"s","temperature":3,"current_time":1}"#),
    ];
    assert_eq!(function.invoke(&event(batch)).await.failures(), [""; 0]);
    let log = function.log_line().await;
    for (name, count) in [
        ("Records", 4),
        ("Readings", 4),
        ("Stored", 2),
        ("Replaced", 1),
        ("Rejected", 1),
        ("Failed", 0),
        ("Retries", 0),
    ] {
        assert_eq!(log[name], count, "{name}");
    }
    let time = |name: &str| log[name].as_f64().unwrap();
    let phases = time("DecodeDuration") + time("StoreDuration") + time("RejectDuration");
    assert!(time("StoreDuration") > 0.0 && time("RejectDuration") > 0.0 && phases <= time("Duration") + 0.1, "{log}");
    // The record of the event arrived in December 2018.
    assert!(time("IteratorAge") > 2e11, "{log}");
    assert_eq!(log["FunctionName"], "ProcessKinesisRecords");
    let metrics = &log["_aws"]["CloudWatchMetrics"][0];
    assert_eq!((&metrics["Namespace"], &metrics["Dimensions"]), (&json!("sensorctl"), &json!([["FunctionName"]])));
    let declared: Vec<_> = metrics["Metrics"].as_array().unwrap().iter().map(|metric| &metric["Name"]).collect();
    assert!(declared.contains(&&json!("IteratorAge")) && declared.contains(&&json!("StoreDuration")), "{declared:?}");
    assert!(!log.to_string().contains("hunter2"));
}

#[tokio::test]
async fn service_message_about_an_item_is_stored_with_the_reject_and_not_logged() {
    let words = "The parameter cannot be converted to a numeric value: hunter2";
    let refusing = || {
        Scripted::start(move |request: &Value| {
            if request["RequestItems"].get("SensorData").is_some() {
                failure("ValidationException", words)
            } else {
                stored()
            }
        })
    };
    let dynamodb = refusing().await;
    let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
    assert_eq!(function.invoke(&event([plain(1)])).await.failures(), [""; 0]);
    let reject = &dynamodb.requests()[1]["RequestItems"]["SensorDataRejects"][0]["PutRequest"]["Item"];
    assert_eq!(reject["Reason"]["S"], words);
    // Without a dead-letter table it is an error, and errors are logged.
    let mut function = Function::start(&refusing().await.address, &[]).await;
    let answer = function.invoke(&event([plain(1)])).await;
    assert!(answer.error().contains("ValidationException") && !answer.error().contains("hunter2"), "{answer:?}");
    assert!(!function.log_line().await.to_string().contains("hunter2"));
}

#[tokio::test]
async fn service_message_about_a_reject_is_not_logged() {
    let dynamodb = Scripted::start(|request: &Value| {
        if request["RequestItems"].get("SensorDataRejects").is_some() {
            failure("ValidationException", "The parameter cannot be converted: hunter2")
        } else {
            stored()
        }
    })
    .await;
    let mut function = Function::start(&dynamodb.address, &[REJECTS]).await;
    let answer = function.invoke(&event([record(1, b"hunter2")])).await;
    assert!(answer.error().contains("reject not stored: ValidationException"), "{answer:?}");
    assert!(!answer.error().contains("hunter2"), "{answer:?}");
    assert!(!function.log_line().await.to_string().contains("hunter2"));
}
