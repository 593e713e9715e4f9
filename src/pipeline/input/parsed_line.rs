//! A line of an input, parsed.

use super::rejected_line::RejectedLine;
use crate::pipeline::Record;

/// A reading, or a rejected line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ParsedLine {
    /// A reading.
    Ready(Record),
    /// A line, or the lines of a row, without one.
    Rejected(RejectedLine),
}

impl ParsedLine {
    /// Returns the bytes of memory that it takes, about.
    pub(crate) fn memory(&self) -> usize {
        let texts = match self {
            ParsedLine::Ready(record) => record.bytes(),
            ParsedLine::Rejected(rejection) => rejection.raw.len() + rejection.reason.len(),
        };
        size_of::<Self>() + texts
    }
}
