//! Shows the progress of a bulk put.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Output, Progress, Step, units};
use crate::pipeline::{PutEvent, PutObserver, PutSummary};

/// Maximum number of rejected or failed readings that are named; the rest is counted.
pub(crate) const NAMED_LINES: u64 = 20;

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
                self.count();
            }
            PutEvent::Resending { records, code, pause } => {
                let pause = units::duration(*pause);
                self.step.waiting(&format!("{records} records again in {pause}: {code}"));
            }
        }
    }
}
