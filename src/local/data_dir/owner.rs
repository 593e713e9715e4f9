//! Checks that a data directory is the user's own.
//!
//! A user who can write there can name any process to be stopped, and any address to be called with the owner's key.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::Error;

/// Permission bits that let the group or others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Rejects a directory of another user. A missing directory is accepted.
pub(crate) fn check_owner(data_dir: &Path) -> Result<(), Error> {
    check(data_dir, rustix::process::geteuid().as_raw())
}

/// Rejects a local cloud's directory that others may write to: the local cloud makes it private at its start.
pub(crate) fn check_closed(data_dir: &Path) -> Result<(), Error> {
    let Some(about) = about(data_dir)? else { return Ok(()) };
    if about.mode() & WRITABLE_BY_OTHERS == 0 {
        return Ok(());
    }
    let path = data_dir.display();
    Err(Error::failed(format!("other users can write to the data directory {path}: what it says is not believed"))
        .hint(format!("close it with `chmod 700 {path}` once you know that `endpoint.json` in it is your own")))
}

fn check(data_dir: &Path, user: u32) -> Result<(), Error> {
    match about(data_dir)? {
        Some(about) if about.uid() != user => {
            let path = data_dir.display();
            Err(Error::failed(format!(
                "the data directory {path} belongs to another user (user id {}), and only that user can use it",
                about.uid()
            ))
            .hint("`--data-dir DIR` or SENSORCTL_DATA_DIR names one of your own"))
        }
        _ => Ok(()),
    }
}

fn about(data_dir: &Path) -> Result<Option<fs::Metadata>, Error> {
    match fs::metadata(data_dir) {
        Ok(about) => Ok(Some(about)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(Error::failed(format!("could not look at the data directory {}", data_dir.display()))
                .with_source(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn check_owner_rejects_another_users_directory_and_accepts_a_missing_one() {
        let dir = tempfile::tempdir().unwrap();
        let own = rustix::process::geteuid().as_raw();
        check(dir.path(), own).unwrap();
        let error = check(dir.path(), own + 1).unwrap_err();
        assert!(error.to_string().contains(&format!("another user (user id {own})")), "{error}");
        check(&dir.path().join("none"), own + 1).unwrap();
    }

    #[test]
    fn check_closed_rejects_directory_writable_by_others() {
        let dir = tempfile::tempdir().unwrap();
        for (mode, is_closed) in [(0o700, true), (0o755, true), (0o770, false), (0o702, false)] {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(check_closed(dir.path()).is_ok(), is_closed, "{mode:o}");
        }
        check_closed(&dir.path().join("none")).unwrap();
    }
}
