//! Reports of commands, as data.

use serde::Serialize;

/// The one result of a command: JSON by its `Serialize`, a table for people by this trait.
pub trait Report: Serialize {
    /// The report for a person, without a line feed at its end.
    fn table(&self) -> String;
}
