//! Diagnostics that no response can report: damage found, and failed background work.
//!
//! Each is sent once to the listener, and kept for `local status`.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{Timestamp, Unit};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;

/// Limit of retained notices; the oldest are dropped, since a damaged disk may produce ever new ones.
const MAX_RETAINED: usize = 100;

/// The diagnostics of one local cloud; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Diagnostics(Arc<Mutex<State>>);

/// One reported problem.
struct Notice {
    /// Time of its first report.
    time: Timestamp,
    text: String,
    /// The failed work, if its success resolves the notice.
    work: Option<&'static str>,
}

#[derive(Default)]
struct State {
    told: VecDeque<Notice>,
    /// Number of dropped notices.
    left_out: u64,
    listener: Option<mpsc::UnboundedSender<String>>,
}

impl State {
    fn all(&self, shown: impl Fn(&Notice) -> String) -> impl Iterator<Item = String> {
        let left_out = match self.left_out {
            0 => None,
            1 => Some("1 earlier notice is no longer kept".to_owned()),
            more => Some(format!("{more} earlier notices are no longer kept")),
        };
        left_out.into_iter().chain(self.told.iter().map(shown))
    }
}

impl Diagnostics {
    /// Reports a problem, unless it was reported before.
    pub(crate) fn tell(&self, notice: impl Into<String>) {
        self.tell_of(None, notice.into());
    }

    fn tell_of(&self, work: Option<&'static str>, notice: String) {
        let mut state = self.state();
        if state.told.iter().any(|told| told.text == notice) {
            return;
        }
        if state.told.len() == MAX_RETAINED {
            state.told.pop_front();
            state.left_out += 1;
        }
        state.told.push_back(Notice { time: Timestamp::now(), text: notice.clone(), work });
        if let Some(listener) = &state.listener {
            // The listener may be gone; the notice is kept anyway.
            listener.send(notice).unwrap_or_default();
        }
    }

    /// Reports a failure of background work.
    pub(crate) fn tell_failure(&self, result: Result<(), impl std::fmt::Display>) {
        if let Err(error) = result {
            self.tell(error.to_string());
        }
    }

    /// Reports a failure of periodic work, and resolves it once the work succeeds.
    pub(crate) fn tell_outcome(&self, work: &'static str, result: Result<(), impl std::fmt::Display>) {
        match result {
            Ok(()) => self.state().told.retain(|notice| notice.work != Some(work)),
            Err(error) => self.tell_of(Some(work), error.to_string()),
        }
    }

    /// Returns all notices, oldest first, preceded by the number of dropped ones.
    #[cfg(test)]
    pub(crate) fn all(&self) -> Vec<String> {
        self.state().all(|notice| notice.text.clone()).collect()
    }

    /// Returns all notices, each with its time, preceded by the number of dropped ones.
    pub(crate) fn all_with_times(&self) -> Vec<String> {
        self.state().all(|notice| format!("{} {}", to_the_second(notice.time), notice.text)).collect()
    }

    /// Returns a stream of past and future notices for one listener.
    pub(crate) fn listen(&self) -> mpsc::UnboundedReceiver<String> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = self.state();
        for notice in state.all(|notice| notice.text.clone()) {
            sender.send(notice).unwrap_or_default();
        }
        state.listener = Some(sender);
        receiver
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

/// Rounds a time to the precision of notices and the log.
pub fn to_the_second(time: Timestamp) -> Timestamp {
    time.round(Unit::Second).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostics_listener_gets_each_notice_once() {
        let notices = Diagnostics::default();
        notices.tell("early");
        let mut heard = notices.listen();
        notices.tell("early");
        notices.tell("late");
        assert_eq!((heard.try_recv().unwrap(), heard.try_recv().unwrap()), ("early".into(), "late".into()));
        assert!(heard.try_recv().is_err());
    }

    #[test]
    fn diagnostics_notice_has_its_time_and_is_resolved_by_success() {
        let notices = Diagnostics::default();
        notices.tell("damage");
        notices.tell_outcome("write back", Err("disk full"));
        notices.tell_outcome("write back", Err("disk full"));
        notices.tell_outcome("expire", Ok::<_, String>(()));
        assert_eq!(notices.all(), ["damage", "disk full"]);
        let (time, text) =
            notices.all_with_times()[1].split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert!(time.parse::<Timestamp>().is_ok() && time.len() == "2026-11-28T08:00:00Z".len(), "{time}");
        assert_eq!(text, "disk full");
        notices.tell_outcome("write back", Ok::<_, String>(()));
        assert_eq!(notices.all(), ["damage"]);
    }

    #[test]
    fn diagnostics_keeps_newest_notices_and_counts_the_others() {
        let notices = Diagnostics::default();
        (0..MAX_RETAINED).for_each(|number| notices.tell(number.to_string()));
        assert_eq!((notices.all().len(), notices.all()[0].as_str()), (MAX_RETAINED, "0"));
        (MAX_RETAINED..MAX_RETAINED + 7).for_each(|number| notices.tell(number.to_string()));
        let all = notices.all();
        assert_eq!((all[0].as_str(), all[1].as_str()), ("7 earlier notices are no longer kept", "7"));
        assert_eq!(all.last(), Some(&(MAX_RETAINED + 6).to_string()));
    }
}
