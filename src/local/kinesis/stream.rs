//! A stream: its state in a JSON file, and its shards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ferrokinesis_core::types::{StreamMode, StreamStatus};
use parking_lot::{RwLock, RwLockReadGuard};
use serde::{Deserialize, Serialize};

use super::hash_range::HashRange;
use super::log::{LogOptions, ShardLog};
use super::sequence::{SequenceNumber, shard_id};
use super::shard::Shard;
use crate::protocol::aws_json::{ServiceError, now_ms};

/// Name of the state file in a stream's directory.
pub(super) const STATE_FILE: &str = "stream.json";

/// The state of a stream, without its records.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StreamState {
    /// Name in the account and region.
    pub name: String,
    /// Epoch milliseconds.
    pub created: u64,
    /// The status until `settles`; afterwards the stream is `ACTIVE` or, after `DELETING`, gone.
    pub status: StreamStatus,
    /// End of the change in progress, in epoch milliseconds.
    pub settles: u64,
    /// Capacity mode: provisioned or on-demand.
    pub mode: StreamMode,
    /// 24 to 8,760.
    pub retention_hours: u32,
    /// 1,024 to 10,240.
    pub max_record_kib: u32,
    /// Encryption key of the records, as reported; nothing is encrypted.
    pub key_id: Option<String>,
    /// Enabled shard-level metrics.
    pub metrics: BTreeSet<String>,
    /// Warm throughput in MiB a second; stored only.
    pub warm_throughput: Option<u32>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Shards by number, including closed ones.
    pub shards: Vec<ShardState>,
    /// Registered consumers by name.
    pub consumers: BTreeMap<String, ConsumerState>,
    /// Times of shard count changes in the last day, in epoch milliseconds.
    pub scalings: Vec<u64>,
}

/// The state of a shard, without its records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShardState {
    /// Number among the stream's shards, from 0.
    pub number: u32,
    /// The shard's hash range.
    pub range: HashRange,
    /// Epoch milliseconds.
    pub created: u64,
    /// Creation time in epoch seconds, as in its sequence numbers. It is later than that of its parents and of any
    /// shard in an earlier stream of the same name, even within one second.
    #[serde(default)]
    pub epoch: u64,
    /// Closing time in epoch milliseconds; `None` while the shard is open.
    pub closed: Option<u64>,
    /// The parent shard: this one was split or merged from it.
    pub parent: Option<u32>,
    /// The other parent of a merge.
    pub adjacent_parent: Option<u32>,
}

/// A registered consumer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ConsumerState {
    /// Epoch milliseconds.
    pub created: u64,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Time when it becomes `ACTIVE` or, after it was deregistered, gone; in epoch milliseconds.
    #[serde(default)]
    pub settles: u64,
    /// True if it was deregistered.
    #[serde(default)]
    pub deleting: bool,
}

impl ConsumerState {
    /// Returns the status at `now`.
    pub(super) fn status(&self, now: u64) -> &'static str {
        match (self.deleting, now < self.settles) {
            (true, _) => "DELETING",
            (false, true) => "CREATING",
            (false, false) => "ACTIVE",
        }
    }

    /// Returns whether the deregistration is complete.
    pub(super) fn is_gone(&self, now: u64) -> bool {
        self.deleting && now >= self.settles
    }
}

impl StreamState {
    /// Returns the status at `now`.
    pub(super) fn status(&self, now: u64) -> StreamStatus {
        if self.status != StreamStatus::Deleting && now >= self.settles { StreamStatus::Active } else { self.status }
    }

    /// Returns whether the deletion is complete.
    pub(super) fn is_gone(&self, now: u64) -> bool {
        self.status == StreamStatus::Deleting && now >= self.settles
    }

    /// Returns the retention cutoff in epoch milliseconds: older records are expired.
    pub(super) fn cutoff(&self, now: u64) -> u64 {
        now.saturating_sub(u64::from(self.retention_hours) * 3_600_000)
    }

    /// Returns the open shards, sorted by hash range.
    pub(super) fn open_shards(&self) -> Vec<&ShardState> {
        let mut open: Vec<_> = self.shards.iter().filter(|shard| shard.closed.is_none()).collect();
        open.sort_by_key(|shard| shard.range.start);
        open
    }

    /// Returns the listed shards: open ones, and closed ones that may still hold records.
    pub(super) fn visible_shards(&self, now: u64) -> impl Iterator<Item = &ShardState> {
        let cutoff = self.cutoff(now);
        self.shards.iter().filter(move |shard| shard.is_kept(cutoff))
    }

    /// Returns the registered consumers by name, including those in deletion.
    pub(super) fn present_consumers(&self, now: u64) -> impl Iterator<Item = (&String, &ConsumerState)> {
        self.consumers.iter().filter(move |(_, consumer)| !consumer.is_gone(now))
    }

    /// Adds an open shard.
    pub(super) fn add_shard(&mut self, range: HashRange, parent: Option<u32>, adjacent: Option<u32>, now: u64) -> u32 {
        let number = u32::try_from(self.shards.len()).unwrap_or(u32::MAX);
        let of_parents = self.shards.iter().filter(|shard| [parent, adjacent].contains(&Some(shard.number)));
        let epoch = of_parents.map(|shard| shard.epoch() + 1).fold(now / 1000, u64::max);
        let closed = None;
        self.shards.push(ShardState { number, range, created: now, epoch, closed, parent, adjacent_parent: adjacent });
        number
    }
}

