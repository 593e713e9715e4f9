//! A stream: its state, which is a JSON file, and its shards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use ferrokinesis_core::types::{StreamMode, StreamStatus};
use serde::{Deserialize, Serialize};

use super::hash_range::HashRange;
use super::log::{LogOptions, ShardLog};
use super::sequence::{SequenceNumber, shard_id};
use super::shard::Shard;
use crate::protocol::aws_json::{ServiceError, now_ms};

/// The state's file in a stream's directory.
pub(super) const STATE_FILE: &str = "stream.json";

/// All about a stream but its records.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StreamState {
    /// Name in the account and region.
    pub name: String,
    /// Epoch milliseconds.
    pub created: u64,
    /// What it is until `settles`, then `ACTIVE` or, after `DELETING`, nothing.
    pub status: StreamStatus,
    /// When a change under way is done, in epoch milliseconds.
    pub settles: u64,
    /// Whether its shards are ours to count.
    pub mode: StreamMode,
    /// 24 to 8,760.
    pub retention_hours: u32,
    /// 1,024 to 10,240.
    pub max_record_kib: u32,
    /// The key that records are said to be encrypted with.
    pub key_id: Option<String>,
    /// Shard-level metrics that were asked for.
    pub metrics: BTreeSet<String>,
    /// MiB a second that it was warmed up to; only remembered.
    pub warm_throughput: Option<u32>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// By number; closed ones too.
    pub shards: Vec<ShardState>,
    /// Registered consumers by name.
    pub consumers: BTreeMap<String, ConsumerState>,
    /// When the shard count was changed, in epoch milliseconds, in the last day.
    pub scalings: Vec<u64>,
}

/// All about a shard but its records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShardState {
    /// Its place among the stream's shards, from 0.
    pub number: u32,
    /// The hash keys that it takes.
    pub range: HashRange,
    /// Epoch milliseconds.
    pub created: u64,
    /// When it was made, in epoch seconds, as its sequence numbers have it: later than its parents', and than those of
    /// an earlier stream of the same name, even within one second.
    #[serde(default)]
    pub epoch: u64,
    /// Epoch milliseconds; none while it is open.
    pub closed: Option<u64>,
    /// The shard that it was split or merged from.
    pub parent: Option<u32>,
    /// The other shard of a merge.
    pub adjacent_parent: Option<u32>,
}

/// A registered consumer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ConsumerState {
    /// Epoch milliseconds.
    pub created: u64,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it is `ACTIVE` or, after it was deregistered, gone; in epoch milliseconds.
    #[serde(default)]
    pub settles: u64,
    /// Whether it was deregistered.
    #[serde(default)]
    pub deleting: bool,
}

impl ConsumerState {
    /// The status now.
    pub(super) fn status(&self, now: u64) -> &'static str {
        match (self.deleting, now < self.settles) {
            (true, _) => "DELETING",
            (false, true) => "CREATING",
            (false, false) => "ACTIVE",
        }
    }

    /// Whether it was deregistered and that is done.
    pub(super) fn is_gone(&self, now: u64) -> bool {
        self.deleting && now >= self.settles
    }
}

impl StreamState {
    /// The status now.
    pub(super) fn status(&self, now: u64) -> StreamStatus {
        if self.status != StreamStatus::Deleting && now >= self.settles { StreamStatus::Active } else { self.status }
    }

    /// Whether it was deleted and that is done.
    pub(super) fn is_gone(&self, now: u64) -> bool {
        self.status == StreamStatus::Deleting && now >= self.settles
    }

    /// The time before which records are no longer kept, in epoch milliseconds.
    pub(super) fn cutoff(&self, now: u64) -> u64 {
        now.saturating_sub(u64::from(self.retention_hours) * 3_600_000)
    }

    /// Shards that take records, by hash keys.
    pub(super) fn open_shards(&self) -> Vec<&ShardState> {
        let mut open: Vec<_> = self.shards.iter().filter(|shard| shard.closed.is_none()).collect();
        open.sort_by_key(|shard| shard.range.start);
        open
    }

