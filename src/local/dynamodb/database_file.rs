//! The file of the tables.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::error::Error;

/// Refuses a file that does not begin as a database. `SQLite` would take it for an encrypted one, and dynoxide suggest
/// to decrypt it.
pub(super) fn check_header(path: &Path) -> Result<(), Error> {
    const HEADER: &[u8] = b"SQLite format 3\0";
    let mut head = Vec::new();
    match File::open(path).and_then(|file| file.take(HEADER.len() as u64).read_to_end(&mut head)) {
        Ok(0) => Ok(()),
        Ok(_) if head == HEADER => Ok(()),
        Ok(_) => Err(Error::failed(format!(
            "{} is damaged: it holds the tables of the local cloud and does not begin as an SQLite database",
            path.display()
        ))
        .hint("put it back from a copy")
        .hint("`sensorctl local reset` starts over with an empty local cloud")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::failed(format!("could not read {}", path.display())).with_source(error)),
    }
}

/// Creates the database file if it does not exist, and makes it and its log private.
///
/// `SQLite` creates files by the umask; files beside the database get the database's own mode.
pub(super) fn private_files(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    for ending in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(ending);
        match fs::set_permissions(file, Permissions::from_mode(0o600)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
