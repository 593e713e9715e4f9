//! What one shard takes a second in the real service: 1 MiB and 1,000 records.

use std::sync::{Mutex, PoisonError};

/// Bytes of data and keys a second.
const BYTES: u64 = 1 << 20;

/// Records a second.
const RECORDS: u64 = 1000;

/// Two buckets that hold one second's worth. Amounts are in thousandths, so that a millisecond adds a whole number.
pub(super) struct Throttle(Mutex<Buckets>);

struct Buckets {
    bytes: u64,
    records: u64,
    /// Epoch milliseconds.
    filled: u64,
}

impl Throttle {
    /// Full buckets.
    pub(super) fn new() -> Self {
        Throttle(Mutex::new(Buckets { bytes: BYTES * 1000, records: RECORDS * 1000, filled: 0 }))
    }

    /// Whether a record of this size fits now (epoch ms); it is counted if so.
    pub(super) fn admits(&self, bytes: u64, now: u64) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_sub(buckets.filled).min(1000);
        buckets.filled = buckets.filled.max(now);
        buckets.bytes = (buckets.bytes + elapsed * BYTES).min(BYTES * 1000);
        buckets.records = (buckets.records + elapsed * RECORDS).min(RECORDS * 1000);
        // A record larger than a second's worth waits for a full bucket and empties it.
        let wanted = bytes.min(BYTES) * 1000;
        if buckets.records < 1000 || buckets.bytes < wanted {
            return false;
        }
        buckets.records -= 1000;
        buckets.bytes -= wanted;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_takes_a_thousand_records_or_a_mebibyte_a_second() {
        let throttle = Throttle::new();
        let admitted = |bytes, now| (0..3000).filter(|_| throttle.admits(bytes, now)).count();
        assert_eq!(admitted(1, 10_000), 1000);
        assert_eq!(admitted(1, 10_500), 500);
        assert_eq!(admitted(1024, 20_000), 1000);
        assert_eq!(admitted(100 << 10, 30_000), 10);
        assert!(throttle.admits(5 << 20, 40_000), "a large record goes alone");
        assert!(!throttle.admits(1, 40_000));
    }
}
