//! Counts readings that replace each other in one put, in bounded memory.

use std::hint::black_box;

/// Keys that are remembered at most: 64 bits each, in tables that are at most half full: about 20 MB. Up to so many
/// different keys the count is exact.
const MAX_KEYS: usize = 1_000_000;
/// Bits of a hash that choose the set of the key.
const SET_BITS: u32 = 4;
/// Sets that the keys are divided into.
const SETS: usize = 1 << SET_BITS;
/// Slots of a set that has its first key.
const MIN_SLOTS: usize = 64;
/// Keys whose slots are fetched from memory together: one after the other, each would wait for the memory.
const FETCHED: usize = 64;

/// Counts readings whose key (sensor and time) an earlier one had.
///
/// Beyond [`MAX_KEYS`] different keys it keeps a sample: the keys whose hash ends in so many zero bits. A key is in the
/// sample from its first reading on or never, so what is counted of the sample is exact, and the whole is estimated from
/// it.
#[derive(Debug, Default)]
pub(crate) struct ReplacedCounter {
    /// In several sets, so that a set that grows, and is there twice meanwhile, is a small one.
    keys: [HashedKeys; SETS],
    count: usize,
    /// Zero bits that a hash of the sample ends with.
    level: u32,
    /// Readings that replaced one, by the zero bits that their hash ends with.
    by_bits: Vec<u64>,
    max_keys: usize,
}

/// How many readings replaced an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replaced {
    /// The number, or the best estimate of it.
    pub count: u64,
    /// The number that is certain.
    pub at_least: u64,
    /// True if `count` is not an estimate.
    pub is_exact: bool,
}

impl ReplacedCounter {
    /// Returns a counter that has seen nothing.
    pub(crate) fn new() -> Self {
        Self::with_max_keys(MAX_KEYS)
    }

    fn with_max_keys(max_keys: usize) -> Self {
        ReplacedCounter { by_bits: vec![0; 65], max_keys, ..ReplacedCounter::default() }
    }

    /// Takes readings by the hashes of their sensors and times. Every bit of a hash must depend on the whole key.
    pub(crate) fn add(&mut self, hashes: impl IntoIterator<Item = u64>) {
        let mut fetched = [0; FETCHED];
        let mut hashes = hashes.into_iter();
        loop {
            let mut count = 0;
            let mut slots = 0;
            for (place, hash) in fetched.iter_mut().zip(&mut hashes) {
                *place = hash;
                count += 1;
                slots |= self.keys[set_of(hash)].first_slot(hash);
            }
            // Reads the slots now, so that the memory fetches all of them at once.
            black_box(slots);
            fetched[..count].iter().for_each(|hash| self.add_one(*hash));
            if count < FETCHED {
                return;
            }
        }
    }

    fn add_one(&mut self, hash: u64) {
        if !self.insert(hash) {
            self.by_bits[hash.trailing_zeros() as usize] += 1;
        }
    }

    /// Takes a reading of an earlier put, which may be replaced and is not counted as one that replaces.
    pub(crate) fn remember(&mut self, hash: u64) {
        self.insert(hash);
    }

    /// Returns false if the key is in the sample already.
    fn insert(&mut self, hash: u64) -> bool {
        if hash.trailing_zeros() < self.level {
            return true;
        }
        if !self.keys[set_of(hash)].insert(hash) {
            return false;
        }
        self.count += 1;
        while self.count > self.max_keys && self.level < u64::BITS {
            self.level += 1;
            let level = self.level;
            self.keys.iter_mut().for_each(|set| set.retain(|hash| hash.trailing_zeros() >= level));
            self.count = self.keys.iter().map(|set| set.count).sum();
        }
        true
    }

    /// Returns how many readings replaced one.
    pub(crate) fn replaced(&self) -> Replaced {
        let at_least = self.by_bits.iter().sum();
        let sampled: u64 = self.by_bits[self.level as usize..].iter().sum();
        let estimate = sampled.saturating_mul(1_u64.checked_shl(self.level).unwrap_or(u64::MAX));
        Replaced { count: estimate.max(at_least), at_least, is_exact: self.level == 0 }
    }
}

fn set_of(hash: u64) -> usize {
    (hash >> (u64::BITS - SET_BITS)) as usize
}

/// A set of hashes: one after the other from the slot that the hash names. A look-up needs one line of memory, where a
/// general set needs two.
#[derive(Debug, Default)]
struct HashedKeys {
    /// A power of two of them, at least half of them [`EMPTY`].
    slots: Vec<u64>,
    count: usize,
}

/// A slot without a hash. The hash 0 is kept as [`ZERO`], which has as many zero bits at its end as matter.
const EMPTY: u64 = 0;
const ZERO: u64 = 1 << (u64::BITS - 1);

