//! An open shard: its log and its read and write throttles.

use super::log::{Appended, Chunk, LogError, NewRecord, ShardLog};
use super::throttle::{ReadThrottle, WriteThrottle};
use crate::protocol::aws_json::ServiceError;

/// The log and the throttles of one shard.
pub(super) struct Shard {
    log: ShardLog,
    /// Write throttle; used only if the service's limits are enforced.
    pub writes: WriteThrottle,
    /// Read throttle, used like `writes`.
    pub reads: ReadThrottle,
}

impl Shard {
    pub(super) fn new(log: ShardLog) -> Self {
        Shard { log, writes: WriteThrottle::new(), reads: ReadThrottle::default() }
    }

    /// Appends records atomically: all or none.
    pub(super) fn append(
        &self,
        records: &[NewRecord<'_>],
        encrypted: bool,
        now: u64,
    ) -> Result<Appended, ServiceError> {
        self.log.append(records, encrypted, now).map_err(|error| failed(&error))
    }

    /// Reads from an index, within a page's limits.
    pub(super) fn read(&self, from: u64, max_records: usize, max_bytes: usize) -> Result<Chunk, ServiceError> {
        self.log.read(from, max_records, max_bytes).map_err(|error| failed(&error))
    }

    /// Returns the index of the next record.
    pub(super) fn next_index(&self) -> Result<u64, ServiceError> {
        self.log.next_index().map_err(|error| failed(&error))
    }

    /// Returns the index of the first record that arrived at or after this time (epoch ms), or else the next index.
    pub(super) fn index_at(&self, time: u64) -> Result<u64, ServiceError> {
        self.log.index_at(time).map_err(|error| failed(&error))
    }

    /// Returns the index of the first remaining record no older than this time (epoch ms).
    pub(super) fn horizon(&self, cutoff: u64) -> Result<u64, ServiceError> {
        self.log.horizon(cutoff).map_err(|error| failed(&error))
    }

    /// Deletes all files. The shard accepts no writes afterwards.
    pub(super) fn clear(&self) -> Result<(), ServiceError> {
        self.log.clear().map_err(|error| failed(&error))
    }

    /// Deletes the segments with only records older than this time (epoch ms).
    pub(super) fn trim(&self, cutoff: u64) -> Result<(), ServiceError> {
        self.log.trim(cutoff).map_err(|error| failed(&error))
    }
}

fn failed(error: &LogError) -> ServiceError {
    ServiceError::internal(format!("the stream's log failed: {error}"))
}
