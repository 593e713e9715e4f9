//! The read and write rates of one shard in the real service (docs/facts/kinesis.md, Write limits, Read limits).

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

/// Write rate in bytes of data and keys a second.
const WRITTEN_BYTES: u64 = 1 << 20;

/// Write rate in records a second.
const WRITTEN_RECORDS: u64 = 1000;

/// Read rate in bytes a second.
const READ_BYTES: u64 = 2 << 20;

/// Read rate in calls a second.
const READ_CALLS: u32 = 5;

/// A second in milliseconds.
const SECOND: u64 = 1000;

/// Two token buckets that hold one second's worth.
///
/// Amounts are in thousandths, so that a millisecond adds a whole number.
pub(super) struct WriteThrottle(Mutex<Buckets>);

struct Buckets {
    bytes: u64,
    records: u64,
    /// Epoch milliseconds.
    filled: u64,
}

impl WriteThrottle {
    /// Creates full buckets.
    pub(super) fn new() -> Self {
        let (bytes, records) = (WRITTEN_BYTES * SECOND, WRITTEN_RECORDS * SECOND);
        WriteThrottle(Mutex::new(Buckets { bytes, records, filled: 0 }))
    }

    /// Returns whether a record of this size fits at `now` (epoch ms), and counts it if so.
    pub(super) fn try_acquire(&self, bytes: u64, now: u64) -> bool {
        let mut buckets = lock(&self.0);
        let elapsed = now.saturating_sub(buckets.filled).min(SECOND);
        buckets.filled = buckets.filled.max(now);
        buckets.bytes = (buckets.bytes + elapsed * WRITTEN_BYTES).min(WRITTEN_BYTES * SECOND);
        buckets.records = (buckets.records + elapsed * WRITTEN_RECORDS).min(WRITTEN_RECORDS * SECOND);
        // A record larger than a second's worth waits for a full bucket and empties it.
        let wanted = bytes.min(WRITTEN_BYTES) * SECOND;
        if buckets.records < SECOND || buckets.bytes < wanted {
            return false;
        }
        buckets.records -= SECOND;
        buckets.bytes -= wanted;
        true
    }
}

/// Calls and bytes of the current second. A larger response uses up the seconds after it: ten mebibytes take five.
#[derive(Default)]
pub(super) struct ReadThrottle(Mutex<Window>);

#[derive(Default)]
struct Window {
    /// Epoch milliseconds.
    began: u64,
    calls: u32,
    bytes: u64,
}

impl ReadThrottle {
    /// Counts a call at `now` (epoch ms).
    ///
    /// # Errors
    /// The rate is exhausted; returns the time until the next call is allowed.
    pub(super) fn admit(&self, now: u64) -> Result<(), Duration> {
        let mut window = lock(&self.0);
        let ends = window.began + SECOND * window.bytes.div_ceil(READ_BYTES).max(1);
        if now >= ends {
            *window = Window { began: now, ..Window::default() };
        } else if window.calls >= READ_CALLS || window.bytes >= READ_BYTES {
            return Err(Duration::from_millis(ends - now));
        }
        window.calls += 1;
        Ok(())
    }

    /// Counts the bytes of a response.
    pub(super) fn gave(&self, bytes: u64) {
        lock(&self.0).bytes += bytes;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_throttle_allows_a_thousand_records_or_a_mebibyte_a_second() {
        let throttle = WriteThrottle::new();
        let admitted = |bytes, now| (0..3000).filter(|_| throttle.try_acquire(bytes, now)).count();
        assert_eq!(admitted(1, 10_000), 1000);
        assert_eq!(admitted(1, 10_500), 500);
        assert_eq!(admitted(1024, 20_000), 1000);
        assert_eq!(admitted(100 << 10, 30_000), 10);
        assert!(throttle.try_acquire(5 << 20, 40_000), "a large record goes alone");
        assert!(!throttle.try_acquire(1, 40_000));
    }

    #[test]
    fn read_throttle_allows_five_calls_or_two_mebibytes_a_second() {
        let throttle = ReadThrottle::default();
        let admitted = |now| (0..20).filter(|_| throttle.admit(now).is_ok()).count();
        assert_eq!((admitted(10_000), admitted(10_999), admitted(11_000)), (5, 0, 5));
        assert!(throttle.admit(20_000).is_ok());
        throttle.gave(READ_BYTES);
        assert_eq!(throttle.admit(20_400), Err(Duration::from_millis(600)));
        assert!(throttle.admit(21_000).is_ok());
        throttle.gave(10 << 20);
        assert_eq!(throttle.admit(21_001), Err(Duration::from_millis(4999)));
        assert!(throttle.admit(26_000).is_ok());
    }
}
