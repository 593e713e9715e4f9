//! Shows the progress of a bulk put.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Output, Progress, Step, units};
use crate::pipeline::{PutEvent, PutObserver, PutSummary};

/// Maximum number of rejected or failed readings that are named; the rest is counted.
pub(crate) const NAMED_LINES: u64 = 20;

/// Retries without an accepted reading for longer than this are said in a line, which also a log keeps.
const QUIET_RETRIES: Duration = Duration::from_secs(5);

/// Shows how far a bulk put is, and names rejected lines.
#[derive(Debug)]
pub(crate) struct PutProgress {
    progress: Progress,
    step: Step,
    /// True if rejected lines are named because no file keeps them.
    names_rejected: bool,
    dry_run: bool,
    accepted: AtomicU64,
    rejected: AtomicU64,
    stalled: Mutex<Stall>,
}

/// Retries since the last accepted reading.
#[derive(Debug, Default)]
struct Stall {
    since: Option<Instant>,
    is_told: bool,
}

impl PutProgress {
    /// Begins the progress of inputs with this name. `names_rejected`: no file keeps rejected lines, so they are named.
    pub(crate) fn new(output: &Output, name: String, names_rejected: bool, dry_run: bool) -> Self {
        let progress = output.progress();
        let step = progress.step(name);
        PutProgress {
            progress,
            step,
            names_rejected,
            dry_run,
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            stalled: Mutex::default(),
        }
    }

    fn count(&self) {
        let accepted = units::count(self.accepted.load(Ordering::Relaxed));
        let rejected = match self.rejected.load(Ordering::Relaxed) {
            0 => String::new(),
            some => format!(", {} rejected", units::count(some)),
        };
        self.step.waiting(&format!("{accepted} accepted{rejected}"));
    }

    /// Says once that nothing is accepted for a while.
    fn tell_stall(&self, code: &str) {
        let mut stalled = self.stalled.lock();
        let waited = stalled.since.get_or_insert_with(Instant::now).elapsed();
        if waited >= QUIET_RETRIES && !stalled.is_told {
            stalled.is_told = true;
            self.progress.status(format!(
                "  the stream has accepted nothing for {} ({code}); retrying",
                units::duration(waited)
            ));
        }
    }

    /// Ends the progress with the result.
    pub(crate) fn finish(self, summary: &PutSummary) {
        let more = summary.rejected.saturating_sub(NAMED_LINES);
        if self.names_rejected && more > 0 {
            self.progress.status(format!("and {} more lines are no readings", units::count(more)));
        }
        match (self.dry_run, summary.failed) {
            (true, _) => self.step.done("checked"),
            (false, 0) => self.step.done("put"),
            (false, _) => self.step.failed(),
        }
        if self.dry_run {
            self.progress.status("nothing was sent (--dry-run)");
        }
    }
}

impl PutObserver for PutProgress {
    fn event(&self, event: &PutEvent<'_>) {
        match event {
            PutEvent::Rejected(rejection) => {
                let before = self.rejected.fetch_add(1, Ordering::Relaxed);
                if self.names_rejected && before < NAMED_LINES {
                    self.progress.status(format!("{}:{}: {}", rejection.file, rejection.line, rejection.reason));
                }
                self.count();
            }
            PutEvent::Accepted(readings) => {
                self.accepted.fetch_add(*readings, Ordering::Relaxed);
                *self.stalled.lock() = Stall::default();
                self.count();
            }
            PutEvent::Resending { records, code, pause } => {
                self.tell_stall(code);
                let pause = units::duration(*pause);
                self.step.waiting(&format!("{records} records again in {pause}: {code}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    #[test]
    fn retries_without_acceptance_are_said_once_off_a_terminal() {
        let (output, captured) = Output::captured(Format::Auto, false, 0);
        let progress = PutProgress::new(&output, "file".into(), true, false);
        let resend = || {
            let pause = Duration::from_millis(100);
            progress.event(&PutEvent::Resending { records: 3, code: "no answer", pause });
        };
        let began = Instant::now().checked_sub(QUIET_RETRIES).unwrap();
        resend();
        assert_eq!(captured.texts().1, "");
        progress.stalled.lock().since = Some(began);
        resend();
        resend();
        let said = captured.texts().1;
        assert!(
            said.starts_with("  the stream has accepted nothing for 5.") && said.contains("(no answer)"),
            "{said:?}"
        );
        assert_eq!(said.lines().count(), 1, "{said:?}");
        progress.event(&PutEvent::Accepted(1));
        resend();
        assert_eq!(captured.texts().1, said);
    }
}
