//! One execution environment: one process, one Runtime API, one invocation at a time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::Deps;
use super::environment::{self, Place};
use super::failure::{Failure, error_body, exit_failure, how_it_ended, kind_of, plain};
use super::log_lines::{Destination, LogLines, Report, end_lines, start_line};
use super::permissions;
use super::process::Process;
use super::runtime_api::{Call, RuntimeApi, Task, too_large_text};
use super::state::Function;

/// How often the memory in use is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// An answer that was sent just before the process ended is still taken.
const LAST_WORD: Duration = Duration::from_millis(100);

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    /// The same for all attempts of an asynchronous invocation.
    pub request_id: String,
    /// JSON.
    pub payload: Bytes,
    /// As the caller gave it: JSON, not base64.
    pub client_context: Option<String>,
}

impl Invocation {
    /// An invocation with an id of its own.
    pub(super) fn new(payload: impl Into<Bytes>) -> Self {
        Invocation { request_id: Uuid::new_v4().to_string(), payload: payload.into(), client_context: None }
    }
}

/// How it ended.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// The function's answer, or the error as JSON.
    pub payload: Bytes,
    /// Whether it is an error.
    pub failed: bool,
    /// The last 4 KB of the log.
    pub log_tail: Vec<u8>,
}

/// What became of an invocation that was given to an environment.
pub(super) enum Run {
    /// It ran to an end, good or bad.
    Ended(Outcome),
    /// The environment ended before it took the invocation, which can safely go to another one.
    NotTaken,
    /// The environment did not start within the limit.
    InitTimedOut,
}

/// An execution environment.
pub(super) struct Worker {
    function: Arc<Function>,
    function_arn: String,
    calls: mpsc::Receiver<Call>,
    ready: Option<oneshot::Sender<Task>>,
    process: Process,
    _api: RuntimeApi,
    log: LogLines,
    started: Instant,
    /// Set once the function has asked for work for the first time; taken by the first report.
    init: Option<Duration>,
    initialized: bool,
    usable: bool,
    _session: Session,
}

/// Credentials that end with the environment.
struct Session {
    keys: crate::local::keys::Keys,
    access_key_id: String,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.keys.revoke(&self.access_key_id);
    }
}

impl Worker {
    /// Starts the process. `Err` holds the outcome of the invocation that needed it.
    pub(super) async fn start(deps: &Deps, function: Arc<Function>, invocation: &Invocation) -> Result<Self, Outcome> {
        let folder = deps.dir.join("code").join(&function.code_folder);
        // The real one names the day in UTC.
        let day = Timestamp::now().strftime("%Y/%m/%d").to_string();
        let stream = format!("{day}/[$LATEST]{}", Uuid::new_v4().simple());
        let access = permissions::log_access(deps, &function.role, &function.logging.group);
        let destination = || Destination {
            logs: deps.logs.clone(),
            group: function.logging.group.clone(),
            stream: stream.clone(),
            access,
        };
        match Self::launch(deps, Arc::clone(&function), folder, destination()).await {
            Ok(worker) => Ok(worker),
            Err(reason) => {
                let id = &invocation.request_id;
                let report = Report {
                    duration: Duration::ZERO,
                    init: None,
                    memory_size_mb: function.memory_size,
                    max_memory_mb: 0,
                    status: Some(("error", Some("Runtime.InvalidEntrypoint".to_owned()))),
                };
                let mut lines = vec![start_line(&function.logging, id)];
                lines.push(format!("RequestId: {id} Error: {reason}"));
                lines.extend(end_lines(&function.logging, id, &report));
                let tail = lines.join("\n").into_bytes();
                let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
                destination().write(lines.into_iter().map(|line| (now, line)).collect(), true);
                let payload = error_body("Runtime.InvalidEntrypoint", &format!("RequestId: {id} Error: {reason}"));
                Err(Outcome { payload, failed: true, log_tail: tail })
            }
        }
    }

