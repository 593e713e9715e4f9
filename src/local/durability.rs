//! What an acknowledged change survives, and state files written so.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;

use crate::error::Error;

/// What an acknowledged change survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The process being killed at any moment: it is in the operating system's hands.
    #[default]
    Process,
    /// A power cut as well: it is flushed to the disk before it is answered.
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
    /// Flushes a file's content, if that is asked for.
    pub(crate) fn sync(self, file: &File) -> io::Result<()> {
        if self == Durability::Full { file.sync_data() } else { Ok(()) }
    }

    /// Flushes the names in a directory, if that is asked for: without it a new or renamed file may be gone after a
    /// power cut, whatever its content.
    pub(crate) fn sync_names(self, directory: &Path) -> io::Result<()> {
        if self == Durability::Full { File::open(directory)?.sync_all() } else { Ok(()) }
    }

    /// Flushes a directory with all that is in it, if that is asked for.
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

    /// Writes a state file (mode 0600) so that a reader, or a crash, sees the old or the new content, never a part.
    /// One task at a time writes a file.
    pub(crate) fn write_json(self, path: &Path, content: &impl Serialize) -> Result<(), WriteError> {
        self.replace(path, || Ok(serde_json::to_vec_pretty(content)?))
    }

    /// Writes a text in the same way.
    pub(crate) fn write_text(self, path: &Path, text: &str) -> Result<(), WriteError> {
        self.replace(path, || Ok(text.as_bytes().to_vec()))
    }

    fn replace(self, path: &Path, content: impl FnOnce() -> io::Result<Vec<u8>>) -> Result<(), WriteError> {
        // Always the same name: what a kill leaves behind is overwritten by the next change.
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
            // A part takes room that may be what is missing; the next change overwrites what cannot be removed.
            fs::remove_file(&fresh).unwrap_or_default();
            WriteError { path: path.to_owned(), source }
        })
    }
}

/// What the name of a state file ends in while it is written.
pub(crate) const FRESH: &str = "new";

/// A state file that could not be written; what it said before still holds.
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
    fn a_state_file_is_replaced_whole_and_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        for durability in [Durability::Process, Durability::Full] {
            durability.write_json(&path, &"a longer first content").unwrap();
            // What a kill left behind.
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
    fn what_cannot_be_written_leaves_the_old_content_and_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        Durability::Full.write_json(&path, &1).unwrap();
        fs::create_dir(dir.path().join("x.json.new")).unwrap();
        let error = Durability::Full.write_json(&path, &2).unwrap_err().to_string();
        assert!(error.starts_with(&format!("could not write {}: ", path.display())), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "1");
    }

    #[test]
    fn it_reads_as_it_is_written() {
        for text in ["process", "full"] {
            assert_eq!(text.parse::<Durability>().unwrap().to_string(), text);
        }
        assert!("Full".parse::<Durability>().is_err());
    }
}
