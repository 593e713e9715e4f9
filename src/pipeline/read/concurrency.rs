//! The number of pages that are read at once: fewer after a throttle, more again while all goes well.

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Answered pages after which one more page is read at once.
const PAGES_TO_GROW: u32 = 8;

/// A limit of concurrent requests that adapts to throttles.
#[derive(Debug)]
pub(crate) struct Concurrency {
    permits: Semaphore,
    state: Mutex<State>,
    most: usize,
}

#[derive(Debug)]
struct State {
    /// Requests that may run at once.
    allowed: usize,
    /// Permits to take away as soon as they come back.
    surplus: usize,
    /// Answered pages since the limit changed.
    answered: u32,
}

/// The right to send one request.
pub(crate) struct Slot<'a> {
    concurrency: &'a Concurrency,
    permit: Option<SemaphorePermit<'a>>,
}

impl Concurrency {
    pub(crate) fn new(most: usize) -> Self {
        let state = Mutex::new(State { allowed: most, surplus: 0, answered: 0 });
        Concurrency { permits: Semaphore::new(most), state, most }
    }

    /// Waits until a request may be sent.
    pub(crate) async fn slot(&self) -> Slot<'_> {
        // The semaphore is never closed.
        Slot { concurrency: self, permit: self.permits.acquire().await.ok() }
    }

    /// Notes that a page was answered.
    pub(crate) fn note_answer(&self) {
        let mut state = self.state.lock();
        state.answered += 1;
        if state.allowed < self.most && state.answered >= PAGES_TO_GROW {
            state.answered = 0;
            state.allowed += 1;
            if state.surplus > 0 {
                state.surplus -= 1;
            } else {
                self.permits.add_permits(1);
            }
        }
    }

    /// Notes that the table's capacity or the account's rate was used up: half as many requests from now on.
    pub(crate) fn note_throttle(&self) {
        let mut state = self.state.lock();
        let allowed = (state.allowed / 2).max(1);
        let surplus = state.allowed - allowed;
        (state.allowed, state.answered) = (allowed, 0);
        // Those that no request has go at once, the others when they come back.
        state.surplus += surplus - self.permits.forget_permits(surplus);
    }

    /// Returns the requests that may run at once.
    #[cfg(test)]
    fn allowed(&self) -> usize {
        self.state.lock().allowed
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        let mut state = self.concurrency.state.lock();
        if state.surplus > 0 {
            state.surplus -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn free(concurrency: &Concurrency) -> usize {
        concurrency.permits.available_permits()
    }

    #[test]
    fn throttle_halves_the_requests_and_answers_bring_them_back() {
        let concurrency = Concurrency::new(8);
        let mut slots: Vec<_> = (0..6).map(|_| concurrency.slot().now_or_never().unwrap()).collect();
        concurrency.note_throttle();
        assert_eq!((concurrency.allowed(), free(&concurrency)), (4, 0));
        slots.truncate(4);
        assert_eq!(free(&concurrency), 0, "the permits of two requests are gone");
        slots.truncate(3);
        assert_eq!(free(&concurrency), 1);
        slots.clear();
        for _ in 0..3 {
            concurrency.note_throttle();
        }
        assert_eq!((concurrency.allowed(), free(&concurrency)), (1, 1), "one request always runs");
        for _ in 0..PAGES_TO_GROW * 20 {
            concurrency.note_answer();
        }
        assert_eq!((concurrency.allowed(), free(&concurrency)), (8, 8));
    }

    #[test]
    fn waiting_request_goes_on_when_another_ends() {
        let concurrency = Concurrency::new(2);
        concurrency.note_throttle();
        let slot = concurrency.slot().now_or_never().unwrap();
        assert!(concurrency.slot().now_or_never().is_none());
        drop(slot);
        assert!(concurrency.slot().now_or_never().is_some());
    }
}
