//! The checkpoints of an event source mapping's shards on the disk.
//!
//! After a crash records are delivered again, and none is skipped.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use crate::data_dir::read_json;
use crate::durability::{Durability, WriteError};
use crate::error::Error;
use crate::kinesis::Shard;

/// The checkpoint of a shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Position {
    /// No record yet: the first sequence number after the `LATEST` position at the creation of the event source
    /// mapping.
    From(String),
    /// All records up to this sequence number.
    After(String),
    /// All records of a closed shard.
    Finished,
}

/// A checkpoint with the creation time of its shard: a shard of a later stream with the same name has the same ID.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Mark {
    created: u64,
    position: Position,
}

/// The checkpoints of all shards of an event source mapping.
pub(crate) struct Checkpoints {
    path: PathBuf,
    durability: Durability,
    marks: Mutex<BTreeMap<String, Mark>>,
    changed: AtomicBool,
}

impl Checkpoints {
    /// Loads the checkpoints that `create` has written.
    ///
    /// # Errors
    /// The file is missing or damaged: a guessed position would skip records, or deliver all of them again.
    pub(crate) fn load(dir: &Path, uuid: &str, durability: Durability) -> Result<Self, Error> {
        let path = path(dir, uuid);
        let Some(marks) = read_json(&path)? else {
            return Err(Error::failed(format!("{} is missing", path.display()))
                .hint("put it back, or delete the mapping and create it again: it says from where on"));
        };
        Ok(Checkpoints { path, durability, marks: Mutex::new(marks), changed: AtomicBool::new(false) })
    }

    /// Writes the first checkpoints of a new event source mapping, before its creation is acknowledged.
    pub(crate) fn create(
        dir: &Path,
        uuid: &str,
        positions: Vec<(Shard, Position)>,
        durability: Durability,
    ) -> Result<(), WriteError> {
        let mark = |(shard, position): (Shard, Position)| (shard.id, Mark { created: shard.created, position });
        let marks: BTreeMap<String, Mark> = positions.into_iter().map(mark).collect();
        durability.write_json(&path(dir, uuid), &marks)
    }

    /// Returns the checkpoint of a shard, if reading it has begun.
    pub(crate) fn get(&self, shard: &Shard) -> Option<Position> {
        self.lock().get(&shard.id).filter(|mark| mark.created == shard.created).map(|mark| mark.position.clone())
    }

    /// Sets the checkpoint of a shard.
    pub(crate) fn set(&self, shard: &Shard, position: Position) {
        self.lock().insert(shard.id.clone(), Mark { created: shard.created, position });
        self.changed.store(true, Ordering::Release);
    }

    /// Removes the checkpoints of shards that the stream no longer has.
    pub(crate) fn keep_only(&self, shards: &[Shard]) {
        let mut marks = self.lock();
        let before = marks.len();
        marks.retain(|id, _| shards.iter().any(|shard| shard.id == *id));
        if marks.len() != before {
            self.changed.store(true, Ordering::Release);
        }
    }

    /// Writes changed checkpoints; returns whether any had changed.
    pub(crate) fn save(&self) -> Result<bool, WriteError> {
        if !self.changed.swap(false, Ordering::AcqRel) {
            return Ok(false);
        }
        let marks = self.lock().clone();
        let written = self.durability.write_json(&self.path, &marks);
        written.map(|()| true).inspect_err(|_| self.changed.store(true, Ordering::Release))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Mark>> {
        self.marks.lock()
    }
}

/// Deletes the checkpoints of an event source mapping.
pub(crate) fn delete(dir: &Path, uuid: &str) {
    // Without its event source mapping the file is unused, and the next start deletes it; it may also be missing.
    fs::remove_file(path(dir, uuid)).unwrap_or_default();
}

/// Returns whether no event source mapping has checkpoints.
pub(crate) fn is_empty(dir: &Path) -> io::Result<bool> {
    match fs::read_dir(dir.join("checkpoints")) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Deletes the checkpoints without an event source mapping, left by an interrupted creation. Blocks.
pub(crate) fn sweep(dir: &Path, uuids: &[&str]) -> io::Result<()> {
    let entries = match fs::read_dir(dir.join("checkpoints")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let known: HashSet<OsString> = uuids.iter().map(|uuid| format!("{uuid}.json").into()).collect();
    for entry in entries {
        let entry = entry?;
        if !known.contains(&entry.file_name()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn path(dir: &Path, uuid: &str) -> PathBuf {
    dir.join("checkpoints").join(format!("{uuid}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, created: u64) -> Shard {
        Shard { id: id.to_owned(), parent: None, adjacent_parent: None, created }
    }

    fn create(dir: &Path, uuid: &str, positions: Vec<(Shard, Position)>) {
        fs::create_dir_all(dir.join("checkpoints")).unwrap();
        Checkpoints::create(dir, uuid, positions, Durability::Process).unwrap();
    }

    fn load(dir: &Path, uuid: &str) -> Result<Checkpoints, Error> {
        Checkpoints::load(dir, uuid, Durability::Process)
    }

    #[test]
    fn checkpoints_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path(), "u", Vec::new());
        let checkpoints = load(dir.path(), "u").unwrap();
        checkpoints.set(&shard("a", 1), Position::After("7".into()));
        checkpoints.set(&shard("b", 1), Position::Finished);
        checkpoints.save().unwrap();
        let again = load(dir.path(), "u").unwrap();
        assert_eq!(again.get(&shard("a", 1)), Some(Position::After("7".into())));
        assert_eq!(again.get(&shard("b", 1)), Some(Position::Finished));
        delete(dir.path(), "u");
        assert!(load(dir.path(), "u").err().unwrap().to_string().contains("u.json is missing"));
    }

    #[test]
    fn checkpoints_of_a_recreated_stream_are_ignored() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path(), "u", Vec::new());
        let checkpoints = load(dir.path(), "u").unwrap();
        checkpoints.set(&shard("a", 1), Position::Finished);
        assert_eq!(checkpoints.get(&shard("a", 2)), None);
        checkpoints.keep_only(&[shard("b", 1)]);
        assert_eq!(checkpoints.get(&shard("a", 1)), None);
    }

    #[test]
    fn checkpoints_damaged_file_is_an_error_and_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path(), "u", Vec::new());
        fs::write(path(dir.path(), "u"), "{\"a\":").unwrap();
        assert!(load(dir.path(), "u").err().unwrap().to_string().contains("u.json is damaged"));
        assert_eq!(fs::read_to_string(path(dir.path(), "u")).unwrap(), "{\"a\":");
    }

    #[test]
    fn checkpoints_sweep_keeps_only_those_of_mappings() {
        let dir = tempfile::tempdir().unwrap();
        sweep(dir.path(), &[]).unwrap();
        for uuid in ["u", "v"] {
            create(dir.path(), uuid, vec![(shard("a", 1), Position::Finished)]);
        }
        sweep(dir.path(), &["v"]).unwrap();
        assert!(!path(dir.path(), "u").exists());
        assert!(load(dir.path(), "v").unwrap().get(&shard("a", 1)).is_some());
    }
}
