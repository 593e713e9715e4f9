//! The markers of a run that may be in the table or on their way to it, so that none is forgotten, whatever ends the run.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sensor_model::Reading;

/// How far a marker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was put, or may have been; its row was not seen yet.
    OnItsWay,
    /// Its row did not come in time.
    GivenUp,
    /// Its row was taken away. The function may store it again: a batch that fails in part is delivered again.
    Removed,
}

/// The markers that were put and not swept up yet.
#[derive(Debug, Default)]
pub struct ProbeRegistry(Mutex<BTreeMap<String, (Reading, State)>>);

impl ProbeRegistry {
    /// Whether there is nothing to sweep up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.markers().is_empty()
    }

    pub(super) fn note(&self, marker: &Reading, state: State) {
        self.markers().insert(marker.sensor_id.clone(), (marker.clone(), state));
    }

    pub(super) fn forget(&self, marker: &Reading) {
        self.markers().remove(&marker.sensor_id);
    }

    pub(super) fn all(&self) -> Vec<(Reading, State)> {
        self.markers().values().cloned().collect()
    }

    fn markers(&self) -> MutexGuard<'_, BTreeMap<String, (Reading, State)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
