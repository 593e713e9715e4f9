//! The data directory of a local cloud: its layout, its single-owner lock and atomic writes of state files.

pub(crate) mod lock_file;
pub(crate) mod owner;

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::lock_file::{DirectoryContent, LOCK};
use super::CONTROL_HEADER;
use super::durability::{Durability, FRESH};
use crate::error::Error;

/// Log file of the background process.
pub(crate) const LOG: &str = "local.log";
/// Attempts to take a lock that is held, and the interval between them.
const MAX_POLLS: u32 = 20;
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Lists the state files that have been written. From then on a missing file is an error, since it is lost.
const COMPLETE: &str = "complete.json";
/// Files that exist from the end of the first start on, even if empty.
const STATE_FILES: [&str; 7] = [
    "keys.json",
    "iam.json",
    "dynamodb.sqlite",
    "kinesis",
    "lambda/functions.json",
    "lambda/mappings.json",
    "logs/groups.json",
];
/// Other files of a data directory. All remaining files are not the local cloud's.
pub(crate) const OWN_FILES: [&str; 11] = [
    "endpoint.json",
    CONTROL_HEADER,
    COMPLETE,
    "keys.json",
    "sessions.json",
    "iam.json",
    "dynamodb.sqlite",
    "dynamodb.sqlite-wal",
    "dynamodb.sqlite-shm",
    "dynamodb.backups.json",
    LOG,
];
pub(crate) const OWN_FOLDERS: [&str; 3] = ["kinesis", "lambda", "logs"];

/// The endpoint of the local cloud that owns a data directory; `endpoint.json` while it runs.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct EndpointFile {
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// Region of the services.
    pub region: String,
    /// Process ID of the owner of the directory.
    pub pid: u32,
    /// Access key ID of the owner.
    pub access_key_id: String,
    /// Secret access key of the owner.
    pub secret_access_key: String,
}

impl EndpointFile {
    /// Reads the directory's `endpoint.json`; returns `None` if it does not exist.
    ///
    /// After `kill -9` it still names the dead process: check the endpoint before trusting it. A damaged file counts as
    /// missing, and the next start writes it again.
    pub(crate) fn read(root: &Path) -> Result<Option<Self>, Error> {
        let path = root.join("endpoint.json");
        Ok(read(&path)?.and_then(|text| serde_json::from_slice(&text).ok()))
    }
}

/// A data directory owned by this process.
#[derive(Debug)]
pub(crate) struct DataDir {
    root: PathBuf,
    /// The lock is released when the file is closed, however the process ends.
    lock: File,
}

