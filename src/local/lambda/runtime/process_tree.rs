//! All processes of an execution environment: the first one and all its descendants, in any process group or session.
//!
//! A process whose parent has ended becomes a child of the local cloud ([`adopt_orphans`]). It is recognized by its
//! process group, by an earlier sighting, or by its inherited environment.
//!
//! Needs Linux. Elsewhere only the process group is known, which a process can leave.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, kill_process_group, waitpid};

use super::procfs::{self, Stat};

/// Limit of passes that stop all processes started during the pass before. Two are enough for a program that does not
/// try hard to escape.
const PASSES: usize = 100;

/// Passes without a new process after which all are stopped. One is not enough: a list of children can miss one while
/// another of them ends (`proc_pid_children(5)`).
const QUIET_PASSES: usize = 2;

/// How long the processes of an ended environment are killed, one generation after the other.
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// The trees of this process, and the number of trees whose first process is started but that are not listed yet.
static TREES: Mutex<Vec<Arc<ProcessTree>>> = Mutex::new(Vec::new());
static BEGINNING: AtomicUsize = AtomicUsize::new(0);

/// The processes of one environment.
#[derive(Debug)]
pub(crate) struct ProcessTree {
    root: Pid,
    /// Start time of the root, or `None` if the system does not report it.
    started: Option<u64>,
    /// An environment variable whose value is unique to this environment.
    marker: String,
    /// Running processes seen so far, by ID and start time.
    seen: Mutex<HashSet<(Pid, u64)>>,
    /// Frozen processes; `None` while they run.
    frozen: Mutex<Option<Vec<Stat>>>,
}

/// Makes this process the parent of every descendant whose own parent ends.
///
/// # Errors
/// The system refuses it.
#[cfg(target_os = "linux")]
pub(crate) fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(getpid()))?)
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
pub(crate) fn adopt_orphans() -> io::Result<()> {
    Ok(())
}

impl ProcessTree {
    /// Starts the first process of a tree.
    ///
    /// # Errors
    /// Those of `start`.
    pub(crate) fn begin<T>(
        marker: String,
        start: impl FnOnce() -> io::Result<(Pid, T)>,
    ) -> io::Result<(Arc<ProcessTree>, T)> {
        BEGINNING.fetch_add(1, Ordering::SeqCst);
        let begun = start().map(|(root, process)| {
            let started = Stat::read(root).map(|stat| stat.started);
            let (seen, frozen) = (Mutex::default(), Mutex::default());
            let tree = Arc::new(ProcessTree { root, started, marker, seen, frozen });
            lock(&TREES).push(Arc::clone(&tree));
            (tree, process)
        });
        BEGINNING.fetch_sub(1, Ordering::SeqCst);
        begun
    }

    /// Freezes all processes.
    pub(crate) fn freeze(&self) {
        let mut frozen = lock(&self.frozen);
        if frozen.is_none() {
            self.signal_group(Signal::STOP);
            *frozen = Some(self.stop());
        }
    }

    /// Resumes all frozen processes.
    pub(crate) fn thaw(&self) {
        let frozen = lock(&self.frozen).take();
        if let Some(frozen) = frozen {
            self.signal_group(Signal::CONT);
            signal_each(frozen.iter().filter(|member| member.group != Some(self.root)), Signal::CONT);
        }
    }

    /// Kills all processes, including those started meanwhile.
    pub(crate) fn kill(&self) {
        let members = self.stop();
        self.signal_group(Signal::KILL);
        signal_each(&members, Signal::KILL);
    }

