//! How far each shard of a mapping is read, kept on disk: after a crash records come again, none is left out.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::data_dir::read_json;
use crate::durability::{Durability, WriteError};
use crate::error::Error;
use crate::kinesis::Shard;

/// How far a shard is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Position {
    /// Nothing yet; this is the sequence number of the first record after what `LATEST` meant when the mapping was made.
    From(String),
    /// All up to this sequence number.
    After(String),
    /// To its end.
    Finished,
}

/// The position in a shard, and which shard that is: one of a later stream of the same name has the same id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Mark {
    created: u64,
    position: Position,
}

/// The positions of all shards of a mapping.
pub(crate) struct Checkpoints {
    path: PathBuf,
    durability: Durability,
    marks: Mutex<BTreeMap<String, Mark>>,
    changed: AtomicBool,
}

impl Checkpoints {
    /// Reads what is on disk, where `create` has put it.
    ///
    /// # Errors
    /// When the file is missing or damaged: to guess where a mapping was would leave records out, or bring all of them again.
    pub(crate) fn load(dir: &Path, uuid: &str, durability: Durability) -> Result<Self, Error> {
        let path = path(dir, uuid);
        let Some(marks) = read_json(&path)? else {
            return Err(Error::failed(format!("{} is missing", path.display()))
                .hint("put it back, or delete the mapping and create it again: it says from where on"));
        };
        Ok(Checkpoints { path, durability, marks: Mutex::new(marks), changed: AtomicBool::new(false) })
    }

    /// The first positions of a new mapping, on disk before it is answered for.
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

    /// How far a shard is read, if it has been begun.
    pub(crate) fn get(&self, shard: &Shard) -> Option<Position> {
        self.lock().get(&shard.id).filter(|mark| mark.created == shard.created).map(|mark| mark.position.clone())
    }

    /// Notes how far a shard is read.
    pub(crate) fn set(&self, shard: &Shard, position: Position) {
        self.lock().insert(shard.id.clone(), Mark { created: shard.created, position });
        self.changed.store(true, Ordering::Release);
    }

    /// Forgets shards that the stream no longer has.
    pub(crate) fn keep_only(&self, shards: &[Shard]) {
        let mut marks = self.lock();
        let before = marks.len();
        marks.retain(|id, _| shards.iter().any(|shard| shard.id == *id));
        if marks.len() != before {
            self.changed.store(true, Ordering::Release);
        }
    }

    /// Writes what has changed; tells whether anything had.
    pub(crate) fn save(&self) -> Result<bool, WriteError> {
        if !self.changed.swap(false, Ordering::AcqRel) {
            return Ok(false);
        }
        let marks = self.lock().clone();
        let written = self.durability.write_json(&self.path, &marks);
        written.map(|()| true).inspect_err(|_| self.changed.store(true, Ordering::Release))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Mark>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Deletes the positions of a mapping.
pub(crate) fn delete(dir: &Path, uuid: &str) {
    // Without its mapping nobody reads it, and the next start sweeps it away; there may be none.
    fs::remove_file(path(dir, uuid)).unwrap_or_default();
}

/// Whether there are no positions of any mapping.
pub(crate) fn is_empty(dir: &Path) -> io::Result<bool> {
    match fs::read_dir(dir.join("checkpoints")) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Deletes the positions of mappings that there are none of: of one whose creation was cut short. Blocks.
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
    fn what_is_saved_is_there_after_a_restart() {
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
    fn a_shard_of_another_stream_of_the_same_name_has_no_position() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path(), "u", Vec::new());
        let checkpoints = load(dir.path(), "u").unwrap();
        checkpoints.set(&shard("a", 1), Position::Finished);
        assert_eq!(checkpoints.get(&shard("a", 2)), None);
        checkpoints.keep_only(&[shard("b", 1)]);
        assert_eq!(checkpoints.get(&shard("a", 1)), None);
    }

    #[test]
    fn a_damaged_file_is_told_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path(), "u", Vec::new());
        fs::write(path(dir.path(), "u"), "{\"a\":").unwrap();
        assert!(load(dir.path(), "u").err().unwrap().to_string().contains("u.json is damaged"));
        assert_eq!(fs::read_to_string(path(dir.path(), "u")).unwrap(), "{\"a\":");
    }

    #[test]
    fn only_positions_of_mappings_stay() {
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