    /// Shards that are listed: open, or closed so lately that they may hold records.
    pub(super) fn visible_shards(&self, now: u64) -> impl Iterator<Item = &ShardState> {
        let cutoff = self.cutoff(now);
        self.shards.iter().filter(move |shard| shard.is_kept(cutoff))
    }

    /// Registered consumers by name, and those that are on their way out.
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
    /// Whether it is open, or was closed at or after this time (epoch ms) and may still hold records.
    pub(super) fn is_kept(&self, cutoff: u64) -> bool {
        self.closed.is_none_or(|closed| closed >= cutoff)
    }

    /// `shardId-000000000000`.
    pub(super) fn id(&self) -> String {
        shard_id(self.number)
    }

    /// When it was made, as its sequence numbers have it.
    pub(super) fn epoch(&self) -> u64 {
        // State that an earlier version wrote has none.
        if self.epoch == 0 { self.created / 1000 } else { self.epoch }
    }

    /// The sequence number of the record with this index.
    pub(super) fn sequence_number(&self, index: u64, arrival: u64) -> SequenceNumber {
        SequenceNumber { created: self.epoch(), shard: self.number, index, time: arrival / 1000 }
    }

    /// The sequence number before all of its records.
    pub(super) fn starting(&self) -> SequenceNumber {
        self.sequence_number(0, self.created)
    }

    /// The sequence number after all of its records, once it is closed.
    pub(super) fn ending(&self) -> Option<SequenceNumber> {
        self.closed.map(|closed| SequenceNumber::ending(self.epoch(), self.number, closed / 1000))
    }
}

/// A stream at work.
pub(super) struct Stream {
    directory: PathBuf,
    options: LogOptions,
    live: RwLock<ActiveStream>,
}

/// What changes as a whole: readers and writers see it before or after a change.
pub(super) struct ActiveStream {
    /// What is in the file.
    pub state: StreamState,
    /// By number.
    shards: Vec<Arc<Shard>>,
    /// Last hash key and number of the open shards, in order.
    routes: Vec<(u128, u32)>,
}

impl ActiveStream {
    fn new(state: StreamState, shards: Vec<Arc<Shard>>) -> Self {
        let routes = state.open_shards().iter().map(|shard| (shard.range.end, shard.number)).collect();
        ActiveStream { state, shards, routes }
    }

    /// The shard of a number.
    pub(super) fn shard(&self, number: u32) -> Option<(&ShardState, &Arc<Shard>)> {
        let at = usize::try_from(number).ok()?;
        Some((self.state.shards.get(at)?, self.shards.get(at)?))
    }

    /// Number of the open shard that takes a hash key.
    pub(super) fn route(&self, hash_key: u128) -> Option<u32> {
        let at = self.routes.partition_point(|(end, _)| *end < hash_key);
        self.routes.get(at).map(|(_, number)| *number)
    }
}

impl Stream {
    /// Writes the state of a new stream and returns it.
    pub(super) fn create(directory: &Path, state: StreamState, options: LogOptions) -> Result<Stream, ServiceError> {
        let stream = Stream::open(directory, state, options);
        stream.write(&stream.read().state)?;
        Ok(stream)
    }

    /// A stream that was there.
    pub(super) fn open(directory: &Path, state: StreamState, options: LogOptions) -> Stream {
        let shards = state.shards.iter().map(|shard| new_shard(directory, shard.number, &options)).collect();
        let live = RwLock::new(ActiveStream::new(state, shards));
        Stream { directory: directory.to_owned(), options, live }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The stream as it is; nothing changes but its records while this is held.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, ActiveStream> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state as a whole or, when refused or not written, not at all.
    pub(super) fn change<T>(
        &self,
        edit: impl FnOnce(&mut StreamState) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
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

    /// Deletes the log files that hold only records past their retention: all those of a shard that was closed before.
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
