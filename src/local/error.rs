//! Errors of the local cloud as a whole, such as a data directory in use; errors of requests are `ServiceError`s.

use std::error::Error as StdError;
use std::fmt;

/// An error with its cause and hints.
#[derive(Debug)]
pub struct Error {
    is_usage: bool,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    hints: Vec<String>,
}

impl Error {
    /// Creates the error of a failed operation.
    pub fn failed(message: impl Into<String>) -> Self {
        Error { is_usage: false, message: message.into(), source: None, hints: Vec::new() }
    }

    /// Creates the error of wrong options or settings.
    pub fn usage(message: impl Into<String>) -> Self {
        Error { is_usage: true, ..Self::failed(message) }
    }

    /// Sets the underlying error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Returns whether options or settings are wrong.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        self.is_usage
    }

    /// Returns the hints.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Returns the underlying error and the hints, to build an error of another type.
    #[must_use]
    pub fn into_parts(self) -> (Option<Box<dyn StdError + Send + Sync>>, Vec<String>) {
        (self.source, self.hints)
    }

    /// Returns the message followed by those of all underlying errors.
    #[must_use]
    pub(crate) fn full_message(&self) -> String {
        let mut text = self.message.clone();
        let mut next = self.source();
        while let Some(source) = next {
            text = format!("{text}: {source}");
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
