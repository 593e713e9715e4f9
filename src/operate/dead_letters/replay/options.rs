//! The options of a replay.

use std::time::Duration;

/// How dead letters are replayed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplayOptions {
    /// True to put a reading although the table holds other values at its key.
    pub overwrite: bool,
    /// True to put and delete nothing.
    pub dry_run: bool,
    /// How long to wait until readings are stored.
    pub timeout: Duration,
    /// The shortest and the longest pause between two looks at the tables.
    pub pauses: (Duration, Duration),
}
