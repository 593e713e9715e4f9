//! Events of a bulk put, their observer, and the final counts.

use std::time::Duration;

use serde::Serialize;

use crate::pipeline::RejectedLine;

/// An event while readings are put.
#[derive(Debug)]
pub enum PutEvent<'a> {
    /// A line of the input is not a valid reading.
    Rejected(&'a RejectedLine),
    /// The stream accepted this many more readings.
    Accepted(u64),
    /// The stream did not accept some records. They are retried after a pause.
    Resending {
        /// Number of records.
        records: usize,
        /// The service's error code.
        code: &'a str,
        /// The pause before the retry.
        pause: Duration,
    },
}

/// Receives events, from several tasks at once.
pub trait PutObserver: Send + Sync {
    /// Handles one event.
    fn event(&self, event: &PutEvent<'_>);
}

/// The counts of a bulk put: `read` = `accepted` + `rejected` + `failed`, always.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PutSummary {
    /// Readings read from the input, valid or not.
    pub read: u64,
    /// Readings that the stream accepted.
    pub accepted: u64,
    /// Lines that are not valid readings.
    pub rejected: u64,
    /// Readings that the stream did not accept.
    pub failed: u64,
    /// Records that the stream accepted. More than `accepted` if a record was sent twice to keep the order.
    pub records: u64,
    /// Bytes of those records, partition keys included.
    pub bytes: u64,
    /// Retried records.
    pub retries: u64,
    /// Total seconds.
    pub seconds: f64,
    /// Accepted readings per second.
    pub readings_per_second: f64,
}

impl PutSummary {
    /// Sets the elapsed time, to the millisecond.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown with one decimal")]
    pub fn within(mut self, elapsed: Duration) -> Self {
        self.seconds = (elapsed.as_secs_f64() * 1000.0).round() / 1000.0;
        let rate = self.accepted as f64 / elapsed.as_secs_f64().max(0.001);
        self.readings_per_second = (rate * 10.0).round() / 10.0;
        self
    }

    /// Returns whether every reading of the input is in the stream.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.rejected == 0 && self.failed == 0
    }
}
