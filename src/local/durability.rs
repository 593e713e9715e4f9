//! The durability of acknowledged changes, and atomic writes of state files.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;

use crate::error::Error;

/// The durability of an acknowledged change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Survives a kill of the process at any moment: the operating system has the data.
    #[default]
    Process,
    /// Survives a power cut too: the data is flushed to the disk before the response.
    Full,
}

impl fmt::Display for Durability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Durability::Process => "process",
            Durability::Full => "full",
        })
    }
}

impl FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "process" => Ok(Durability::Process),
            "full" => Ok(Durability::Full),
            _ => Err("expected `process` or `full`".to_owned()),
        }
    }
}

impl Durability {
    /// Flushes a file's content with `Full` durability.
    pub(crate) fn sync(self, file: &File) -> io::Result<()> {
        if self == Durability::Full { file.sync_data() } else { Ok(()) }
    }

    /// Flushes the names in a directory with `Full` durability.
    ///
    /// Without this, a power cut can lose a new or renamed file, even if its content was flushed.
    pub(crate) fn sync_names(self, directory: &Path) -> io::Result<()> {
        if self == Durability::Full { File::open(directory)?.sync_all() } else { Ok(()) }
    }

    /// Flushes a directory and everything in it with `Full` durability.
    pub(crate) fn sync_tree(self, directory: &Path) -> io::Result<()> {
        if self == Durability::Process {
            return Ok(());
        }
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                self.sync_tree(&entry.path())?;
            } else {
                File::open(entry.path())?.sync_all()?;
            }
        }
        self.sync_names(directory)
    }

    /// Writes a state file (mode 0600) atomically: a reader, or a crash, sees the old or the new content, never a part.
    ///
    /// Only one task may write a file at a time.
    pub(crate) fn write_json(self, path: &Path, content: &impl Serialize) -> Result<(), WriteError> {
        self.replace(path, || Ok(serde_json::to_vec_pretty(content)?))
    }

    /// Writes text in the same way.
    pub(crate) fn write_text(self, path: &Path, text: &str) -> Result<(), WriteError> {
        self.replace(path, || Ok(text.as_bytes().to_vec()))
    }

    fn replace(self, path: &Path, content: impl FnOnce() -> io::Result<Vec<u8>>) -> Result<(), WriteError> {
        // The name is fixed, so that the next change overwrites a file that a kill left behind.
        let fresh = path.with_added_extension(FRESH);
        let replace = || {
            let content = content()?;
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            file.write_all(&content)?;
            self.sync(&file)?;
            fs::rename(&fresh, path)?;
            self.sync_names(path.parent().unwrap_or(Path::new(".")))
        };
        replace().map_err(|source| {
            // A partial file takes room on a disk that may be full; the next change overwrites a file that cannot be
            // removed.
            fs::remove_file(&fresh).unwrap_or_default();
            WriteError { path: path.to_owned(), source }
        })
    }
}

/// Suffix of a state file's temporary name while it is written.
pub(crate) const FRESH: &str = "new";

/// A failed write of a state file; the previous content is still valid.
#[derive(Debug, thiserror::Error)]
#[error("could not write {}: {source}", path.display())]
pub(crate) struct WriteError {
    path: PathBuf,
    source: io::Error,
}

impl From<WriteError> for Error {
    fn from(failure: WriteError) -> Error {
        Error::failed(format!("could not write {}", failure.path.display())).with_source(failure.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_file_is_replaced_atomically_and_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        for durability in [Durability::Process, Durability::Full] {
            durability.write_json(&path, &"a longer first content").unwrap();
            // A partial file that a kill left behind.
            let mut part = OpenOptions::new();
            let mut part = part.write(true).create(true).mode(0o600).open(dir.path().join("x.json.new")).unwrap();
            part.write_all(b"\"a part of somethi").unwrap();
            durability.write_json(&path, &"short").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "\"short\"");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn state_file_failed_write_keeps_old_content_and_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        Durability::Full.write_json(&path, &1).unwrap();
        fs::create_dir(dir.path().join("x.json.new")).unwrap();
        let error = Durability::Full.write_json(&path, &2).unwrap_err().to_string();
        assert!(error.starts_with(&format!("could not write {}: ", path.display())), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "1");
    }

    #[test]
    fn durability_parses_its_own_display() {
        for text in ["process", "full"] {
            assert_eq!(text.parse::<Durability>().unwrap().to_string(), text);
        }
        assert!("Full".parse::<Durability>().is_err());
    }
}
