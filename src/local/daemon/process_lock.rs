//! The process lock of a data directory, and the deletion of the state in an unlocked one.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use crate::data_dir::lock_file::{self, DirectoryContent, LOCK};
use crate::data_dir::{OWN_FILES, OWN_FOLDERS, not_ours, others, owner};
use crate::durability::FRESH;
use crate::error::Error;

/// Deletes the state of the local cloud, which must be stopped; returns the names of other files in the directory.
///
/// # Errors
/// No local cloud created the directory, a process owns it, or a file cannot be deleted.
pub fn reset(data_dir: &Path) -> Result<Vec<String>, Error> {
    let cannot = |error: io::Error| Error::failed(format!("could not empty {}", data_dir.display())).with_source(error);
    if !is_local_cloud(data_dir)? {
        return Ok(Vec::new());
    }
    let Some(lock) = open_lock(data_dir)? else { return Ok(Vec::new()) };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::failed("the local cloud runs").hint("stop it with `sensorctl local stop`"));
        }
        Err(TryLockError::Error(error)) => return Err(cannot(error)),
    }
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot(error)),
        _ => Ok(()),
    };
    for name in OWN_FOLDERS {
        // A symbolic link is not followed: the local cloud never creates one.
        if fs::symlink_metadata(data_dir.join(name)).is_ok_and(|found| found.is_dir()) {
            gone(fs::remove_dir_all(data_dir.join(name)))?;
        }
    }
    for name in OWN_FILES {
        gone(fs::remove_file(data_dir.join(name)))?;
        // A kill may have left a temporary file of a change.
        gone(fs::remove_file(data_dir.join(name).with_added_extension(FRESH)))?;
    }
    // The lock file stays: a process that waits for it has it open.
    others(data_dir).map_err(cannot)
}

/// Returns whether a local cloud created the directory; false if it does not exist or is empty.
///
/// # Errors
/// The directory belongs to another user, or has other content, which must not be touched.
pub fn is_local_cloud(data_dir: &Path) -> Result<bool, Error> {
    owner::check_owner(data_dir)?;
    match lock_file::find(data_dir) {
        Ok(DirectoryContent::Nothing) => Ok(false),
        Ok(DirectoryContent::LocalCloud) => Ok(true),
        Ok(DirectoryContent::Other(name)) => Err(not_ours(data_dir, &name)),
        Err(error) => Err(Error::failed(format!("could not read {}", data_dir.display())).with_source(error)),
    }
}

/// Returns whether a process owns the data directory.
pub(super) fn is_owned(data_dir: &Path) -> Result<bool, Error> {
    let Some(lock) = open_lock(data_dir)? else { return Ok(false) };
    // Take a shared lock and release it at once. An owner that starts at this very moment reports the directory as in
    // use.
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => {
            Err(Error::failed(format!("could not test the lock of {}", data_dir.display())).with_source(error))
        }
    }
}

fn open_lock(data_dir: &Path) -> Result<Option<File>, Error> {
    match File::open(data_dir.join(LOCK)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(Error::failed(format!("could not open the lock of {}", data_dir.display())).with_source(error))
        }
    }
}
