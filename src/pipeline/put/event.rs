//! What happens on the way into the stream, who hears of it, and the sums at the end.

use std::time::Duration;

use serde::Serialize;

use crate::pipeline::RejectedLine;

/// Something that happened while readings were put.
#[derive(Debug)]
pub enum PutEvent<'a> {
    /// A line of the input is no reading.
    Rejected(&'a RejectedLine),
    /// The stream took this many readings more.
    Accepted(u64),
    /// The stream did not take some records; they are sent again after a pause.
    Resending {
        /// How many.
        records: usize,
        /// The service's error code.
        code: &'a str,
        /// How long it is waited first.
        pause: Duration,
    },
}

/// Hears of events; called from many places at once.
pub trait PutObserver: Send + Sync {
    /// One event.
    fn event(&self, event: &PutEvent<'_>);
}

/// The ledger of a bulk put: `read` = `accepted` + `rejected` + `failed`, always.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PutSummary {
    /// Readings taken from the input, good or bad.
    pub read: u64,
    /// Readings that the stream took.
    pub accepted: u64,
    /// Lines that are no reading.
    pub rejected: u64,
    /// Readings that the stream did not take.
    pub failed: u64,
    /// Records that the stream took; more than `accepted` where order made it necessary to send one twice.
    pub records: u64,
    /// Bytes of those records, partition keys included.
    pub bytes: u64,
    /// Records that were sent again.
    pub retries: u64,
    /// Seconds from beginning to end.
    pub seconds: f64,
    /// Accepted readings per second.
    pub readings_per_second: f64,
}

impl PutSummary {
    /// Fills in how long it took, to the millisecond.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown with one decimal")]
    pub fn within(mut self, elapsed: Duration) -> Self {
        self.seconds = (elapsed.as_secs_f64() * 1000.0).round() / 1000.0;
        let rate = self.accepted as f64 / elapsed.as_secs_f64().max(0.001);
        self.readings_per_second = (rate * 10.0).round() / 10.0;
        self
    }

    /// Whether every reading that was read is in the stream.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.rejected == 0 && self.failed == 0
    }
}
