//! An HTTP server with canned AWS responses: each service fails in its own wire format, or has no resources.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use super::{Run, TestEnv};

/// The account that its STS returns.
pub const ACCOUNT: &str = "123456789012";

/// An error response.
#[derive(Clone)]
pub struct CannedError {
    /// The service that fails, by its name in a signature (`kinesis`, `logs`…). `None` means all services.
    pub service: Option<&'static str>,
    pub status: u16,
    pub code: &'static str,
    pub message: &'static str,
}

/// A server on any free port that runs until the test ends.
pub struct FakeAws {
    pub url: String,
}

impl FakeAws {
    /// Starts an empty account in which one service, or all, fail with `error`.
    pub fn new(error: CannedError) -> Self {
        Self::start(move |request| {
            let fails = error.service.is_none_or(|service| service == request.service);
            if fails { request.failure(error.status, error.code, error.message) } else { request.nothing() }
        })
    }

    /// Starts a server that is not AWS: it responds to every request with one page.
    pub fn page(status: u16, body: &'static str) -> Self {
        Self::start(move |_| http(status, "Content-Type: text/html\r\n", body))
    }

    fn start(answer: impl Fn(&Request) -> String + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let answer = answer.clone();
                // A client that disconnects early ends only its own connection.
                std::thread::spawn(move || stream.map(|stream| serve(&stream, &answer)));
            }
        });
        FakeAws { url }
    }

    /// Returns a `sensorctl` command with credentials that calls this server.
    pub fn command<'a>(&self, env: &TestEnv, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = env.command(arguments);
        command
            .args(["--region", "eu-west-1", "--endpoint-url", &self.url])
            .env("AWS_ACCESS_KEY_ID", "AKIDNOBODY")
            .env("AWS_SECRET_ACCESS_KEY", "topsecret")
            .env("AWS_SESSION_TOKEN", "tokenoftoday");
        command
    }

    pub fn run<'a>(&self, env: &TestEnv, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        Run::of(&mut self.command(env, arguments))
    }
}

/// The parts of a request that decide its response.
pub struct Request {
    service: String,
    target: String,
    method: String,
    pub path: String,
    pub body: String,
    /// The unmodified bytes.
    pub raw: Vec<u8>,
}

fn serve(stream: &TcpStream, answer: &impl Fn(&Request) -> String) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let request = Request::read(&mut reader)?;
        writer.write_all(answer(&request).as_bytes()).ok()?;
    }
}

/// Returns a response in the wire format of HTTP.
pub fn http(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Said\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

impl Request {
    /// Reads a request. Returns `None` if the client disconnects.
    pub fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut lines = Vec::new();
        let mut raw = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            raw.extend_from_slice(line.as_bytes());
            match line.trim_end() {
                "" => break,
                text => lines.push(text.to_owned()),
            }
        }
        let header = |name: &str| {
            let found =
                lines.iter().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
            found.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        raw.extend_from_slice(&body);
        // Credential=KEY/DATE/REGION/SERVICE/aws4_request
        let service = header("authorization").split('/').nth(3).unwrap_or_default().to_owned();
        let mut line = lines.first()?.split(' ').map(str::to_owned);
        let (method, path) = (line.next()?, line.next()?);
        Some(Request {
            service,
            target: header("x-amz-target"),
            method,
            path,
            body: String::from_utf8_lossy(&body).into_owned(),
            raw,
        })
    }

    /// Returns the operation: `PutRetentionPolicy`, `GetRole`, or for Lambda method and path: `POST
    /// /2015-03-31/functions`.
    pub fn operation(&self) -> String {
        match self.service.as_str() {
            "lambda" => {
                format!("{} {}", self.method, self.path.split('?').next().unwrap_or_default().trim_end_matches('/'))
            }
            "iam" | "sts" => {
                let action = self.body.split('&').find_map(|pair| pair.strip_prefix("Action="));
                action.unwrap_or_default().to_owned()
            }
            "monitoring" => self.path.rsplit('/').next().unwrap_or_default().to_owned(),
            _ => self.target.rsplit('.').next().unwrap_or_default().to_owned(),
        }
    }

    /// Returns an error in the service's wire format.
    pub fn failure(&self, status: u16, code: &str, message: &str) -> String {
        match self.service.as_str() {
            "iam" | "sts" => http(
                status,
                "Content-Type: text/xml\r\n",
                &format!(
                    "<ErrorResponse xmlns=\"https://{}.amazonaws.com/doc/\"><Error><Type>Sender</Type><Code>{code}</Code>\
                     <Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>",
                    self.service
                ),
            ),
            "lambda" => http(
                status,
                &format!(
                    "Content-Type: application/json\r\nX-Amzn-ErrorType: {code}:http://internal.amazon.com/coral/\r\n"
                ),
                &serde_json::json!({"Message": message, "Type": "User"}).to_string(),
            ),
            "dynamodb" => self.typed(status, &format!("com.amazonaws.dynamodb.v20120810#{code}"), message),
            _ => self.typed(status, code, message),
        }
    }

    fn typed(&self, status: u16, kind: &str, message: &str) -> String {
        let version = if self.service == "dynamodb" { "1.0" } else { "1.1" };
        let headers = format!("Content-Type: application/x-amz-json-{version}\r\n");
        http(status, &headers, &serde_json::json!({"__type": kind, "message": message}).to_string())
    }

    /// Returns the response of an account without resources.
    fn nothing(&self) -> String {
        let operation = self.target.rsplit('.').next().unwrap_or_default();
        match self.service.as_str() {
            "sts" => http(
                200,
                "Content-Type: text/xml\r\n",
                &format!(
                    "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                     <GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/deployer</Arn><UserId>AIDA</UserId>\
                     <Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
                ),
            ),
            "iam" => {
                assert!(self.body.contains("Action=Get") || self.body.contains("Action=List"), "{}", self.body);
                self.failure(404, "NoSuchEntity", "The role cannot be found.")
            }
            "lambda" if self.path.contains("event-source-mappings") => {
                http(200, "Content-Type: application/json\r\n", "{\"EventSourceMappings\":[]}")
            }
            "logs" => http(200, "Content-Type: application/x-amz-json-1.1\r\n", "{\"logGroups\":[]}"),
            _ => self.failure(400, "ResourceNotFoundException", &format!("nothing for {operation}")),
        }
    }
}
