//! Signed HTTP calls to a local cloud, written by hand: requests of other tools and other users, malformed requests
//! included, and the control API of the local cloud's owner.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{Runner, Sandbox, eventually, signing};

/// Headers of a request with a JSON body.
const JSON: &str = "Content-Type: application/json";
/// Headers of a request with an HTML form as its body.
const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

/// A client of one local cloud.
#[derive(Clone)]
pub struct ApiClient {
    address: String,
    key: String,
    secret: String,
    region: String,
    header: String,
    /// The header line that opens the control API.
    control_header: String,
}

/// A call that the local cloud recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordedCall {
    /// Service and operation: `kinesis:CreateStream`.
    pub call: String,
    /// Counts the calls of this operation, from 1.
    pub n: u64,
}

impl ApiClient {
    /// Creates a client with the access key of the environment's running local cloud.
    pub fn new<R: Runner>(env: &Sandbox<R>) -> Self {
        let endpoint = env.endpoint();
        let text = |name: &str| endpoint[name].as_str().unwrap().to_owned();
        ApiClient {
            address: text("endpoint").replace("http://", ""),
            key: text("access_key_id"),
            secret: text("secret_access_key"),
            region: text("region"),
            header: "X-Nothing: 1".to_owned(),
            control_header: std::fs::read_to_string(env.path("data/control.header")).unwrap().trim_end().to_owned(),
        }
    }

    pub fn with_key(&self, key: &str) -> Self {
        ApiClient { key: key.to_owned(), ..self.clone() }
    }

    /// Replaces the header line that opens the control API.
    pub fn with_control_header(&self, line: &str) -> Self {
        ApiClient { control_header: line.to_owned(), ..self.clone() }
    }

    /// Adds a header to every request.
    pub fn with_header(&self, header: &str) -> Self {
        ApiClient { header: header.to_owned(), ..self.clone() }
    }

