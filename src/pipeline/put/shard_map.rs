//! The open shards of a stream and their hash ranges: they tell which shard will take a record.

use md5::{Digest, Md5};

/// An open shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShardRange {
    /// Its id. Empty where the shards are not known.
    pub id: String,
    /// The lowest hash key.
    pub start: u128,
    /// The highest hash key.
    pub end: u128,
}

/// The open shards by their ranges, which cover all hash keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShardMap {
    shards: Vec<ShardRange>,
}

impl ShardMap {
    /// Returns the map of these open shards. Returns `None` if their ranges overlap or have gaps: pages of a list that
    /// were read during a reshard.
    pub(crate) fn new(mut shards: Vec<ShardRange>) -> Option<Self> {
        shards.sort_unstable_by_key(|shard| shard.start);
        let meets = |pair: &[ShardRange]| pair[0].end.checked_add(1) == Some(pair[1].start);
        let (first, last) = (shards.first()?, shards.last()?);
        let is_whole = first.start == 0 && last.end == u128::MAX && shards.windows(2).all(meets);
        is_whole.then_some(ShardMap { shards })
    }

    /// Returns a map for a stream whose shards are not known: one range without a name.
    pub(crate) fn unknown() -> Self {
        ShardMap { shards: vec![ShardRange { id: String::new(), start: 0, end: u128::MAX }] }
    }

    /// Returns the shards in the order of their ranges.
    pub(crate) fn shards(&self) -> &[ShardRange] {
        &self.shards
    }

    /// Returns the index of the shard that owns a hash key.
    pub(crate) fn owner_of(&self, hash_key: u128) -> usize {
        self.shards.partition_point(|shard| shard.end < hash_key).min(self.shards.len() - 1)
    }
}

/// Returns the hash key of a partition key: its MD5 as a number (docs/facts/kinesis.md, Shards).
pub(crate) fn hash_key(partition_key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(id: usize, start: u128, end: u128) -> ShardRange {
        ShardRange { id: format!("shardId-{id:012}"), start, end }
    }

    fn map_of(mut cuts: Vec<u128>) -> ShardMap {
        cuts.retain(|cut| *cut > 0);
        cuts.sort_unstable();
        cuts.dedup();
        let starts = std::iter::once(0).chain(cuts.iter().copied());
        let ends = cuts.iter().map(|cut| cut - 1).chain([u128::MAX]);
        // In another order, as after a merge.
        let mut shards: Vec<_> = starts.zip(ends).enumerate().map(|(id, (start, end))| range(id, start, end)).collect();
        shards.reverse();
        ShardMap::new(shards).unwrap()
    }

    #[test]
    fn shard_map_with_gap_or_overlap_is_refused() {
        let half = 1 << 127;
        assert!(ShardMap::new(vec![range(1, half, u128::MAX), range(0, 0, half - 1)]).is_some());
        for shards in [
            vec![],
            vec![range(0, 0, half)],
            vec![range(0, 1, u128::MAX)],
            vec![range(0, 0, half), range(1, half, u128::MAX)],
            vec![range(0, 0, half - 2), range(1, half, u128::MAX)],
        ] {
            assert_eq!(ShardMap::new(shards), None);
        }
        assert_eq!(ShardMap::unknown().owner_of(u128::MAX), 0);
    }

    #[test]
    fn hash_key_is_big_endian_md5() {
        assert_eq!(hash_key("a"), 0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661);
    }

    proptest! {
        #[test]
        fn shard_map_owner_contains_the_hash_key(
            cuts in prop::collection::vec(any::<u128>(), 0..40),
            hash_keys in prop::collection::vec(any::<u128>(), 1..40),
        ) {
            let map = map_of(cuts.clone());
            for hash_key in hash_keys.into_iter().chain(cuts).chain([0, u128::MAX]) {
                let owner = &map.shards()[map.owner_of(hash_key)];
                prop_assert!((owner.start..=owner.end).contains(&hash_key), "{hash_key} {owner:?}");
            }
        }
    }
}
