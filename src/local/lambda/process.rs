//! One process of a function: started with nothing but what it is given, killed with all its children.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::watch;

use super::leftovers;

/// Address space that a process may have beyond its memory size. Allocators reserve far more than they use, so this is
/// only a stop for what runs away between two looks at the memory in use.
#[cfg(target_os = "linux")]
const ADDRESS_SPACE_SLACK: u64 = 8 << 30;

/// A running process. Dropping it kills it.
pub(super) struct Process {
    pid: Pid,
    exit: watch::Receiver<Option<ExitStatus>>,
}

/// Its two streams of output.
pub(super) struct Pipes {
    pub stdout: ChildStdout,
    pub stderr: ChildStderr,
}

impl Process {
    /// Starts `program` in its own process group; `memory_mb` is the function's memory size.
    pub(super) async fn start(
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
        let mut child = spawn(&mut command).await?;
        let pid =
            child.id().and_then(|id| Pid::from_raw(id.cast_signed())).ok_or_else(|| io::Error::other("no pid"))?;
        limit(pid, memory_mb);
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("no pipes"));
        };
        let entry = leftovers::enter(register, pid);
        let (sender, exit) = watch::channel(None);
        tokio::spawn(reap(child, pid, entry, sender));
        Ok((Process { pid, exit }, Pipes { stdout, stderr }))
    }

    /// Kills the process and all that it started.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Stops it and all that it started, as the service freezes an environment between invocations.
    pub(super) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(super) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if self.exit.borrow().is_none() {
            // The only failure is that it has ended.
            rustix::process::kill_process_group(self.pid, signal).unwrap_or_default();
        }
    }

    /// Waits until it has ended; `None` when that can no longer be known.
    pub(super) async fn ended(&mut self) -> Option<ExitStatus> {
        self.exit.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }

    /// Memory in use now by the process and those that it started, in bytes. `None` where the system does not say.
    pub(super) fn memory(&self) -> Option<u64> {
        resident(self.pid)
    }
}

/// Resident memory of a process and its descendants. A process that ends meanwhile has none.
fn resident(pid: Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let own: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let children = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = children.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let of_child = |child: &str| Pid::from_raw(child.parse().ok()?).and_then(resident);
    let others: u64 = children.flat_map(|pids| pids.split(' ').filter_map(of_child).collect::<Vec<_>>()).sum();
    Some(own * 1024 + others)
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts the process. A file that was just unpacked can be held open for writing by a process that another thread is
/// about to start (it inherits all files until its own `exec`): that passes within milliseconds.
async fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut pause = Duration::from_millis(1);
    loop {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && pause < Duration::from_secs(1) => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            result => return result,
        }
    }
}

/// Waits for the end, then ends what the process left behind in its group.
async fn reap(mut child: Child, pid: Pid, entry: Option<PathBuf>, exit: watch::Sender<Option<ExitStatus>>) {
    let status = child.wait().await;
    kill_group(pid);
    leftovers::leave(entry);
    // Nobody may be waiting any more.
    exit.send(status.ok()).unwrap_or_default();
}

fn kill_group(pid: Pid) {
    // The only failure is that nothing is left to kill.
    rustix::process::kill_process_group(pid, Signal::KILL).unwrap_or_default();
}

#[cfg(target_os = "linux")]
fn limit(pid: Pid, memory_mb: u64) {
    use rustix::process::{Resource, Rlimit, prlimit};
    let bound = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    // Fails only when the process has ended already, or when this one is limited more strictly itself.
    prlimit(Some(pid), Resource::As, bound((memory_mb << 20) + ADDRESS_SPACE_SLACK)).ok();
    // The memory of a crashed function holds readings and credentials: it is not written to disk.
    prlimit(Some(pid), Resource::Core, bound(0)).ok();
}

#[cfg(not(target_os = "linux"))]
fn limit(_pid: Pid, _memory_mb: u64) {}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::local::tests::eventually;

    #[tokio::test]
    async fn memory_is_that_of_the_process_and_its_children() {
        let mut shell = Command::new("sh").args(["-c", "sleep 60 & wait"]).kill_on_drop(true).spawn().unwrap();
        let pid = Pid::from_raw(shell.id().unwrap().cast_signed()).unwrap();
        let own = || {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
            line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() * 1024
        };
        let memory = async || (resident(pid).unwrap(), own());
        eventually("the child's memory is counted", memory, |(all, own)| *all >= own + 100_000).await;
        shell.kill().await.unwrap();
        assert_eq!(resident(pid), None);
    }
}
