//! Messages for a person, on stderr.

use super::{Format, Output, Warning, escape, json};
use crate::error::Error;

impl Output {
    /// Prints a line for the person, on stderr.
    pub fn status(&self, line: impl AsRef<str>) {
        if !self.quiet {
            self.print(None, line.as_ref());
        }
    }

    /// Prints lines for the person, on stderr.
    pub fn lines(&self, lines: &[String]) {
        for line in lines {
            self.status(line);
        }
    }

    /// Prints something that explains what happens.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            self.print(Some(("36", "note:")), text.as_ref());
        }
    }

    /// Prints what to do next, or about what was printed before.
    pub fn hint(&self, text: impl AsRef<str>) {
        if !self.quiet {
            self.print(Some(("36", "hint:")), text.as_ref());
        }
    }

    /// Prints a line only under `-v`.
    pub fn detail(&self, line: impl AsRef<str>) {
        if self.verbosity > 0 {
            self.status(line);
        }
    }

    /// Prints a warning with its hint.
    pub fn warn(&self, message: &Warning) {
        if !self.quiet {
            self.print(Some(("33", "warning:")), &message.to_string());
            self.hint(message.hint());
        }
    }

    /// Prints what went wrong; as JSON where JSON was asked for.
    pub fn error(&self, error: &Error) {
        if matches!(self.format, Format::Json | Format::Ndjson) {
            let complete = |text: &str| self.hint_flags.complete(text).into_owned();
            let hints: Vec<_> = error.hints().iter().map(|hint| complete(hint)).collect();
            let text = json::error(error.kind(), &complete(&error.full_message()), &hints);
            self.print_line(&if self.stderr_is_terminal { escape::json(text) } else { text });
            return;
        }
        self.print(Some(("1;31", "error:")), &error.full_message());
        for hint in error.hints() {
            self.print(Some(("36", "hint:")), hint);
        }
    }
}
