//! A process of a function: started with an explicit environment only, killed with all its descendants.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Pid;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::watch;

use super::orphan_processes;
use super::process_tree::{self, ProcessTree};

/// Address space of a process beyond its memory size. Allocators reserve far more than they use, so this only stops a
/// runaway process between two checks of the memory in use.
#[cfg(target_os = "linux")]
const ADDRESS_SPACE_SLACK: u64 = 8 << 30;

/// Limit of a function's open files and connections (AWS: "Lambda quotas", file descriptors).
#[cfg(target_os = "linux")]
const OPEN_FILES: u64 = 1024;

/// An environment variable whose value is unique to each environment.
const MARKER: &str = "AWS_LAMBDA_RUNTIME_API";

/// A running process. Dropping it kills it.
pub(crate) struct Process {
    tree: Arc<ProcessTree>,
    exit: watch::Receiver<Option<ExitStatus>>,
}

/// Its two output streams.
pub(crate) struct Pipes {
    pub stdout: ChildStdout,
    pub stderr: ChildStderr,
}

impl Process {
    /// Starts `program` in its own process group; `memory_mb` is the function's memory size.
    pub(crate) async fn start(
        program: &Path,
        folder: &Path,
        variables: &BTreeMap<String, String>,
        memory_mb: u64,
        register: &Path,
    ) -> io::Result<(Self, Pipes)> {
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let marker = format!("{MARKER}={}", variables.get(MARKER).map_or("", String::as_str));
        let (tree, (pid, mut child)) = spawn(&mut command, &marker).await?;
        limit(pid, memory_mb);
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("no pipes"));
        };
        let entry = orphan_processes::register(register, pid);
        let (sender, exit) = watch::channel(None);
        tokio::spawn(reap(child, Arc::clone(&tree), entry, sender));
        Ok((Process { tree, exit }, Pipes { stdout, stderr }))
    }

    /// Kills the process and all its descendants.
    pub(crate) fn kill(&self) {
        if self.is_there() {
            self.tree.kill();
        }
    }

    /// Freezes it and all its descendants, as the service does between invocations.
    pub(crate) fn freeze(&self) {
        if self.is_there() {
            self.tree.freeze();
        }
    }

    /// Resumes it.
    pub(crate) fn thaw(&self) {
        if self.is_there() {
            self.tree.thaw();
        }
    }

    /// Returns whether it runs. After its end, the task that waited for it kills its descendants.
    fn is_there(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// Waits for its end; returns `None` if its exit status is unknown.
    pub(crate) async fn ended(&mut self) -> Option<ExitStatus> {
        self.exit.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }

    /// Returns the memory in use by the process and its descendants in bytes.
    ///
    /// Returns `None` if the system does not report it.
    pub(crate) fn memory(&self) -> Option<u64> {
        self.tree.memory()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts the process.
///
/// Another thread's child may hold a just unpacked file open for writing (it inherits all files until its own `exec`);
/// this passes within milliseconds.
async fn spawn(command: &mut Command, marker: &str) -> io::Result<(Arc<ProcessTree>, (Pid, Child))> {
    let mut pause = Duration::from_millis(1);
    loop {
        let begun = ProcessTree::begin(marker.to_owned(), || {
            no_new_privileges()?;
            let child = command.spawn()?;
            let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
            let pid = pid.ok_or_else(|| io::Error::other("no pid"))?;
            Ok((pid, (pid, child)))
        });
        match begun {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && pause < Duration::from_secs(1) => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            begun => return begun,
        }
    }
}

/// Keeps processes started by this thread from gaining privileges, for instance by `sudo`.
///
/// The thread itself never needs any.
#[cfg(target_os = "linux")]
fn no_new_privileges() -> io::Result<()> {
    Ok(rustix::thread::set_no_new_privs(true)?)
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
fn no_new_privileges() -> io::Result<()> {
    Ok(())
}

/// Waits for the end, then kills the processes left behind.
async fn reap(
    mut child: Child,
    tree: Arc<ProcessTree>,
    entry: Option<PathBuf>,
    exit: watch::Sender<Option<ExitStatus>>,
) {
    let status = child.wait().await;
    tree.kill();
    // The caller may have stopped waiting.
    exit.send(status.ok()).unwrap_or_default();
    tree.end().await;
    orphan_processes::unregister(entry);
    tokio::task::spawn_blocking(process_tree::end_strays);
}

#[cfg(target_os = "linux")]
fn limit(pid: Pid, memory_mb: u64) {
    use rustix::process::{Resource, Rlimit, prlimit};
    let bound = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    // Fails only if the process has ended already, or if this process has stricter limits itself.
    prlimit(Some(pid), Resource::As, bound((memory_mb << 20) + ADDRESS_SPACE_SLACK)).ok();
    // The memory of a crashed function contains readings and credentials: write no core dump. (The local cloud passes
    // this limit on as well, so that every process has it.)
    prlimit(Some(pid), Resource::Core, bound(0)).ok();
    prlimit(Some(pid), Resource::Nofile, bound(OPEN_FILES)).ok();
}

#[cfg(not(target_os = "linux"))]
fn limit(_pid: Pid, _memory_mb: u64) {}
