//! Errors of reading and writing a log; each names the file.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use super::entry_reader::EntryError;

/// A damaged position in a log.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} is damaged at byte {offset}: {why}", path.display())]
pub(crate) struct Damage {
    pub(super) path: PathBuf,
    pub(super) offset: u64,
    pub(super) why: Cow<'static, str>,
}

/// An error of reading or writing a log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The file system returned an error.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The stored bytes differ from the written bytes.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

impl LogError {
    /// Wraps an I/O error of a file or directory.
    pub(super) fn io(path: &Path, source: io::Error) -> LogError {
        LogError::Io { path: path.to_owned(), source }
    }

    /// Converts an entry error of a file.
    pub(super) fn of(path: &Path, fault: EntryError) -> LogError {
        let damage = |offset, why| Damage { path: path.to_owned(), offset, why: Cow::Borrowed(why) }.into();
        match fault {
            EntryError::Io(source) => LogError::io(path, source),
            EntryError::Torn(offset) => damage(offset, "the entry does not end"),
            EntryError::Damaged(offset, why) => damage(offset, why),
        }
    }
}
