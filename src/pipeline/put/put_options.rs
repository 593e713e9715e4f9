//! The options of a bulk put.

use tokio_util::sync::CancellationToken;

use super::aggregation::Aggregation;
use super::checkpoint::PutCheckpoint;
use super::rate_limit::ShardLimits;
use super::shard_map::ShardMap;
use crate::pipeline::{PutObserver, RejectsFile};

/// The options of a bulk put.
pub(crate) struct PutOptions<'a> {
    /// How readings are sent.
    pub plan: SendPlan,
    /// Maximum readings per second.
    pub rate: Option<f64>,
    /// Maximum rejected lines: the put ends with the next one.
    pub max_errors: Option<u64>,
    /// File for rejected lines.
    pub rejects: Option<&'a mut RejectsFile>,
    /// Keeps how far the inputs are settled.
    pub checkpoint: Option<PutCheckpoint>,
    /// Receives events.
    pub observer: &'a PutObserver,
    /// Ends the bulk put early.
    pub interrupt: &'a CancellationToken,
}

/// How readings are sent: to which shards, in which form, and how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SendPlan {
    /// The shards.
    pub map: ShardMap,
    /// The choice to put several readings into one record.
    pub aggregation: Aggregation,
    /// The limits of a shard.
    pub limits: ShardLimits,
}

impl SendPlan {
    /// Returns the plan for a stream that nothing is known about.
    #[must_use]
    pub(crate) fn unknown() -> Self {
        SendPlan { map: ShardMap::unknown(), aggregation: Aggregation::Off, limits: ShardLimits::Unknown }
    }
}
