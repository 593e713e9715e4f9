//! Files whose last line must be whole, however the process ends: they are read again as NDJSON.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, TryLockError};
use std::time::{Duration, Instant};

/// How long the end of the process waits for writers. A pipe without a reader would keep it for ever.
const PATIENCE: Duration = Duration::from_secs(2);

static WRITERS: RwLock<()> = RwLock::new(());

/// Keeps the process from being ended by a signal while whole lines are written.
pub fn writing() -> RwLockReadGuard<'static, ()> {
    WRITERS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Returns once nothing is being written, or after a while.
pub async fn wait_for_writers() {
    let began = Instant::now();
    while matches!(WRITERS.try_write(), Err(TryLockError::WouldBlock)) && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn end_of_the_process_waits_for_a_writer() {
        let writer = writing();
        let mut waiting = std::pin::pin!(wait_for_writers());
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(writer);
        waiting.await;
    }
}
