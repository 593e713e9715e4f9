//! The write-ahead log of the tables.
//!
//! It is flushed if a response must survive a power cut, and checkpointed into the database concurrently with requests,
//! so that no request waits for it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Notify;

use crate::durability::Durability;

/// The write-ahead log of one database file.
pub(super) struct Wal {
    file: PathBuf,
    durability: Durability,
    /// Its own connection: a checkpoint does not block reads and writes.
    connection: Mutex<Connection>,
    changed: Notify,
}

impl Wal {
    /// Opens the log of an open database.
    pub(super) fn open(database: &Path, durability: Durability) -> rusqlite::Result<Wal> {
        let mut file = database.as_os_str().to_owned();
        file.push("-wal");
        let connection = Mutex::new(Connection::open(database)?);
        Ok(Wal { file: file.into(), durability, connection, changed: Notify::new() })
    }

    /// Flushes a committed change as far as the durability requires.
    pub(super) fn keep(&self) -> io::Result<()> {
        self.changed.notify_one();
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Full => self.durability.sync(&File::open(&self.file)?),
        }
    }

    /// Returns after the next change, or at once if there was one since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Checkpoints the log into the database, except for the part that a reader still needs. Blocks.
    pub(super) fn write_back(&self) -> rusqlite::Result<()> {
        let connection = self.connection.lock();
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_has_the_expected_compile_options() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.sqlite");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (v)").unwrap();
        let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0)).unwrap();
        let settings = ["PRAGMA synchronous", "PRAGMA wal_autocheckpoint", "PRAGMA cache_size"].map(number);
        assert_eq!(settings, [1, 8192, -16000], "see .cargo/config.toml");
    }

    #[test]
    fn wal_checkpoint_moves_changes_into_the_database() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.sqlite");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (v)").unwrap();
        let wal = Wal::open(&path, Durability::Full).unwrap();
        connection.execute("INSERT INTO t VALUES ('a text that is looked for')", []).unwrap();
        wal.keep().unwrap();
        let has_text = || {
            let content = std::fs::read(&path).unwrap();
            content.windows(24).any(|window| window == b"a text that is looked fo")
        };
        assert!(!has_text());
        wal.write_back().unwrap();
        assert!(has_text());
        std::fs::remove_file(directory.path().join("x.sqlite-wal")).unwrap();
        assert!(wal.keep().is_err(), "what cannot be flushed is not called kept");
    }
}
