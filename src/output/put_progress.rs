//! Progress of a bulk put: readings a second, bytes a second, resent records, and the time that is left.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Output, Progress, Step, units};
use crate::observer::Observer;
use crate::pipeline::{PutEvent, PutSummary};

/// Maximum number of rejected or failed readings that are named; the rest is counted.
pub(crate) const NAMED_LINES: u64 = 20;

/// Retries without an accepted reading for longer than this are said in a line, which also a log keeps.
const QUIET_RETRIES: Duration = Duration::from_secs(5);
/// Time between two updates of the line.
const REFRESH: Duration = Duration::from_millis(200);
/// Weight of the newest rate in the shown one: a rate that changes is shown after about a second.
const NEWEST: f64 = 0.25;

/// Returns how far a bulk put is and how far it goes, in any unit, if that is known.
type Position = Box<dyn Fn(PutCounts) -> Option<(u64, u64)> + Send + Sync>;

/// The counts so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PutCounts {
    /// Readings that the stream accepted.
    pub accepted: u64,
    /// Lines that are not readings.
    pub rejected: u64,
    /// Bytes of the accepted records.
    pub bytes: u64,
    /// Records that are sent again.
    pub resent: u64,
}

/// Shows how far a bulk put is, and names rejected lines.
pub(crate) struct PutProgress {
    progress: Progress,
    step: Step,
    /// True if rejected lines are named because no file keeps them.
    names_rejected: bool,
    dry_run: bool,
    position: Option<Position>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counts: PutCounts,
    /// When the line was updated, and the counts then.
    shown: Option<(Instant, PutCounts)>,
    /// Readings and bytes a second.
    rates: Option<(f64, f64)>,
    /// Until when the reason of a retry is shown, and the reason.
    retry: Option<(Instant, String)>,
    /// Since when nothing but retries happened, and whether that was said.
    stalled: Option<(Instant, bool)>,
}

impl PutProgress {
    /// Begins the progress of inputs with this name. `names_rejected`: no file keeps rejected lines, so they are named.
    #[must_use]
    pub(crate) fn new(output: &Output, name: String, names_rejected: bool, dry_run: bool) -> Self {
        let progress = output.progress();
        let step = progress.step(name);
        PutProgress { progress, step, names_rejected, dry_run, position: None, state: Mutex::default() }
    }

    /// Shows a bar and the time that is left as well.
    #[must_use]
    pub(crate) fn with_position(
        self,
        position: impl Fn(PutCounts) -> Option<(u64, u64)> + Send + Sync + 'static,
    ) -> Self {
        PutProgress { position: Some(Box::new(position)), ..self }
    }