    /// Sends a request (`GET /path?a=b`) with more headers. Returns status and body. The status is 0 if the connection
    /// ends without a response.
    #[track_caller]
    pub fn send(&self, line: &str, service: &str, headers: &str, body: &str) -> (u16, String) {
        match self.try_send(line, service, headers, body) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => (0, String::new()),
            answer => answer.unwrap(),
        }
    }

    /// Sends a request to a local cloud that may be killed meanwhile. Returns an error unless the whole response
    /// arrived.
    pub fn try_send(&self, line: &str, service: &str, headers: &str, body: &str) -> io::Result<(u16, String)> {
        let ApiClient { address, key, secret, region, header, .. } = self;
        let signed = signing::headers((key, secret), (service, region), line, address, headers, body);
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: {address}\r\n{header}\r\n{headers}\r\n{signed}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        )?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        let truncated = || io::Error::from(ErrorKind::UnexpectedEof);
        let (head, body) = response.split_once("\r\n\r\n").ok_or_else(truncated)?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if length.is_some_and(|length| length.parse() != Ok(body.len())) {
            return Err(truncated());
        }
        Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned()))
    }

    /// Calls an operation of a JSON service (`Kinesis_20131202.ListStreams`); returns status and body.
    #[track_caller]
    pub fn call(&self, target: &str, body: &str) -> (u16, String) {
        self.send("POST /", "kinesis", &json_headers(target), body)
    }

    /// As [`ApiClient::call`], to a local cloud that may be killed meanwhile.
    pub fn try_call(&self, target: &str, body: &str) -> io::Result<(u16, String)> {
        self.try_send("POST /", "kinesis", &json_headers(target), body)
    }

    /// Calls an operation of a JSON service, which must succeed.
    #[track_caller]
    pub fn json(&self, target: &str, input: &Value) -> Value {
        let (status, said) = self.call(target, &input.to_string());
        assert_eq!(status, 200, "{target} {input}: {said}");
        serde_json::from_str(&said).unwrap_or_default()
    }

    /// As [`ApiClient::json`], but waits while an earlier change of the resource is in progress.
    #[track_caller]
    pub fn json_when_accepted(&self, target: &str, input: &Value) -> Value {
        let call = || {
            let (status, said) = self.call(target, &input.to_string());
            let is_transient = said.contains("InUse") || said.contains("UPDATING");
            assert!(status == 200 || is_transient, "{target} {input}: {status} {said}");
            (status, said)
        };
        let (_, said) = eventually(&format!("{target} is accepted"), call, |(status, _)| *status == 200);
        serde_json::from_str(&said).unwrap_or_default()
    }

    /// Sends a Lambda request; returns status and body.
    #[track_caller]
    pub fn send_lambda(&self, line: &str, input: &Value) -> (u16, String) {
        let body = if input.is_null() { String::new() } else { input.to_string() };
        self.send(line, "lambda", JSON, &body)
    }

    /// As [`ApiClient::send_lambda`], to a local cloud that may be killed meanwhile.
    pub fn try_send_lambda(&self, line: &str, input: &Value) -> io::Result<(u16, String)> {
        let body = if input.is_null() { String::new() } else { input.to_string() };
        self.try_send(line, "lambda", JSON, &body)
    }

    /// Sends a Lambda request, which must succeed; null input is an empty body.
    #[track_caller]
    pub fn lambda(&self, line: &str, input: &Value) -> Value {
        let (status, said) = self.send_lambda(line, input);
        assert!((200..300).contains(&status), "{line} {}: {status} {said}", shown(input));
        serde_json::from_str(&said).unwrap_or_default()
    }

    /// As [`ApiClient::lambda`], but waits while an earlier change of the resource is in progress, or until its
    /// dependency works.
    #[track_caller]
    pub fn lambda_when_accepted(&self, line: &str, input: &Value) -> Value {
        let is_success = |status: u16| (200..300).contains(&status);
        let call = || {
            let (status, said) = self.send_lambda(line, input);
            let is_transient =
                ["InUse", "Conflict", "cannot be assumed", "Cannot access stream", "is not in Active state"]
                    .iter()
                    .any(|part| said.contains(part));
            assert!(is_success(status) || is_transient, "{line} {}: {status} {said}", shown(input));
            (status, said)
        };
        let (_, said) = eventually(&format!("{line} is accepted"), call, |(status, _)| is_success(*status));
        serde_json::from_str(&said).unwrap_or_default()
    }

    /// Sends the form of an IAM action, which must succeed; returns the XML response.
    #[track_caller]
    pub fn iam(&self, form: &str) -> String {
        let (status, body) = self.query("iam", form);
        assert_eq!(status, 200, "{form}: {body}");
        body
    }

    /// Sends the form of an action of IAM or STS; returns status and body.
    #[track_caller]
    pub fn query(&self, service: &str, form: &str) -> (u16, String) {
        self.send("POST /", service, FORM, &with_version(service, form))
    }

    /// As [`ApiClient::query`], to a local cloud that may be killed meanwhile.
    pub fn try_query(&self, service: &str, form: &str) -> io::Result<(u16, String)> {
        self.try_send("POST /", service, FORM, &with_version(service, form))
    }

    /// Returns the response to `DescribeStream`.
    #[track_caller]
    pub fn describe_stream(&self, stream: &str) -> String {
        self.call("Kinesis_20131202.DescribeStream", &json!({"StreamName": stream}).to_string()).1
    }

    /// Returns all event source mappings.
    #[track_caller]
    pub fn event_source_mappings(&self) -> Vec<Value> {
        let list = self.lambda("GET /2015-03-31/event-source-mappings", &Value::Null);
        list["EventSourceMappings"].as_array().unwrap().clone()
    }

    /// Returns the path of the first event source mapping.
    #[track_caller]
    pub fn event_source_mapping_path(&self) -> String {
        format!("/2015-03-31/event-source-mappings/{}", self.event_source_mappings()[0]["UUID"].as_str().unwrap())
    }

    /// Sends a request to the control API of the local cloud; returns status and body.
    #[track_caller]
    pub fn control(&self, line: &str, body: &str) -> (u16, Value) {
        let (status, body) = self.send(line, "x", &self.control_header, body);
        (status, serde_json::from_str(&body).unwrap())
    }

    /// Replaces the injected faults, and restarts the count of calls at 1.
    #[track_caller]
    pub fn set_faults(&self, spec: &str) {
        let (status, said) = self.control("PUT /_sensorctl/faults", spec);
        assert_eq!(status, 200, "{said}");
    }

    #[track_caller]
    fn call_log(&self) -> Vec<Value> {
        self.control("GET /_sensorctl/calls", "").1["calls"].as_array().unwrap().clone()
    }

    /// Returns the calls since the faults were set last.
    #[track_caller]
    pub fn recorded_calls(&self) -> Vec<RecordedCall> {
        let recorded = |call: &Value| RecordedCall {
            call: call["call"].as_str().unwrap().to_owned(),
            n: call["n"].as_u64().unwrap(),
        };
        self.call_log().iter().map(recorded).collect()
    }

    /// Waits until the local cloud has recorded the `n`th call of an operation.
    #[track_caller]
    pub fn wait_for_call(&self, call: &str, n: u64) {
        let is_there =
            |calls: &Vec<RecordedCall>| calls.iter().any(|recorded| recorded.call == call && recorded.n == n);
        eventually(&format!("{call} is called {n} times"), || self.recorded_calls(), is_there);
    }

    /// Returns whether a call took effect and now hangs without a response.
    #[track_caller]
    pub fn has_hung_call(&self) -> bool {
        self.has_done_call_with_fault("hang")
    }

    /// Returns whether a call met a fault and the local cloud has finished it.
    #[track_caller]
    pub fn has_done_call_with_fault(&self, fault: &str) -> bool {
        self.call_log().iter().any(|call| call["fault"] == fault && call["done"] == true)
    }

    #[track_caller]
    fn list_log_groups(&self) -> String {
        let mut answer: Value = serde_json::from_str(&self.call("Logs_20140328.DescribeLogGroups", "{}").1).unwrap();
        for group in answer["logGroups"].as_array_mut().unwrap() {
            group["storedBytes"] = Value::Null;
        }
        answer.to_string()
    }

    /// Lists all resources as their services do, without the services' own counters: streams, tables, log groups,
    /// functions, event source mappings and roles.
    #[track_caller]
    pub fn list_all(&self) -> Vec<String> {
        vec![
            self.call("Kinesis_20131202.ListStreams", "{}").1,
            self.call("DynamoDB_20120810.ListTables", "{}").1,
            self.list_log_groups(),
            self.send_lambda("GET /2015-03-31/functions", &Value::Null).1,
            self.send_lambda("GET /2015-03-31/event-source-mappings", &Value::Null).1,
            without_request_id(&self.query("iam", "Action=ListRoles").1).to_owned(),
        ]
    }
}

/// Returns the beginning of a request: a function's code is megabytes.
fn shown(input: &Value) -> String {
    input.to_string().chars().take(500).collect()
}

/// Removes the part of an XML response that differs in each.
pub fn without_request_id(xml: &str) -> &str {
    xml.split("<ResponseMetadata>").next().unwrap()
}

/// Encodes every byte, for a form, a path or a query.
pub fn percent_encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn json_headers(target: &str) -> String {
    format!("X-Amz-Target: {target}\r\nContent-Type: application/x-amz-json-1.1")
}

fn with_version(service: &str, form: &str) -> String {
    let version = if service == "sts" { "2011-06-15" } else { "2010-05-08" };
    format!("Version={version}&{form}")
}
