//! Files whose last line must be whole, however the process ends: they are read again as NDJSON.

use std::time::{Duration, Instant};

use parking_lot::{RwLock, RwLockReadGuard};

/// How long the end of the process waits for writers. A pipe without a reader would keep it for ever.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);

static WRITERS: RwLock<()> = RwLock::new(());

/// Keeps the process from being ended by a signal while whole lines are written.
pub(crate) fn writing() -> RwLockReadGuard<'static, ()> {
    WRITERS.read()
}

/// Returns once nothing is being written, or after a while.
pub(crate) async fn wait_for_writers() {
    let began = Instant::now();
    while WRITERS.try_write().is_none() && began.elapsed() < WAIT_TIMEOUT {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn end_of_the_process_waits_for_a_writer() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let writer = writing();
        let mut waiting = Box::pin(wait_for_writers());
        let entered = runtime.enter();
        assert_eq!((&mut waiting).now_or_never(), None);
        drop(entered);
        drop(writer);
        runtime.block_on(waiting);
    }
}
