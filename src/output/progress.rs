//! Progress of named steps with indicatif: shown after 250 ms, gone when done; off a terminal one line per step.

use std::sync::Once;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::escape::one_line;
use super::{Output, units};

/// Work that is done sooner than this shows no progress at all.
const DELAY: Duration = Duration::from_millis(250);
const FRAMES_PER_SECOND: u8 = 20;

/// Steps that run side by side.
#[derive(Debug)]
pub struct Progress {
    output: Output,
    bars: MultiProgress,
    appears: Once,
}

/// One step of a [`Progress`].
#[derive(Debug)]
pub struct Step {
    output: Output,
    bars: MultiProgress,
    bar: ProgressBar,
    name: String,
    began: Instant,
}

impl Progress {
    pub(super) fn new(output: Output) -> Self {
        Progress { output, bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()), appears: Once::new() }
    }

    /// Begins a step.
    #[must_use]
    pub fn step(&self, name: impl Into<String>) -> Step {
        let name = one_line(&name.into()).into_owned();
        let bar = self.bars.add(ProgressBar::new_spinner());
        bar.set_style(
            ProgressStyle::with_template("{spinner} {prefix:<44} {elapsed:>4} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar.set_prefix(name.clone());
        if self.output.stderr_is_terminal && !self.output.quiet {
            self.appears.call_once(|| appear_later(self.bars.clone()));
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Step { output: self.output.clone(), bars: self.bars.clone(), bar, name, began: Instant::now() }
    }

    /// Says a line to the person while steps are shown.
    pub fn status(&self, line: impl AsRef<str>) {
        self.bars.suspend(|| self.output.status(line));
    }
}

impl Step {
    /// What the step is waiting for.
    pub fn waiting(&self, text: &str) {
        self.bar.set_message(one_line(text).into_owned());
    }

    /// Ends the step well. On a terminal it is gone then; off it, this is its one line.
    pub fn done(self, what: &str) {
        self.bar.finish_and_clear();
        if !self.output.stderr_is_terminal {
            self.output.status(self.line(what));
        }
    }

    /// Ends the step badly; the error itself is told by whoever returns it.
    pub fn failed(self) {
        self.bar.finish_and_clear();
        self.bars.suspend(|| self.output.status(self.line("failed")));
    }

    fn line(&self, what: &str) -> String {
        let took = units::duration(self.began.elapsed());
        format!("  {what:<8} {:<48} {took:>8}", self.name)
    }
}

fn appear_later(bars: MultiProgress) {
    tokio::spawn(async move {
        tokio::time::sleep(DELAY).await;
        bars.set_draw_target(ProgressDrawTarget::stderr_with_hz(FRAMES_PER_SECOND));
    });
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::output;

    #[test]
    fn spinner_shows_every_character_of_what_a_service_says() {
        let step = output(Format::Auto, true).progress().step("table \x1b[31mSensorData");
        step.waiting("CREATING\r\u{9b}2K\u{202e}");
        assert_eq!(step.bar.prefix(), "table \u{fffd}[31mSensorData");
        assert_eq!(step.bar.message(), "CREATING\u{fffd}\u{fffd}2K\u{fffd}");
        assert!(!step.line("created").contains('\x1b'));
    }
}
