//! The file of a checkpoint: locked while a put uses it, and replaced as a whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::PutCheckpoint;
use super::checkpoint_saver::CheckpointStore;
use super::identity::{FileIdentity, PutTarget, option_difference};
use super::settled_items::SettledInput;
use crate::error::Error;
use crate::hint_flags::shell_word;

/// Time between two saves.
const INTERVAL: Duration = Duration::from_secs(1);
/// The version of the form.
const VERSION: u32 = 1;

/// The content of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointState {
    version: u32,
    target: PutTarget,
    /// The options that decide which readings the files hold, as they are typed.
    options: Vec<String>,
    files: Vec<CheckpointedFile>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointedFile {
    file: FileIdentity,
    part: SettledInput,
}

/// A put that a checkpoint is for.
pub(crate) struct CheckpointedPut<'a> {
    /// The files in their order, as they are named and as they were found before they were opened.
    pub files: Vec<(&'a Path, FileIdentity)>,
    /// The options that decide which readings the files hold.
    pub options: Vec<String>,
    /// The stream.
    pub target: PutTarget,
}

/// A checkpoint that this process has locked.
pub(crate) struct CheckpointFile {
    /// Its name, as it was typed.
    name: PathBuf,
    /// Where it is.
    path: PathBuf,
    lock: File,
    state: Option<CheckpointState>,
    unused: UnusedFile,
}

/// A file that this process created, and deletes unless it is used.
struct UnusedFile(Option<PathBuf>);

impl Drop for UnusedFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // It is empty.
            let _ = fs::remove_file(path);
        }
    }
}

impl CheckpointFile {
    /// Opens the file, or creates it, and locks it.
    ///
    /// # Errors
    /// When another process uses it, or it holds something else.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let cannot = |error: io::Error| {
            Error::failed(format!("could not open checkpoint {}", path.display())).with_source(error)
        };
        // A link stays: the file that it leads to is replaced.
        let name = path.to_owned();
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        let (mut lock, unused) = loop {
            let (file, is_new) = match options.clone().create_new(true).open(&path) {
                Ok(file) => (file, true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match options.open(&path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    file => (file.map_err(cannot)?, false),
                },
                Err(error) => return Err(cannot(error)),
            };
            let found = file.metadata().map_err(cannot)?;
            if !found.is_file() {
                return Err(Error::usage(format!("checkpoint {} is not a file", name.display())));
            }
            lock_now(&file, &name)?;
            // A process that ended meanwhile may have replaced it.
            match fs::metadata(&path) {
                Ok(named) if (named.dev(), named.ino()) == (found.dev(), found.ino()) => {
                    break (file, UnusedFile(is_new.then(|| path.clone())));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(cannot(error)),
            }
        };
        let mut text = Vec::new();
        lock.read_to_end(&mut text).map_err(cannot)?;
        let state = if text.is_empty() { None } else { Some(parsed(&text, &name)?) };
        Ok(CheckpointFile { name, path, lock, state, unused })
    }

    /// Returns whether an earlier run has written it.
    pub(crate) fn is_begun(&self) -> bool {
        self.state.is_some()
    }

    /// Compares it with what is to be put, and returns the checkpoint of this put.
    ///
    /// # Errors
    /// When it is of another put, or cannot be written.
    pub(crate) fn resume(mut self, put: CheckpointedPut<'_>) -> Result<PutCheckpoint, Error> {
        let parts = self.parts(&put).map_err(|error| error.hint(restart_hint(&self.name)))?;
        let settled = parts.clone();
        let CheckpointedPut { files, options, target } = put;
        let files = files.into_iter().zip(parts).map(|((_, file), part)| CheckpointedFile { file, part }).collect();
        let state = CheckpointState { version: VERSION, target, options, files };
        let store = LockedFile { name: self.name, path: self.path, state: Mutex::new((self.lock, state)) };
        // A place that cannot be written is found before anything is sent.
        store.save(&settled)?;
        self.unused.0 = None;
        Ok(PutCheckpoint { settled, store: Arc::new(store), interval: INTERVAL })
    }

    /// Returns how far each file is settled.
    fn parts(&self, put: &CheckpointedPut<'_>) -> Result<Vec<SettledInput>, Error> {
        let Some(state) = &self.state else { return Ok(vec![SettledInput::default(); put.files.len()]) };
        let name = self.name.display();
        if let Some(difference) = state.target.difference(&put.target) {
            return Err(Error::usage(format!("checkpoint {name} is for {difference}")));
        }
        if let Some(difference) = option_difference(&state.options, &put.options) {
            return Err(Error::usage(format!("checkpoint {name} {difference}")));
        }
        let mut kept: Vec<Option<&CheckpointedFile>> = state.files.iter().map(Some).collect();
        let mut part_of = |(path, file): &(&Path, FileIdentity)| {
            let same = |kept: &&mut Option<&CheckpointedFile>| kept.is_some_and(|kept| kept.file.path == file.path);
            let Some(CheckpointedFile { file: was, part }) = kept.iter_mut().find(same).and_then(Option::take) else {
                // A file that was added to the others.
                return Ok(SettledInput::default());
            };
            let has_grown = was
                .check_grown(file, path)
                .map_err(|error| error.context(format!("checkpoint {name} is of another file")))?;
            let settled = if has_grown { part.stable } else { part.settled };
            Ok(SettledInput { settled, stable: part.stable })
        };
        let parts = put.files.iter().map(&mut part_of).collect::<Result<_, Error>>()?;
        if let Some(CheckpointedFile { file, .. }) = kept.into_iter().flatten().next() {
            return Err(Error::usage(format!(
                "checkpoint {name} is also of {}, which this run does not name",
                file.path
            )));
        }
        Ok(parts)
    }
}

