//! The only door to the terminal: data to stdout, everything said to a person to stderr.
//!
//! `Output` decides once, from the flags and what stdout and stderr are, how data looks and whether anything is said;
//! commands never ask. A closed pipe ends the program quietly and successfully.

mod csv;
mod destination;
mod escape;
mod json;
mod progress;
mod reading_rows;
mod report;
mod rows;
mod stack_progress;
mod table;
pub mod units;
mod warnings;

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;

use self::destination::Destination;
use crate::cli::ColorChoice;
use crate::error::Error;
use crate::hint_flags::HintFlags;

use self::escape::visible;
pub use csv::{CsvCells, CsvColumns, OwnCell};
pub use escape::one_line;

#[cfg(test)]
pub use destination::Captured;

pub use progress::{Progress, Step};
pub use reading_rows::PutReport;
pub use report::Report;
pub use rows::{Row, Rows};
pub use stack_progress::StackProgress;
pub use table::{cell, new_table, table_of_rows};
pub use warnings::{MAPPING_PROBLEM, Warning};

/// The form of the data on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table on a terminal; else NDJSON for rows and JSON for reports.
    #[default]
    Auto,
    /// A table for people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
}

/// How a command shows what it found and says what it does.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about the terminal, not states")]
pub struct Output {
    format: Format,
    quiet: bool,
    verbosity: u8,
    color: bool,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
    destination: Destination,
    closed: Arc<AtomicBool>,
    /// Repeated in every command that is said.
    hint_flags: Arc<HintFlags>,
}

