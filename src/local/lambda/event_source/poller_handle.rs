//! The right to start and stop the poller of an event source mapping.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The poller of an event source mapping, if it runs.
///
/// Clones share it. Two at a time would write the same checkpoints, and deliver records twice.
#[derive(Clone, Default)]
pub(crate) struct PollerHandle(Arc<Mutex<Option<Poller>>>);

/// The exclusive right to stop and start an event source mapping's poller, while this is held.
///
/// It serializes changes that follow each other quickly.
pub(crate) struct PollerGuard<'a>(MutexGuard<'a, Option<Poller>>);

/// A running poller.
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
    /// Stops the poller: after the batches in progress or, when the local cloud ends, at once.
    pub(crate) async fn stop(&mut self) {
        if let Some(Poller { stop, work }) = self.0.take() {
            stop.cancel();
            // The task ends on request; a panic in it has ended it as well.
            work.await.unwrap_or_default();
        }
    }

    /// Replaces a stopped poller.
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
