//! Support for the tests of this module: the real services, and a small real function.

mod code;
mod waiting;

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

pub(super) use self::code::function_zip;
pub(crate) use self::code::{zip_of, zip_of_files};
use self::waiting::StoppedClock;
use crate::auth::credentials::CredentialStore;
use crate::diagnostics::Diagnostics;
use crate::durability::Durability;
use crate::faults::Faults;
use crate::iam::Iam;
use crate::identity::Identity;
use crate::kinesis::Kinesis;
use crate::lambda::{Lambda, LambdaServices, error_response, handle};
use crate::latency_profile::LatencyProfile;
use crate::logs::Logs;
use crate::members;
use crate::protocol::aws_json::Response;
use crate::router::Service;
use crate::tests::eventually;

pub(super) const MAPPINGS: &str = "/2015-03-31/event-source-mappings";
/// Path of the reserved concurrency of the function `Fn`.
pub(super) const CONCURRENCY: &str = "/2017-10-31/functions/Fn/concurrency";
pub(super) const TRUST: &str = r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},
    "Action":"sts:AssumeRole"}]}"#;

/// A Lambda service with the services around it.
pub(super) struct TestLambda {
    pub dir: tempfile::TempDir,
    pub deps: LambdaServices,
    pub lambda: Lambda,
    clock: Option<StoppedClock>,
}

/// A response of the REST API.
pub(super) struct Answer {
    pub status: u16,
    pub body: Value,
    response: Response,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn log(&self) -> String {
        let tail = STANDARD.decode(self.header("x-amz-log-result").unwrap()).unwrap();
        String::from_utf8(tail).unwrap()
    }
}

impl TestLambda {
    /// Returns an account with the role `lambda` and the stream `readings`.
    pub(super) async fn new(shards: u32) -> Self {
        TestLambda::in_time(shards, &LatencyProfile::default()).await
    }

    /// Returns such an account with a latency profile.
    pub(super) async fn in_time(shards: u32, timing: &LatencyProfile) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::new("eu-central-1");
        std::fs::create_dir_all(dir.path().join("logs")).unwrap();
        let deps = LambdaServices {
            keys: CredentialStore::open(&dir.path().join("keys.json"), Durability::Process).unwrap(),
            kinesis: Kinesis::open(
                &dir.path().join("kinesis"),
                identity.clone(),
                crate::kinesis::StreamOptions { throttle: timing.stream_throttle, ..Default::default() },
                Diagnostics::default(),
            )
            .unwrap(),
            iam: Iam::open(
                &dir.path().join("iam.json"),
                identity.clone(),
                &LatencyProfile::default(),
                Durability::Process,
            )
            .unwrap(),
            logs: Logs::open(&dir.path().join("logs"), identity.clone(), Durability::Process, Diagnostics::default())
                .unwrap(),
            faults: Faults::default(),
            notices: Diagnostics::default(),
            dir: dir.path().join("lambda"),
            durability: Durability::Process,
            endpoint: "http://127.0.0.1:9".to_owned(),
            timing: *timing,
            identity,
        };
        let lambda = Lambda::start(deps.clone()).await.unwrap();
        let bench = TestLambda { dir, deps, lambda, clock: None };
        bench.role("lambda").await;
        bench.kinesis("CreateStream", json!({"StreamName": "readings", "ShardCount": shards})).await;
        let describe = async || bench.kinesis("DescribeStreamSummary", json!({"StreamName": "readings"})).await;
        let is_active = |about: &Value| about["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE";
        eventually("the stream is ACTIVE", describe, is_active).await;
        bench
    }

    /// Stops Lambda and starts it again with the same state.
    pub(super) async fn restart(&mut self) {
        self.lambda.shutdown().await;
        self.lambda = Lambda::start(self.deps.clone()).await.unwrap();
    }

    /// Creates a role with the permissions of an event source mapping.
    pub(super) async fn role(&self, name: &str) {
        let trust = percent_encoding::utf8_percent_encode(TRUST, percent_encoding::NON_ALPHANUMERIC);
        self.iam(&format!("Action=CreateRole&RoleName={name}&AssumeRolePolicyDocument={trust}")).await;
        let managed = "arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2Fservice-role%2FAWSLambdaKinesisExecutionRole";
        self.iam(&format!("Action=AttachRolePolicy&RoleName={name}&PolicyArn={managed}")).await;
    }

