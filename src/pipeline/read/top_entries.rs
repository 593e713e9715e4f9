//! The first entries of an order, of which a limit keeps a few: the rest is never held.

use std::collections::BinaryHeap;
use std::io;

use crate::pipeline::ExternalSorter;

/// Bytes of entries that are kept in memory; more are sorted on disk.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of an entry beside its key and its value, at most: its place in the heap, and what the allocator takes.
const OVERHEAD: usize = 128;

/// An entry: its key, how many came before it, and its value.
type Entry = (Vec<u8>, u64, Vec<u8>);

/// Keeps the entries with the smallest keys; of equal keys, those that came first.
#[derive(Debug)]
pub(super) struct TopEntries {
    limit: usize,
    /// The largest on top.
    kept: BinaryHeap<Entry>,
    arrived: u64,
    bytes: usize,
    most_bytes: usize,
}

impl TopEntries {
    /// Creates an empty collection; `None` if so many entries are never kept in memory.
    pub(super) fn new(limit: u64) -> Option<Self> {
        let limit = usize::try_from(limit).ok().filter(|limit| (1..=MOST_BYTES / OVERHEAD).contains(limit))?;
        Some(TopEntries { limit, kept: BinaryHeap::new(), arrived: 0, bytes: 0, most_bytes: MOST_BYTES })
    }

    /// Takes an entry if it is among the first ones. Returns whether all still fit into memory.
    pub(super) fn push(&mut self, key: &[u8], value: impl FnOnce() -> Vec<u8>) -> bool {
        self.arrived += 1;
        if self.kept.len() == self.limit {
            // Of equal keys the earlier one stays.
            if self.kept.peek().is_some_and(|(largest, ..)| key >= largest.as_slice()) {
                return true;
            }
            if let Some(dropped) = self.kept.pop() {
                self.bytes -= size(&dropped);
            }
        }
        let entry = (key.to_vec(), self.arrived, value());
        self.bytes += size(&entry);
        self.kept.push(entry);
        self.bytes <= self.most_bytes
    }

    /// Passes the entries on, in the order they came.
    ///
    /// # Errors
    /// When a temporary file cannot be written.
    pub(super) fn move_to(self, sorter: &mut ExternalSorter) -> io::Result<()> {
        let mut entries = self.kept.into_vec();
        entries.sort_unstable_by_key(|(_, arrived, _)| *arrived);
        entries.into_iter().try_for_each(|(key, _, value)| sorter.push(&key, &value))
    }

    /// Returns the values in the order of their keys.
    pub(super) fn into_values(self) -> impl Iterator<Item = Vec<u8>> {
        self.kept.into_sorted_vec().into_iter().map(|(.., value)| value)
    }
}

fn size((key, _, value): &Entry) -> usize {
    OVERHEAD + key.capacity() + value.capacity()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn first_entries_are_those_of_a_stable_sort(
            keys in prop::collection::vec(prop::collection::vec(0_u8..3, 0..3), 0..60),
            limit in 1_u64..20,
            most_bytes in prop::sample::select(vec![300_usize, 1500, MOST_BYTES]),
        ) {
            let mut expected: Vec<_> = keys.iter().cloned().zip(0_u8..).collect();
            expected.sort_by(|one, other| one.0.cmp(&other.0));
            expected.truncate(usize::try_from(limit).unwrap());
            let expected: Vec<_> = expected.into_iter().map(|(_, at)| vec![at]).collect();
            let (mut top, mut sorter) = (TopEntries::new(limit).map(|top| TopEntries { most_bytes, ..top }), ExternalSorter::default());
            for (key, at) in keys.iter().zip(0_u8..) {
                match &mut top {
                    Some(entries) => {
                        if !entries.push(key, || vec![at]) {
                            top.take().unwrap().move_to(&mut sorter).unwrap();
                        }
                    }
                    None => sorter.push(key, &[at]).unwrap(),
                }
            }
            let found: Vec<_> = match top {
                Some(top) => top.into_values().collect(),
                None => sorter.finish().unwrap().take(expected.len()).map(|entry| entry.unwrap().value).collect(),
            };
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn memory_is_that_of_the_limit() {
        let mut top = TopEntries::new(10).unwrap();
        for number in (0..100_000_u32).rev() {
            assert!(top.push(&number.to_be_bytes(), || vec![0; 1000]));
        }
        assert!(top.bytes <= 10 * (OVERHEAD + 1004), "{}", top.bytes);
        assert!(TopEntries::new(u64::MAX).is_none());
    }
}
