//! `put --checkpoint`: a file that says how far each input is settled, so that a later run goes on there.
//!
//! An item of an input (a reading or a rejected line) is settled when the stream has accepted it, or the file of rejected
//! lines holds it. The position that is kept is the last one before which all items are settled, so a later run may send
//! some readings again and leaves out none.

pub(crate) mod checkpoint_file;
pub(crate) mod checkpoint_saver;
pub(crate) mod identity;
pub(crate) mod settled_items;

use std::sync::Arc;
use std::time::Duration;

use self::checkpoint_saver::CheckpointStore;
use self::settled_items::SettledInput;

/// The checkpoint of a put.
pub(crate) struct PutCheckpoint {
    /// The parts that earlier runs settled. The inputs begin behind them.
    pub settled: Vec<SettledInput>,
    /// Keeps the parts that are settled now.
    pub store: Arc<dyn CheckpointStore>,
    /// The time between two saves: a killed run sends again at most what was accepted in it.
    pub interval: Duration,
}

impl PutCheckpoint {
    /// Returns the number of items that earlier runs settled.
    pub(crate) fn items(&self) -> u64 {
        self.settled.iter().map(|part| part.settled.items).sum()
    }

    /// Returns how many of them are rejected lines.
    pub(crate) fn rejected(&self) -> u64 {
        self.settled.iter().map(|part| part.settled.rejected).sum()
    }
}
