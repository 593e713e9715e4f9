//! One process of a function: started with nothing but what it is given, killed with all that it started.

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

/// Address space that a process may have beyond its memory size. Allocators reserve far more than they use, so this is
/// only a stop for what runs away between two looks at the memory in use.
#[cfg(target_os = "linux")]
const ADDRESS_SPACE_SLACK: u64 = 8 << 30;

/// Files and connections that a function may have open (AWS: "Lambda quotas", file descriptors).
#[cfg(target_os = "linux")]
const OPEN_FILES: u64 = 1024;

/// The variable that no two environments have with the same value.
const MARKER: &str = "AWS_LAMBDA_RUNTIME_API";

/// A running process. Dropping it kills it.
pub(crate) struct Process {
    tree: Arc<ProcessTree>,
    exit: watch::Receiver<Option<ExitStatus>>,
}

/// Its two streams of output.
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

    /// Kills the process and all that it started.
    pub(crate) fn kill(&self) {
        if self.is_there() {
            self.tree.kill();
        }
    }

    /// Stops it and all that it started, as the service freezes an environment between invocations.
    pub(crate) fn freeze(&self) {
        if self.is_there() {
            self.tree.freeze();
        }
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        if self.is_there() {
            self.tree.thaw();
        }
    }

    /// Once it has ended, what it started is ended by whoever waited for it.
    fn is_there(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// Waits until it has ended; `None` when that can no longer be known.
    pub(crate) async fn ended(&mut self) -> Option<ExitStatus> {
        self.exit.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }

    /// Memory in use now by the process and those that it started, in bytes. `None` where the system does not say.
    pub(crate) fn memory(&self) -> Option<u64> {
        self.tree.memory()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts the process. A file that was just unpacked can be held open for writing by a process that another thread is
/// about to start (it inherits all files until its own `exec`): that passes within milliseconds.
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

/// Keeps what this thread starts from getting more rights than the user has, by `sudo` for one. The thread itself never
/// needs them.
#[cfg(target_os = "linux")]
fn no_new_privileges() -> io::Result<()> {
    Ok(rustix::thread::set_no_new_privs(true)?)
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
fn no_new_privileges() -> io::Result<()> {
    Ok(())
}

/// Waits for the end, then ends what the process left behind.
async fn reap(
    mut child: Child,
    tree: Arc<ProcessTree>,
    entry: Option<PathBuf>,
    exit: watch::Sender<Option<ExitStatus>>,
) {
    let status = child.wait().await;
    tree.kill();
    // Nobody may be waiting any more.
    exit.send(status.ok()).unwrap_or_default();
    tree.end().await;
    orphan_processes::unregister(entry);
    tokio::task::spawn_blocking(process_tree::end_strays);
}

#[cfg(target_os = "linux")]
fn limit(pid: Pid, memory_mb: u64) {
    use rustix::process::{Resource, Rlimit, prlimit};
    let bound = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    // Fails only when the process has ended already, or when this one is limited more strictly itself.
    prlimit(Some(pid), Resource::As, bound((memory_mb << 20) + ADDRESS_SPACE_SLACK)).ok();
    // The memory of a crashed function holds readings and credentials: it is not written to disk. (The local cloud passes
    // this one on as well, so that no process is without it.)
    prlimit(Some(pid), Resource::Core, bound(0)).ok();
    prlimit(Some(pid), Resource::Nofile, bound(OPEN_FILES)).ok();
}

#[cfg(not(target_os = "linux"))]
fn limit(_pid: Pid, _memory_mb: u64) {}
