//! Processes of functions that outlived the local cloud. They end by themselves once the Runtime API is gone, except
//! one that never asks it again; so each is written down while it runs, and the next start ends what is still there.
//! What they started in turn, in a group or session of its own, is known by the environment that it has inherited.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process};

use super::procfs::{self, Stat};
use crate::data_dir::private_dir;

/// Writes a process down; without `/proc` there is nothing to know it by later, and so no entry.
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

/// Strikes it out again.
pub(crate) fn unregister(entry: Option<PathBuf>) {
    if let Some(path) = entry {
        // A stale entry names a start time that no later process has.
        fs::remove_file(path).unwrap_or_default();
    }
}

/// Ends every process that is still written down, and empties the register.
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
            // Struck out meanwhile: it has just ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // Process ids are used again; a process id with its start time is not.
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

/// Passes in which processes are looked for that were started during the pass before.
const PASSES: usize = 20;

/// Ends every process whose environment says that its code is in this folder.
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
            // The only failure is that it has ended.
            kill_process(pid, Signal::KILL).unwrap_or_default();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Deletes what is in a folder.
pub(crate) fn empty(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// When a process was started, in clock ticks since the machine was, with what tells one boot from another.
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
    fn what_is_written_down_is_ended() {
        let dir = tempfile::tempdir().unwrap();
        let (mut child, pid) = sleeper();
        let entry = register(dir.path(), pid).unwrap();
        assert_eq!(fs::metadata(entry).unwrap().permissions().mode() & 0o777, 0o600);
        end_all(dir.path()).unwrap();
        assert!(!child.wait().unwrap().success());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn another_process_with_the_same_id_is_left_alone() {
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
    fn end_escaped_ends_what_inherited_the_place_of_the_code_and_nothing_else() {
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
