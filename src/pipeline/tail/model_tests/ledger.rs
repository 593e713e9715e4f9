//! The records that a tail of the model should have read, in order.

use std::collections::BTreeSet;

use super::model_stream::ModelStream;

impl ModelStream {
    /// Returns the numbers of the records that arrived in a time.
    pub(super) fn numbers(&self, from_ms: i64, until_ms: i64) -> BTreeSet<u64> {
        let inner = self.inner.lock();
        let records = inner.shards.iter().flat_map(|shard| &shard.records);
        records.filter(|it| (from_ms..=until_ms).contains(&it.arrived_ms)).map(|it| it.number).collect()
    }

    pub(super) fn numbers_of_shard(&self, shard: usize) -> BTreeSet<u64> {
        self.inner.lock().shards[shard].records.iter().map(|record| record.number).collect()
    }

    /// Returns the first record that was read after a later one of its shard or of a descendant.
    pub(super) fn first_out_of_order(&self, numbers: &[u64]) -> Option<(u64, u64)> {
        let inner = self.inner.lock();
        let shard_of = |number: u64| {
            inner.shards.iter().position(|shard| shard.records.iter().any(|it| it.number == number)).unwrap()
        };
        let is_ancestor = |ancestor: usize, shard: usize| {
            let mut next = vec![shard];
            while let Some(shard) = next.pop() {
                if inner.shards[shard].parents.contains(&ancestor) {
                    return true;
                }
                next.extend(&inner.shards[shard].parents);
            }
            false
        };
        // The highest number read so far, of each shard.
        let mut last: Vec<Option<u64>> = vec![None; inner.shards.len()];
        for number in numbers {
            let shard = shard_of(*number);
            for (other, seen) in last.iter().enumerate().filter_map(|(other, seen)| Some((other, (*seen)?))) {
                if (other == shard && seen > *number) || is_ancestor(shard, other) {
                    return Some((*number, seen));
                }
            }
            last[shard] = Some(*number);
        }
        None
    }
}
