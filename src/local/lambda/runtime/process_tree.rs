//! All processes of an execution environment: the one that was started, and whatever that has started in turn, in any
//! process group or session. A process whose parent has ended becomes a child of the local cloud ([`adopt_orphans`]), and
//! is known by its process group, by having been seen before, or by the environment that it has inherited.
//!
//! Needs Linux. Elsewhere only the process group is known, which a process can leave.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, kill_process_group, waitpid};

use super::procfs::{self, Stat};

/// Passes in which every process is stopped that was started during the pass before. Two are enough for a program that
/// does not do its best to get away.
const PASSES: usize = 100;

/// Passes without a new process after which all are stopped. One is not enough: a list of children can lack one while
/// another of them ends (`proc_pid_children(5)`).
const QUIET_PASSES: usize = 2;

/// How long the processes of an environment that has ended are ended, one generation after the other.
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// The trees of this process, and how many have their first process but are not among them yet.
static TREES: Mutex<Vec<Arc<ProcessTree>>> = Mutex::new(Vec::new());
static BEGINNING: AtomicUsize = AtomicUsize::new(0);

/// The processes of one environment.
#[derive(Debug)]
pub(crate) struct ProcessTree {
    root: Pid,
    /// When the root was started; none where the system does not say.
    started: Option<u64>,
    /// A variable that no other environment has with this value.
    marker: String,
    /// Those that were seen and still run, by id and start.
    seen: Mutex<HashSet<(Pid, u64)>>,
    /// Those that are stopped; none while they run.
    frozen: Mutex<Option<Vec<Stat>>>,
}

/// Makes this process the parent of every process below it whose own parent ends.
///
/// # Errors
/// When the system refuses it.
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
    /// Starts a process, which is the first one of a tree.
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

    /// Stops all of it.
    pub(crate) fn freeze(&self) {
        let mut frozen = lock(&self.frozen);
        if frozen.is_none() {
            self.signal_group(Signal::STOP);
            *frozen = Some(self.stop());
        }
    }

    /// Lets all of it go on that was stopped.
    pub(crate) fn thaw(&self) {
        let frozen = lock(&self.frozen).take();
        if let Some(frozen) = frozen {
            self.signal_group(Signal::CONT);
            signal_each(frozen.iter().filter(|member| member.group != Some(self.root)), Signal::CONT);
        }
    }

    /// Ends all of it. What is started while this runs is ended as well.
    pub(crate) fn kill(&self) {
        let members = self.stop();
        self.signal_group(Signal::KILL);
        signal_each(&members, Signal::KILL);
    }

    /// Ends what is left once the first process has ended and was waited for. Processes that do not end although they
    /// are killed (the system may hold them) are left to [`end_strays`].
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

    /// Memory in use by all of it, in bytes; none where the system does not say, or when nothing is left.
    pub(crate) fn memory(&self) -> Option<u64> {
        let members = self.members();
        if members.is_empty() { None } else { Some(members.iter().map(|member| procfs::resident(member.pid)).sum()) }
    }

    /// Stops all processes, also those that are started meanwhile, and returns every one that was stopped.
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

    /// All of it that is there now. Those that have ended and were given to this process are waited for.
    fn members(&self) -> Vec<Stat> {
        let own = getpid();
        let mut seen = lock(&self.seen);
        let root = Stat::read(self.root).filter(|stat| Some(stat.started) == self.started);
        let orphans = procfs::children_of_first_thread(own).into_iter().filter_map(Stat::read);
        let mut queue: Vec<Stat> = orphans.filter(|stat| stat.pid != self.root && self.owns(&seen, stat)).collect();
        queue.extend(root);
        // Those that were seen stay known while they run, whatever a list of children lacks. One that has ended is left to
        // its parent.
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

    /// The whole group at once; it is all that is known where there is no `/proc`.
    fn signal_group(&self, signal: Signal) {
        // The only failure is that nothing is left of it.
        kill_process_group(self.root, signal).unwrap_or_default();
    }
}

/// Ends the processes that were given to this one and belong to no environment that is still there: they have left their
/// group and cleared their environment before they were seen. Blocks.
pub(crate) fn end_strays() {
    let own = getpid();
    for _ in 0..PASSES {
        let orphans = procfs::children_of_first_thread(own);
        if BEGINNING.load(Ordering::SeqCst) > 0 {
            // One of them may be the first process of a tree. The next look finds what is left.
            return;
        }
        let trees = lock(&TREES).clone();
        let is_known =
            |stat: &Stat| trees.iter().any(|tree| tree.root == stat.pid || tree.owns(&lock(&tree.seen), stat));
        // Nothing but functions is started without a way to more rights: this process may have other children in tests.
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

/// Whether a process has ended; if it was given to this one, it is waited for.
fn is_over(stat: &Stat, own: Pid) -> bool {
    // One whose first thread has ended and another has not is not over.
    stat.is_zombie && stat.parent == Some(own) && !matches!(waitpid(Some(stat.pid), WaitOptions::NOHANG), Ok(None))
}

fn signal_each<'a>(processes: impl IntoIterator<Item = &'a Stat>, signal: Signal) {
    for process in processes {
        // The only failure is that it has ended.
        kill_process(process.pid, signal).unwrap_or_default();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn memory_is_that_of_the_process_and_its_children() {
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
