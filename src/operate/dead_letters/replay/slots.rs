//! The dead letters of a window by the sensor and time of their readings.

use std::collections::HashMap;

use super::item::{FoundRejection, ReplayFate, ReplayItem, ReplayReason};
use crate::pipeline::PutReceipt;

/// Dead letters of one reading.
pub(super) struct Slot {
    pub items: Vec<ReplayItem>,
    pub state: SlotState,
}

/// The state of the reading of a slot.
pub(super) enum SlotState {
    /// It is to be put.
    Open,
    /// The stream took it.
    Sent(PutReceipt),
    /// The table holds it.
    Stored { before: bool },
    /// The function rejected it again, and there is a new dead letter.
    RejectedAgain(ReplayReason),
    /// Its dead letters are kept.
    Kept(ReplayFate),
}

impl Slot {
    /// Returns its first dead letter, whose reading stands for all.
    pub(super) fn first(&self) -> &ReplayItem {
        // A slot is made of an item.
        &self.items[0]
    }

    /// Returns whether a dead letter at the place of the sent record is its own, and none of those that are replayed.
    pub(super) fn is_rejected_by(&self, found: &FoundRejection) -> bool {
        let SlotState::Sent(PutReceipt { shard_id, sequence_number }) = &self.state else { return false };
        let is_replayed = |item: &ReplayItem| {
            item.letter.id.shard_id == *shard_id && item.letter.id.sequence_number == *sequence_number
        };
        !self.items.iter().any(is_replayed) && found.is_of(self.first())
    }
}

/// Dead letters of a window.
pub(super) struct Sorted {
    /// Those that are replayed now.
    pub slots: Vec<Slot>,
    /// Those of a key that another one has with other values.
    pub deferred: Vec<ReplayItem>,
    /// Those that only the edit made equal to another one.
    pub refused: Vec<ReplayItem>,
}

/// Joins dead letters of equal readings. Those of a key with other values are deferred, so that each is compared with the
/// one before.
pub(super) fn sorted(items: Vec<ReplayItem>) -> Sorted {
    let mut sorted = Sorted { slots: Vec::new(), deferred: Vec::new(), refused: Vec::new() };
    let mut by_key: HashMap<(String, String), usize> = HashMap::new();
    for item in items {
        let key = (item.reading.sensor_id.clone(), item.reading.current_time.as_str().to_owned());
        let slot = by_key.get(&key).map(|at| &mut sorted.slots[*at]);
        match slot {
            Some(slot) if slot.first().reading == item.reading => {
                let first = &slot.first().origin;
                if !item.origin.is_same_reading(first) {
                    sorted.refused.push(item);
                } else if item.origin.is_whole && !first.is_whole {
                    // The first one may be refused for its edit.
                    sorted.deferred.push(item);
                } else {
                    slot.items.push(item);
                }
            }
            Some(_) => sorted.deferred.push(item),
            None => {
                by_key.insert(key, sorted.slots.len());
                sorted.slots.push(Slot { items: vec![item], state: SlotState::Open });
            }
        }
    }
    sorted
}