/// Returns how to put the files although the checkpoint does not fit them.
pub(crate) fn restart_hint(checkpoint: &Path) -> String {
    let word = checkpoint.to_string_lossy();
    format!("`rm {}` puts everything again; another `--checkpoint FILE` keeps it for its own files", shell_word(&word))
}

fn lock_now(file: &File, path: &Path) -> Result<(), Error> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            Err(Error::failed(format!("another `put` uses checkpoint {}", path.display()))
                .hint("wait for it, or name another `--checkpoint FILE` for other files"))
        }
        Err(TryLockError::Error(error)) => {
            Err(Error::failed(format!("could not lock checkpoint {}", path.display())).with_source(error))
        }
    }
}

fn parsed(text: &[u8], path: &Path) -> Result<CheckpointState, Error> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let other =
        |what: String| Error::usage(format!("{} is {what}", path.display())).hint("name a new file for `--checkpoint`");
    match serde_json::from_slice::<Version>(text) {
        Ok(Version { version: VERSION }) => {}
        Ok(Version { version }) => return Err(other(format!("a checkpoint of another version ({version})"))),
        Err(_) => return Err(other("not a checkpoint of `put`, and would be overwritten".to_owned())),
    }
    serde_json::from_slice(text).map_err(|error| other(format!("not a checkpoint of `put`: {error}")))
}

/// The file while a put runs. The lock is on the file that has its name.
struct LockedFile {
    name: PathBuf,
    path: PathBuf,
    state: Mutex<(File, CheckpointState)>,
}

impl LockedFile {
    /// Writes a new file beside it, and moves it into its place.
    fn replace(&self, text: &[u8]) -> io::Result<File> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut name = OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(".sensorctl-new");
        let fresh = folder.join(name);
        // A killed run may have left it.
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(text)?;
        file.sync_all()?;
        file.lock()?;
        fs::rename(&fresh, &self.path)?;
        File::open(folder)?.sync_all()?;
        Ok(file)
    }
}

impl CheckpointStore for LockedFile {
    fn save(&self, inputs: &[SettledInput]) -> Result<(), Error> {
        let cannot = |error: io::Error| {
            Error::failed(format!("could not write checkpoint {}", self.name.display())).with_source(error)
        };
        let mut held = self.state.lock();
        for (file, part) in held.1.files.iter_mut().zip(inputs) {
            file.part = *part;
        }
        let mut text = serde_json::to_vec_pretty(&held.1).map_err(|error| cannot(error.into()))?;
        text.push(b'\n');
        held.0 = self.replace(&text).map_err(cannot)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
