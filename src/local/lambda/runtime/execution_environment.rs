//! One execution environment: one process, one Runtime API, one invocation at a time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use super::failure::{Failure, error_body, exit_failure, how_it_ended, kind_of};
use super::invocation::{Invocation, Outcome};
use super::platform_log::{Report, end_lines, init_report_line, start_line};
use super::runtime_api::{RuntimeRequest, Task, too_large_text};
use super::spawn::{RunningProcess, SpawnError, launch};
use crate::lambda::LambdaServices;
use crate::lambda::permissions;
use crate::lambda::state::FunctionRecord;

/// Interval between checks of the memory in use.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// A response sent just before the process ended is still accepted for this time.
const LAST_WORD: Duration = Duration::from_millis(100);

/// The outcome of an invocation in an environment.
pub(crate) enum RunOutcome {
    /// It ran to its end, successful or failed.
    Ended(Outcome),
    /// The environment ended before it took the invocation, which another one can safely run.
    NotTaken,
    /// The environment did not start.
    NotReady(Failure),
}

/// An execution environment.
pub(crate) struct ExecutionEnvironment {
    deps: LambdaServices,
    function: Arc<FunctionRecord>,
    launched: RunningProcess,
    ready: Option<oneshot::Sender<Task>>,
    started: Instant,
    /// Duration of the init phase, set when the function first asks for an invocation; the first report takes it.
    init: Option<Duration>,
    initialized: bool,
    usable: bool,
    /// Peak memory in bytes, as far as observed.
    most_memory: u64,
}

/// The reason why an environment is not ready.
enum NotReady {
    Exited,
    TimedOut,
    Failed(Failure),
}

impl ExecutionEnvironment {
    /// Starts the process.
    pub(crate) async fn start(
        deps: &LambdaServices,
        function: Arc<FunctionRecord>,
        invocation: &Invocation,
    ) -> Result<Self, SpawnError> {
        let started = Instant::now();
        let launched = launch(deps, &function, invocation).await?;
        Ok(ExecutionEnvironment {
            deps: deps.clone(),
            function,
            launched,
            ready: None,
            started,
            init: None,
            initialized: false,
            usable: true,
            most_memory: 0,
        })
    }

    /// Returns whether it can run another invocation.
    pub(crate) fn is_usable(&self) -> bool {
        self.usable
    }

    /// Freezes the process between invocations.
    pub(crate) fn freeze(&self) {
        self.launched.process.freeze();
    }

    /// Runs one invocation.
    ///
    /// An environment in its init phase has until `start_until`; the invocation has until `work_until`, or the
    /// function's timeout.
    pub(crate) async fn run(
        &mut self,
        invocation: &Invocation,
        start_until: Instant,
        work_until: Option<Instant>,
    ) -> RunOutcome {
        let id = &invocation.request_id;
        let is_new = !self.initialized;
        self.launched.process.thaw();
        match self.wait_ready(id, start_until).await {
            Ok(()) => {}
            Err(_) if !is_new => return self.not_taken(),
            Err(NotReady::Exited) => return RunOutcome::NotReady(self.exited(id).await),
            Err(NotReady::TimedOut) => return RunOutcome::NotReady(self.timed_out(id)),
            Err(NotReady::Failed(failure)) => return RunOutcome::NotReady(failure),
        }
        let Some(ready) = self.ready.take() else { return self.not_taken() };
        self.log_start(id).await;
        let began = Instant::now();
        let until = work_until.unwrap_or(began + Duration::from_secs(self.function.timeout));
        if ready.send(self.task(invocation, until.saturating_duration_since(began))).is_err() {
            return self.not_taken();
        }
        let result = match timeout_at(until, self.work(id)).await {
            Ok(result) => result,
            Err(_) => Err(self.timed_out(id)),
        };
        RunOutcome::Ended(self.outcome(id, began.elapsed(), result).await)
    }

    /// Logs that this environment did not start: in its init phase (`init`), or during the invocation (`invoke`).
    pub(crate) async fn report_start(&mut self, phase: &str, failure: &Failure) {
        self.end();
        let mut lines = Vec::new();
        if phase == "init" && failure.status.0 == "error" {
            lines.extend(failure.line.clone());
        }
        lines.push(init_report_line(&self.function.logging, self.started.elapsed(), phase, &failure.status));
        self.launched.log.preface(lines).await;
    }

    /// Returns the outcome if the second start failed too.
    pub(crate) async fn did_not_start(&mut self, invocation: &Invocation, failure: Failure) -> Outcome {
        self.report_start("invoke", &failure).await;
        self.log_start(&invocation.request_id).await;
        self.outcome(&invocation.request_id, self.started.elapsed(), Err(failure)).await
    }

    /// Returns the outcome if one environment after the other ended before it took the invocation.
    pub(crate) async fn gave_up(&mut self, invocation: &Invocation) -> Outcome {
        let failure = self.exited(&invocation.request_id).await;
        self.did_not_start(invocation, failure).await
    }

