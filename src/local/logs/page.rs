//! One page of events, selected while files are read: memory holds only the page, independent of the files' size. Pure.

use std::collections::BTreeMap;

use super::event_file::Event;

/// Limit of events in one response, in bytes.
const BYTES_PER_PAGE: usize = 1 << 20;
/// Bytes that the service counts for an event besides its text.
const EVENT_OVERHEAD: usize = 26;

/// Which end of the events to keep if the page cannot hold all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    First,
    Last,
}

/// The first or last of the offered events, as many as fit one response; at least one.
pub(super) struct Page<K> {
    keep: Keep,
    limit: usize,
    events: BTreeMap<K, Event>,
    bytes: usize,
    /// The end of the page: the nearest position without room. Events beyond it belong to other pages, even if they
    /// would still fit.
    end: Option<K>,
}

impl<K: Ord> Page<K> {
    pub(super) fn new(keep: Keep, limit: usize) -> Self {
        Page { keep, limit, events: BTreeMap::new(), bytes: 0, end: None }
    }

    /// Offers an event at its position in the order.
    pub(super) fn offer(&mut self, place: K, event: Event) {
        if self.is_beyond(&place) {
            return;
        }
        self.bytes += weight(&event);
        self.events.insert(place, event);
        while self.events.len() > self.limit || (self.events.len() > 1 && self.bytes > BYTES_PER_PAGE) {
            let out = match self.keep {
                Keep::First => self.events.pop_last(),
                Keep::Last => self.events.pop_first(),
            };
            if let Some((place, event)) = out {
                self.bytes -= weight(&event);
                self.end = Some(place);
            }
        }
    }

    /// Returns whether a position is beyond the end of the page.
    pub(super) fn is_beyond(&self, place: &K) -> bool {
        self.end.as_ref().is_some_and(|end| if self.keep == Keep::First { place >= end } else { place <= end })
    }

    /// Returns the events in order.
    pub(super) fn events(&self) -> &BTreeMap<K, Event> {
        &self.events
    }

    /// Returns whether any event did not fit.
    pub(super) fn left_out(&self) -> bool {
        self.end.is_some()
    }
}

fn weight(event: &Event) -> usize {
    event.message.len() + EVENT_OVERHEAD
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(keep: Keep, limit: usize, length: usize) -> (Vec<u64>, bool) {
        let mut page = Page::new(keep, limit);
        for timestamp in [3, 1, 5, 2, 4] {
            page.offer(timestamp, Event { timestamp, ingested: 0, message: "x".repeat(length) });
        }
        (page.events().keys().copied().collect(), page.left_out())
    }

    #[test]
    fn log_page_ends_at_limit_or_one_mebibyte_and_is_never_empty() {
        assert_eq!(page(Keep::First, 9, 1), (vec![1, 2, 3, 4, 5], false));
        assert_eq!(page(Keep::First, 2, 1), (vec![1, 2], true));
        assert_eq!(page(Keep::Last, 2, 1), (vec![4, 5], true));
        assert_eq!(page(Keep::First, 9, 300_000), (vec![1, 2, 3], true));
        assert_eq!(page(Keep::Last, 9, 2_000_000), (vec![5], true));
    }

    proptest! {
        #[test]
        fn log_pages_are_contiguous(
            lengths in proptest::collection::vec(0_usize..700_000, 1..24), order: prop::sample::Index, limit in 1_usize..9, first: bool,
        ) {
            let keep = if first { Keep::First } else { Keep::Last };
            let mut left: Vec<usize> = (0..lengths.len()).collect();
            let mut seen = Vec::new();
            while !left.is_empty() {
                let mut page = Page::new(keep, limit);
                let begin = order.index(left.len());
                for place in left[begin..].iter().chain(left[..begin].iter().rev()).copied() {
                    page.offer(place, Event { timestamp: 0, ingested: 0, message: "x".repeat(lengths[place]) });
                }
                let places: Vec<usize> = page.events().keys().copied().collect();
                prop_assert!(!places.is_empty());
                prop_assert_eq!(page.left_out(), places.len() < left.len());
                let rest = left.len() - places.len();
                if first {
                    prop_assert_eq!(&left[..places.len()], &places);
                    left.drain(..places.len());
                } else {
                    prop_assert_eq!(&left[rest..], &places);
                    left.truncate(rest);
                }
                seen.extend(places);
            }
            prop_assert_eq!(seen.len(), lengths.len());
        }
    }
}
