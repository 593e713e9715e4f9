//! A shard at work: its log, and how much it takes a second.

use super::log::{Appended, Chunk, LogError, NewRecord, ShardLog};
use super::throttle::{ReadThrottle, WriteThrottle};
use crate::protocol::aws_json::ServiceError;

/// The log and the throttles of one shard.
pub(super) struct Shard {
    log: ShardLog,
    /// Used only where the limits of the service are asked for.
    pub writes: WriteThrottle,
    /// As `writes`.
    pub reads: ReadThrottle,
}

impl Shard {
    pub(super) fn new(log: ShardLog) -> Self {
        Shard { log, writes: WriteThrottle::new(), reads: ReadThrottle::default() }
    }

    /// Writes records in one piece: all of them, or none.
    pub(super) fn append(
        &self,
        records: &[NewRecord<'_>],
        encrypted: bool,
        now: u64,
    ) -> Result<Appended, ServiceError> {
        self.log.append(records, encrypted, now).map_err(|error| failed(&error))
    }

    /// Reads from an index on, within a page's limits.
    pub(super) fn read(&self, from: u64, max_records: usize, max_bytes: usize) -> Result<Chunk, ServiceError> {
        self.log.read(from, max_records, max_bytes).map_err(|error| failed(&error))
    }

    /// The index that the next record gets.
    pub(super) fn next_index(&self) -> Result<u64, ServiceError> {
        self.log.next_index().map_err(|error| failed(&error))
    }

    /// The first record that arrived at or after this time (epoch ms), or the next to come.
    pub(super) fn index_at(&self, time: u64) -> Result<u64, ServiceError> {
        self.log.index_at(time).map_err(|error| failed(&error))
    }

    /// The first record that is still there and no older than this time (epoch ms).
    pub(super) fn horizon(&self, cutoff: u64) -> Result<u64, ServiceError> {
        self.log.horizon(cutoff).map_err(|error| failed(&error))
    }

    /// Deletes all files. Nothing is written to the shard any more.
    pub(super) fn clear(&self) -> Result<(), ServiceError> {
        self.log.clear().map_err(|error| failed(&error))
    }

    /// Deletes the files that hold only records older than this time (epoch ms).
    pub(super) fn trim(&self, cutoff: u64) -> Result<(), ServiceError> {
        self.log.trim(cutoff).map_err(|error| failed(&error))
    }
}

fn failed(error: &LogError) -> ServiceError {
    ServiceError::internal(format!("the stream's log failed: {error}"))
}
