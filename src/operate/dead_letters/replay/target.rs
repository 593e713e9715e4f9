//! The parts of the pipeline that a replay needs.

use sensor_model::Reading;

use super::item::{FoundRejection, ReplayItem, ReplayReason};
use crate::error::Error;
use crate::operate::DeadLetter;
use crate::operate::dead_letters::deletion::Deletion;
use crate::pipeline::{PutReceipt, RowState};

/// The stream, the table of readings and the dead-letter table.
pub(crate) trait ReplayTarget {
    /// Reads the rows at the keys of readings, consistently and in their order.
    ///
    /// # Errors
    /// They cannot be read.
    fn rows(&self, readings: &[&Reading]) -> impl Future<Output = Result<Vec<RowState>, Error>>;

    /// Puts readings into the stream, each as a record. Returns the place of each, or why the stream did not take it.
    ///
    /// # Errors
    /// A request failed as a whole: it is not known which readings the stream took.
    fn put(&self, items: &[&ReplayItem]) -> impl Future<Output = Result<Vec<Result<PutReceipt, ReplayReason>>, Error>>;

    /// Returns the dead letters at the places of these records, where there are some.
    ///
    /// # Errors
    /// The dead-letter table cannot be read.
    fn rejections(&self, receipts: &[&PutReceipt]) -> impl Future<Output = Result<Vec<Option<FoundRejection>>, Error>>;

    /// Deletes dead letters that are unchanged.
    fn delete(&self, letters: &[&DeadLetter]) -> impl Future<Output = Vec<Result<Deletion, Error>>>;
}
