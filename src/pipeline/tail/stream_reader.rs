//! The calls of a reader of a stream.

use crate::aws::AwsFailure;

/// A shard as the list of shards describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedShard {
    /// Its id.
    pub id: String,
    /// The shards that were split or merged into it.
    pub parents: Vec<String>,
    /// The lowest and the highest hash key, if they are known.
    pub range: Option<(u128, u128)>,
    /// Its first sequence number, which a stream that is created again does not repeat.
    pub first_sequence_number: String,
    /// True if it takes no more records.
    pub is_closed: bool,
}

/// A child shard as the end of its parent names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChildShard {
    /// Its id.
    pub id: String,
    /// All of its parents.
    pub parents: Vec<String>,
    /// The lowest and the highest hash key, if they are known.
    pub range: Option<(u128, u128)>,
}

/// The shards that a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListFrom {
    /// All that have records.
    TrimHorizon,
    /// Those that were open at this time (milliseconds since 1970) or later.
    Time(i64),
}

/// A position in a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ShardPosition {
    /// The oldest record.
    TrimHorizon,
    /// The first record that arrived at this time (milliseconds since 1970) or later.
    Time(i64),
    /// The record behind the one with this sequence number.
    After(String),
}

/// A Kinesis record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamRecord {
    /// Its sequence number.
    pub sequence_number: String,
    /// Its partition key; empty where the producer gave none.
    pub partition_key: String,
    /// When it arrived, in milliseconds since 1970.
    pub arrived_ms: Option<i64>,
    /// Its data.
    pub data: Vec<u8>,
}

/// The next records of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordPage {
    /// The records, in order.
    pub records: Vec<StreamRecord>,
    /// The time to the newest record of the shard, in milliseconds. Zero if there is none that was not read.
    pub behind_ms: Option<i64>,
    /// At the end of a closed shard: its children, as far as the service names them.
    pub end: Option<Vec<ChildShard>>,
    /// True if the session has ended, and the shard has not.
    pub is_session_over: bool,
}

/// A reader of a stream.
pub(crate) trait StreamReader: Send + Sync + 'static {
    /// The place in a shard that the service keeps: an iterator, or a subscription.
    type Session: Send;

    /// True if the service sends records by itself. A call then waits for them, and a session ends when one fails.
    const IS_PUSHED: bool;

    /// Returns the name of the stream.
    fn name(&self) -> &str;

    /// Asks the service for its time.
    fn start_clock(&self) -> impl Future<Output = Result<(), AwsFailure>> + Send;

    /// Returns the time by the service's clock, in milliseconds since 1970.
    fn now_ms(&self) -> i64;

    /// Returns shards of the stream. It may be more than was asked for.
    fn shards(&self, from: ListFrom) -> impl Future<Output = Result<Vec<ListedShard>, AwsFailure>> + Send;

    /// Begins to read a shard.
    fn open(
        &self,
        shard: &str,
        position: &ShardPosition,
    ) -> impl Future<Output = Result<Self::Session, AwsFailure>> + Send;

    /// Returns the next records, at most `limit`.
    fn next(
        &self,
        session: &mut Self::Session,
        limit: usize,
    ) -> impl Future<Output = Result<RecordPage, AwsFailure>> + Send;
}