    pub(super) async fn iam(&self, form: &str) {
        let request = Request::post("/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(format!("{form}&Version=2010-05-08")))
            .unwrap();
        let response = self.deps.iam.handle(request).await;
        assert!(response.status().is_success(), "{:?}", response.body());
    }

    pub(super) async fn kinesis(&self, operation: &str, input: Value) -> Value {
        let request = Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
            // The gateway verifies signatures; below it only their form is checked.
            .header("x-amz-date", "20261123T000000Z")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=K/1/r/kinesis/aws4_request, SignedHeaders=h, Signature=0",
            )
            .body(Bytes::from(input.to_string()))
            .unwrap();
        let response = self.deps.kinesis.handle(request).await;
        assert!(response.status().is_success(), "{operation}: {:?}", response.body());
        if response.body().is_empty() { Value::Null } else { serde_json::from_slice(response.body()).unwrap() }
    }

    /// Puts a record; returns its sequence number.
    pub(super) async fn put(&self, key: &str, data: &str) -> String {
        let input = json!({"StreamName": "readings", "PartitionKey": key, "Data": STANDARD.encode(data)});
        self.kinesis("PutRecord", input).await["SequenceNumber"].as_str().unwrap().to_owned()
    }

    /// Puts a record with this hash key; returns its sequence number.
    pub(super) async fn put_at(&self, hash_key: u128, key: &str) -> String {
        let input = json!({"StreamName": "readings", "PartitionKey": key, "ExplicitHashKey": hash_key.to_string(),
            "Data": STANDARD.encode(key)});
        self.kinesis("PutRecord", input).await["SequenceNumber"].as_str().unwrap().to_owned()
    }

    /// Puts records of several keys in turn; returns the key and sequence number of each.
    pub(super) async fn put_many(&self, count: usize, keys: usize) -> Vec<(String, String)> {
        let mut put = Vec::new();
        for number in 0..count {
            let key = format!("sensor-{}", number % keys);
            let sequence_number = self.put(&key, &number.to_string()).await;
            put.push((key, sequence_number));
        }
        put
    }

    pub(super) fn stream_arn(&self) -> String {
        self.deps.identity.stream_arn("readings")
    }

    pub(super) fn role_arn(&self) -> String {
        self.deps.identity.role_arn("/", "lambda")
    }

