//! Runs the function as a process behind a Runtime API of the test.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request, Response};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver};
use tokio::time::timeout;

use super::answer::Answer;
use super::http::serve;

/// An event and the time limit of its invocation.
type Event = (Vec<u8>, Duration);

/// A running function.
pub struct Function {
    events: Sender<Event>,
    answers: Receiver<Answer>,
    log: UnboundedReceiver<String>,
    process: Child,
}

impl Function {
    /// Starts the compiled function. Its environment has only the variables that Lambda sets, and `settings`.
    pub async fn start(dynamodb: &str, settings: &[(&str, &str)]) -> Self {
        let (events, next) = mpsc::channel(1);
        let (answer, answers) = mpsc::channel(1);
        let next = Arc::new(Mutex::new(next));
        let runtime_api = serve(move |request| runtime_api(Arc::clone(&next), answer.clone(), request)).await;
        let mut process = bootstrap()
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
            .env("AWS_LAMBDA_FUNCTION_NAME", "ProcessKinesisRecords")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_SESSION_TOKEN", "token")
            .env("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{dynamodb}"))
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (line, log) = mpsc::unbounded_channel();
        // Read it in any case: a full pipe would block the function.
        tokio::spawn(async move {
            while let Ok(Some(text)) = lines.next_line().await {
                let _ = line.send(text);
            }
        });
        Function { events, answers, log, process }
    }

    /// Invokes the function with ample time.
    pub async fn invoke(&mut self, event: &Value) -> Answer {
        self.invoke_within(event, Duration::from_secs(30)).await
    }

    /// Invokes the function with this time limit.
    pub async fn invoke_within(&mut self, event: &Value, limit: Duration) -> Answer {
        self.send(serde_json::to_vec(event).unwrap(), limit).await
    }

    /// Invokes the function with ample time, with an event that is already serialized.
    pub async fn invoke_with(&mut self, event: Vec<u8>) -> Answer {
        self.send(event, Duration::from_secs(30)).await
    }

    async fn send(&mut self, event: Vec<u8>, limit: Duration) -> Answer {
        self.events.send((event, limit)).await.unwrap();
        tokio::select! {
            answer = timeout(Duration::from_mins(2), self.answers.recv()) => answer.expect("no answer in time").unwrap(),
            status = self.process.wait() => panic!("the function ended: {status:?}"),
        }
    }

    /// Freezes it, as Lambda does between invocations.
    pub fn freeze(&self) {
        let id = self.process.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-STOP", &id]).status().unwrap().success());
    }

    /// Returns its peak memory so far, in MiB.
    #[cfg(target_os = "linux")]
    pub fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }

    /// Returns the next line of its log.
    pub async fn log_line(&mut self) -> Value {
        let line = timeout(Duration::from_mins(1), self.log.recv()).await.expect("no line in time");
        serde_json::from_str(&line.unwrap()).unwrap()
    }
}

/// Returns the command for the compiled function, or for `SENSORCTL_TEST_BOOTSTRAP` if set: `qemu-aarch64
/// path/of/another`.
fn bootstrap() -> Command {
    let named = std::env::var("SENSORCTL_TEST_BOOTSTRAP").unwrap_or_default();
    let mut words = named.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or(env!("CARGO_BIN_EXE_bootstrap")));
    command.args(words);
    command
}

async fn runtime_api(
    next: Arc<Mutex<Receiver<Event>>>,
    answer: Sender<Answer>,
    request: Request<Bytes>,
) -> Response<Full<Bytes>> {
    if request.method() == Method::GET {
        let Some((event, limit)) = next.lock().await.recv().await else { std::future::pending().await };
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + limit;
        return Response::builder()
            .header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
            .header("Lambda-Runtime-Deadline-Ms", deadline.as_millis().to_string())
            .header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:f")
            .body(Full::from(event))
            .unwrap();
    }
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let sent = if request.uri().path().ends_with("/error") {
        Answer::Error { kind: text("errorType"), message: text("errorMessage") }
    } else {
        Answer::Response(body)
    };
    answer.send(sent).await.unwrap();
    Response::builder().status(202).body(Full::default()).unwrap()
}
