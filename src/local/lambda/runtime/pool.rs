//! The pool of all functions' execution environments: warm ones are reused, idle ones end after a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::execution_environment::ExecutionEnvironment;

/// Limit of concurrent environments on this machine. The service allows 1,000; here each is a process.
pub(crate) const ENVIRONMENTS: usize = 64;
/// Lifetime of an idle environment.
const IDLE_LIMIT: Duration = Duration::from_mins(5);
/// Grace period after a response, in which the environment asks for the next invocation and finishes other work.
const GRACE_PERIOD: Duration = Duration::from_millis(50);

/// The limit that rejected an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Throttle {
    /// The function's reserved concurrency.
    Reserved,
    /// The limit of this machine.
    Account,
}

/// All environments.
#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<HashMap<String, Slot>>>);

#[derive(Default)]
struct Slot {
    idle: Vec<(ExecutionEnvironment, Instant)>,
    running: usize,
    /// Increases with every change of code or configuration.
    generation: u64,
    /// True if the function is deleted; the slot is removed with its last lease.
    retired: bool,
}

/// The right to run one invocation, with a warm environment if there is one.
pub(crate) struct Lease {
    pool: Pool,
    id: String,
    generation: u64,
    /// The environment; `None` while it runs.
    pub worker: Option<ExecutionEnvironment>,
}

impl Pool {
    /// Returns the right to run one more invocation of a function, from its ID and reserved concurrency.
    pub(crate) fn lease(&self, id: &str, reserved: Option<u64>) -> Result<Lease, Throttle> {
        let mut slots = self.lock();
        let all: usize = slots.values().map(|slot| slot.running).sum();
        let slot = slots.entry(id.to_owned()).or_default();
        let reserved = reserved.and_then(|reserved| usize::try_from(reserved).ok());
        if reserved.is_some_and(|reserved| slot.running >= reserved) {
            return Err(Throttle::Reserved);
        }
        if all >= ENVIRONMENTS {
            return Err(Throttle::Account);
        }
        slot.running += 1;
        // Take the last used one, so that the others become idle.
        let worker = slot.idle.pop().map(|(worker, _)| worker);
        Ok(Lease { pool: self.clone(), id: id.to_owned(), generation: slot.generation, worker })
    }

    /// Ends the use of all current environments, after a change of code or configuration.
    pub(crate) fn renew(&self, id: &str) {
        let mut slots = self.lock();
        let old = slots.get_mut(id).map(|slot| {
            slot.generation += 1;
            std::mem::take(&mut slot.idle)
        });
        drop(slots);
        drop(old);
    }

    /// Removes a deleted function.
    pub(crate) fn retire(&self, id: &str) {
        self.renew(id);
        let mut slots = self.lock();
        if let Some(slot) = slots.get_mut(id) {
            slot.retired = true;
            if slot.running == 0 {
                slots.remove(id);
            }
        }
    }

    /// Freezes idle environments after the grace period.
    fn freeze_later(&self) {
        let pool = self.clone();
        // Without a runtime the local cloud is ending.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            tokio::time::sleep(GRACE_PERIOD).await;
            let slots = pool.lock();
            let idle = slots.values().flat_map(|slot| &slot.idle);
            // Under the lock no environment is leased meanwhile.
            idle.filter(|(_, since)| since.elapsed() >= GRACE_PERIOD).for_each(|(worker, _)| worker.freeze());
        });
    }

    /// Ends environments that were idle for too long.
    pub(crate) fn end_idle(&self) {
        self.end_idle_since(IDLE_LIMIT);
    }

    /// Ends all idle environments.
    pub(crate) fn kill_all(&self) {
        self.end_idle_since(Duration::ZERO);
    }

    fn end_idle_since(&self, limit: Duration) {
        let mut old = Vec::new();
        for slot in self.lock().values_mut() {
            old.extend(slot.idle.extract_if(.., |(_, since)| since.elapsed() >= limit));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.0.lock()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut slots = self.pool.lock();
        let Some(slot) = slots.get_mut(&self.id) else { return };
        slot.running -= 1;
        if let Some(worker) = self.worker.take_if(|worker| worker.is_usable())
            && slot.generation == self.generation
            && !slot.retired
        {
            slot.idle.push((worker, Instant::now()));
            self.pool.freeze_later();
        } else if slot.retired && slot.running == 0 {
            slots.remove(&self.id);
        }
    }
}
