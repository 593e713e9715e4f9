//! The result of a verification: how many readings became of what, and how long they took.

use serde::Serialize;

/// The fate of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Fate {
    /// Nothing was sent.
    Unsent = 0,
    /// It was sent, and neither the table nor the dead-letter table holds it.
    Open,
    /// The table holds it.
    Stored,
    /// The table holds other values under its key.
    Replaced,
    /// The dead-letter table holds it.
    DeadLetter,
    /// The stream did not take it.
    Failed,
}

/// The result of a verification. Times are from handing a reading to the sender to seeing it in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Verification {
    /// Different readings that were sent and that the stream took. Duplicates count once.
    pub distinct: u64,
    /// Readings in the table with the values that were sent.
    pub stored: u64,
    /// Readings that the stream took and that are in neither table.
    pub lost: u64,
    /// Readings whose row has other values.
    pub replaced: u64,
    /// Readings in the dead-letter table.
    pub dead_letters: u64,
    /// Stored readings that were not seen within the limit.
    pub late: u64,
    /// Median time, in milliseconds.
    pub p50_ms: Option<u64>,
    /// 99th percentile.
    pub p99_ms: Option<u64>,
    /// Maximum.
    pub max_ms: Option<u64>,
    /// Longest time between two looks at the table: the times above are too long by at most this.
    pub poll_ms: u64,
    /// The same for each shard, if there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<ShardVerification>,
}

/// The result for the readings of one shard, by the shard that the table names for the sensor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ShardVerification {
    /// The shard; null for sensors without any row.
    pub shard_id: Option<String>,
    /// See [`Verification`].
    pub stored: u64,
    /// See [`Verification`].
    pub lost: u64,
    /// See [`Verification`].
    pub late: u64,
    /// See [`Verification`].
    pub p50_ms: Option<u64>,
    /// See [`Verification`].
    pub p99_ms: Option<u64>,
    /// See [`Verification`].
    pub max_ms: Option<u64>,
}

impl Verification {
    /// Returns whether every reading was stored as it was sent, and in time.
    #[must_use]
    pub(crate) fn is_good(&self) -> bool {
        self.lost + self.replaced + self.dead_letters + self.late == 0
    }
}

/// The counts and the times of some readings.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub stored: u64,
    pub lost: u64,
    pub replaced: u64,
    pub dead_letters: u64,
    pub late: u64,
    times: Vec<u32>,
}

impl Counts {
    pub(super) fn add(&mut self, fate: Fate, time: u32, late_after: u32) {
        match fate {
            Fate::Unsent | Fate::Failed => {}
            Fate::Open => self.lost += 1,
            Fate::Replaced => self.replaced += 1,
            Fate::DeadLetter => self.dead_letters += 1,
            Fate::Stored => {
                self.stored += 1;
                self.late += u64::from(time > late_after);
                self.times.push(time);
            }
        }
    }

    /// Returns the median, the 99th percentile and the maximum (nearest rank).
    pub(super) fn percentiles(&mut self) -> [Option<u64>; 3] {
        self.times.sort_unstable();
        let count = self.times.len();
        [50, 99, 100].map(|percent| {
            let rank = (count * percent).div_ceil(100);
            self.times.get(rank.checked_sub(1)?).copied().map(u64::from)
        })
    }
}
