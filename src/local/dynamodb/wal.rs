//! The write-ahead log of the tables: flushed where an answer has to survive a power cut, and written back to the
//! database beside the requests, so that none of them waits for it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Notify;

use crate::durability::Durability;

/// The log of one database file.
pub(super) struct Wal {
    file: PathBuf,
    durability: Durability,
    /// A connection of its own: writing back does not keep others from reading and writing.
    connection: Mutex<Connection>,
    changed: Notify,
}

impl Wal {
    /// Returns the log of a database that is open.
    pub(super) fn open(database: &Path, durability: Durability) -> rusqlite::Result<Wal> {
        let mut file = database.as_os_str().to_owned();
        file.push("-wal");
        let connection = Mutex::new(Connection::open(database)?);
        Ok(Wal { file: file.into(), durability, connection, changed: Notify::new() })
    }

    /// Makes sure that a change which the database has taken survives what it is to survive.
    pub(super) fn keep(&self) -> io::Result<()> {
        self.changed.notify_one();
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Full => self.durability.sync(&File::open(&self.file)?),
        }
    }

    /// Returns after a change, or at once if there was one since.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Writes what is in the log back to the database, as far as nobody needs it. Blocks.
    pub(super) fn write_back(&self) -> rusqlite::Result<()> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_is_built_as_it_is_meant_to_be() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.sqlite");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (v)").unwrap();
        let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0)).unwrap();
        let settings = ["PRAGMA synchronous", "PRAGMA wal_autocheckpoint", "PRAGMA cache_size"].map(number);
        assert_eq!(settings, [1, 8192, -16000], "see .cargo/config.toml");
    }

    #[test]
    fn a_change_is_in_the_database_after_writing_back() {
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
