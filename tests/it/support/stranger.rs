//! Calls to a local cloud that no sensorctl makes: other people's resources, other people's keys, and its owner's
//! look behind the scenes.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::{Home, signing};

/// Someone else who knows where the local cloud is.
#[derive(Clone)]
pub struct Stranger {
    address: String,
    key: String,
    secret: String,
    header: String,
    /// The line that opens the control paths.
    control: String,
}

/// A call that the local cloud has seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// `kinesis:CreateStream`.
    pub call: String,
    /// From 1, per operation.
    pub n: u64,
}

impl Stranger {
    /// One who has the key.
    pub fn of(home: &Home) -> Self {
        let about = home.endpoint();
        let text = |name: &str| about[name].as_str().unwrap().to_owned();
        Stranger {
            address: text("endpoint").replace("http://", ""),
            key: text("access_key_id"),
            secret: text("secret_access_key"),
            header: "X-Nothing: 1".to_owned(),
            control: std::fs::read_to_string(home.path("data/control.header")).unwrap().trim_end().to_owned(),
        }
    }

    pub fn with_key(&self, key: &str) -> Self {
        Stranger { key: key.to_owned(), ..self.clone() }
    }

    /// One who knows this line, and not that of the control paths.
    pub fn with_control(&self, line: &str) -> Self {
        Stranger { control: line.to_owned(), ..self.clone() }
    }

    pub fn with_header(&self, header: &str) -> Self {
        Stranger { header: header.to_owned(), ..self.clone() }
    }

    /// Status and body of a JSON 1.1 call.
    pub fn call(&self, target: &str, body: &str) -> (u16, String) {
        let head = format!("X-Amz-Target: {target}\r\nContent-Type: application/x-amz-json-1.1");
        self.send("POST /", "kinesis", &head, body)
    }

    /// Status and body of a call that is named by its method and path; 0 where the connection ends without an answer.
    #[track_caller]
    pub fn send(&self, line: &str, service: &str, head: &str, body: &str) -> (u16, String) {
        match self.try_send(line, service, head, body) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => (0, String::new()),
            answer => answer.unwrap(),
        }
    }

    /// As [`Stranger::call`], of a local cloud that may end meanwhile: an error unless the whole answer came.
    pub fn try_call(&self, target: &str, body: &str) -> io::Result<(u16, String)> {
        let head = format!("X-Amz-Target: {target}\r\nContent-Type: application/x-amz-json-1.1");
        self.try_send("POST /", "kinesis", &head, body)
    }

    /// As [`Stranger::send`], of a local cloud that may end meanwhile: an error unless the whole answer came.
    pub fn try_send(&self, line: &str, service: &str, head: &str, body: &str) -> io::Result<(u16, String)> {
        let Stranger { address, key, secret, header } = self;
        let signed = signing::headers((key, secret), service, line, address, head, body);
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: {address}\r\n{header}\r\n{head}\r\n{signed}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let cut = || io::Error::from(ErrorKind::UnexpectedEof);
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut)?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if length.is_some_and(|length| length.parse() != Ok(body.len())) {
            return Err(cut());
        }
        Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned()))
    }

    /// What IAM answers to a form.
    #[track_caller]
    pub fn iam(&self, form: &str) -> String {
        let head = "Content-Type: application/x-www-form-urlencoded";
        let (status, body) = self.send("POST /", "iam", head, &format!("Version=2010-05-08&{form}"));
        assert_eq!(status, 200, "{form}: {body}");
        body
    }

    pub fn describe(&self, stream: &str) -> String {
        self.call("Kinesis_20131202.DescribeStream", &format!("{{\"StreamName\":\"{stream}\"}}")).1
    }

    /// What the local cloud says of itself.
    pub fn control(&self, line: &str, body: &str) -> (u16, Value) {
        let (status, body) = self.send(line, "x", &self.control, body);
        (status, serde_json::from_str(&body).unwrap())
    }

    /// Has these faults from now on, and counts calls from 1 again.
    #[track_caller]
    pub fn set_faults(&self, spec: &str) {
        let (status, said) = self.control("PUT /_sensorctl/faults", spec);
        assert_eq!(status, 200, "{said}");
    }

    fn log(&self) -> Vec<Value> {
        self.control("GET /_sensorctl/calls", "").1["calls"].as_array().unwrap().clone()
    }

    /// The calls since the faults were set last.
    pub fn seen(&self) -> Vec<Seen> {
        let seen =
            |call: &Value| Seen { call: call["call"].as_str().unwrap().to_owned(), n: call["n"].as_u64().unwrap() };
        self.log().iter().map(seen).collect()
    }

    /// Whether a call hangs whose work is done.
    pub fn has_hung(&self) -> bool {
        self.log().iter().any(|call| call["fault"] == "hang" && call["done"] == true)
    }

    fn log_groups(&self) -> String {
        let mut answer: Value = serde_json::from_str(&self.call("Logs_20140328.DescribeLogGroups", "{}").1).unwrap();
        for group in answer["logGroups"].as_array_mut().unwrap() {
            group["storedBytes"] = Value::Null;
        }
        answer.to_string()
    }

    /// Everything that there is, by service, as the services list it, without what they count by themselves.
    pub fn everything(&self) -> Vec<String> {
        let iam = "Content-Type: application/x-www-form-urlencoded";
        [
            self.call("Kinesis_20131202.ListStreams", "{}").1,
            self.call("DynamoDB_20120810.ListTables", "{}").1,
            self.log_groups(),
            self.send("GET /2015-03-31/functions", "lambda", "X-Nothing: 2", "").1,
            self.send("GET /2015-03-31/event-source-mappings", "lambda", "X-Nothing: 2", "").1,
            // Every answer has an id of its own behind the result.
            self.send("POST /", "iam", iam, "Action=ListRoles&Version=2010-05-08")
                .1
                .split("<ResponseMetadata>")
                .next()
                .unwrap()
                .to_owned(),
        ]
        .into()
    }
}
