//! How far the consumer of the stream is behind: by `CloudWatch` where it says so, else by comparing the stream with the
//! table.
//!
//! No API tells the checkpoint of an event source mapping (docs/facts/event-source-mapping.md, States and results).

mod by_metrics;
mod by_stream;
mod candidates;
mod stream_page;

pub(crate) use by_metrics::{is_doubtful, lag_by_metrics};
pub(crate) use by_stream::StreamLag;

/// How long the oldest record that is not processed has waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lag {
    /// Milliseconds; 0 if no record waits.
    pub milliseconds: u64,
    /// True if it may be more.
    pub is_at_least: bool,
    /// Where it was read.
    pub source: LagSource,
}

/// The source of a lag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LagSource {
    /// The function's metric `IteratorAge`.
    IteratorAge,
    /// Records have come since the last invocation, by the metrics `IncomingRecords` and `IteratorAge`.
    WaitingRecords,
    /// The stream's metric `GetRecords.IteratorAgeMilliseconds`: all its consumers have read to the end.
    StreamIteratorAge,
    /// The newest records of the stream, and whether the table has them.
    StreamAndTable,
}

impl LagSource {
    /// Returns its name in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            LagSource::IteratorAge => "iterator-age",
            LagSource::WaitingRecords => "waiting-records",
            LagSource::StreamIteratorAge => "stream-iterator-age",
            LagSource::StreamAndTable => "stream-and-table",
        }
    }
}
