//! Divides the hash keys of each shard into groups.

use super::aggregation::GroupKeys;
use super::shard_map::{ShardMap, hash_key};

/// Groups of a shard: Lambda has at most ten batches of a shard in flight, and sixteen aggregates of 25 KB in a round
/// trip of 100 ms are four times what a shard takes. A power of two, so that a shard that is split in the middle has
/// each group on one side.
const GROUPS: usize = 16;
/// Maximum number of groups of a stream with many shards, unless it has more shards.
const MAX_GROUPS: usize = 4096;

/// Returns the number of groups that a stream of so many shards has at most.
pub(crate) fn groups_at_most(shards: u64) -> u64 {
    (shards * GROUPS as u64).min(shards.max(MAX_GROUPS as u64))
}

/// The groups of a stream's shards, each with a part of its shard's hash keys.
#[derive(Debug)]
pub(crate) struct GroupLayout {
    map: ShardMap,
    groups_per_shard: usize,
}

impl GroupLayout {
    /// Creates the layout for these shards.
    pub(crate) fn new(map: ShardMap) -> Self {
        let shards = map.shards().len();
        let mut groups_per_shard = GROUPS;
        while groups_per_shard > 1 && groups_per_shard * shards > MAX_GROUPS {
            groups_per_shard /= 2;
        }
        GroupLayout { map, groups_per_shard }
    }

    /// Returns the shards.
    pub(crate) fn map(&self) -> &ShardMap {
        &self.map
    }

    /// Returns the number of groups.
    pub(crate) fn len(&self) -> usize {
        self.map.shards().len() * self.groups_per_shard
    }

    /// Returns the shard of a group.
    pub(crate) fn shard_of(&self, group: usize) -> usize {
        group / self.groups_per_shard
    }

    /// Returns the keys of a group's records.
    pub(crate) fn keys_of(&self, group: usize) -> GroupKeys {
        let (shard, part) = (self.shard_of(group), group % self.groups_per_shard);
        let range = &self.map.shards()[shard];
        let width = self.width(shard);
        // The middle of the group: a shard that is split some keys beside the border of a group takes the whole group
        // where its readings belong. A range of fewer hash keys than groups has groups that stay empty.
        let middle = range.start.saturating_add(width.saturating_mul(part as u128)).saturating_add(width / 2);
        GroupKeys {
            partition_key: format!("sensorctl-{part}").into(),
            explicit_hash_key: middle.min(range.end).to_string().into(),
        }
    }

    /// Returns the group of a partition key.
    pub(crate) fn group_of(&self, partition_key: &str) -> usize {
        let hash_key = hash_key(partition_key);
        let shard = self.map.owner_of(hash_key);
        let offset = hash_key - self.map.shards()[shard].start;
        let part = usize::try_from(offset / self.width(shard)).unwrap_or(usize::MAX);
        shard * self.groups_per_shard + part.min(self.groups_per_shard - 1)
    }

    /// Returns the number of hash keys of a group.
    fn width(&self, shard: usize) -> u128 {
        let range = &self.map.shards()[shard];
        // The range of all hash keys has one more than fits.
        ((range.end - range.start) / self.groups_per_shard as u128).saturating_add(1)
    }
}