impl ShardState {
    /// Returns whether the shard is open, or closed no earlier than `cutoff` (epoch ms) so that it may hold records.
    pub(super) fn is_kept(&self, cutoff: u64) -> bool {
        self.closed.is_none_or(|closed| closed >= cutoff)
    }

    /// Returns the shard ID, like `shardId-000000000000`.
    pub(super) fn id(&self) -> String {
        shard_id(self.number)
    }

    /// Returns the creation time as in the shard's sequence numbers.
    pub(super) fn epoch(&self) -> u64 {
        // State files of an earlier version have no epoch.
        if self.epoch == 0 { self.created / 1000 } else { self.epoch }
    }

    /// Returns the sequence number of the record with this index.
    pub(super) fn sequence_number(&self, index: u64, arrival: u64) -> SequenceNumber {
        SequenceNumber {
            created: self.epoch(),
            shard: self.number,
            index,
            time: arrival / 1000,
            is_continuation: false,
        }
    }

    /// Returns a sequence number before all of the shard's records.
    pub(super) fn starting(&self) -> SequenceNumber {
        self.sequence_number(0, self.created)
    }

    /// Returns the ending sequence number, once the shard is closed.
    pub(super) fn ending(&self) -> Option<SequenceNumber> {
        self.closed.map(|closed| SequenceNumber::ending(self.epoch(), self.number, closed / 1000))
    }
}

/// An open stream.
pub(super) struct Stream {
    directory: PathBuf,
    options: LogOptions,
    live: RwLock<ActiveStream>,
}

/// The part that changes atomically: readers and writers see it before or after a change.
pub(super) struct ActiveStream {
    /// The content of the state file.
    pub state: StreamState,
    /// Shards by number.
    shards: Vec<Arc<Shard>>,
    /// Last hash key and number of each open shard, in order.
    routes: Vec<(u128, u32)>,
}

impl ActiveStream {
    fn new(state: StreamState, shards: Vec<Arc<Shard>>) -> Self {
        let routes = state.open_shards().iter().map(|shard| (shard.range.end, shard.number)).collect();
        ActiveStream { state, shards, routes }
    }

    /// Returns the shard with this number.
    pub(super) fn shard(&self, number: u32) -> Option<(&ShardState, &Arc<Shard>)> {
        let at = usize::try_from(number).ok()?;
        Some((self.state.shards.get(at)?, self.shards.get(at)?))
    }

    /// Returns the number of the open shard that owns a hash key.
    pub(super) fn route(&self, hash_key: u128) -> Option<u32> {
        let at = self.routes.partition_point(|(end, _)| *end < hash_key);
        self.routes.get(at).map(|(_, number)| *number)
    }
}

impl Stream {
    /// Writes the state of a new stream and returns the stream.
    pub(super) fn create(directory: &Path, state: StreamState, options: LogOptions) -> Result<Stream, ServiceError> {
        let stream = Stream::open(directory, state, options);
        stream.write(&stream.read().state)?;
        Ok(stream)
    }

    /// Returns an existing stream.
    pub(super) fn open(directory: &Path, state: StreamState, options: LogOptions) -> Stream {
        let shards = state.shards.iter().map(|shard| new_shard(directory, shard.number, &options)).collect();
        let live = RwLock::new(ActiveStream::new(state, shards));
        Stream { directory: directory.to_owned(), options, live }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Locks the stream for reading; only records can be added while the lock is held.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, ActiveStream> {
        self.live.read()
    }

    /// Changes the state atomically: not at all if `change` fails or the state cannot be written.
    pub(super) fn change<T>(
        &self,
        edit: impl FnOnce(&mut StreamState) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let mut live = self.live.write();
        let mut state = live.state.clone();
        let answer = edit(&mut state)?;
        let mut shards = live.shards.clone();
        for shard in state.shards.iter().skip(shards.len()) {
            shards.push(new_shard(&self.directory, shard.number, &self.options));
        }
        self.write(&state)?;
        *live = ActiveStream::new(state, shards);
        Ok(answer)
    }

    /// Deletes the log files with only expired records: all files of a shard that was closed before the cutoff.
    pub(super) fn trim(&self) -> Result<(), ServiceError> {
        let live = self.read();
        let cutoff = live.state.cutoff(now_ms());
        live.state
            .shards
            .iter()
            .zip(&live.shards)
            .try_for_each(|(state, shard)| if state.is_kept(cutoff) { shard.trim(cutoff) } else { shard.clear() })
    }

    fn write(&self, state: &StreamState) -> Result<(), ServiceError> {
        let written = self.options.durability.write_json(&self.directory.join(STATE_FILE), state);
        written.map_err(|error| ServiceError::internal(error.to_string()))
    }
}

fn new_shard(directory: &Path, number: u32, options: &LogOptions) -> Arc<Shard> {
    Arc::new(Shard::new(ShardLog::new(&directory.join(shard_id(number)), options.clone())))
}
