//! The error that reaches a person, and the only table of exit codes.

use std::error::Error as StdError;
use std::fmt;
use std::process::ExitCode;

use serde::Serialize;

/// The kind of an error, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The operation failed: a service said no, a file could not be read.
    Failed,
    /// The command line or the settings are wrong.
    Usage,
    /// The work finished, but not all is well.
    Incomplete,
    /// Ctrl-C.
    Interrupted,
}

impl ErrorKind {
    /// The exit code (docs/semantics.md, Exit codes).
    #[must_use]
    pub fn exit_code(self) -> ExitCode {
        ExitCode::from(self.code())
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            ErrorKind::Failed => 1,
            ErrorKind::Usage => 2,
            ErrorKind::Incomplete => 3,
            ErrorKind::Interrupted => 130,
        }
    }
}

/// A failure with what caused it and what to do about it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    hints: Vec<String>,
}

impl Error {
    /// An error of the given kind; the message says what happened, to what, and where.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), source: None, hints: Vec::new() }
    }

    /// The operation failed (exit code 1).
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// The command line or the settings are wrong (exit code 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Finished, but not all is well (exit code 3).
    pub fn incomplete(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Incomplete, message)
    }

    /// Ctrl-C (exit code 130).
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Interrupted, message)
    }

    /// Adds the error underneath.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds one thing to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Changes every hint.
    #[must_use]
    pub fn map_hints(mut self, change: impl Fn(String) -> String) -> Self {
        self.hints = self.hints.into_iter().map(change).collect();
        self
    }

    /// Returns the first of several failures, with the messages of the others as hints. Returns `None` without a failure.
    #[must_use]
    pub fn combined(failures: impl IntoIterator<Item = Error>) -> Option<Error> {
        let mut failures = failures.into_iter();
        let mut first = failures.next()?;
        let mut said = vec![first.full_message()];
        for other in failures {
            let message = other.full_message();
            if !said.contains(&message) {
                first.hints.push(format!("besides, {message}"));
                said.push(message);
            }
            for hint in other.hints {
                if !first.hints.contains(&hint) {
                    first.hints.push(hint);
                }
            }
        }
        Some(first)
    }

    /// The same error, with what was being done in front.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Returns the kind, which decides the exit code.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the hints, the most promising first.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The message with the messages of everything underneath.
    #[must_use]
    pub fn full_message(&self) -> String {
        let mut text = self.message.clone();
        let mut next = self.source.as_deref().map(|source| source as &dyn StdError);
        while let Some(source) = next {
            let said = source.to_string();
            if !said.is_empty() && !text.contains(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            next = source.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn the_full_message_names_every_cause_once() {
        let cause = std::io::Error::other("disk full");
        let error = Error::failed("could not write rows.csv").with_source(cause);
        assert_eq!(error.full_message(), "could not write rows.csv: disk full");
    }

    #[test]
    fn combined_failures_name_the_first_and_each_other_once() {
        let failed = |what: &str, hint: &str| Error::failed(what).hint(hint);
        let failures = [failed("a", "do a"), failed("b", "do b"), failed("a", "do a"), failed("b", "do b")];
        let error = Error::combined(failures).unwrap();
        assert_eq!(error.full_message(), "a");
        assert_eq!(error.hints(), ["do a", "besides, b", "do b"]);
        assert!(Error::combined([]).is_none());
    }
}
