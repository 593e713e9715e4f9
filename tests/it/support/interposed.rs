//! A server between a command and its local cloud. It forwards requests and changes responses, to produce those that
//! the local cloud cannot produce, such as those of a service that lags behind.

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::fake_aws::{Request, http};
use super::{Run, TestEnv};

/// A server on any free port that runs until the test ends, in front of the environment's local cloud.
pub struct Interposed {
    url: String,
    keys: Vec<(&'static str, String)>,
    seen: Arc<Mutex<Vec<String>>>,
}

/// Gets the local cloud's response to a request.
pub type Forward<'a> = &'a dyn Fn() -> String;

impl Interposed {
    /// Starts the server. `respond` returns a response to send instead of the local cloud's, or `None`. An empty response
    /// breaks the connection.
    pub fn new(
        env: &TestEnv,
        respond: impl Fn(&Request, Forward<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let endpoint = env.endpoint();
        let text = |name: &str| endpoint[name].as_str().unwrap().to_owned();
        let cloud = text("endpoint").replace("http://", "");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let (respond, calls) = (Arc::new(respond), seen.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (respond, cloud, calls) = (respond.clone(), cloud.clone(), calls.clone());
                std::thread::spawn(move || {
                    stream.map(|stream| {
                        serve(&stream, |request| {
                            calls.lock().unwrap().push(request.operation());
                            let forward = || forward(&cloud, &request.raw);
                            let text = || String::from_utf8(forward()).expect("a response that is changed is text");
                            respond(request, &text).map_or_else(forward, String::into_bytes)
                        })
                    })
                });
            }
        });
        let keys = [("AWS_ACCESS_KEY_ID", text("access_key_id")), ("AWS_SECRET_ACCESS_KEY", text("secret_access_key"))];
        Interposed { url, keys: keys.into(), seen }
    }

    /// Replaces the owner's keys by others, as environment variables.
    pub fn with_keys(self, keys: Vec<(&'static str, String)>) -> Self {
        Interposed { keys, ..self }
    }

    /// Runs `sensorctl` with the owner's or other keys against this server.
    #[must_use = "assert how the command ended"]
    pub fn run<'a>(&self, env: &TestEnv, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        let mut command = env.command(arguments);
        command.args(["--region", "us-east-1", "--endpoint-url", &self.url]);
        command.envs(self.keys.iter().map(|(name, value)| (name, value)));
        Run::of(&mut command)
    }

    /// Returns the operations called so far, in order.
    pub fn calls(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Counts the calls of an operation.
    pub fn count(&self, operation: &str) -> usize {
        self.calls().iter().filter(|call| *call == operation).count()
    }
}

fn serve(stream: &TcpStream, answer: impl Fn(&Request) -> Vec<u8>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let request = Request::read(&mut reader)?;
        let answer = answer(&request);
        // The connection breaks.
        if answer.is_empty() {
            return None;
        }
        writer.write_all(&answer).ok()?;
    }
}

/// Forwards a request unchanged, signature included, and returns the whole response.
fn forward(cloud: &str, raw: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(cloud).unwrap();
    stream.write_all(raw).unwrap();
    let mut response = Vec::new();
    let mut buffer = [0; 16384];
    while !is_whole(&response) {
        match stream.read(&mut buffer).unwrap() {
            0 => break,
            read => response.extend_from_slice(&buffer[..read]),
        }
    }
    response
}

fn is_whole(response: &[u8]) -> bool {
    let Some(end) = response.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&response[..end]);
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    length.and_then(|length| length.parse::<usize>().ok()).is_none_or(|length| response.len() >= end + 4 + length)
}

/// Returns a response of a service whose clock is an hour ahead of this machine's.
pub fn an_hour_ahead(response: &str) -> String {
    let date = Timestamp::now().checked_add(Span::new().hours(1)).unwrap().to_zoned(TimeZone::UTC);
    let date = date.strftime("date: %a, %d %b %Y %H:%M:%S GMT").to_string();
    let is_date = |line: &str| line.to_ascii_lowercase().starts_with("date:");
    let dated = |line: &str| if is_date(line) { date.clone() } else { line.to_owned() };
    response.split("\r\n").map(dated).collect::<Vec<_>>().join("\r\n")
}

/// Returns a response with another body.
pub fn with_body(response: &str, change: impl Fn(&str) -> String) -> String {
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let is_framing = |line: &str| line.to_ascii_lowercase().starts_with("content-length:");
    let headers: String =
        head.lines().skip(1).filter(|line| !is_framing(line)).map(|line| format!("{line}\r\n")).collect();
    http(status, &headers, &change(body))
}
