//! The pauses between two reads of a shard. All polling readers of a shard share five reads and 2 MiB a second
//! (docs/facts/kinesis.md, Read limits), and the event source mapping of the pipeline is one of them.

use std::time::Duration;

use rand::Rng;
use sensor_model::backoff::Backoff;

/// The pause while records wait, unless the settings name another. It leaves one of five reads a second to others.
const BEHIND: Duration = Duration::from_millis(250);
/// The pause when there is nothing more to read. The mapping reads as often.
const AT_TIP: Duration = Duration::from_secs(1);
/// The same on this machine, where a read costs nothing.
const AT_LOCAL_TIP: Duration = Duration::from_millis(50);
/// Bytes that are read from a shard in a second: three quarters of what it gives. A shard takes half of that.
const BYTES_PER_SECOND: f64 = 1.5 * 1_048_576.0;
/// Bytes that a page should have. A page of 10 MiB would keep all readers from the shard for five seconds.
const PAGE_BYTES: usize = 1 << 20;
/// Records that a page can have (docs/facts/kinesis.md, Read limits).
const MAX_PAGE_RECORDS: usize = 10_000;
/// Records of the first page: 2.5 MB of aggregated records.
const FIRST_PAGE_RECORDS: usize = 100;
/// The most that a page grows by.
const GROWTH: usize = 4;
/// The longest pause that is added while others use the shard up.
const MAX_EXTRA: Duration = Duration::from_secs(1);

/// The pauses of a reader.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ReadPace {
    /// After a page behind which there are more records.
    pub behind: Duration,
    /// After the newest record.
    pub at_tip: Duration,
    /// Bytes that are read from a shard in a second.
    pub bytes_per_second: Option<f64>,
    /// The pauses after a call that failed.
    pub retry: Backoff,
    /// The time until a record that was put can be read.
    pub settles_after: Duration,
}

impl ReadPace {
    /// Returns the pauses for AWS. `behind`: what the settings say.
    pub(crate) fn shared(behind: Option<Duration>) -> Self {
        ReadPace {
            behind: behind.unwrap_or(BEHIND),
            at_tip: AT_TIP,
            bytes_per_second: Some(BYTES_PER_SECOND),
            retry: Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(5) },
            settles_after: Duration::from_secs(1),
        }
    }

    /// Returns the pauses for a cloud without limits, on this machine. `behind`: what the settings say.
    pub(crate) fn unlimited(behind: Option<Duration>) -> Self {
        ReadPace {
            behind: behind.unwrap_or(Duration::ZERO),
            at_tip: AT_LOCAL_TIP,
            bytes_per_second: None,
            retry: Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(1) },
            settles_after: Duration::ZERO,
        }
    }

    /// Returns the same pauses for records that the service pushes: there is no read to wait for.
    pub(crate) fn pushed(self) -> Self {
        ReadPace { behind: Duration::ZERO, at_tip: Duration::ZERO, bytes_per_second: None, ..self }
    }

    /// Returns the pause after a call failed for the `attempt`-th time, counted from 0.
    pub(super) fn retry_pause(&self, attempt: u32) -> Duration {
        // Readers that were throttled together should not come back together.
        self.retry.ceiling(attempt).mul_f64(rand::rng().random_range(0.8..1.2))
    }
}

/// The pace of one shard. It adapts to the size of the records, and to other readers.
#[derive(Debug)]
pub(super) struct ShardPace {
    pace: ReadPace,
    extra: Duration,
    records: usize,
}

impl ShardPace {
    pub(super) fn new(pace: ReadPace) -> Self {
        ShardPace { pace, extra: Duration::ZERO, records: FIRST_PAGE_RECORDS }
    }

    /// Returns how many records the next page should have.
    pub(super) fn page_records(&self) -> usize {
        self.records
    }

    /// Returns the pause after a page.
    pub(super) fn after_page(&mut self, records: usize, bytes: usize, is_behind: bool) -> Duration {
        if let Some(record_bytes) = bytes.checked_div(records) {
            let fitting = PAGE_BYTES / record_bytes.max(1);
            self.records = fitting.clamp(1, MAX_PAGE_RECORDS).min(self.records * GROWTH);
        }
        self.extra = self.extra.mul_f64(0.9);
        let pause = if is_behind { self.pace.behind + self.extra } else { self.pace.at_tip };
        #[expect(clippy::cast_precision_loss, reason = "a page has 10 MiB at most")]
        let seconds = self.pace.bytes_per_second.map_or(0.0, |rate| bytes as f64 / rate);
        pause.max(Duration::from_secs_f64(seconds))
    }

    /// Slows down: another reader uses the shard, too.
    pub(super) fn throttled(&mut self) {
        self.extra = (self.extra * 2).clamp(self.pace.behind.min(MAX_EXTRA), MAX_EXTRA);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn pause_depends_on_lag_and_keeps_within_the_bytes_of_a_shard() {
        let mut shard = ShardPace::new(ReadPace::shared(None));
        assert_eq!(shard.after_page(0, 0, false), AT_TIP);
        assert_eq!(shard.after_page(10, 1000, true), BEHIND);
        assert_eq!(shard.after_page(100, 3 * MIB, true), Duration::from_secs(2));
        assert_eq!(shard.after_page(100, 9 * MIB, false), Duration::from_secs(6));
        let mut named = ShardPace::new(ReadPace::shared(Some(Duration::from_millis(200))));
        assert_eq!(named.after_page(1, 1, true), Duration::from_millis(200));
        let mut local = ShardPace::new(ReadPace::unlimited(None));
        assert_eq!(local.after_page(100, 9 * MIB, true), Duration::ZERO);
    }

    #[test]
    fn page_approaches_its_size_whatever_the_records() {
        let mut shard = ShardPace::new(ReadPace::shared(None));
        for (bytes, expected) in [(100, 400), (100, 1600), (100, 6400), (100, 10_000), (25_000, 41), (2 * MIB, 1)] {
            shard.after_page(10, 10 * bytes, true);
            assert_eq!(shard.page_records(), expected, "{bytes}");
        }
        shard.after_page(0, 0, true);
        assert_eq!(shard.page_records(), 1, "an empty page says nothing");
    }

    #[test]
    fn throttles_slow_down_and_the_pace_comes_back() {
        let mut shard = ShardPace::new(ReadPace::shared(None));
        for expected in [250, 500, 1000, 1000] {
            shard.throttled();
            assert_eq!(shard.extra, Duration::from_millis(expected));
        }
        let pauses: Vec<_> = (0..60).map(|_| shard.after_page(1, 1, true)).collect();
        assert!(pauses[0] > Duration::from_secs(1) && pauses[59] < Duration::from_millis(260), "{pauses:?}");
    }
}
