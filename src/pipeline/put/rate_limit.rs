//! The rate at which a shard is sent to: two token buckets that adapt to throttles.
//!
//! Additive increase, multiplicative decrease: a throttle takes 30 % off, at most once a second, and 2 % of the shard's
//! limits come back each second.

use std::time::Duration;

use sensor_model::backoff::Backoff;
use tokio::time::Instant;

/// Bytes of data and partition keys that a shard takes in a second (docs/facts/kinesis.md, Write limits).
pub(crate) const SHARD_BYTES_PER_SECOND: u32 = 1_048_576;
/// Records that a shard takes in a second (docs/facts/kinesis.md, Write limits).
pub(crate) const SHARD_RECORDS_PER_SECOND: u32 = 1000;
/// The same, for rates.
pub(super) const SHARD_BYTES: f64 = float(SHARD_BYTES_PER_SECOND);
/// The same, for rates.
pub(super) const SHARD_RECORDS: f64 = float(SHARD_RECORDS_PER_SECOND);
/// The share of these limits that is used: the clocks of both sides differ.
const SHARE: f64 = 0.98;
/// The seconds for which an unused rate is kept. The shard keeps one second; the rest is for requests that are delayed
/// on their way and arrive together.
const BURST: f64 = 0.5;
/// The factor of the rate after a throttle.
const DECREASE: f64 = 0.7;
/// The share of the shard's limits by which the rate grows in a second.
const INCREASE: f64 = 0.02;
/// The lowest share of the shard's limits.
const LOWEST: f64 = 0.02;
/// The shortest time between two decreases: the answers of requests in flight tell of the same throttle.
const DECREASE_PAUSE: Duration = Duration::from_secs(1);
/// The pauses between the attempts of a shard.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };

// `f64::from` is not const.
const fn float(count: u32) -> f64 {
    count as f64
}

/// The known limits of a stream's shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShardLimits {
    /// A provisioned stream: the limits of a shard hold from the beginning.
    Provisioned,
    /// An on-demand stream, or one that is not known: no limit until it throttles.
    Unknown,
}

/// The rate of one shard.
#[derive(Debug)]
pub(crate) struct ShardRate {
    /// The rate as a share of the shard's limits. Infinite until an unlimited shard throttles.
    share: f64,
    highest: f64,
    /// Unused bytes and records.
    bytes: f64,
    records: f64,
    filled: Instant,
    decreased: Option<Instant>,
    observed: Observed,
    /// Failed answers since the last clean one.
    failures: u32,
    pause_until: Instant,
    failing_since: Option<Instant>,
}

/// The intake of a shard since a moment: the first rate once it throttles.
#[derive(Debug)]
struct Observed {
    since: Instant,
    share: f64,
}

impl ShardRate {
    /// Creates the rate of a shard that nothing was sent to.
    pub(crate) fn new(limits: ShardLimits, now: Instant) -> Self {
        let highest = match limits {
            ShardLimits::Provisioned => SHARE,
            ShardLimits::Unknown => f64::INFINITY,
        };
        ShardRate {
            share: highest,
            highest,
            bytes: SHARD_BYTES * BURST,
            records: SHARD_RECORDS * BURST,
            filled: now,
            decreased: None,
            observed: Observed { since: now, share: 0.0 },
            failures: 0,
            pause_until: now,
            failing_since: None,
        }
    }

    /// Takes tokens for records of so many bytes together.
    ///
    /// # Errors
    /// The rate does not allow it before the time that is returned.
    pub(crate) fn try_take(&mut self, records: usize, bytes: usize, now: Instant) -> Result<(), Instant> {
        if self.pause_until > now {
            return Err(self.pause_until);
        }
        let (records, bytes) = (as_float(records), as_float(bytes));
        if self.share.is_infinite() {
            return Ok(());
        }
        self.fill(now);
        // A request larger than a full bucket goes when the bucket is full, and leaves a debt.
        let missing = |wanted: f64, has: f64, limit: f64| (wanted.min(self.burst(limit)) - has) / (limit * self.share);
        let seconds = missing(records, self.records, SHARD_RECORDS).max(missing(bytes, self.bytes, SHARD_BYTES));
        if seconds > 0.0 {
            // A timer has a resolution of a millisecond.
            return Err(now + Duration::from_secs_f64(seconds).max(Duration::from_millis(1)));
        }
        self.records -= records;
        self.bytes -= bytes;
        Ok(())
    }

    fn burst(&self, limit: f64) -> f64 {
        limit * self.share * BURST
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.share = (self.share + INCREASE * elapsed).min(self.highest);
        self.bytes = (self.bytes + elapsed * self.share * SHARD_BYTES).min(self.burst(SHARD_BYTES));
        self.records = (self.records + elapsed * self.share * SHARD_RECORDS).min(self.burst(SHARD_RECORDS));
    }

    /// Notes records that the shard took.
    pub(crate) fn note_accepted(&mut self, records: u64, bytes: u64, now: Instant) {
        self.failing_since = None;
        if self.share.is_infinite() {
            if now.saturating_duration_since(self.observed.since) > DECREASE_PAUSE {
                self.observed = Observed { since: now, share: 0.0 };
            }
            self.observed.share += (as_f64(bytes) / SHARD_BYTES).max(as_f64(records) / SHARD_RECORDS);
        }
    }

    /// Notes an answer in which all records of the shard were accepted. Only that ends the growth of its pauses.
    pub(crate) fn note_clean_answer(&mut self) {
        self.failures = 0;
    }

