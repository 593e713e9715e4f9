//! Why a log cannot be read or written, for people: always with the file.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use super::entry_reader::EntryError;

/// A place where a log is damaged.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} is damaged at byte {offset}: {why}", path.display())]
pub(crate) struct Damage {
    pub(super) path: PathBuf,
    pub(super) offset: u64,
    pub(super) why: Cow<'static, str>,
}

/// Why a log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is there is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

impl LogError {
    /// What the file system said of a file or directory.
    pub(super) fn io(path: &Path, source: io::Error) -> LogError {
        LogError::Io { path: path.to_owned(), source }
    }

    /// The fault of a file.
    pub(super) fn of(path: &Path, fault: EntryError) -> LogError {
        let damage = |offset, why| Damage { path: path.to_owned(), offset, why: Cow::Borrowed(why) }.into();
        match fault {
            EntryError::Io(source) => LogError::io(path, source),
            EntryError::Torn(offset) => damage(offset, "the entry does not end"),
            EntryError::Damaged(offset, why) => damage(offset, why),
        }
    }
}