    pub(super) async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = Request::builder().method(method).uri(path).header("x-amz-log-type", "Tail").body(body).unwrap();
        let response = match members::check(Service::Lambda, &request) {
            Ok(()) => handle(&self.lambda, request).await,
            Err(error) => error_response(&error),
        };
        let body = serde_json::from_slice(response.body()).unwrap_or_default();
        Answer { status: response.status().as_u16(), body, response }
    }

    pub(super) fn function_input(&self, name: &str, mode: &str) -> Value {
        json!({"FunctionName": name, "Runtime": "provided.al2023", "Role": self.role_arn(), "Handler": "bootstrap",
            "Timeout": 10, "Code": {"ZipFile": STANDARD.encode(function_zip())},
            "Environment": {"Variables": {"MODE": mode, "OUT": self.out().to_str().unwrap()}}})
    }

    /// Creates a function with one of the behaviors of `bootstrap.rs`.
    pub(super) async fn function(&self, name: &str, mode: &str) {
        self.function_with(name, mode, json!({})).await;
    }

    pub(super) async fn function_with(&self, name: &str, mode: &str, settings: Value) {
        let mut input = self.function_input(name, mode);
        input.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let answer = self.call("POST", "/2015-03-31/functions", input).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    pub(super) async fn invoke(&self, name: &str, event: Value) -> Answer {
        self.call("POST", &format!("/2015-03-31/functions/{name}/invocations"), event).await
    }

    /// Creates an event source mapping from the stream to the function and waits until it is stable; returns its UUID.
    pub(super) async fn mapping(&self, function: &str, settings: Value) -> String {
        let mut input = json!({"EventSourceArn": self.stream_arn(), "FunctionName": function,
            "StartingPosition": "TRIM_HORIZON"});
        input.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let answer = self.call("POST", &format!("{MAPPINGS}/"), input).await;
        assert_eq!((answer.status, &answer.body["State"]), (202, &json!("Creating")), "{}", answer.body);
        let uuid = answer.body["UUID"].as_str().unwrap().to_owned();
        let state = if settings["Enabled"] == json!(false) { "Disabled" } else { "Enabled" };
        self.mapping_state(&uuid, state).await;
        uuid
    }

    /// Returns an event source mapping as the API shows it.
    pub(super) async fn shown(&self, uuid: &str) -> Value {
        self.call("GET", &format!("{MAPPINGS}/{uuid}"), Value::Null).await.body
    }

    /// Updates an event source mapping.
    pub(super) async fn update(&self, uuid: &str, settings: Value) -> Answer {
        self.call("PUT", &format!("{MAPPINGS}/{uuid}"), settings).await
    }

    /// Deletes an event source mapping as soon as it may be changed, and waits until it is deleted.
    pub(super) async fn delete_mapping(&self, uuid: &str) {
        let path = format!("{MAPPINGS}/{uuid}");
        self.until(async || self.call("DELETE", &path, Value::Null).await.status == 202).await;
        self.until(async || self.call("GET", &path, Value::Null).await.status == 404).await;
    }

    /// Waits until the event source mapping has this state.
    pub(super) async fn mapping_state(&self, uuid: &str, state: &str) {
        self.until(async || self.shown(uuid).await["State"] == state).await;
    }

    /// Waits until the event source mapping's last result begins with this text; returns all of it.
    pub(super) async fn result(&self, uuid: &str, beginning: &str) -> String {
        let result = async || self.shown(uuid).await["LastProcessingResult"].as_str().unwrap().to_owned();
        self.until(async || result().await.starts_with(beginning)).await;
        result().await
    }

    /// Returns the file to which the function `consume` writes the handled sequence numbers, one a line.
    pub(super) fn out(&self) -> PathBuf {
        self.dir.path().join("handled")
    }

    pub(super) fn handled(&self) -> Vec<String> {
        std::fs::read_to_string(self.out()).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Returns the batches that the function `consume` has received: bytes of the event, and sequence numbers.
    pub(super) fn batches(&self) -> Vec<(usize, Vec<String>)> {
        let text = std::fs::read_to_string(self.beside("batches")).unwrap_or_default();
        let batch = |line: &str| {
            let mut words = line.split(' ');
            (words.next().unwrap().parse().unwrap(), words.map(str::to_owned).collect())
        };
        text.lines().map(batch).collect()
    }

    /// Waits until the function has received this many batches.
    pub(super) async fn batches_come(&self, count: usize) {
        self.until(async || self.batches().len() >= count).await;
    }

    /// Controls the function `consume`: see `bootstrap.rs`.
    pub(super) fn tell(&self, what: &str, content: &str) {
        std::fs::write(self.beside(what), content).unwrap();
    }

    pub(super) fn untell(&self, what: &str) {
        std::fs::remove_file(self.beside(what)).unwrap();
    }

    /// Returns whether a function has written this file: see `bootstrap.rs`.
    pub(super) fn has(&self, what: &str) -> bool {
        self.beside(what).exists()
    }

    pub(super) fn beside(&self, what: &str) -> PathBuf {
        PathBuf::from(format!("{}.{what}", self.out().display()))
    }

    /// Returns the messages in a function's log group.
    pub(super) async fn log(&self, function: &str) -> Vec<String> {
        let input = json!({"logGroupName": format!("/aws/lambda/{function}")});
        let request = Request::post("/")
            .header("x-amz-target", "Logs_20140328.FilterLogEvents")
            .body(Bytes::from(input.to_string()))
            .unwrap();
        let response = self.deps.logs.handle(request).await;
        let answer: Value = serde_json::from_slice(response.body()).unwrap();
        let events = answer["events"].as_array().cloned().unwrap_or_default();
        events.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits for and returns the log entries about discarded records.
    pub(super) async fn discarded(&self, function: &str) -> Vec<Value> {
        let all = async || {
            let lines = self.log(function).await;
            lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok()).collect::<Vec<_>>()
        };
        self.until(async || !all().await.is_empty()).await;
        all().await
    }
}