    /// Notes that records of the shard failed, and returns the pause before the next attempt: random, between zero and
    /// a limit that doubles (full jitter).
    pub(crate) fn note_failure(&mut self, is_throttled: bool, now: Instant) -> Duration {
        self.failing_since.get_or_insert(now);
        if is_throttled {
            self.decrease(now);
        }
        let pause = BACKOFF.full_jitter(self.failures, rand::random());
        self.failures = self.failures.saturating_add(1);
        self.pause_until = self.pause_until.max(now + pause);
        pause
    }

    fn decrease(&mut self, now: Instant) {
        if self.decreased.is_some_and(|last| now.saturating_duration_since(last) < DECREASE_PAUSE) {
            return;
        }
        if self.share.is_infinite() {
            let seconds = now.saturating_duration_since(self.observed.since).as_secs_f64().max(0.1);
            self.share = self.observed.share / seconds;
            (self.bytes, self.records, self.filled) = (0.0, 0.0, now);
        } else {
            self.fill(now);
        }
        self.share = (self.share * DECREASE).max(LOWEST);
        self.decreased = Some(now);
    }

    /// Returns how long the shard has taken nothing although it was sent to.
    pub(crate) fn failing_for(&self, now: Instant) -> Duration {
        self.failing_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a request has less than 2^52 bytes")]
fn as_float(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "an answer is about less than 2^52 bytes")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends as fast as allowed, and returns records and bytes within the time.
    fn sent(rate: &mut ShardRate, from: Instant, seconds: u64, records: usize, bytes: usize) -> (usize, usize) {
        let (mut now, mut count) = (from, 0);
        while now < from + Duration::from_secs(seconds) {
            match rate.try_take(records, bytes, now) {
                Ok(()) => count += 1,
                Err(later) => {
                    assert!(later > now);
                    now = later;
                }
            }
        }
        (count * records, count * bytes)
    }

    #[tokio::test(start_paused = true)]
    async fn shard_rate_uses_95_percent_of_a_shard_and_never_more_than_its_burst() {
        let now = Instant::now();
        let (_, bytes) = sent(&mut ShardRate::new(ShardLimits::Provisioned, now), now, 60, 1, 25_000);
        assert!((60 * 1_048_576 * 95 / 100..=60 * 1_048_576).contains(&bytes), "{bytes}");
        let (records, _) = sent(&mut ShardRate::new(ShardLimits::Provisioned, now), now, 60, 500, 50_000);
        assert!((57_000..=60_000).contains(&records), "{records}");
        let mut rate = ShardRate::new(ShardLimits::Provisioned, now);
        let later = now + Duration::from_secs(3600);
        assert!(sent(&mut rate, later, 1, 1, 100).0 <= 1500, "an hour without a record is no credit of an hour");
        assert!(rate.try_take(1, 5 << 20, later + Duration::from_secs(9)).is_ok(), "a large record goes alone");
    }

    #[tokio::test(start_paused = true)]
    async fn shard_rate_decreases_once_a_second_and_recovers_slowly() {
        let now = Instant::now();
        let mut rate = ShardRate::new(ShardLimits::Provisioned, now);
        for _ in 0..10 {
            rate.note_failure(true, now);
        }
        assert!((rate.share - SHARE * DECREASE).abs() < 0.001, "{}", rate.share);
        rate.note_failure(true, now + Duration::from_secs(1));
        assert!((rate.share - (SHARE * DECREASE + 0.02) * DECREASE).abs() < 0.001, "{}", rate.share);
        rate.fill(now + Duration::from_secs(11));
        assert!((rate.share - ((SHARE * DECREASE + 0.02) * DECREASE + 0.2)).abs() < 0.001, "{}", rate.share);
        rate.fill(now + Duration::from_secs(1000));
        assert!((rate.share - SHARE).abs() < 0.001, "{}", rate.share);
        for second in 1001..1101 {
            rate.note_failure(true, now + Duration::from_secs(second));
        }
        assert!(rate.share >= LOWEST, "{}", rate.share);
    }

    #[tokio::test(start_paused = true)]
    async fn shard_rate_of_on_demand_stream_is_unlimited_until_throttled() {
        let now = Instant::now();
        let mut rate = ShardRate::new(ShardLimits::Unknown, now);
        for tick in 0..10 {
            let now = now + Duration::from_millis(tick * 100);
            assert!((0..100).all(|_| rate.try_take(500, 5 << 20, now).is_ok()));
            rate.note_accepted(10, 300_000, now);
        }
        // It took 3 MB in a second.
        rate.note_failure(true, now + Duration::from_secs(1));
        let expected = 3_000_000.0 / SHARD_BYTES * DECREASE;
        assert!((rate.share - expected).abs() < 0.01, "{}", rate.share);
        rate.fill(now + Duration::from_secs(101));
        assert!((rate.share - expected - 2.0).abs() < 0.01, "it grows above one shard's limits: {}", rate.share);
    }

    #[tokio::test(start_paused = true)]
    async fn pause_after_throttle_grows_until_a_clean_answer() {
        let now = Instant::now();
        let mut rate = ShardRate::new(ShardLimits::Unknown, now);
        let longest = |rate: &mut ShardRate, failures: u32| {
            (0..200)
                .map(|_| {
                    rate.failures = failures;
                    rate.note_failure(true, now)
                })
                .max()
                .unwrap_or_default()
        };
        assert!(longest(&mut rate, 0) <= Duration::from_millis(100));
        let some = longest(&mut rate, 4);
        assert!(some > Duration::from_secs(1), "{some:?}");
        // A part of the records was accepted: the pauses go on to grow.
        rate.note_accepted(1, 1, now);
        assert_eq!(rate.failures, 5);
        assert_eq!(rate.failing_for(now + Duration::from_secs(9)), Duration::ZERO);
        rate.note_clean_answer();
        assert_eq!(rate.failures, 0);
        assert!(rate.try_take(1, 1, now).is_err(), "the pause that was drawn is kept");
    }
}