    /// Kills the remaining processes after the first one has ended and was waited for.
    ///
    /// Killed processes that do not end (the system may hold them) are left to [`end_strays`].
    pub(crate) async fn end(&self) {
        let mut pause = Duration::from_millis(1);
        loop {
            let members = self.stop();
            signal_each(&members, Signal::KILL);
            if members.is_empty() || pause > LAST_PAUSE {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        lock(&TREES).retain(|tree| !std::ptr::eq(tree.as_ref(), self));
    }

    /// Returns the memory in use by all processes in bytes, or `None` if the system does not report it or none is left.
    pub(crate) fn memory(&self) -> Option<u64> {
        let members = self.members();
        if members.is_empty() { None } else { Some(members.iter().map(|member| procfs::resident(member.pid)).sum()) }
    }

    /// Stops all processes, including those started meanwhile, and returns them.
    fn stop(&self) -> Vec<Stat> {
        let mut stopped = HashMap::new();
        let mut quiet = 0;
        for _ in 0..PASSES {
            let members = self.members();
            let fresh: Vec<Stat> =
                members.into_iter().filter(|member| !stopped.contains_key(&member.identity())).collect();
            quiet = if fresh.is_empty() { quiet + 1 } else { 0 };
            if quiet == QUIET_PASSES {
                break;
            }
            signal_each(&fresh, Signal::STOP);
            stopped.extend(fresh.into_iter().map(|member| (member.identity(), member)));
        }
        stopped.into_values().collect()
    }

    /// Returns all current processes. Ended ones that this process has adopted are waited for.
    fn members(&self) -> Vec<Stat> {
        let own = getpid();
        let mut seen = lock(&self.seen);
        let root = Stat::read(self.root).filter(|stat| Some(stat.started) == self.started);
        let orphans = procfs::children_of_first_thread(own).into_iter().filter_map(Stat::read);
        let mut queue: Vec<Stat> = orphans.filter(|stat| stat.pid != self.root && self.owns(&seen, stat)).collect();
        queue.extend(root);
        // Processes seen before stay known while they run, even if a list of children misses them. An ended one is left
        // to its parent.
        let is_running =
            |stat: &Stat, started| stat.started == started && (!stat.is_zombie || stat.parent == Some(own));
        let known = seen.iter().filter_map(|(pid, started)| Stat::read(*pid).filter(|stat| is_running(stat, *started)));
        queue.extend(known);
        let mut members = Vec::new();
        let mut passed = HashSet::new();
        while let Some(stat) = queue.pop() {
            if !passed.insert(stat.pid) || (stat.pid != self.root && is_over(&stat, own)) {
                continue;
            }
            queue.extend(procfs::children(stat.pid).into_iter().filter_map(Stat::read));
            members.push(stat);
        }
        *seen = members.iter().map(Stat::identity).collect();
        members
    }

    fn owns(&self, seen: &HashSet<(Pid, u64)>, orphan: &Stat) -> bool {
        orphan.group == Some(self.root)
            || seen.contains(&orphan.identity())
            || procfs::environment(orphan.pid).contains(&self.marker)
    }

    /// Signals the whole process group; without `/proc` only the group is known.
    fn signal_group(&self, signal: Signal) {
        // The only possible error is that no process is left.
        kill_process_group(self.root, signal).unwrap_or_default();
    }
}

/// Kills adopted processes that belong to no current environment. Blocks.
///
/// They left their group and cleared their environment before they were seen.
pub(crate) fn end_strays() {
    let own = getpid();
    for _ in 0..PASSES {
        let orphans = procfs::children_of_first_thread(own);
        if BEGINNING.load(Ordering::SeqCst) > 0 {
            // One of them may be the first process of a tree. The next pass finds the rest.
            return;
        }
        let trees = lock(&TREES).clone();
        let is_known =
            |stat: &Stat| trees.iter().any(|tree| tree.root == stat.pid || tree.owns(&lock(&tree.seen), stat));
        // Only functions run without a way to gain privileges: in tests this process may have other children.
        let is_stray =
            |stat: &Stat| stat.parent == Some(own) && procfs::has_no_new_privileges(stat.pid) && !is_known(stat);
        let strays: Vec<Stat> = orphans.into_iter().filter_map(Stat::read).filter(is_stray).collect();
        if strays.iter().all(|stray| is_over(stray, own)) {
            return;
        }
        signal_each(&strays, Signal::KILL);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Returns whether a process has ended; waits for it if this process has adopted it.
fn is_over(stat: &Stat, own: Pid) -> bool {
    // A process whose first thread has ended may have other threads that run.
    stat.is_zombie && stat.parent == Some(own) && !matches!(waitpid(Some(stat.pid), WaitOptions::NOHANG), Ok(None))
}

fn signal_each<'a>(processes: impl IntoIterator<Item = &'a Stat>, signal: Signal) {
    for process in processes {
        // The only possible error is that it has ended.
        kill_process(process.pid, signal).unwrap_or_default();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn process_tree_memory_includes_children() {
        let (tree, mut shell) = ProcessTree::begin("A=b".to_owned(), || {
            let shell = Command::new("sh").args(["-c", "sleep 60 & wait"]).process_group(0).spawn()?;
            Ok((Pid::from_raw(shell.id().cast_signed()).unwrap(), shell))
        })
        .unwrap();
        while tree.memory().unwrap() < procfs::resident(tree.root) + 100_000 {
            std::thread::yield_now();
        }
        tree.kill();
        shell.wait().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(tree.end());
        assert_eq!(tree.memory(), None);
        assert!(!lock(&TREES).iter().any(|other| Arc::ptr_eq(other, &tree)));
    }
}
