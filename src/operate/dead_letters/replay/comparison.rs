//! Decides about a dead letter by what is stored at its sensor and time, and by what its replay put there.

use std::collections::HashMap;

use super::item::{ReplayFate, ReplayItem, ReplayReason, digest_of};
use super::options::ReplayOptions;
use super::put_readings::PutAtKey;
use super::reading_origin::{KeyOrigin, ReadingOrigin};
use super::slots::SlotState;
use crate::pipeline::RowState;

/// The row that a replay finds at the sensor and time of a reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    /// The row in the table.
    pub row: &'a RowState,
    /// The reading that this replay put there.
    pub put: PutAtKey<'a>,
    /// True if the row came into the stream after this replay had begun to put.
    pub is_new: bool,
}

impl Found<'_> {
    /// Returns what is to be done with a dead letter. `rejected` has the origins of readings that the function rejected in
    /// this replay, by their digests.
    pub(super) fn state_of(
        &self,
        item: &ReplayItem,
        options: ReplayOptions,
        rejected: &HashMap<[u8; 32], ReadingOrigin>,
    ) -> SlotState {
        let ReplayOptions { overwrite, dry_run, .. } = options;
        let refused = |reason| SlotState::Kept(ReplayFate::Refused(reason));
        // A dry run takes what it would have put for stored.
        let (is_equal, is_taken) = match self.put {
            PutAtKey::Last(put) if dry_run => (put.digest == item.digest(), true),
            _ => {
                let is_equal = matches!(self.row, RowState::Stored(row) if row.reading == item.reading);
                (is_equal, *self.row != RowState::Absent)
            }
        };
        if is_equal {
            let is_known = matches!(self.put, PutAtKey::Last(put) if item.origin.is_same_reading(&put.origin));
            let is_own = item.origin.is_whole || is_known;
            return if is_own { SlotState::Stored { before: true } } else { refused(same_key()) };
        }
        if *self.row == RowState::Foreign {
            let message = "the table holds an item at its sensor and time that is no reading, and is never replaced";
            return refused(ReplayReason::new("foreign-row", message));
        }
        if !self.is_free_for(item) {
            return refused(same_key());
        }
        if is_taken && !overwrite {
            let message = "the table holds other values at its sensor and time; `--overwrite` replaces them";
            return refused(ReplayReason::new("other-values", message));
        }
        // The dead letter of that reading is deleted, so nothing else has its values.
        if is_taken && self.is_of_this_replay(dry_run) {
            let message = "another dead letter of this replay, which is stored or sent, has its sensor and time with other \
                           values";
            return refused(ReplayReason::new("same-key", message));
        }
        match rejected.get(&item.digest()) {
            None => SlotState::Open,
            Some(origin) if item.origin.is_same_reading(origin) => {
                let message = "the function rejected an equal reading in this replay";
                SlotState::RejectedAgain(ReplayReason::new("rejected-before", message))
            }
            // The new dead letter is not its own.
            Some(_) => refused(same_key()),
        }
    }

    /// Returns whether the row is, or may be, a reading of this replay.
    fn is_of_this_replay(&self, is_dry: bool) -> bool {
        match self.put {
            PutAtKey::None => false,
            PutAtKey::Last(put) => {
                is_dry || matches!(self.row, RowState::Stored(row) if digest_of(&row.reading) == put.digest)
            }
            // The next replay replaces the row, if no dead letter of this one is in it.
            PutAtKey::Unknown => true,
        }
    }

    /// Returns whether the reading may be put here. Otherwise several dead letters that the edit gave the same sensor and
    /// time would become one row.
    fn is_free_for(&self, item: &ReplayItem) -> bool {
        let is_own = item.origin.key == KeyOrigin::Own;
        match self.put {
            PutAtKey::None => true,
            PutAtKey::Last(put) => is_own && put.origin.key == KeyOrigin::Own,
            // A reading of this replay that is not remembered was waited for: it is the row, if that is new.
            PutAtKey::Unknown => is_own || !self.is_new,
        }
    }
}

/// Why a dead letter is kept that only the edit made equal to another one.
pub(super) fn same_key() -> ReplayReason {
    let message =
        "after the edit it cannot be told from another reading of the same sensor and time, which is stored or sent";
    ReplayReason::new("same-key-after-edit", message)
}
