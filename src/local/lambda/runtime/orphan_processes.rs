//! Orphan processes: function processes that outlived the local cloud.
//!
//! They end by themselves once the Runtime API is gone, unless they never call it again. So each running process is
//! registered in a file, and the next start kills those that still run. Their descendants in other process groups or
//! sessions are recognized by the inherited environment.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process};

use super::procfs::{self, Stat};
use crate::data_dir::private_dir;

/// Registers a process; without `/proc` it could not be recognized later, so it gets no entry.
pub(crate) fn register(dir: &Path, pid: Pid) -> Option<PathBuf> {
    let started = started(pid)?;
    let path = dir.join(pid.to_string());
    let write = || {
        private_dir(dir)?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(started.as_bytes())
    };
    write().ok().map(|()| path)
}

/// Unregisters a process.
pub(crate) fn unregister(entry: Option<PathBuf>) {
    if let Some(path) = entry {
        // A stale entry has a start time that no later process has.
        fs::remove_file(path).unwrap_or_default();
    }
}

/// Kills all registered processes, and clears the register.
pub(crate) fn end_all(dir: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let known = match fs::read_to_string(entry.path()) {
            Ok(known) => known,
            // Unregistered meanwhile: the process has just ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // Process IDs are reused; a process ID with its start time is not.
        if let Some(pid) = pid
            && started(pid).is_some_and(|started| started == known)
        {
            rustix::process::kill_process_group(pid, Signal::KILL).unwrap_or_default();
        }
        if let Err(error) = fs::remove_file(entry.path())
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Limit of passes that look for processes started during the pass before.
const PASSES: usize = 20;

/// Kills every process whose environment names this code folder.
pub(crate) fn end_escaped(code: &Path) {
    let place = format!("LAMBDA_TASK_ROOT={}/", code.display());
    for _ in 0..PASSES {
        let is_escaped = |pid: &Pid| {
            *pid != getpid() && procfs::environment(*pid).iter().any(|variable| variable.starts_with(&place))
        };
        let escaped: Vec<Pid> = procfs::all().into_iter().filter(is_escaped).collect();
        if escaped.is_empty() {
            return;
        }
        for pid in escaped {
            // The only possible error is that it has ended.
            kill_process(pid, Signal::KILL).unwrap_or_default();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Deletes the contents of a folder.
pub(crate) fn empty(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns the start time of a process in clock ticks since boot, with an ID of the boot.
fn started(pid: Pid) -> Option<String> {
    let ticks = Stat::read(pid)?.started;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{ticks} {}", boot.trim()))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    use super::*;

    fn sleeper() -> (Child, Pid) {
        let child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        (child, pid)
    }

    #[test]
    fn orphan_processes_registered_process_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let (mut child, pid) = sleeper();
        let entry = register(dir.path(), pid).unwrap();
        assert_eq!(fs::metadata(entry).unwrap().permissions().mode() & 0o777, 0o600);
        end_all(dir.path()).unwrap();
        assert!(!child.wait().unwrap().success());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn orphan_processes_reused_pid_is_not_killed() {
        let dir = tempfile::tempdir().unwrap();
        let (mut child, pid) = sleeper();
        let entry = register(dir.path(), pid).unwrap();
        fs::write(entry, "1 another boot").unwrap();
        end_all(dir.path()).unwrap();
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn orphan_processes_end_escaped_kills_only_processes_of_the_code_folder() {
        let dir = tempfile::tempdir().unwrap();
        let start = |code: &str| {
            let place = dir.path().join(code);
            Command::new("sleep").arg("60").env("LAMBDA_TASK_ROOT", place).process_group(0).spawn().unwrap()
        };
        let (mut ours, mut other) = (start("code/abc"), start("codes/abc"));
        end_escaped(&dir.path().join("code"));
        assert!(!ours.wait().unwrap().success());
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
