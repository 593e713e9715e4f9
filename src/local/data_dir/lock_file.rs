//! The lock file of a data directory.
//!
//! Its first line identifies a local cloud's directory; the other file names may occur in any directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::Value;

use super::STATE_FILES;
use crate::connection_info::OWNER_KEY_PREFIX;

/// Name of the lock file.
///
/// Its lock shows that a process owns the directory, and its text that the directory is a local cloud's.
pub(crate) const LOCK: &str = "lock";
/// Its first line. The second line is the process ID of the current or last owner.
const MAGIC: &str = "sensorctl-local-cloud 1\n";
/// Maximum size of a lock file, in bytes.
const LONGEST: u64 = 64;

/// The kind of content in a directory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DirectoryContent {
    /// The directory does not exist, or is empty.
    Nothing,
    /// A local cloud created it, or began to.
    LocalCloud,
    /// It has other content; the name of one entry.
    Other(String),
}

/// Returns the kind of content in a directory, and changes nothing.
pub(crate) fn find(root: &Path) -> io::Result<DirectoryContent> {
    let path = root.join(LOCK);
    let other = || Ok(DirectoryContent::Other(LOCK.to_owned()));
    match fs::symlink_metadata(&path) {
        // A link may lead to the lock of another directory.
        Ok(found) if !found.is_file() || found.len() > LONGEST => return other(),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(first_entry(root)?.map_or(DirectoryContent::Nothing, DirectoryContent::Other));
        }
        Err(error) => return Err(error),
    }
    let text = fs::read(&path)?;
    let is_old = text.iter().all(u8::is_ascii_digit);
    // An empty lock file alone in a directory was created by a first start that was interrupted.
    if text.starts_with(MAGIC.as_bytes())
        || (is_old && has_state(root))
        || (text.is_empty() && fs::read_dir(root)?.count() == 1)
    {
        return Ok(DirectoryContent::LocalCloud);
    }
    other()
}

/// Turns an empty directory into a local cloud's.
pub(crate) fn create(root: &Path) -> io::Result<()> {
    let path = root.join(LOCK);
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut lock) => lock.write_all(MAGIC.as_bytes()),
        // Another process starts at the same time.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes the process ID of the directory's owner. The first line stays in place all the time.
pub(crate) fn write_owner(lock: &mut File, pid: u32) -> io::Result<()> {
    let text = format!("{MAGIC}{pid}\n");
    lock.rewind()?;
    lock.write_all(text.as_bytes())?;
    lock.set_len(text.len() as u64)
}

/// Returns the process ID of the directory's owner, as written in the lock file.
pub(crate) fn owner(lock: &mut File) -> Option<String> {
    let mut text = String::new();
    lock.rewind().ok()?;
    lock.take(LONGEST).read_to_string(&mut text).ok()?;
    let pid = text.strip_prefix(MAGIC).unwrap_or(&text).trim();
    (!pid.is_empty()).then(|| pid.to_owned())
}

/// Returns whether the directory has state that only a local cloud writes.
///
/// The lock file of older versions contains only a process ID.
fn has_state(root: &Path) -> bool {
    let read = |name| fs::read(root.join(name)).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let is_key = |keys: Value| keys["access_key_id"].as_str().is_some_and(|key| key.starts_with(OWNER_KEY_PREFIX));
    let is_complete = |names: Value| names.as_array().is_some_and(|names| names.contains(&STATE_FILES[0].into()));
    read(super::COMPLETE).is_some_and(is_complete) || read("keys.json").is_some_and(is_key)
}

/// Returns the first name in a directory, or `None` if it is empty or does not exist.
fn first_entry(root: &Path) -> io::Result<Option<String>> {
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let mut names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: Result<Vec<_>, io::Error> = names.by_ref().collect();
    Ok(names?.into_iter().min())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> DirectoryContent {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        find(dir.path()).unwrap()
    }

    fn other(name: &str) -> DirectoryContent {
        DirectoryContent::Other(name.to_owned())
    }

    #[test]
    fn directory_content_is_identified_by_lock_text_not_by_names() {
        assert_eq!(found(&[]), DirectoryContent::Nothing);
        assert_eq!(find(Path::new("no/such/directory")).unwrap(), DirectoryContent::Nothing);
        assert_eq!(found(&[("lock", MAGIC), ("lambda/src.rs", "")]), DirectoryContent::LocalCloud);
        assert_eq!(found(&[("lock", "sensorctl-local-cloud 1\n77\n")]), DirectoryContent::LocalCloud);
        assert_eq!(found(&[("lock", "")]), DirectoryContent::LocalCloud, "cut short");
        for lock in ["", "77", "by another program", "sensorctl-local-cloud"] {
            assert_eq!(found(&[("lock", lock), ("lambda/src.rs", ""), ("logs/x", "")]), other("lock"), "{lock}");
        }
        assert_eq!(found(&[("lambda/src.rs", ""), ("logs/x", "")]), other("lambda"));
        assert_eq!(found(&[("local.log", "")]), other("local.log"));
    }

    #[test]
    fn directory_content_old_lock_counts_only_with_its_state() {
        let keys = ("keys.json", r#"{"access_key_id":"LKIAX","secret_access_key":"s"}"#);
        let complete = ("complete.json", r#"["keys.json","iam.json"]"#);
        for lock in ["77", ""] {
            assert_eq!(found(&[("lock", lock), keys]), DirectoryContent::LocalCloud);
            assert_eq!(found(&[("lock", lock), complete]), DirectoryContent::LocalCloud);
        }
        assert_eq!(found(&[("lock", "by another program"), keys, complete]), other("lock"));
        for theirs in ["{}", "[]", "{", r#"{"access_key_id":"AKIA"}"#] {
            assert_eq!(found(&[("lock", "77"), ("keys.json", theirs), ("complete.json", theirs)]), other("lock"));
        }
    }

    #[test]
    fn directory_content_link_to_another_lock_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("real"), MAGIC).unwrap();
        std::os::unix::fs::symlink("real", dir.path().join(LOCK)).unwrap();
        assert_eq!(find(dir.path()).unwrap(), other("lock"));
    }

    #[test]
    fn lock_file_owner_is_read_from_old_and_new_format() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path()).unwrap();
        let open = || OpenOptions::new().read(true).write(true).open(dir.path().join(LOCK)).unwrap();
        assert_eq!(owner(&mut open()), None);
        write_owner(&mut open(), 123_456).unwrap();
        write_owner(&mut open(), 77).unwrap();
        assert_eq!(
            (owner(&mut open()).as_deref(), find(dir.path()).unwrap()),
            (Some("77"), DirectoryContent::LocalCloud)
        );
        fs::write(dir.path().join(LOCK), "88").unwrap();
        assert_eq!(owner(&mut open()).as_deref(), Some("88"));
    }
}