impl Output {
    /// From the flags, `NO_COLOR`, `CLICOLOR_FORCE`, and whether stdout and stderr are terminals.
    #[must_use]
    pub fn new(format: Format, quiet: bool, verbosity: u8, color: ColorChoice) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let stderr_is_terminal = io::stderr().is_terminal();
        let color = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if set("NO_COLOR") => false,
            ColorChoice::Auto if set("CLICOLOR_FORCE") && std::env::var_os("CLICOLOR_FORCE") != Some("0".into()) => {
                true
            }
            ColorChoice::Auto => stderr_is_terminal && std::env::var_os("TERM") != Some("dumb".into()),
        };
        Output {
            format,
            quiet,
            verbosity,
            color,
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal,
            destination: Destination::default(),
            closed: Arc::default(),
            hint_flags: Arc::default(),
        }
    }

    /// Creates an output that is no terminal and writes to memory.
    #[cfg(test)]
    pub fn captured(format: Format, quiet: bool, verbosity: u8) -> (Self, Captured) {
        let captured = Captured::default();
        let output = Output {
            format,
            quiet,
            verbosity,
            color: false,
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            destination: Destination::Captured(captured.clone()),
            closed: Arc::default(),
            hint_flags: Arc::default(),
        };
        (output, captured)
    }

    /// Repeats these flags in every command that is said.
    #[must_use]
    pub fn repeating(mut self, flags: HintFlags) -> Self {
        self.hint_flags = Arc::new(flags);
        self
    }

    /// The form that rows take.
    #[must_use]
    pub fn row_format(&self) -> Format {
        match self.format {
            Format::Auto if self.stdout_is_terminal => Format::Table,
            Format::Auto => Format::Ndjson,
            format => format,
        }
    }

    /// The form that a report takes.
    #[must_use]
    pub fn report_format(&self) -> Format {
        match self.format {
            Format::Auto if self.stdout_is_terminal => Format::Table,
            Format::Auto => Format::Json,
            format => format,
        }
    }

    /// Whether JSON was asked for by name.
    #[must_use]
    pub fn is_json_asked(&self) -> bool {
        matches!(self.format, Format::Json | Format::Ndjson)
    }

    /// Whether more was asked for.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        self.verbosity > 0
    }

    /// Whether a person can be asked: both ends are a terminal and nobody asked for silence.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        self.stderr_is_terminal && io::stdin().is_terminal()
    }

    /// Whether the other end of stdout has gone away; a producer of rows may stop then.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Whether a report can be shown in the asked form; to be known before anything is done.
    ///
    /// # Errors
    /// When CSV was asked for, which is for rows.
    pub fn check_report_format(&self) -> Result<(), Error> {
        if self.format == Format::Csv { Err(no_csv()) } else { Ok(()) }
    }

    /// Shows the one result of a command.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub fn report<R: Report>(&self, report: &R) -> Result<(), Error> {
        let text = match self.report_format() {
            Format::Json => json::to_pretty(report).map(|text| self.shown(text)),
            Format::Ndjson => json::to_line(report).map(|text| self.shown(text)),
            Format::Csv => Err(no_csv()),
            Format::Auto | Format::Table => Ok(visible(&report.table()).into_owned()),
        }?;
        self.data(&text)
    }

    /// Begins a screen anew, where stdout is one; elsewhere nothing.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub fn clear(&self) -> Result<(), Error> {
        if self.stdout_is_terminal { self.bytes(b"\x1b[H\x1b[2J") } else { Ok(()) }
    }

    /// A writer of rows in the asked form.
    #[must_use]
    pub fn rows(&self) -> Rows {
        Rows::new(self.clone(), self.row_format())
    }

    /// Writes finished text to stdout, ending it with a line feed.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub fn data(&self, text: &str) -> Result<(), Error> {
        let mut bytes = text.as_bytes().to_vec();
        if !text.is_empty() && !text.ends_with('\n') {
            bytes.push(b'\n');
        }
        self.bytes(&bytes)
    }

    /// Writes raw bytes to stdout.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Error> {
        if self.is_closed() {
            return Ok(());
        }
        match self.destination.data(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed.store(true, Ordering::Relaxed);
                Ok(())
            }
            result => result.map_err(|error| Error::failed("could not write to stdout").with_source(error)),
        }
    }

    /// JSON as it is, or as it can be shown on a terminal.
    fn shown(&self, json: String) -> String {
        if self.stdout_is_terminal { escape::json(json) } else { json }
    }

    /// Says a line to the person, on stderr.
    pub fn status(&self, line: impl AsRef<str>) {
        if !self.quiet {
            self.print_line(&visible(&self.hint_flags.complete(line.as_ref())));
        }
    }

    /// Says something that explains what happens.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            let text = self.hint_flags.complete(text.as_ref());
            self.print_line(&format!("{} {}", self.style("36", "note:"), visible(&text)));
        }
    }

    /// Says a line only under `-v`.
    pub fn detail(&self, line: impl AsRef<str>) {
        if self.verbosity > 0 {
            self.status(line);
        }
    }

    /// Says a warning with its hint.
    pub fn warn(&self, message: &Warning) {
        if !self.quiet {
            let (text, hint) = (message.to_string(), message.hint());
            let [text, hint] = [&text, &hint].map(|text| self.hint_flags.complete(text));
            self.print_line(&format!("{} {}", self.style("33", "warning:"), visible(&text)));
            self.print_line(&format!("{} {}", self.style("36", "hint:"), visible(&hint)));
        }
    }

    /// Says what went wrong; as JSON where JSON was asked for.
    pub fn error(&self, error: &Error) {
        let complete = |text: &str| self.hint_flags.complete(text).into_owned();
        let message = complete(&error.full_message());
        let hints: Vec<_> = error.hints().iter().map(|hint| complete(hint)).collect();
        if matches!(self.format, Format::Json | Format::Ndjson) {
            let text = json::error(error.kind(), &message, &hints);
            self.print_line(&if self.stderr_is_terminal { escape::json(text) } else { text });
            return;
        }
        self.print_line(&format!("{} {}", self.style("1;31", "error:"), visible(&message)));
        for hint in &hints {
            self.print_line(&format!("{} {}", self.style("36", "hint:"), visible(hint)));
        }
    }

    /// Progress of named steps: bars on a terminal, lines off it, nothing when quiet.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress::new(self.clone())
    }

    /// Asks a yes-or-no question on the terminal; anything but `y` or `yes` is no.
    ///
    /// # Errors
    /// When the answer cannot be read.
    pub async fn confirm(&self, question: &str) -> Result<bool, Error> {
        let failed = |error: io::Error| Error::failed("could not ask").with_source(error);
        let mut stderr = io::stderr().lock();
        write!(stderr, "{}", prompt(&self.hint_flags.complete(question)))
            .and_then(|()| stderr.flush())
            .map_err(failed)?;
        drop(stderr);
        let mut open_line = OpenLine { output: self, answered: false };
        // On a thread of its own, so that Ctrl-C ends the wait; it never returns where no answer comes.
        let reading = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            io::stdin().read_line(&mut answer).map(|_| answer)
        });
        let answer = reading.await.map_err(|error| failed(io::Error::other(error)))?.map_err(failed)?;
        open_line.answered = answer.ends_with('\n');
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    fn print_line(&self, line: &str) {
        self.destination.line(line);
    }

    /// Wraps text in an ANSI style where colour is on.
    #[must_use]
    pub fn style(&self, style: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

fn no_csv() -> Error {
    Error::usage("this command has no CSV form")
        .hint("`-o json` and `-o table` work everywhere; CSV is for rows, as in `sensorctl scan -o csv`")
}

/// A question as it is asked: it may name what a service answered.
fn prompt(question: &str) -> String {
    format!("{} [y/N] ", one_line(question))
}

/// A question whose line an answer will end; whatever is said instead begins a new one.
struct OpenLine<'a> {
    output: &'a Output,
    answered: bool,
}

impl Drop for OpenLine<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.output.print_line("");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output of which stdout is a terminal, or none.
    pub(super) fn output(format: Format, stdout_is_terminal: bool) -> Output {
        Output { stdout_is_terminal, ..Output::new(format, false, 0, ColorChoice::Never) }
    }

    #[test]
    fn json_is_escaped_for_a_terminal_and_left_alone_elsewhere() {
        let text = || "\"\u{9b}31m\u{202e}\"".to_owned();
        assert_eq!(output(Format::Json, true).shown(text()), r#""\u009b31m\u202e""#);
        assert_eq!(output(Format::Json, false).shown(text()), text());
    }

    #[test]
    fn question_cannot_pretend_to_be_another_one() {
        let asked = prompt("Delete all in account 1\r\x1b[2K\nDelete nothing\u{202e}?");
        assert_eq!(asked, "Delete all in account 1\u{fffd}\u{fffd}[2K\u{fffd}Delete nothing\u{fffd}? [y/N] ");
    }
}
