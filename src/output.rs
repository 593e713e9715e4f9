//! The only door to the terminal: data to stdout, everything said to a person to stderr.
//!
//! `Output` decides once, from the flags and what stdout and stderr are, how data looks and whether anything is said;
//! commands never ask. A closed pipe ends the program quietly and successfully.

mod color;
mod csv;
mod csv_safe;
mod dead_letters;
mod demo_report;
mod destination;
mod diagnosis_report;
mod differences;
mod doctor_report;
mod escape;
mod form;
mod format;
mod inspection_report;
mod invocation_report;
mod json;
mod layout_rows;
mod live_rows;
mod local_status;
mod log;
mod log_rows;
mod marks;
mod messages;
mod output_file;
mod plan_list;
mod progress;
mod prompt;
mod put_estimate;
mod put_progress;
mod raw_rows;
mod read_usage;
mod reading_rows;
mod report;
mod row;
mod rows;
mod selected_columns;
mod simulation_report;
mod sizing_report;
mod stack_health;
mod stack_progress;
mod stack_report;
mod stack_status;
mod table;
mod tail_progress;
mod tail_rows;
mod time_style;
mod warnings;
mod wrap;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use self::destination::Destination;
use crate::error::Error;
use crate::hint_flags::HintFlags;

pub(crate) use crate::units;

pub(crate) use color::ColorChoice;
pub(crate) use csv::{CsvCells, CsvColumns, OwnCell};
pub(crate) use dead_letters::{DeadLetterReport, DeadLetterRow, DeletedDeadLetters, ExportedDeadLetter, ReasonRow};
pub(crate) use dead_letters::{FailureDocumentRow, ReplayReport, fate_line};
pub(crate) use demo_report::{DemoReport, StepTime};
pub(crate) use escape::{one_line, visible};

#[cfg(test)]
pub(crate) use destination::Captured;

pub(crate) use diagnosis_report::DiagnosisReport;
pub(crate) use differences::{change_lines, difference_lines};

pub(crate) use doctor_report::DoctorReport;
pub(crate) use format::Format;
pub(crate) use invocation_report::InvocationReport;
pub(crate) use layout_rows::{LayoutReport, LayoutRow, VerboseLayoutRow};
pub(crate) use live_rows::LiveRows;
pub(crate) use local_status::LocalStatus;
pub(crate) use log::print_log_lines;
pub(crate) use log_rows::MetricsRow;
pub(crate) use marks::Mark;
pub(crate) use output_file::OutputFile;
pub(crate) use plan_list::{LIST_INDENT, done_word, effect, loss, plan_lines, resource_line};
pub(crate) use progress::{Progress, Step};
pub(crate) use put_progress::{NAMED_LINES, PutProgress};
pub(crate) use read_usage::read_usage_line;
pub(crate) use reading_rows::{Hop, PutReport, hop_line};
pub(crate) use report::Report;
pub(crate) use row::Row;
pub(crate) use rows::Rows;
pub(crate) use simulation_report::{DeletedRows, SimulationReport, row_count};
pub(crate) use sizing_report::{SampleSummary, SizingReport};
pub(crate) use stack_health::{HealthStatus, ShardStatus};
pub(crate) use stack_progress::StackProgress;
pub(crate) use stack_report::{Drained, ReportScope, ResourceRef, StackReport, print_orphans, print_warnings};
pub(crate) use stack_status::{MappingStatus, ResourceStatus, StackStatus};
pub(crate) use table::{SHORTEST_ID, Squeeze, table_of_record, table_of_rows};
pub(crate) use tail_progress::TailProgress;
pub(crate) use tail_rows::{Arrival, RawData, RawRecordRow, TailRow, TailStatsRow, time_text};
pub(crate) use time_style::{TimeFormat, TimeStyle};
pub(crate) use warnings::{NOT_OURS, Warning};

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
    /// Takes the data instead of stdout.
    file: Option<OutputFile>,
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
            file: None,
            closed: Arc::default(),
            hint_flags: Arc::default(),
        }
    }

    /// Creates an output that is not a terminal and writes to memory.
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
            file: None,
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

    /// Returns the flags that commands repeat.
    pub(crate) fn hint_flags(&self) -> &HintFlags {
        &self.hint_flags
    }

    /// Returns whether JSON was asked for by name.
    #[must_use]
    pub fn is_json_asked(&self) -> bool {
        matches!(self.format, Format::Json | Format::Ndjson)
    }

    /// Returns whether a person can be asked: stdin and stderr are a terminal.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        self.stderr_is_terminal && io::stdin().is_terminal()
    }

    /// Returns whether more detail was asked for.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        self.verbosity > 0
    }

    /// Returns whether the reader of stdout has closed the pipe; a producer of rows may stop then.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Checks that a report can be shown in the requested format. Call it before any other work.
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
            Format::Auto | Format::Table => {
                let text = report.table();
                let text = visible(&self.hint_flags.complete(&text)).into_owned();
                let width = wrap::width_of(io::stdout()).filter(|_| self.stdout_is_terminal);
                let text = width.map_or(text.clone(), |width| wrap::wrapped(&text, width, 0));
                Ok(if self.color && self.stdout_is_terminal { marks::colored(&text) } else { text })
            }
        }?;
        self.data(&text)
    }

    /// Shows the result of work whose steps were printed as they ended. A terminal that showed the steps does not show the
    /// result again, and `--quiet` without `--output` shows nothing.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub fn report_of_work<R: Report>(&self, report: &R) -> Result<(), Error> {
        let was_seen = self.stdout_is_terminal && self.stderr_is_terminal && !self.quiet;
        let is_table = self.report_format() == Format::Table;
        let is_unasked = self.quiet && self.format == Format::Auto;
        if (was_seen && is_table) || is_unasked { Ok(()) } else { self.report(report) }
    }

    /// Clears the screen, where stdout is one; elsewhere does nothing.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub fn clear(&self) -> Result<(), Error> {
        if self.stdout_is_terminal { self.bytes(b"\x1b[H\x1b[2J") } else { Ok(()) }
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
        if let Some(file) = &self.file {
            return file.write(bytes);
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

    /// Progress of named steps: bars on a terminal, lines off it, nothing when quiet.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress::new(self.clone())
    }

    /// Prints a text with its label in color, in lines that fit the terminal.
    fn print(&self, label: Option<(&str, &str)>, text: &str) {
        let text = self.hint_flags.complete(text);
        let text = visible(&text);
        let columns = label.map_or(0, |(_, label)| label.len() + 1);
        let width = self.stderr_width();
        let text = width.map_or_else(|| text.clone().into_owned(), |width| wrap::wrapped(&text, width, columns));
        let text = if self.color { marks::colored(&text) } else { text };
        match label {
            Some((style, label)) => self.print_line(&format!("{} {text}", self.style(style, label))),
            None => self.print_line(&text),
        }
    }

    fn stderr_width(&self) -> Option<usize> {
        wrap::width_of(io::stderr()).filter(|_| self.stderr_is_terminal)
    }

    fn print_line(&self, line: &str) {
        self.destination.line(line);
    }

    /// Wraps text in an ANSI style where color is on.
    #[must_use]
    pub fn style(&self, style: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

fn no_csv() -> Error {
    Error::usage("this command has no CSV format")
        .hint("`-o json` and `-o table` work everywhere; CSV is for rows, as in `sensorctl scan -o csv`")
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
}
