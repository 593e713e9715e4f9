//! The canaries of a run that may be in the table or on their way to it, so that each is cleaned up however the run
//! ends.

use std::collections::BTreeMap;

use parking_lot::{Mutex, MutexGuard};
use sensor_model::Reading;

/// The state of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was put, or may have been. Its row was not found yet.
    OnItsWay,
    /// Its row did not arrive in time.
    GivenUp,
    /// Its row was deleted. The function may store it again: a partially failed batch is delivered again.
    Removed,
}

/// The canaries that were put and not cleaned up yet.
#[derive(Debug, Default)]
pub(crate) struct ProbeRegistry(Mutex<BTreeMap<String, (Reading, State)>>);

impl ProbeRegistry {
    /// Returns whether there is nothing to clean up.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.canaries().is_empty()
    }

    pub(super) fn note(&self, canary: &Reading, state: State) {
        self.canaries().insert(canary.sensor_id.clone(), (canary.clone(), state));
    }

    pub(super) fn forget(&self, canary: &Reading) {
        self.canaries().remove(&canary.sensor_id);
    }

    pub(super) fn all(&self) -> Vec<(Reading, State)> {
        self.canaries().values().cloned().collect()
    }

    fn canaries(&self) -> MutexGuard<'_, BTreeMap<String, (Reading, State)>> {
        self.0.lock()
    }
}
