//! Remembers the group of each partition key, whose hash is costly.

use rustc_hash::FxHashMap;

use super::aggregation::RememberedKey;
use super::group_layout::GroupLayout;

/// Maximum number of partition keys that are remembered.
pub(crate) const MAX_KEYS: usize = 65_536;

/// The group of a partition key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySlot {
    /// The group.
    pub group: usize,
    /// The index of the key in the group's open aggregate.
    pub key: RememberedKey,
}

/// The slots of the partition keys that were seen last.
#[derive(Debug, Default)]
pub(crate) struct KeySlots {
    /// The place of each partition key in `slots`.
    places: FxHashMap<Box<str>, usize>,
    slots: Vec<KeySlot>,
}

impl KeySlots {
    /// Returns the slot of a partition key.
    pub(crate) fn slot_of(&mut self, partition_key: &str, layout: &GroupLayout) -> &mut KeySlot {
        let place = match self.places.get(partition_key) {
            Some(place) => *place,
            None => self.add(partition_key, layout),
        };
        &mut self.slots[place]
    }

    fn add(&mut self, partition_key: &str, layout: &GroupLayout) -> usize {
        if self.slots.len() == MAX_KEYS {
            // The next readings write their keys into the open aggregates once more, which the format allows.
            self.places.clear();
            self.slots.clear();
        }
        let place = self.slots.len();
        self.slots.push(KeySlot { group: layout.group_of(partition_key), key: RememberedKey::default() });
        self.places.insert(partition_key.into(), place);
        place
    }
}
