//! Saves the settled parts of the inputs while a put runs: at bounded intervals, and at its end.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use super::settled_items::SettledInput;
use crate::error::Error;

/// A place that keeps the settled parts of the inputs.
pub(crate) trait CheckpointStore: Send + Sync {
    /// Replaces what is kept, at once or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    fn save(&self, inputs: &[SettledInput]) -> Result<(), Error>;
}

/// The saves of one put. One runs at a time.
pub(crate) struct CheckpointSaver {
    store: Arc<dyn CheckpointStore>,
    interval: Duration,
    due: Instant,
    running: Option<JoinHandle<Result<(), Error>>>,
}

impl CheckpointSaver {
    /// Begins; the first save is due after the interval.
    pub(crate) fn new(store: Arc<dyn CheckpointStore>, interval: Duration, now: Instant) -> Self {
        CheckpointSaver { store, interval, due: now + interval, running: None }
    }

    /// Returns when the next save is due; nothing while one runs.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.running.is_none().then_some(self.due)
    }

    /// Puts off the next save: nothing was settled.
    pub(crate) fn put_off(&mut self, now: Instant) {
        self.due = now + self.interval;
    }

    /// Begins a save on a thread of its own. The rejected lines are on the disk before it.
    pub(crate) fn begin(&mut self, inputs: Vec<SettledInput>, rejects: Option<File>, now: Instant) {
        let store = Arc::clone(&self.store);
        self.running = Some(spawn_blocking(move || {
            if let Some(rejects) = rejects {
                rejects.sync_data().map_err(|error| {
                    Error::failed("could not write the file of rejected lines to the disk").with_source(error)
                })?;
            }
            store.save(&inputs)
        }));
        self.due = now + self.interval;
    }

    /// Waits for the save that runs. Never returns without one.
    pub(crate) async fn saved(&mut self) -> Result<(), Error> {
        let Some(running) = &mut self.running else { return std::future::pending().await };
        let saved = running.await;
        self.running = None;
        saved.unwrap_or_else(|error| Err(Error::failed("writing the checkpoint broke").with_source(error)))
    }

    /// Waits for a save, if one runs.
    pub(crate) async fn finish(&mut self) -> Result<(), Error> {
        if self.running.is_some() { self.saved().await } else { Ok(()) }
    }
}