    fn task(&self, invocation: &Invocation, limit: Duration) -> Task {
        let deadline = Timestamp::now().as_millisecond().saturating_add(limit.as_millis().try_into().unwrap_or(0));
        Task {
            request_id: invocation.request_id.clone(),
            payload: invocation.payload.clone(),
            deadline_ms: u64::try_from(deadline).unwrap_or_default(),
            function_arn: self.deps.identity.function_arn(&self.function.name),
            trace_id: trace_id(),
            client_context: invocation.client_context.clone(),
        }
    }

    /// Waits until the function asks for an invocation.
    async fn wait_ready(&mut self, id: &str, until: Instant) -> Result<(), NotReady> {
        let mut look = tokio::time::interval(POLL_INTERVAL);
        loop {
            if self.ready.as_ref().is_some_and(|ready| !ready.is_closed()) {
                return Ok(());
            }
            tokio::select! {
                biased;
                call = self.launched.calls.recv() => match call {
                    Some(RuntimeRequest::Next(ready)) => {
                        if !self.initialized {
                            self.initialized = true;
                            self.init = Some(self.started.elapsed());
                        }
                        self.ready = Some(ready);
                    }
                    Some(RuntimeRequest::InitFailure { body }) if !self.initialized => {
                        return Err(NotReady::Failed(Failure { line: None, status: ("error", kind_of(&body)), body }));
                    }
                    // A late response: its invocation has been answered already.
                    Some(_) => {}
                    None => return Err(NotReady::Exited),
                },
                _ = self.launched.process.ended() => return Err(NotReady::Exited),
                () = sleep_until(until) => return Err(NotReady::TimedOut),
                _ = look.tick() => if let Some(failure) = self.over_memory(id) {
                    return Err(NotReady::Failed(failure));
                },
            }
        }
    }

    /// Waits for the response to the current invocation.
    async fn work(&mut self, id: &str) -> Result<Bytes, Failure> {
        let mut look = tokio::time::interval(POLL_INTERVAL);
        loop {
            tokio::select! {
                biased;
                call = self.launched.calls.recv() => if let Some(result) = self.on_runtime_request(call, id) {
                    return result;
                },
                _ = self.launched.process.ended() => {
                    while let Ok(Some(call)) = tokio::time::timeout(LAST_WORD, self.launched.calls.recv()).await {
                        if let Some(result) = self.on_runtime_request(Some(call), id) {
                            self.usable = false;
                            return result;
                        }
                    }
                    return Err(self.exited(id).await);
                }
                _ = look.tick() => if let Some(failure) = self.over_memory(id) {
                    return Err(failure);
                },
            }
        }
    }

    /// Returns the result of the invocation, if this request contains it.
    fn on_runtime_request(&mut self, call: Option<RuntimeRequest>, id: &str) -> Option<Result<Bytes, Failure>> {
        match call? {
            RuntimeRequest::Response { request_id, body } if request_id == id => Some(Ok(body)),
            RuntimeRequest::Failure { request_id, body } if request_id == id => {
                Some(Err(Failure { line: None, status: ("error", kind_of(&body)), body }))
            }
            RuntimeRequest::TooLarge { request_id } if request_id == id => {
                let kind = "Function.ResponseSizeTooLarge";
                let body = error_body(kind, &too_large_text());
                Some(Err(Failure { body, line: None, status: ("error", Some(kind.to_owned())) }))
            }
            RuntimeRequest::Next(ready) => {
                self.ready = Some(ready);
                None
            }
            _ => None,
        }
    }

    /// Ends the environment if its process uses more memory than the function has.
    fn over_memory(&mut self, id: &str) -> Option<Failure> {
        let now = self.launched.process.memory()?;
        self.most_memory = self.most_memory.max(now);
        if now <= self.function.memory_size << 20 {
            return None;
        }
        self.end();
        Some(exit_failure(id, "signal: killed", "Runtime.OutOfMemory"))
    }

    async fn log_start(&self, id: &str) {
        // The role may have been changed since the last invocation.
        let access =
            permissions::log_access(&self.deps, &self.function.role, &self.function.name, &self.function.logging.group);
        self.launched.log.begin(vec![start_line(&self.function.logging, id)], access).await;
    }

    /// Logs the last lines of an invocation.
    async fn outcome(&mut self, id: &str, duration: Duration, result: Result<Bytes, Failure>) -> Outcome {
        let most = self.launched.process.memory().unwrap_or_default().max(self.most_memory);
        let mut report = Report {
            duration,
            init: self.init.take(),
            memory_size_mb: self.function.memory_size,
            max_memory_mb: most.div_ceil(1 << 20),
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
        let log_tail = self.launched.log.add(lines).await;
        Outcome { payload, failed, duration, log_tail }
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
        // The connection may break a moment before the process has ended.
        let status = tokio::time::timeout(LAST_WORD, self.launched.process.ended()).await.ok().flatten();
        let how = status.map_or_else(|| "without providing a reason".to_owned(), how_it_ended);
        exit_failure(id, &how, "Runtime.ExitError")
    }

    fn not_taken(&mut self) -> RunOutcome {
        self.end();
        RunOutcome::NotTaken
    }

    fn end(&mut self) {
        self.usable = false;
        self.launched.process.kill();
    }
}

fn trace_id() -> String {
    let (root, parent) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
    let seconds = Timestamp::now().as_second();
    format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", &root[..24], &parent[..16])
}
