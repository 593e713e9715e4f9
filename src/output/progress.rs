//! Progress of named steps with indicatif: shown after 250 ms, gone when done; off a terminal one line per step.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Output, units};

/// Steps that run side by side.
#[derive(Debug)]
pub struct Progress {
    output: Output,
    bars: MultiProgress,
}

/// One step of a [`Progress`].
#[derive(Debug)]
pub struct Step {
    output: Output,
    bar: ProgressBar,
    name: String,
    began: Instant,
}

impl Progress {
    pub(super) fn new(output: Output) -> Self {
        let shown = output.stderr_is_terminal && !output.quiet;
        let target = if shown { ProgressDrawTarget::stderr_with_hz(20) } else { ProgressDrawTarget::hidden() };
        Progress { output, bars: MultiProgress::with_draw_target(target) }
    }

    /// Begins a step; its line shows once the step takes longer than 250 ms.
    #[must_use]
    pub fn step(&self, name: impl Into<String>) -> Step {
        let name = name.into();
        let bar = self.bars.add(ProgressBar::new_spinner());
        bar.set_style(
            ProgressStyle::with_template("{spinner} {prefix:<28} {elapsed:>4} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar.set_prefix(name.clone());
        bar.enable_steady_tick(Duration::from_millis(250));
        Step { output: self.output.clone(), bar, name, began: Instant::now() }
    }

    /// Says a line to the person while steps are shown.
    pub fn status(&self, line: impl AsRef<str>) {
        self.bars.suspend(|| self.output.status(line));
    }
}

impl Step {
    /// What the step is waiting for.
    pub fn waiting(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }

    /// Ends the step well; off a terminal this is the step's one line.
    pub fn done(self, what: &str) {
        self.bar.finish_and_clear();
        let took = units::duration(self.began.elapsed());
        self.output.status(format!("  {:<12} {:<32} {took:>8}", what, self.name));
    }

    /// Ends the step badly; the error itself is told by whoever returns it.
    pub fn failed(self) {
        self.bar.finish_and_clear();
        let took = units::duration(self.began.elapsed());
        self.output.status(format!("  {:<12} {:<32} {took:>8}", "failed", self.name));
    }
}
