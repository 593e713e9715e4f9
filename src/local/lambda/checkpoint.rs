//! How far each shard of a mapping is read, kept on disk: after a crash records come again, none is left out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::local::data_dir::read_json;
use crate::local::durability::{Durability, NotWritten};

/// How far a shard is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Position {
    /// Nothing yet; this is what `LATEST` meant when the mapping was made.
    Start {
        /// Valid for minutes.
        iterator: String,
        /// Valid for good, but less exact: epoch seconds.
        at: f64,
    },
    /// All up to this sequence number.
    After(String),
    /// To its end.
    Finished,
}

/// The positions of all shards of a mapping.
pub(super) struct Checkpoints {
    path: PathBuf,
    durability: Durability,
    shards: Mutex<BTreeMap<String, Position>>,
    changed: AtomicBool,
}

impl Checkpoints {
    /// Reads what is on disk; nothing where there is no file.
    ///
    /// # Errors
    /// When the file is damaged: to guess where a mapping was would leave records out, or bring all of them again.
    pub(super) fn load(dir: &Path, uuid: &str, durability: Durability) -> Result<Self, Error> {
        let path = path(dir, uuid);
        let shards = read_json(&path)?.unwrap_or_default();
        Ok(Checkpoints { path, durability, shards: Mutex::new(shards), changed: AtomicBool::new(false) })
    }

    /// The first positions of a new mapping, on disk before it is answered for.
    pub(super) fn create(
        dir: &Path,
        uuid: &str,
        shards: &BTreeMap<String, Position>,
        durability: Durability,
    ) -> Result<(), NotWritten> {
        durability.write_json(&path(dir, uuid), shards)
    }

    pub(super) fn get(&self, shard_id: &str) -> Option<Position> {
        self.lock().get(shard_id).cloned()
    }

    pub(super) fn set(&self, shard_id: &str, position: Position) {
        self.lock().insert(shard_id.to_owned(), position);
        self.changed.store(true, Ordering::Release);
    }

    /// Forgets shards that the stream no longer has, and those of an earlier stream of the same name.
    pub(super) fn forget(&self, is_gone: impl Fn(&str, &Position) -> bool) {
        let mut shards = self.lock();
        let before = shards.len();
        shards.retain(|shard_id, position| !is_gone(shard_id, position));
        if shards.len() != before {
            self.changed.store(true, Ordering::Release);
        }
    }

    /// Writes what has changed.
    pub(super) fn save(&self) -> Result<(), NotWritten> {
        if !self.changed.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let shards = self.lock().clone();
        let written = self.durability.write_json(&self.path, &shards);
        written.inspect_err(|_| self.changed.store(true, Ordering::Release))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Position>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Deletes the positions of a mapping.
pub(super) fn delete(dir: &Path, uuid: &str) {
    // Without its mapping nobody reads it; there may be none.
    fs::remove_file(path(dir, uuid)).unwrap_or_default();
}

fn path(dir: &Path, uuid: &str) -> PathBuf {
    dir.join("checkpoints").join(format!("{uuid}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("checkpoints")).unwrap();
        Checkpoints::create(dir.path(), "u", &BTreeMap::new(), Durability::Process).unwrap();
        let load = || Checkpoints::load(dir.path(), "u", Durability::Process);
        let checkpoints = load().unwrap();
        checkpoints.set("shardId-0", Position::After("7".into()));
        checkpoints.set("shardId-1", Position::Finished);
        checkpoints.save().unwrap();
        let again = load().unwrap();
        assert_eq!(again.get("shardId-0"), Some(Position::After("7".into())));
        assert_eq!(again.get("shardId-1"), Some(Position::Finished));
        delete(dir.path(), "u");
        assert_eq!(load().unwrap().get("shardId-0"), None);
        fs::write(path(dir.path(), "u"), "{").unwrap();
        assert!(load().err().unwrap().to_string().contains("u.json is damaged"));
    }
}
