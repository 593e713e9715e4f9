//! The threads that read tables, each with its own connection.
//!
//! Dedicated threads save memory: an allocator keeps memory for each thread that has used it. Parsing pages on any free
//! thread would take ten times as much.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

use dynoxide::DynoxideError;
use dynoxide::storage::Storage;
use parking_lot::Mutex;

use super::page::Counter;
use crate::THREAD_STACK;

/// Settings of a reading connection. The cache holds the pages of a hundred sensors with thousands of rows each, stored
/// in turn, so that reading one sensor after another hits the cache.
const READING: &str = "PRAGMA query_only = ON; PRAGMA cache_size = -8000";

/// A read-only connection.
pub(super) struct Connection {
    pub storage: Storage,
    pub counter: Counter,
}

/// A pool of connections, opened on demand.
pub(super) struct Connections {
    path: Box<str>,
    count: usize,
    /// Number of table changes. A connection caches the schema, so it is reopened after a change.
    changes: Arc<AtomicU64>,
    threads: OnceLock<Threads>,
}

type Job = Box<dyn FnOnce(&mut Option<Opened>) + Send>;

/// A connection, with the number of table changes when it was opened.
struct Opened {
    connection: Connection,
    changes: u64,
}

struct Threads {
    /// `None` when the threads must end.
    jobs: Option<Sender<Job>>,
    handles: Vec<JoinHandle<()>>,
}

impl Connections {
    pub(super) fn new(path: &str, count: usize) -> Connections {
        Connections { path: path.into(), count, changes: Arc::default(), threads: OnceLock::new() }
    }

    /// Counts a change of tables. No read runs meanwhile.
    pub(super) fn forget_tables(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads with the next free connection.
    pub(super) fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, DynoxideError> + Send + 'static,
    ) -> Result<T, DynoxideError> {
        let (give, take) = mpsc::sync_channel(1);
        let (path, changes) = (self.path.clone(), self.changes.load(Ordering::Relaxed));
        let job: Job = Box::new(move |opened| {
            let answer = connection(opened, &path, changes).and_then(read);
            // The caller waits for the answer, unless the process ends.
            give.send(answer).unwrap_or_default();
        });
        let threads = self.threads.get_or_init(|| Threads::start(self.count));
        let ended = || DynoxideError::InternalServerError("a thread that reads tables has ended".to_owned());
        threads.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(ended)?;
        take.recv().map_err(|_| ended())?
    }
}

/// Returns the thread's connection, reopened if tables have changed since.
fn connection<'a>(opened: &'a mut Option<Opened>, path: &str, changes: u64) -> Result<&'a Connection, DynoxideError> {
    if opened.as_ref().is_some_and(|opened| opened.changes != changes) {
        *opened = None;
    }
    let opened = match opened {
        Some(opened) => opened,
        none => {
            let storage = Storage::new(path)?;
            let counter = Counter::install(&storage)?;
            storage.conn().execute_batch(READING)?;
            none.insert(Opened { connection: Connection { storage, counter }, changes })
        }
    };
    Ok(&opened.connection)
}

impl Threads {
    fn start(count: usize) -> Threads {
        let (jobs, waiting) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let start = |_| {
            let waiting = Arc::clone(&waiting);
            Builder::new().name("table-reader".to_owned()).stack_size(THREAD_STACK).spawn(move || work(&waiting)).ok()
        };
        Threads { jobs: Some(jobs), handles: (0..count).filter_map(start).collect() }
    }
}

impl Drop for Threads {
    /// Waits for the threads: the next owner of the data directory must not find its files open.
    fn drop(&mut self) {
        self.jobs = None;
        for handle in self.handles.drain(..) {
            handle.join().unwrap_or_default();
        }
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    let mut opened = None;
    loop {
        let job = waiting.lock().recv();
        let Ok(job) = job else { return };
        // The panic hook has reported the panic, and the caller gets an error; the thread continues to serve others.
        if catch_unwind(AssertUnwindSafe(|| job(&mut opened))).is_err() {
            opened = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_panic_fails_only_its_own_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.sqlite");
        let connections = Connections::new(path.to_str().unwrap(), 1);
        let error = connections.read::<()>(|_| panic!("on purpose")).unwrap_err();
        assert!(error.to_string().contains("has ended"), "{error}");
        assert_eq!(connections.read(|connection| connection.storage.table_count()).unwrap(), 0);
    }
}
