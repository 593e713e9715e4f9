//! Process information from Linux's `/proc`. Elsewhere there is no such folder, and every result is empty.

use std::fs;

use rustix::process::Pid;

/// The state of a process at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stat {
    pub pid: Pid,
    /// `None` if the parent is outside.
    pub parent: Option<Pid>,
    pub group: Option<Pid>,
    /// Start time in clock ticks since boot: with the process ID it identifies the process among all earlier and later
    /// ones.
    pub started: u64,
    /// Its first thread has ended; possibly the whole process has.
    pub is_zombie: bool,
}

impl Stat {
    /// Returns an existing process, including one that has ended but was not waited for.
    pub(crate) fn read(pid: Pid) -> Option<Stat> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may contain any character.
        let (_, fields) = text.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace();
        let is_zombie = fields.next()? == "Z";
        let mut id = || fields.next()?.parse().ok().map(Pid::from_raw);
        let (parent, group) = (id()?, id()?);
        // The twentieth field after the name; the third was the last one read.
        let started = fields.nth(16)?.parse().ok()?;
        Some(Stat { pid, parent, group, started, is_zombie })
    }

    /// Returns its identity, which never changes and is never reused.
    pub(crate) fn identity(&self) -> (Pid, u64) {
        (self.pid, self.started)
    }
}

/// Returns the child processes of all threads of a process.
pub(crate) fn children(pid: Pid) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.flat_map(|thread| pids_in(&thread.path().join("children").to_string_lossy())).collect()
}

/// Returns the child processes of a process's first thread: those that it started, and all those that it adopted.
pub(crate) fn children_of_first_thread(pid: Pid) -> Vec<Pid> {
    pids_in(&format!("/proc/{pid}/task/{pid}/children"))
}

fn pids_in(path: &str) -> Vec<Pid> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_ascii_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// Returns all processes of the machine.
pub(crate) fn all() -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Returns the environment that a process was started with.
///
/// It is empty if this user may not read it, and wrong if the process has overwritten it.
pub(crate) fn environment(pid: Pid) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    bytes.split(|byte| *byte == 0).map(|variable| String::from_utf8_lossy(variable).into_owned()).collect()
}

/// Returns the memory in use by a process, in bytes; 0 if it has ended.
pub(crate) fn resident(pid: Pid) -> u64 {
    let of = |path: String| -> Option<u64> {
        let line = number_of_line(&path, "VmRSS:")?;
        line.strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    };
    if let Some(bytes) = of(format!("/proc/{pid}/status")) {
        return bytes;
    }
    // Its first thread has ended; each other thread shows the memory of the whole process.
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.filter_map(|thread| of(format!("{}/status", thread.path().display()))).max().unwrap_or_default()
}

/// Returns whether a process has given up all ways to gain privileges, which is permanent and inherited.
pub(crate) fn has_no_new_privileges(pid: Pid) -> bool {
    number_of_line(&format!("/proc/{pid}/status"), "NoNewPrivs:").is_some_and(|number| number == "1")
}

fn number_of_line(path: &str, name: &str) -> Option<String> {
    let status = fs::read_to_string(path).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn procfs_reads_stat_children_environment_and_memory() {
        let mut shell = Command::new("sh").args(["-c", "sleep 60 & wait"]).env("A", "b").spawn().unwrap();
        let pid = Pid::from_raw(shell.id().cast_signed()).unwrap();
        let child = loop {
            if let [child] = children(pid)[..] {
                break child;
            }
            std::thread::yield_now();
        };
        let (parent, stat) = (Stat::read(pid).unwrap(), Stat::read(child).unwrap());
        assert_eq!((parent.parent, stat.parent), (Some(rustix::process::getpid()), Some(pid)));
        assert!(stat.started >= parent.started && !stat.is_zombie);
        assert_eq!(stat.group, parent.group);
        assert!(environment(pid).contains(&"A=b".to_owned()));
        assert!(resident(pid) > 100_000);
        assert!(all().contains(&child));
        rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
        shell.wait().unwrap();
        assert_eq!((Stat::read(pid), resident(pid)), (None, 0));
    }
}