    async fn launch(
        deps: &Deps,
        function: Arc<Function>,
        folder: PathBuf,
        destination: Destination,
    ) -> Result<Self, String> {
        let bootstrap = folder.join("bootstrap");
        if !bootstrap.is_file() {
            return Err("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]".to_owned());
        }
        let own_fault = |error: std::io::Error| format!("the local cloud could not start the environment: {error}");
        let (api, calls) = RuntimeApi::start().await.map_err(own_fault)?;
        let keys = deps.keys.issue(&function.role, &function.name, None);
        let session = Session { keys: deps.keys.clone(), access_key_id: keys.access_key_id.clone() };
        let place = Place {
            region: &deps.identity.region,
            endpoint: &deps.endpoint,
            runtime_api: api.address,
            code: &folder,
            log_stream: &destination.stream,
        };
        let variables = environment::variables(&function, &place, &keys);
        let register = deps.dir.join("running");
        let started = Instant::now();
        let (process, pipes) = Process::start(&bootstrap, &folder, &variables, function.memory_size, &register)
            .await
            .map_err(|error| format!("fork/exec /var/task/bootstrap: {}", plain(&error)))?;
        Ok(Worker {
            function_arn: deps.identity.function_arn(&function.name),
            function,
            calls,
            ready: None,
            process,
            _api: api,
            log: LogLines::start(pipes, destination),
            started,
            init: None,
            initialized: false,
            usable: true,
            _session: session,
        })
    }

    /// Whether it can take another invocation.
    pub(super) fn is_usable(&self) -> bool {
        self.usable
    }

    /// Runs one invocation; `init_limit` bounds the start of an environment that has not started yet.
    pub(super) async fn run(&mut self, invocation: &Invocation, init_limit: Duration) -> Run {
        let first = !self.initialized;
        match tokio::time::timeout(init_limit, self.wait_until_ready()).await {
            Ok(Ok(())) => {}
            Ok(Err(None)) if !first => return self.not_taken(),
            Ok(Err(Some(failure))) => return Run::Ended(self.init_failed(invocation, failure).await),
            Ok(Err(None)) => {
                let failure = self.exited(&invocation.request_id).await;
                return Run::Ended(self.init_failed(invocation, failure).await);
            }
            Err(_) if first => {
                self.end();
                return Run::InitTimedOut;
            }
            Err(_) => return self.not_taken(),
        }
        let Some(ready) = self.ready.take() else { return self.not_taken() };
        let limit = Duration::from_secs(self.function.timeout);
        let began = Instant::now();
        let deadline = Timestamp::now().as_millisecond().saturating_add(limit.as_millis().try_into().unwrap_or(0));
        self.log.begin(vec![start_line(&self.function.logging, &invocation.request_id)]).await;
        let task = Task {
            request_id: invocation.request_id.clone(),
            payload: invocation.payload.clone(),
            deadline_ms: u64::try_from(deadline).unwrap_or_default(),
            function_arn: self.function_arn.clone(),
            trace_id: trace_id(),
            client_context: invocation.client_context.clone(),
        };
        if ready.send(task).is_err() {
            return self.not_taken();
        }
        let result = match tokio::time::timeout(limit, self.work(&invocation.request_id)).await {
            Ok(result) => result,
            Err(_) => Err(self.timed_out(&invocation.request_id)),
        };
        Run::Ended(self.outcome(&invocation.request_id, began.elapsed(), result).await)
    }

    /// The outcome when the start took the whole time limit of the function.
    pub(super) async fn start_took_too_long(&mut self, invocation: &Invocation) -> Outcome {
        let failure = self.timed_out(&invocation.request_id);
        self.init_failed(invocation, failure).await
    }

    /// The outcome when one environment after the other ended before it took the invocation.
    pub(super) async fn gave_up(&mut self, invocation: &Invocation) -> Outcome {
        let failure = self.exited(&invocation.request_id).await;
        self.init_failed(invocation, failure).await
    }

    /// `Err(None)`: the process has ended.
    async fn wait_until_ready(&mut self) -> Result<(), Option<Failure>> {
        loop {
            if self.ready.as_ref().is_some_and(|ready| !ready.is_closed()) {
                return Ok(());
            }
            tokio::select! {
                biased;
                call = self.calls.recv() => match call {
                    Some(Call::Next(ready)) => {
                        if !self.initialized {
                            self.initialized = true;
                            self.init = Some(self.started.elapsed());
                        }
                        self.ready = Some(ready);
                    }
                    Some(Call::InitFailure { body }) if !self.initialized => {
                        return Err(Some(Failure { line: None, status: ("error", kind_of(&body)), body }));
                    }
                    // An answer that came too late: its invocation has been answered already.
                    Some(_) => {}
                    None => return Err(None),
                },
                _ = self.process.ended() => return Err(None),
            }
        }
    }