impl DataDir {
    /// Creates the directory if needed (mode 0700) and takes its lock.
    ///
    /// # Errors
    /// The directory cannot be created, or another process owns it.
    pub(crate) fn open(root: &Path) -> Result<DataDir, Error> {
        let cannot = |error: io::Error| {
            Error::failed(format!("could not use the data directory {}", root.display())).with_source(error)
        };
        create_private_dir(root)?;
        let mut lock = OpenOptions::new().read(true).write(true).open(root.join(LOCK)).map_err(cannot)?;
        // A process that checks for an owner holds the lock for a moment.
        let mut looks = 0;
        while let Err(refused) = lock.try_lock() {
            match refused {
                TryLockError::WouldBlock if looks < MAX_POLLS => looks += 1,
                TryLockError::WouldBlock => return Err(owned_by_another(root, &mut lock)),
                TryLockError::Error(error) => return Err(cannot(error)),
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        lock_file::write_owner(&mut lock, std::process::id()).map_err(cannot)?;
        let data_dir = DataDir { root: root.to_owned(), lock };
        // A killed process leaves a stale endpoint file; another process may own that port now.
        data_dir.remove_endpoint_file()?;
        data_dir.check_complete()?;
        Ok(data_dir)
    }

    /// Rejects a directory with a missing or empty state file: to continue would treat its contents as deleted.
    fn check_complete(&self) -> Result<(), Error> {
        let expected: Vec<String> = read_json(&self.path(COMPLETE))?.unwrap_or_default();
        for path in expected.iter().map(|name| self.path(name)) {
            match fs::metadata(&path) {
                // A file system may report no size for a directory.
                Ok(found) if found.is_file() && found.len() == 0 => return Err(emptied(&path)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(lost(&path)),
                Err(error) => {
                    return Err(Error::failed(format!("could not read {}", path.display())).with_source(error));
                }
            }
        }
        Ok(())
    }

    /// Records that every state file has been written.
    pub(crate) fn complete(&self, durability: Durability) -> Result<(), Error> {
        Ok(durability.write_json(&self.path(COMPLETE), &STATE_FILES)?)
    }

    /// Returns whether its path still leads to the directory that this process owns. Another process may own one there
    /// that was created after this one had been deleted.
    pub(crate) fn is_current(&self) -> bool {
        let identity = |file: &Metadata| (file.dev(), file.ino());
        let found = fs::metadata(self.path(LOCK)).map(|file| identity(&file));
        found.is_ok_and(|found| self.lock.metadata().is_ok_and(|owned| identity(&owned) == found))
    }

    /// Returns the path of a file or directory in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Returns a directory in it, creating it if needed (mode 0700).
    pub(crate) fn subdirectory(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path(name);
        private_dir(&path)
            .map_err(|error| Error::failed(format!("could not create {}", path.display())).with_source(error))?;
        Ok(path)
    }

    /// Writes the endpoint file for other processes.
    pub(crate) fn write_endpoint_file(&self, endpoint: &EndpointFile) -> Result<(), Error> {
        // It needs no flush: its content is valid only while this process lives.
        Ok(Durability::Process.write_json(&self.path("endpoint.json"), endpoint)?)
    }

    /// Removes the endpoint file.
    pub(crate) fn remove_endpoint_file(&self) -> Result<(), Error> {
        if !self.is_current() {
            return Ok(());
        }
        let path = self.path("endpoint.json");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::failed(format!("could not remove {}", path.display())).with_source(error))
            }
            _ => Ok(()),
        }
    }
}

fn owned_by_another(root: &Path, lock: &mut File) -> Error {
    let owner = lock_file::owner(lock).map(|pid| format!(" (process {pid})")).unwrap_or_default();
    Error::failed(format!("another local cloud{owner} already uses the data directory {}", root.display()))
        .hint("use that one with `--local`, or stop it with `sensorctl local stop`")
        .hint("or give this one its own with `--data-dir DIR` or SENSORCTL_DATA_DIR")
}

/// Creates a data directory (mode 0700), or accepts an empty one or one that a local cloud created.
///
/// # Errors
/// The directory cannot be created, belongs to another user, or has other content. To make such a directory private is not the local cloud's
/// decision, and a reset would delete files that happen to have names of its own.
pub(crate) fn create_private_dir(root: &Path) -> Result<(), Error> {
    let cannot = |error: io::Error| {
        Error::failed(format!("could not use the data directory {}", root.display()))
            .with_source(error)
            .hint("`--data-dir DIR` or SENSORCTL_DATA_DIR names another one")
    };
    owner::check_owner(root)?;
    match lock_file::find(root).map_err(cannot)? {
        DirectoryContent::Other(name) => return Err(not_ours(root, &name)),
        DirectoryContent::LocalCloud => {}
        DirectoryContent::Nothing => {
            private_dir(root).map_err(cannot)?;
            lock_file::create(root).map_err(cannot)?;
        }
    }
    // It may be older than this process, and have wider permissions.
    fs::set_permissions(root, fs::Permissions::from_mode(0o700)).map_err(cannot)
}

/// Returns the error for a directory that no local cloud created.
pub(crate) fn not_ours(root: &Path, name: &str) -> Error {
    let holds =
        if name == LOCK { "its `lock` was made by something else".to_owned() } else { format!("it holds {name}") };
    Error::usage(format!("{} is not a local cloud's: {holds}", root.display()))
        .hint("`--data-dir DIR` or SENSORCTL_DATA_DIR names a directory that is empty or not there yet")
}

