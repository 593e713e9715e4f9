//! How far each shard was read, so that an error can say where to go on.

use std::collections::HashMap;

use parking_lot::Mutex;

/// The time up to which the records of each shard were handed over, in milliseconds since 1970. A shard that was read
/// to its end has none.
#[derive(Debug, Default)]
pub(super) struct TailPositions(Mutex<HashMap<String, i64>>);

impl TailPositions {
    /// Notes that all records of a shard up to a time were handed over.
    pub(super) fn reached(&self, shard: &str, time_ms: i64) {
        let mut positions = self.0.lock();
        match positions.get_mut(shard) {
            Some(known) => *known = time_ms,
            None => drop(positions.insert(shard.to_owned(), time_ms)),
        }
    }

    /// Notes that a shard was read to its end.
    pub(super) fn finished(&self, shard: &str) {
        self.0.lock().remove(shard);
    }

    /// Notes that the stream does not exist any more.
    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }

    /// Returns the time up to which all shards were read.
    pub(super) fn earliest(&self) -> Option<i64> {
        self.0.lock().values().min().copied()
    }
}
