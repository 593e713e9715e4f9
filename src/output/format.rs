//! The form of the data on stdout.

use clap::ValueEnum;

/// The format of the data on stdout.
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
