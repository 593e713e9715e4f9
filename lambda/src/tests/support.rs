//! Runs the handler in this process on a paused clock: waits take no real time, and a busy machine has all the time
//! that it needs.

// The tests of the function as a process use the items that are unused here.
#[path = "../../tests/bootstrap/support/answer.rs"]
mod answer;
#[allow(dead_code)]
#[path = "../../tests/bootstrap/support/events.rs"]
mod events;
#[path = "../../tests/bootstrap/support/http.rs"]
mod http;
#[allow(dead_code)]
#[path = "../../tests/bootstrap/support/scripted.rs"]
mod scripted;

use std::pin::pin;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lambda_runtime::Context;
use serde_json::Value;

pub use self::answer::{Answer, PARTIAL, REJECTS};
pub use self::events::{event, last_of_window, plain, reading, record, sequence, two_windows};
pub use self::scripted::{GARBAGE, Said, Scripted, When, failure, sent_items, sent_times, stored, throttled};
use crate::handler;
use crate::settings::{Settings, Variables};

/// Shorter than most pauses between retries.
const STEP: Duration = Duration::from_millis(25);

/// Timeout of a test on a busy machine. Nothing is measured by it.
const WAIT_TIMEOUT: Duration = Duration::from_mins(2);

/// A function in a test that began with its time paused.
pub struct Function {
    handler: handler::Handler,
    /// Length of one step of the paused clock while the function waits.
    pub step: Duration,
    log: Value,
    _held: mpsc::Sender<()>,
}

impl Function {
    /// Creates a function with `settings` in addition to the variables that Lambda sets.
    pub fn start(dynamodb: &str, settings: &[(&str, &str)]) -> Self {
        let endpoint = format!("http://{dynamodb}");
        let of_lambda = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL_DYNAMODB", &endpoint),
        ];
        let settings = Settings::read(&Variables(&|name| {
            of_lambda.iter().chain(settings).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        }));
        // A paused clock advances to the next timer by itself when nothing runs, unless a blocking task is running.
        let (held, until_dropped) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || until_dropped.recv().unwrap_or_default());
        let handler = handler::Handler::new(settings.unwrap()).unwrap();
        Function { handler, step: STEP, log: Value::Null, _held: held }
    }

    /// Invokes the function with ample time.
    pub async fn invoke(&mut self, event: &Value) -> Answer {
        self.invoke_within(event, Duration::from_secs(30)).await
    }

    /// Invokes the function with this time limit. The time passes only while no request is in flight.
    pub async fn invoke_within(&mut self, event: &Value, limit: Duration) -> Answer {
        let json = serde_json::to_vec(event).unwrap();
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + limit;
        let mut context = Context::default();
        context.deadline = deadline.as_millis().try_into().unwrap();
        let (result, metrics) = self.while_time_passes(self.handler.store(&json, &context)).await;
        self.log = metrics.line("f", "r");
        match result {
            Ok(answer) => Answer::Response(serde_json::to_value(answer).unwrap()),
            Err(fault) => Answer::Error { kind: fault.kind.to_owned(), message: fault.message },
        }
    }

    /// Returns the log line of the last invocation.
    pub fn log_line(&self) -> &Value {
        &self.log
    }

    async fn while_time_passes<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < WAIT_TIMEOUT, "the function does not answer");
            let waits = async {
                if self.handler.requests_in_flight() == 0 {
                    tokio::time::advance(self.step).await;
                } else {
                    pause().await;
                }
            };
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = waits => {}
            }
        }
    }
}

/// Waits until the condition is true.
pub async fn until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < WAIT_TIMEOUT, "it did not happen");
        pause().await;
    }
}

/// Pauses briefly in real time.
async fn pause() {
    tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(1))).await.unwrap();
}
