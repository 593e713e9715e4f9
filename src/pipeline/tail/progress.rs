//! How far each shard was read, so that an error can say where to go on.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::stream_reader::ShardPosition;

/// A time before all records.
const TRIM_HORIZON: i64 = i64::MIN;

/// The time up to which the records of each shard were handed over, in milliseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct TailPositions(Mutex<Positions>);

#[derive(Debug, Default)]
struct Positions {
    /// Shards that are being read. One of which nothing came yet is at its beginning.
    reading: HashMap<String, i64>,
    /// Shards that were read to their end.
    ended: HashMap<String, i64>,
}

impl TailPositions {
    /// Notes that reading a shard begins at a time, or with its oldest record. What came before in its parents was handed
    /// over, and its own records are later than theirs.
    pub(super) fn begun(&self, shard: &str, parents: &[String], start_ms: Option<i64>) {
        let mut positions = self.0.lock();
        let start = start_ms.unwrap_or(TRIM_HORIZON);
        let of_parents = parents.iter().map(|parent| positions.ended.get(parent).copied());
        let earliest = of_parents.min().flatten().unwrap_or(start);
        positions.reading.entry(shard.to_owned()).or_insert(earliest.max(start));
    }

    /// Notes that all records of a shard up to a time were handed over.
    pub(super) fn reached(&self, shard: &str, time_ms: i64) {
        let mut positions = self.0.lock();
        match positions.reading.get_mut(shard) {
            Some(known) => *known = time_ms,
            None => drop(positions.reading.insert(shard.to_owned(), time_ms)),
        }
    }

    /// Notes that a shard was read to its end.
    pub(super) fn finished(&self, shard: &str) {
        let mut positions = self.0.lock();
        if let Some((shard, reached)) = positions.reading.remove_entry(shard) {
            positions.ended.insert(shard, reached);
        }
    }

    /// Notes that the stream does not exist any more.
    pub(super) fn clear(&self) {
        *self.0.lock() = Positions::default();
    }

    /// Returns the position up to which all shards were read, if reading has begun.
    pub(super) fn earliest(&self) -> Option<ShardPosition> {
        let positions = self.0.lock();
        let earliest = positions.reading.values().min().copied()?;
        Some(if earliest == TRIM_HORIZON { ShardPosition::TrimHorizon } else { ShardPosition::Time(earliest) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earliest_counts_shards_of_which_nothing_came_yet() {
        let positions = TailPositions::default();
        assert_eq!(positions.earliest(), None);
        positions.begun("a", &[], None);
        positions.begun("b", &[], None);
        positions.reached("a", 500);
        assert_eq!(positions.earliest(), Some(ShardPosition::TrimHorizon), "b was not read");
        positions.reached("b", 400);
        assert_eq!(positions.earliest(), Some(ShardPosition::Time(400)));
        let timed = TailPositions::default();
        timed.begun("a", &[], Some(100));
        timed.begun("b", &[], Some(100));
        timed.reached("a", 500);
        assert_eq!(timed.earliest(), Some(ShardPosition::Time(100)));
    }

    #[test]
    fn earliest_counts_children_from_the_end_of_their_parents() {
        let positions = TailPositions::default();
        let parents = ["a".to_owned(), "b".to_owned()];
        positions.begun("a", &[], None);
        positions.begun("b", &[], None);
        positions.reached("a", 500);
        positions.reached("b", 400);
        positions.finished("a");
        assert_eq!(positions.earliest(), Some(ShardPosition::Time(400)));
        positions.finished("b");
        positions.begun("child", &parents, None);
        assert_eq!(positions.earliest(), Some(ShardPosition::Time(400)));
        positions.reached("child", 900);
        assert_eq!(positions.earliest(), Some(ShardPosition::Time(900)));
        positions.begun("orphan", &["unknown".to_owned(), "a".to_owned()], None);
        assert_eq!(positions.earliest(), Some(ShardPosition::TrimHorizon), "a parent that was not read says nothing");
        positions.clear();
        assert_eq!(positions.earliest(), None);
    }
}
