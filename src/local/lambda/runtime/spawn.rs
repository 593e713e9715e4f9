//! Starts an execution environment: its Runtime API, credentials, scratch space and process.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::code;
use super::environment::{self, Place};
use super::failure::{ENTRYPOINT, error_body, exec_failure};
use super::invocation::{Invocation, Outcome};
use super::log_forwarder::{Destination, LogForwarder};
use super::platform_log::{Report, end_lines, start_line};
use super::process::Process;
use super::runtime_api::{RuntimeApi, RuntimeRequest};
use crate::auth::credentials::{CredentialStore, SessionKeys};
use crate::data_dir::private_dir;
use crate::lambda::state::FunctionRecord;
use crate::lambda::{LambdaServices, permissions};
use crate::protocol::aws_json::now_ms;

/// Folder below the state directory with the scratch space of every environment.
pub(crate) const SCRATCH: &str = "tmp";

/// A started environment.
pub(crate) struct RunningProcess {
    pub calls: mpsc::Receiver<RuntimeRequest>,
    pub process: Process,
    pub log: LogForwarder,
    _held: HeldProcess,
}

/// Resources held during an environment's life.
pub(crate) struct HeldProcess {
    _api: RuntimeApi,
    _session: Session,
    /// Its own `TMPDIR`, deleted with it.
    _scratch: tempfile::TempDir,
    /// Keeps the code from being deleted.
    _code: File,
}

/// The reason why an environment was not started.
#[derive(Debug)]
pub(crate) enum SpawnError {
    /// The function's code cannot run; the outcome of the invocation.
    Outcome(Outcome),
    /// Its role cannot be assumed.
    NoRole,
    /// Its variables cannot be decrypted.
    NoKey,
    /// This machine failed.
    Failed(String),
}

/// Credentials that end with the environment.
struct Session {
    keys: CredentialStore,
    access_key_id: String,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.keys.revoke(&self.access_key_id);
    }
}

/// Starts an environment for a function.
pub(crate) async fn launch(
    deps: &LambdaServices,
    function: &Arc<FunctionRecord>,
    invocation: &Invocation,
) -> Result<RunningProcess, SpawnError> {
    if !permissions::is_assumable(&deps.iam, &deps.identity, &function.role) {
        return Err(SpawnError::NoRole);
    }
    if !permissions::can_decrypt(&deps.iam, function) {
        return Err(SpawnError::NoKey);
    }
    let failed =
        |error: io::Error| SpawnError::Failed(format!("the local cloud could not start {}: {error}", function.name));
    let root = deps.dir.join("code");
    let folder = root.join(&function.code_folder);
    let code = code::hold(&root, &function.code_folder)
        .map_err(|error| failed(io::Error::new(error.kind(), format!("{}: {error}", folder.display()))))?;
    let bootstrap = folder.join("bootstrap");
    let destination = destination(deps, function);
    if !bootstrap.is_file() {
        let reason = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]";
        return Err(no_entrypoint(function, invocation, &destination, reason).await);
    }
    let (api, calls) = RuntimeApi::start().await.map_err(failed)?;
    let scratch = scratch(&deps.dir.join(SCRATCH)).map_err(failed)?;
    let (session, keys) = session(&deps.keys, function);
    let place = Place {
        region: &deps.identity.region,
        endpoint: &deps.endpoint,
        runtime_api: api.address,
        code: &folder,
        scratch: scratch.path(),
        log_stream: &destination.stream,
    };
    let variables = environment::variables(function, &place, &keys);
    let register = deps.dir.join("running");
    match Process::start(&bootstrap, &folder, &variables, function.memory_size, &register).await {
        Ok((process, pipes)) => {
            let held = HeldProcess { _api: api, _session: session, _scratch: scratch, _code: code };
            Ok(RunningProcess { calls, process, log: LogForwarder::start(pipes, destination), _held: held })
        }
        Err(error) => match exec_failure(&error) {
            Some(text) => {
                let reason = format!("fork/exec /var/task/bootstrap: {text}");
                Err(no_entrypoint(function, invocation, &destination, &reason).await)
            }
            None => Err(failed(error)),
        },
    }
}

/// Returns the log destination of an environment: its own stream, named by the day in UTC as in the service.
fn destination(deps: &LambdaServices, function: &FunctionRecord) -> Destination {
    let day = Timestamp::now().strftime("%Y/%m/%d").to_string();
    let group = function.logging.group.clone();
    Destination {
        access: permissions::log_access(deps, &function.role, &function.name, &group),
        logs: deps.logs.clone(),
        stream: format!("{day}/[$LATEST]{}", Uuid::new_v4().simple()),
        group,
    }
}

fn scratch(root: &Path) -> io::Result<tempfile::TempDir> {
    private_dir(root)?;
    tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir_in(root)
}

fn session(keys: &CredentialStore, function: &FunctionRecord) -> (Session, SessionKeys) {
    let issued = keys.issue(&function.role, &function.name);
    (Session { keys: keys.clone(), access_key_id: issued.access_key_id.clone() }, issued)
}

/// Returns the outcome of an invocation of code that cannot run.
async fn no_entrypoint(
    function: &FunctionRecord,
    invocation: &Invocation,
    destination: &Destination,
    reason: &str,
) -> SpawnError {
    let id = &invocation.request_id;
    let report = Report {
        duration: Duration::ZERO,
        init: None,
        memory_size_mb: function.memory_size,
        max_memory_mb: 0,
        status: Some(("error", Some(ENTRYPOINT.to_owned()))),
    };
    let message = format!("RequestId: {id} Error: {reason}");
    let mut lines = vec![start_line(&function.logging, id), message.clone()];
    lines.extend(end_lines(&function.logging, id, &report));
    let log_tail = lines.join("\n").into_bytes();
    let now = now_ms();
    destination.write(lines.into_iter().map(|line| (now, line)).collect(), true).await;
    SpawnError::Outcome(Outcome {
        payload: error_body(ENTRYPOINT, &message),
        failed: true,
        duration: Duration::ZERO,
        log_tail,
    })
}
