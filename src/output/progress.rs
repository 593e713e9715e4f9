//! Progress of named steps with indicatif: shown after 250 ms, gone when done; off a terminal one line per step.

use std::sync::Once;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::escape::one_line;
use super::{Output, marks, units, wrap};

/// Work that is done sooner than this shows no progress at all.
const DELAY: Duration = Duration::from_millis(250);
const FRAMES_PER_SECOND: u8 = 20;
/// Columns of a progress bar.
const MIN_BAR: usize = 6;
const MAX_BAR: usize = 30;
/// Columns of a line that are neither bar nor name: indent, time, percentage and rates.
const BESIDE_BAR: usize = 58;
/// Columns of a terminal that does not say how many it has.
const WIDE: usize = 80;
/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(100);

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
        bar.set_style(style("  {spinner} {elapsed:>5}  {prefix}  {wide_msg}"));
        bar.set_prefix(name.clone());
        if self.is_drawn() {
            self.appears.call_once(|| appear_later(self.bars.clone(), Vec::new()));
            bar.enable_steady_tick(TICK);
        }
        Step { output: self.output.clone(), bars: self.bars.clone(), bar, name, began: Instant::now() }
    }

    /// Says a line to the person while steps are shown.
    pub fn status(&self, line: impl AsRef<str>) {
        self.bars.suspend(|| self.output.status(line));
    }

    /// Returns whether there is a terminal to draw on.
    pub(super) fn is_drawn(&self) -> bool {
        self.output.stderr_is_terminal && !self.output.quiet
    }

    /// Returns the lines of a list that is drawn, one a text, with nothing of them begun.
    pub(super) fn listed(&self, texts: Vec<String>) -> Vec<ProgressBar> {
        let line = |text: String| {
            let bar = self.bars.add(ProgressBar::new_spinner());
            bar.set_style(style("{wide_msg}"));
            bar.set_message(text);
            bar
        };
        let bars: Vec<_> = texts.into_iter().map(line).collect();
        if self.is_drawn() {
            self.appears.call_once(|| appear_later(self.bars.clone(), bars.clone()));
        }
        bars
    }

    /// Marks the work of a line of a list as begun.
    pub(super) fn begin(&self, bar: &ProgressBar, word: &str, text: &str) {
        bar.set_style(style("  {spinner} {prefix:<9} {elapsed:>8}  {wide_msg}"));
        bar.set_prefix(word.to_owned());
        bar.set_message(text.to_owned());
        bar.reset_elapsed();
        if self.is_drawn() {
            bar.enable_steady_tick(TICK);
        }
    }

    /// Shows the result of the work of a line of a list.
    pub(super) fn end(&self, bar: &ProgressBar, text: String) {
        bar.disable_steady_tick();
        bar.set_style(style("{wide_msg}"));
        bar.set_message(if self.output.color { marks::colored(&text) } else { text });
        bar.tick();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Step {
    /// Shows what the step waits for.
    pub fn waiting(&self, text: &str) {
        self.bar.set_message(one_line(text).into_owned());
    }

    /// Draws a bar that is filled up to `at` of `end`, where there is room for it beside the text.
    pub(super) fn measure(&self, at: u64, end: u64) {
        if self.bar.length() != Some(end) {
            self.bar.set_length(end);
            let columns = wrap::width_of(std::io::stderr()).unwrap_or(WIDE);
            let (name, bar) = measured(&self.name, columns);
            self.bar.set_prefix(name);
            let bar = if bar == 0 { String::new() } else { format!("  {{bar:{bar}}}") };
            let template = format!("  {{elapsed:>4}}  {{prefix}}{bar}  {{percent:>3}}%  {{wide_msg}}");
            self.bar.set_style(style(&template).progress_chars("=> "));
        }
        self.bar.set_position(at.min(end));
    }

    /// Returns the time that is left by the speed so far, once there is one.
    pub(super) fn left(&self) -> Option<Duration> {
        let known = self.began.elapsed() > Duration::from_secs(2) && self.bar.position() > 0;
        known.then(|| self.bar.eta())
    }

    /// Ends the step without a line: its owner says more than one.
    pub fn clear(self) {
        self.bar.finish_and_clear();
    }

    /// Ends the step well. On a terminal it is gone then; off it, this is its one line.
    pub fn done(self, what: &str) {
        self.bar.finish_and_clear();
        if !self.output.stderr_is_terminal {
            self.output.status(self.line(what));
        }
    }

    /// Ends the step badly; its owner returns the error itself.
    pub fn failed(self) {
        self.bar.finish_and_clear();
        self.bars.suspend(|| self.output.status(self.line("failed")));
    }

    fn line(&self, what: &str) -> String {
        line_of_step(what, self.began.elapsed(), &self.name)
    }
}

/// Returns the line of a step that ended: what became of it and in which time, before its name, which may be long.
pub(super) fn line_of_step(what: &str, took: Duration, name: &str) -> String {
    format!("  {what:<9} {:>8}  {name}", units::duration(took))
}

/// Returns the name and the columns of the bar that fit into a line; no bar where there is little room.
fn measured(name: &str, columns: usize) -> (String, usize) {
    let limit = (columns / 5).max(10);
    let name = if name.chars().count() > limit {
        name.chars().take(limit - 1).chain(['…']).collect()
    } else {
        name.to_owned()
    };
    let room = columns.saturating_sub(BESIDE_BAR + name.chars().count());
    (name, if room < MIN_BAR { 0 } else { room.min(MAX_BAR) })
}

fn appear_later(bars: MultiProgress, still: Vec<ProgressBar>) {
    tokio::spawn(async move {
        tokio::time::sleep(DELAY).await;
        bars.set_draw_target(ProgressDrawTarget::stderr_with_hz(FRAMES_PER_SECOND));
        // Lines without a spinner are drawn only when they change.
        still.iter().for_each(ProgressBar::tick);
    });
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::output;

    #[test]
    fn bar_gives_way_to_the_rates_and_a_long_name_is_cut() {
        assert_eq!(super::measured("big.ndjson", 60), ("big.ndjson".to_owned(), 0));
        assert_eq!(super::measured("big.ndjson", 80), ("big.ndjson".to_owned(), 12));
        assert_eq!(super::measured("big.ndjson", 200).1, 30);
        assert_eq!(super::measured("a-very-long-name.ndjson", 60), ("a-very-long…".to_owned(), 0));
    }

    #[test]
    fn spinner_shows_every_character_of_what_a_service_says() {
        let step = output(Format::Auto, true).progress().step("table \x1b[31mSensorData");
        step.waiting("CREATING\r\u{9b}2K\u{202e}");
        assert_eq!(step.bar.prefix(), "table \u{fffd}[31mSensorData");
        assert_eq!(step.bar.message(), "CREATING\u{fffd}\u{fffd}2K\u{fffd}");
        assert!(!step.line("created").contains('\x1b'));
    }
}
