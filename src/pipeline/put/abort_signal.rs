//! The signal that ends a bulk put early.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::error::Error;

/// Maximum wait for a response after an abort.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// The signal that ends a bulk put early, with its reason.
#[derive(Debug)]
pub(crate) struct AbortSignal {
    token: CancellationToken,
    reason: Mutex<Option<Error>>,
}

impl AbortSignal {
    /// Creates a signal that an interrupt sets, too.
    pub(crate) fn under(interrupt: &CancellationToken) -> Self {
        AbortSignal { token: interrupt.child_token(), reason: Mutex::default() }
    }

    /// Returns whether the put is to end.
    pub(crate) fn is_set(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits for the signal.
    pub(crate) async fn set(&self) {
        self.token.cancelled().await;
    }

    /// Returns the error that caused the abort. Returns `None` without an abort, and after an interrupt.
    pub(crate) fn into_reason(self) -> Option<Error> {
        self.reason.into_inner()
    }

    /// Ends the put. The first error is reported.
    pub(crate) fn abort_with(&self, error: Error) {
        self.reason.lock().get_or_insert(error);
        self.token.cancel();
    }

    /// Waits for a request in flight even after an abort, because the stream may accept it. The wait is bounded.
    pub(crate) async fn answer_of<T>(&self, request: impl Future<Output = T>) -> Option<T> {
        let late = async {
            self.set().await;
            sleep(ANSWER_LIMIT).await;
        };
        tokio::select! {
            biased;
            answer = request => Some(answer),
            () = late => None,
        }
    }
}