    /// Ends the progress with the result.
    pub(crate) fn finish(self, summary: &PutSummary) {
        let more = summary.rejected.saturating_sub(NAMED_LINES);
        if self.names_rejected && more > 0 {
            self.progress.status(format!("and {} more rejected lines", units::count(more)));
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

    /// Says once that nothing is accepted for a while.
    fn tell_stall(&self, state: &mut State, code: &str) {
        let (since, is_told) = state.stalled.get_or_insert_with(|| (Instant::now(), false));
        if since.elapsed() >= QUIET_RETRIES && !*is_told {
            *is_told = true;
            let waited = units::duration(since.elapsed());
            self.progress.status(format!("  the stream has accepted nothing for {waited} ({code}); retrying"));
        }
    }

    fn refresh(&self, state: &mut State) {
        let now = Instant::now();
        if let Some((shown, before)) = state.shown {
            let since = now.duration_since(shown);
            if since < REFRESH {
                return;
            }
            state.measure(since, before);
        }
        state.shown = Some((now, state.counts));
        let position = self.position.as_ref().and_then(|position| position(state.counts));
        if let Some((at, end)) = position {
            self.step.measure(at, end);
        }
        let retry = state.retry.as_ref().filter(|(until, _)| *until > now).map(|(_, code)| code.as_str());
        let left = position.and_then(|_| self.step.left());
        self.step.waiting(&line(&state.counts, state.rates, left, retry));
    }
}

impl State {
    #[expect(clippy::cast_precision_loss, reason = "rates are rounded")]
    fn measure(&mut self, since: Duration, before: PutCounts) {
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / since.as_secs_f64();
        let newest = (rate(self.counts.accepted, before.accepted), rate(self.counts.bytes, before.bytes));
        let smooth = |known: f64, newest: f64| known + (newest - known) * NEWEST;
        self.rates = Some(self.rates.map_or(newest, |known| (smooth(known.0, newest.0), smooth(known.1, newest.1))));
    }
}

/// Returns what is shown, the most important first: a narrow terminal cuts the end.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are above zero and rounded")]
fn line(counts: &PutCounts, rates: Option<(f64, f64)>, left: Option<Duration>, pause: Option<&str>) -> String {
    let mut parts = vec![units::count(counts.accepted)];
    if let Some((readings, bytes)) = rates {
        parts.push(format!("{}/s", units::count(readings.round() as u64)));
        parts.extend(left.map(|left| format!("{} left", units::duration(left))));
        parts.push(format!("{}/s", units::bytes(bytes.round() as u64)));
    }
    if counts.rejected > 0 {
        parts.push(format!("{} rejected", units::count(counts.rejected)));
    }
    if counts.resent > 0 {
        parts.push(format!("{} resent", units::count(counts.resent)));
    }
    parts.extend(pause.map(str::to_owned));
    parts.join("  ")
}

impl Observer<PutEvent<'_>> for PutProgress {
    fn on(&self, event: &PutEvent<'_>) {
        let mut state = self.state.lock();
        match event {
            PutEvent::Rejected(rejection) => {
                state.counts.rejected += 1;
                if self.names_rejected && state.counts.rejected <= NAMED_LINES {
                    self.progress.status(format!("{}:{}: {}", rejection.file, rejection.line, rejection.reason));
                }
            }
            PutEvent::Accepted { readings, bytes } => {
                state.counts.accepted += readings;
                state.counts.bytes += bytes;
                state.stalled = None;
            }
            PutEvent::Resending { records, code, pause } => {
                self.tell_stall(&mut state, code);
                state.counts.resent += *records as u64;
                state.retry = Some((Instant::now() + (*pause).max(Duration::from_secs(1)), (*code).to_owned()));
            }
        }
        self.refresh(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    #[test]
    fn line_has_rates_before_what_a_narrow_terminal_may_cut() {
        let counts = PutCounts { accepted: 12_345, rejected: 2, bytes: 0, resent: 40 };
        let rates = Some((1020.4, 83_886.0));
        assert_eq!(
            line(&counts, rates, Some(Duration::from_secs(75)), Some("ProvisionedThroughputExceededException")),
            "12,345  1,020/s  75 s left  81.9 KiB/s  2 rejected  40 resent  ProvisionedThroughputExceededException"
        );
        assert_eq!(line(&PutCounts::default(), None, None, None), "0");
    }

    #[test]
    fn put_progress_off_a_terminal_is_one_line_when_it_ends() {
        let (output, captured) = Output::captured(Format::Auto, false, 0);
        let progress = PutProgress::new(&output, "simulation".to_owned(), true, false);
        let progress = progress.with_position(|counts| Some((counts.accepted, 10)));
        for _ in 0..2 {
            progress.on(&PutEvent::Accepted { readings: 5, bytes: 400 });
            progress.on(&PutEvent::Resending { records: 3, code: "InternalFailure", pause: Duration::ZERO });
        }
        progress.finish(&PutSummary::default());
        let (_, said) = captured.texts();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("  put ") && said.ends_with(" simulation\n"), "{said}");
    }

    #[test]
    fn retries_without_acceptance_are_said_once_off_a_terminal() {
        let (output, captured) = Output::captured(Format::Auto, false, 0);
        let progress = PutProgress::new(&output, "file".into(), true, false);
        let resend = || {
            let pause = Duration::from_millis(100);
            progress.on(&PutEvent::Resending { records: 3, code: "no answer", pause });
        };
        let began = Instant::now().checked_sub(QUIET_RETRIES).unwrap();
        resend();
        assert_eq!(captured.texts().1, "");
        progress.state.lock().stalled = Some((began, false));
        resend();
        resend();
        let said = captured.texts().1;
        assert!(
            said.starts_with("  the stream has accepted nothing for 5.") && said.contains("(no answer)"),
            "{said:?}"
        );
        assert_eq!(said.lines().count(), 1, "{said:?}");
        progress.on(&PutEvent::Accepted { readings: 1, bytes: 1 });
        resend();
        assert_eq!(captured.texts().1, said);
    }
}
