//! The calls of a bulk put to a stream.

use super::parcel::PutEntry;
use super::retry::EntryResult;
use super::shard_map::ShardRange;
use crate::aws::AwsFailure;

/// A stream that records are put into.
pub(crate) trait StreamWriter {
    /// Puts up to 500 records. Returns one result for each, in their order.
    ///
    /// # Errors
    /// The request failed as a whole.
    fn put(&self, entries: &[PutEntry<'_>]) -> impl Future<Output = Result<Vec<EntryResult>, AwsFailure>>;

    /// Returns the open shards.
    ///
    /// # Errors
    /// They cannot be listed.
    fn open_shards(&self) -> impl Future<Output = Result<Vec<ShardRange>, AwsFailure>>;
}