    /// Waits for the answer to the invocation under way.
    async fn work(&mut self, id: &str) -> Result<Bytes, Failure> {
        let mut look = tokio::time::interval(LOOK);
        let memory_limit = self.function.memory_size << 20;
        loop {
            tokio::select! {
                biased;
                call = self.calls.recv() => if let Some(result) = self.heard(call, id) {
                    return result;
                },
                _ = self.process.ended() => {
                    while let Ok(Some(call)) = tokio::time::timeout(LAST_WORD, self.calls.recv()).await {
                        if let Some(result) = self.heard(Some(call), id) {
                            self.usable = false;
                            return result;
                        }
                    }
                    return Err(self.exited(id).await);
                }
                _ = look.tick() => {
                    if self.process.memory().is_some_and(|(now, _)| now > memory_limit) {
                        self.end();
                        return Err(exit_failure(id, "signal: killed", "Runtime.OutOfMemory"));
                    }
                }
            }
        }
    }

    /// The result of the invocation, if this call brings it.
    fn heard(&mut self, call: Option<Call>, id: &str) -> Option<Result<Bytes, Failure>> {
        match call? {
            Call::Response { request_id, body } if request_id == id => Some(Ok(body)),
            Call::Failure { request_id, body } if request_id == id => {
                Some(Err(Failure { line: None, status: ("error", kind_of(&body)), body }))
            }
            Call::TooLarge { request_id } if request_id == id => {
                let kind = "Function.ResponseSizeTooLarge";
                let body = error_body(kind, &too_large_text());
                Some(Err(Failure { body, line: None, status: ("error", Some(kind.to_owned())) }))
            }
            Call::Next(ready) => {
                self.ready = Some(ready);
                None
            }
            _ => None,
        }
    }

    async fn init_failed(&mut self, invocation: &Invocation, failure: Failure) -> Outcome {
        let id = &invocation.request_id;
        self.end();
        self.log.begin(vec![start_line(&self.function.logging, id)]).await;
        self.outcome(id, self.started.elapsed(), Err(failure)).await
    }

    /// Writes the last lines of an invocation.
    async fn outcome(&mut self, id: &str, duration: Duration, result: Result<Bytes, Failure>) -> Outcome {
        let memory = self.process.memory().map_or(0, |(_, most)| most.div_ceil(1 << 20));
        let mut report = Report {
            duration,
            init: self.init.take(),
            memory_size_mb: self.function.memory_size,
            max_memory_mb: memory,
            status: None,
        };
        let mut lines = Vec::new();
        let (payload, failed) = match result {
            Ok(body) => (body, false),
            Err(failure) => {
                lines.extend(failure.line);
                report.status = Some(failure.status);
                (failure.body, true)
            }
        };
        lines.extend(end_lines(&self.function.logging, id, &report));
        let log_tail = self.log.end(lines).await;
        Outcome { payload, failed, log_tail }
    }

    fn timed_out(&mut self, id: &str) -> Failure {
        self.end();
        let message = format!("Task timed out after {}.00 seconds", self.function.timeout);
        let body = error_body("Sandbox.Timedout", &format!("RequestId: {id} Error: {message}"));
        let line = format!("{} {id} {message}", Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ"));
        Failure { body, line: Some(line), status: ("timeout", None) }
    }

    async fn exited(&mut self, id: &str) -> Failure {
        self.usable = false;
        // The connection may break a moment before the process is gone.
        let status = tokio::time::timeout(LAST_WORD, self.process.ended()).await.ok().flatten();
        let how = status.map_or_else(|| "without providing a reason".to_owned(), how_it_ended);
        exit_failure(id, &how, "Runtime.ExitError")
    }

    fn not_taken(&mut self) -> Run {
        self.end();
        Run::NotTaken
    }

    fn end(&mut self) {
        self.usable = false;
        self.process.kill();
    }
}

fn trace_id() -> String {
    let (root, parent) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
    let seconds = Timestamp::now().as_second();
    format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", &root[..24], &parent[..16])
}
