//! The right to start and stop the poller of an event source mapping.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What reads for a mapping, or nothing does. Clones share it. Never two at a time: they would write one checkpoint, and
/// bring records twice.
#[derive(Clone, Default)]
pub(crate) struct PollerHandle(Arc<Mutex<Option<Poller>>>);

/// The right to stop and begin the reading of a mapping, for as long as this is held. Changes of a mapping come quickly one
/// after the other, and each has its turn.
pub(crate) struct PollerGuard<'a>(MutexGuard<'a, Option<Poller>>);

/// A mapping at work.
pub(crate) struct Poller {
    stop: CancellationToken,
    work: JoinHandle<()>,
}

impl PollerHandle {
    pub(crate) async fn turn(&self) -> PollerGuard<'_> {
        PollerGuard(self.0.lock().await)
    }
}

impl PollerGuard<'_> {
    /// Ends what reads: once the batches under way are done, or at once when the local cloud ends.
    pub(crate) async fn stop(&mut self) {
        if let Some(Poller { stop, work }) = self.0.take() {
            stop.cancel();
            // It ends when it is told to; a panic in it has ended it as well.
            work.await.unwrap_or_default();
        }
    }

    /// Replaces a poller that was stopped.
    pub(crate) fn replace(&mut self, poller: Option<Poller>) {
        *self.0 = poller;
    }
}

impl Poller {
    /// Returns the handle of a task that ends when `stop` is canceled.
    pub(crate) fn new(stop: CancellationToken, work: JoinHandle<()>) -> Self {
        Poller { stop, work }
    }
}