impl HashedKeys {
    /// Returns the place of a hash, if no other is there. The bits before it are the same within a set.
    #[expect(clippy::cast_possible_truncation, reason = "below the number of slots")]
    fn place(&self, hash: u64) -> usize {
        let bits = self.slots.len().trailing_zeros();
        ((hash << SET_BITS) >> (u64::BITS - bits)) as usize
    }

    fn first_slot(&self, hash: u64) -> u64 {
        if self.slots.is_empty() { EMPTY } else { self.slots[self.place(hash)] }
    }

    /// Adds a hash; false if it was there.
    fn insert(&mut self, hash: u64) -> bool {
        let hash = if hash == EMPTY { ZERO } else { hash };
        if 2 * self.count >= self.slots.len() {
            self.rebuild(MIN_SLOTS.max(2 * self.slots.len()), |_| true);
        }
        let is_new = self.put(hash);
        self.count += usize::from(is_new);
        is_new
    }

    fn put(&mut self, hash: u64) -> bool {
        let last = self.slots.len() - 1;
        let mut at = self.place(hash);
        loop {
            let slot = &mut self.slots[at];
            if *slot == EMPTY {
                *slot = hash;
                return true;
            }
            if *slot == hash {
                return false;
            }
            at = (at + 1) & last;
        }
    }

    fn retain(&mut self, is_kept: impl Fn(u64) -> bool) {
        self.rebuild(self.slots.len(), is_kept);
    }

    fn rebuild(&mut self, slots: usize, is_kept: impl Fn(u64) -> bool) {
        let before = std::mem::replace(&mut self.slots, vec![EMPTY; slots]);
        self.count = 0;
        for hash in before.into_iter().filter(|hash| *hash != EMPTY && is_kept(*hash)) {
            self.put(hash);
            self.count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{DefaultHasher, Hash, Hasher};

    use proptest::prelude::*;

    use super::*;

    fn hash(key: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        hasher.finish()
    }

    fn counted(keys: impl IntoIterator<Item = u64>, max_keys: usize) -> Replaced {
        let mut counter = ReplacedCounter::with_max_keys(max_keys);
        counter.add(keys.into_iter().map(hash));
        counter.replaced()
    }

    proptest! {
        #[test]
        fn count_is_that_of_a_set_up_to_the_stated_size(keys in prop::collection::vec(0_u64..200, 0..400)) {
            let different: HashSet<u64> = keys.iter().copied().collect();
            let expected = (keys.len() - different.len()) as u64;
            prop_assert_eq!(counted(keys, 200), Replaced { count: expected, at_least: expected, is_exact: true });
        }

        #[test]
        fn count_above_is_an_estimate_and_its_lower_bound_is_certain(repeated in 0_u64..5000) {
            let keys = (0..20_000).chain(0..repeated);
            let found = counted(keys, 1000);
            prop_assert!(!found.is_exact && found.at_least <= repeated && found.at_least <= found.count);
            // Five standard deviations of a sample of one in 32.
            let error = found.count.abs_diff(repeated);
            prop_assert!(error * error <= 25 * 32 * repeated.max(1), "{:?} {}", found, repeated);
        }
    }

    #[test]
    fn remembered_reading_is_counted_only_where_a_later_one_replaces_it() {
        let mut counter = ReplacedCounter::new();
        for key in [1, 1, 2] {
            counter.remember(hash(key));
        }
        assert_eq!(counter.replaced().count, 0);
        for key in [1, 3] {
            counter.add([hash(key)]);
        }
        assert_eq!(counter.replaced().count, 1);
    }

    #[test]
    fn nothing_repeated_is_zero_however_many_there_are() {
        assert_eq!(counted(0..100_000, 1000), Replaced { count: 0, at_least: 0, is_exact: false });
    }

    #[test]
    fn everything_repeated_is_estimated_within_some_percent() {
        let found = counted((0..50_000).chain(0..50_000).chain(0..50_000), 10_000);
        assert!(found.count.abs_diff(100_000) < 5000, "{found:?}");
    }

    #[test]
    fn memory_is_bounded_by_the_stated_size() {
        let mut counter = ReplacedCounter::with_max_keys(500);
        counter.add((0..50_000).map(hash));
        let slots: usize = counter.keys.iter().map(|set| set.slots.capacity()).sum();
        assert!(counter.count <= 500 && slots <= 2048, "{slots}");
    }

    #[test]
    fn hashes_that_share_a_slot_and_zero_are_all_told_apart() {
        // The same first bits; places at the end of the table, from which the next ones are at its beginning.
        for first in [0, u64::MAX << 20] {
            let mut counter = ReplacedCounter::with_max_keys(1000);
            let hashes = (0..100).map(|last| first | last);
            counter.add(hashes.clone());
            assert_eq!(counter.replaced().count, 0);
            counter.add(hashes);
            assert_eq!(counter.replaced().count, 100);
        }
    }
}