/// Returns the names in the directory that are not the local cloud's.
pub(crate) fn others(root: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let file = name.strip_suffix(&format!(".{FRESH}")).unwrap_or(&name);
        let ours = name == LOCK || OWN_FILES.contains(&file) || OWN_FOLDERS.contains(&name.as_str());
        if !ours {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Creates a directory and its parents, readable by this user only.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Returns the error for a lost file. Nothing is deleted, so that the user can restore it.
pub(crate) fn lost(path: &Path) -> Error {
    Error::failed(format!("{} is missing, and there is more that belongs to it", path.display()))
        .hint("put it back from a copy")
        .hint("`sensorctl local reset` starts over with an empty local cloud")
}

/// Returns the error for a state file without content, which `SQLite` would take for a new database.
fn emptied(path: &Path) -> Error {
    Error::failed(format!("{} is damaged: it is empty", path.display()))
        .hint("put it back from a copy")
        .hint("`sensorctl local reset` starts over with an empty local cloud")
}

/// Returns whether a directory has subdirectories; false if it does not exist.
pub(crate) fn has_directories(path: &Path) -> Result<bool, Error> {
    let has = || -> io::Result<bool> {
        for entry in fs::read_dir(path)? {
            if entry?.file_type()?.is_dir() {
                return Ok(true);
            }
        }
        Ok(false)
    };
    match has() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        has => has.map_err(|error| Error::failed(format!("could not read {}", path.display())).with_source(error)),
    }
}

/// Reads a state file; returns `None` if it does not exist.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let Some(text) = read(path)? else { return Ok(None) };
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        Error::failed(format!("{} is damaged", path.display()))
            .with_source(error)
            .hint("`sensorctl local reset` starts over with an empty local cloud")
    })
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::failed(format!("could not read {}", path.display())).with_source(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_dir_second_owner_error_names_pid_of_first() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path()).unwrap();
        let error = DataDir::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        DataDir::open(dir.path()).unwrap();
    }

    #[test]
    fn data_dir_and_its_files_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("a/b");
        let data = DataDir::open(&root).unwrap();
        Durability::Process.write_json(&data.path("x.json"), &1).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&root), mode(&data.path("x.json"))), (0o700, 0o600));
    }

    #[test]
    fn data_dir_with_unrelated_files_is_rejected_and_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
        let error = DataDir::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("it holds thesis.txt"), "{error}");
        assert_eq!(fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(!dir.path().join(LOCK).exists());
    }

    #[test]
    fn data_dir_lost_or_emptied_state_file_is_an_error_and_unwritten_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        data.subdirectory("lambda").unwrap();
        drop(data);
        // The first start was interrupted.
        let data = DataDir::open(dir.path()).unwrap();
        for name in STATE_FILES {
            data.subdirectory(Path::new(name).parent().unwrap().to_str().unwrap()).unwrap();
            fs::write(data.path(name), "content").unwrap();
        }
        data.complete(Durability::Process).unwrap();
        drop(data);
        drop(DataDir::open(dir.path()).unwrap());
        fs::write(dir.path().join("lambda/mappings.json"), "").unwrap();
        let error = DataDir::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("lambda/mappings.json is damaged: it is empty"), "{error}");
        fs::remove_file(dir.path().join("lambda/mappings.json")).unwrap();
        let error = DataDir::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("lambda/mappings.json is missing"), "{error}");
        assert!(others(dir.path()).unwrap().is_empty());
    }

    #[test]
    fn state_file_damaged_is_an_error_not_an_empty_state() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        fs::write(&path, "{").unwrap();
        assert!(read_json::<u8>(&path).unwrap_err().to_string().contains("damaged"));
        assert!(read_json::<u8>(&dir.path().join("y.json")).unwrap().is_none());
    }
}
