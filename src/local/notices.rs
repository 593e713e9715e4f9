//! What a local cloud has to tell its owner and no request's answer can: damage that it found, work behind the scenes
//! that failed. Told once, to whoever listens, and kept for `local status`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

/// Notices that are kept, the newest; a damaged disk would say ever new things.
const KEPT: usize = 100;

/// The notices of one local cloud; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Notices(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    told: VecDeque<String>,
    /// How many are no longer kept.
    left_out: u64,
    listener: Option<mpsc::UnboundedSender<String>>,
}

impl State {
    fn all(&self) -> impl Iterator<Item = String> {
        let left_out = match self.left_out {
            0 => None,
            1 => Some("1 earlier notice is no longer kept".to_owned()),
            more => Some(format!("{more} earlier notices are no longer kept")),
        };
        left_out.into_iter().chain(self.told.iter().cloned())
    }
}

impl Notices {
    /// Tells something, unless it was told before.
    pub(crate) fn tell(&self, notice: impl Into<String>) {
        let notice = notice.into();
        let mut state = self.state();
        if state.told.contains(&notice) {
            return;
        }
        if state.told.len() == KEPT {
            state.told.pop_front();
            state.left_out += 1;
        }
        state.told.push_back(notice.clone());
        if let Some(listener) = &state.listener {
            // Whoever listened may have gone; the notice is kept all the same.
            listener.send(notice).unwrap_or_default();
        }
    }

    /// Tells why work that nobody waits for has failed.
    pub(crate) fn tell_failure(&self, result: Result<(), impl std::fmt::Display>) {
        if let Err(error) = result {
            self.tell(error.to_string());
        }
    }

    /// The notices so far, oldest first, and before them how many are left out.
    pub(crate) fn all(&self) -> Vec<String> {
        self.state().all().collect()
    }

    /// The notices so far and those to come, for one listener.
    pub(crate) fn listen(&self) -> mpsc::UnboundedReceiver<String> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = self.state();
        for notice in state.all() {
            sender.send(notice).unwrap_or_default();
        }
        state.listener = Some(sender);
        receiver
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_hears_each_notice_once_whenever_it_came() {
        let notices = Notices::default();
        notices.tell("early");
        let mut heard = notices.listen();
        notices.tell("early");
        notices.tell("late");
        assert_eq!((heard.try_recv().unwrap(), heard.try_recv().unwrap()), ("early".into(), "late".into()));
        assert!(heard.try_recv().is_err());
    }

    #[test]
    fn the_newest_are_kept_and_the_others_counted() {
        let notices = Notices::default();
        (0..KEPT).for_each(|number| notices.tell(number.to_string()));
        assert_eq!((notices.all().len(), notices.all()[0].as_str()), (KEPT, "0"));
        (KEPT..KEPT + 7).for_each(|number| notices.tell(number.to_string()));
        let all = notices.all();
        assert_eq!((all[0].as_str(), all[1].as_str()), ("7 earlier notices are no longer kept", "7"));
        assert_eq!(all.last(), Some(&(KEPT + 6).to_string()));
    }
}
