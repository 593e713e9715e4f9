//! The state of a data directory and of its disk. Looking changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::Access;

use super::process_lock::{is_local_cloud, is_owned};
use crate::data_dir::lock_file::{self, LOCK};
use crate::error::Error;

/// The state of a data directory.
#[derive(Debug)]
pub struct DataDirState {
    /// True if the directory exists.
    pub exists: bool,
    /// Why the local cloud does not use it: another user's, or other content.
    pub problem: Option<Error>,
    /// Permission bits, if it exists.
    pub mode: Option<u32>,
    /// The system's error for a write into it; into the folder that would hold it, if it does not exist.
    pub write_error: Option<String>,
    /// Free bytes of its disk, or the system's error.
    pub free_bytes: Result<u64, String>,
    /// The process that holds its lock, as far as the lock file names it; `None` if no process holds it.
    pub owner: Option<String>,
}

/// Returns the state of a data directory.
#[must_use]
pub fn inspect(data_dir: &Path) -> DataDirState {
    let metadata = fs::metadata(data_dir).ok();
    // A directory that does not exist is created below its nearest ancestor that does.
    let nearest = data_dir.ancestors().find(|folder| folder.exists()).filter(|folder| !folder.as_os_str().is_empty());
    let nearest = nearest.unwrap_or(Path::new("."));
    let writable = rustix::fs::access(nearest, Access::WRITE_OK | Access::EXEC_OK);
    let disk = rustix::fs::statvfs(nearest);
    DataDirState {
        exists: metadata.is_some(),
        problem: is_local_cloud(data_dir).err(),
        mode: metadata.map(|metadata| metadata.permissions().mode() & 0o777),
        write_error: writable.err().map(|error| std::io::Error::from(error).to_string()),
        free_bytes: disk
            .map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
            .map_err(|error| std::io::Error::from(error).to_string()),
        owner: is_owned(data_dir).unwrap_or(false).then(|| owner(data_dir)),
    }
}

fn owner(data_dir: &Path) -> String {
    let lock = fs::File::open(data_dir.join(LOCK)).ok();
    lock.and_then(|mut lock| lock_file::owner(&mut lock)).map_or_else(
        || "a process".to_owned(),
        // The file has the format's name before the number.
        |text| format!("process {}", text.lines().last().unwrap_or_default()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_dir::DataDir;

    #[test]
    fn inspection_sees_mode_owner_and_disk_and_creates_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("a/data");
        let missing = inspect(&root);
        assert!(!missing.exists && missing.mode.is_none() && missing.owner.is_none() && missing.problem.is_none());
        assert!(missing.free_bytes.unwrap() > 0 && missing.write_error.is_none());
        assert!(!root.exists());
        let data = DataDir::open(&root).unwrap();
        let owned = inspect(&root);
        assert_eq!((owned.mode, owned.owner), (Some(0o700), Some(format!("process {}", std::process::id()))));
        drop(data);
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        let open = inspect(&root);
        assert_eq!((open.mode, open.owner), (Some(0o755), None));
    }

    #[test]
    fn inspection_of_other_content_names_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
        let problem = inspect(dir.path()).problem.unwrap();
        assert!(problem.to_string().contains("it holds thesis.txt"), "{problem}");
    }
}
