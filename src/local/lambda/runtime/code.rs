//! The code of a function: its zip, unpacked safely into a folder.
//!
//! The folder's name is the zip's SHA-256; functions with the same zip share it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use sha2::{Digest, Sha256};

use super::unzip::{self, broken_disk};
use crate::data_dir::private_dir;
use crate::durability::Durability;
use crate::protocol::aws_json::ServiceError;

/// Limit of an inline zip in bytes (docs/facts/lambda.md, Function limits).
const ZIPPED_LIMIT: usize = 52_428_800;

/// Prefix of a folder into which a zip is being unpacked.
pub(crate) const UNPACKING: &str = ".unpacking-";

/// Unpacked code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// SHA-256 of the zip in base64.
    pub sha256: String,
    /// Size of the zip in bytes.
    pub size: u64,
    /// Folder below `code/`.
    pub folder: String,
}

/// Identifies a zip without unpacking it.
pub(crate) fn identify(zip: &[u8]) -> Code {
    let digest = Sha256::digest(zip);
    Code { sha256: STANDARD.encode(digest), size: zip.len() as u64, folder: format!("{digest:x}") }
}

/// Unpacks a zip below `root`. The code stays while the returned file is held, in use or not. Blocks.
///
/// An existing folder is reused if it still equals the zip: a function can write into its code folder.
pub(crate) fn unpack(zip: &[u8], root: &Path, durability: Durability) -> Result<(Code, File), ServiceError> {
    if zip.len() > ZIPPED_LIMIT {
        let text = format!("Zipped size must be smaller than {ZIPPED_LIMIT} bytes");
        return Err(ServiceError::new(413, "RequestEntityTooLargeException", text));
    }
    let code = identify(zip);
    let broken = |error: io::Error| broken_disk(root, &error);
    private_dir(root).map_err(broken)?;
    let fresh = tempfile::Builder::new().prefix(UNPACKING).tempdir_in(root).map_err(broken)?;
    unzip::unzip(zip, fresh.path())?;
    let held = File::open(fresh.path()).and_then(|file| file.lock_shared().map(|()| file));
    let held = held.map_err(broken)?;
    let fresh = fresh.keep();
    durability.sync_tree(&fresh).map_err(broken)?;
    let place = root.join(&code.folder);
    let held = if fs::rename(&fresh, &place).is_ok() {
        held
    } else {
        let there = hold(root, &code.folder).map_err(broken)?;
        let is_folder = fs::symlink_metadata(&place).is_ok_and(|about| about.is_dir());
        let is_intact = is_folder && is_same(&place, &fresh).unwrap_or(false);
        if !is_intact {
            exchange(&fresh, &place).map_err(broken)?;
        }
        // The folder that now has the temporary name.
        fs::remove_dir_all(&fresh).map_err(broken)?;
        if is_intact { there } else { held }
    };
    durability.sync_names(root).map_err(broken)?;
    Ok((code, held))
}

/// Exchanges two folders.
fn exchange(fresh: &Path, place: &Path) -> io::Result<()> {
    if renameat_with(CWD, fresh, CWD, place, RenameFlags::EXCHANGE).is_ok() {
        return Ok(());
    }
    // Not every file system can do it in one step.
    let old = fresh.with_added_extension("old");
    fs::rename(place, &old)?;
    fs::rename(fresh, place)?;
    fs::rename(&old, fresh)
}

/// Returns whether two folders have the same files, with the same content and modes.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let names = |folder: &Path| -> io::Result<BTreeSet<OsString>> {
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
    };
    let all = names(one)?;
    if all != names(other)? {
        return Ok(false);
    }
    for name in all {
        let (one, other) = (one.join(&name), other.join(&name));
        let (about, of_other) = (fs::symlink_metadata(&one)?, fs::symlink_metadata(&other)?);
        let is_same = if about.is_dir() && of_other.is_dir() {
            is_same(&one, &other)?
        } else {
            about.is_file()
                && of_other.is_file()
                && about.permissions() == of_other.permissions()
                && about.len() == of_other.len()
                && is_same_content(&one, &other)?
        };
        if !is_same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns whether two files of the same length have the same content.
fn is_same_content(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (BufReader::new(File::open(one)?), BufReader::new(File::open(other)?));
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let length = left.len().min(right.len());
        if length == 0 {
            return Ok(left.len() == right.len());
        }
        if left[..length] != right[..length] {
            return Ok(false);
        }
        one.consume(length);
        other.consume(length);
    }
}

/// Locks a code folder against deletion while the file is held.
pub(crate) fn hold(root: &Path, folder: &str) -> io::Result<File> {
    let path = root.join(folder);
    let file = File::open(&path)?;
    file.lock_shared()?;
    // It may have been deleted while this waited.
    fs::metadata(&path).map(|_| file)
}

/// Deletes the code folders that are neither in use nor held. Blocks.
pub(crate) fn sweep(root: &Path, is_in_use: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let lock = File::open(entry.path())?;
        // Check for use only under the lock: code that was held until now may be in use since.
        if lock.try_lock().is_ok() && !is_in_use(&entry.file_name().to_string_lossy()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::lambda::tests::support::zip_of_files;

    fn unpack(zip: &[u8], root: &Path) -> Result<(Code, File), ServiceError> {
        super::unpack(zip, root, Durability::Full)
    }

    #[test]
    fn code_unpack_keeps_modes_without_special_and_write_bits() {
        let root = tempfile::tempdir().unwrap();
        let zip = zip_of_files(&[("bootstrap", 0o4755, b"code"), ("sub/data.txt", 0o644, b"text")]);
        let (code, _) = unpack(&zip, root.path()).unwrap();
        let folder = root.path().join(&code.folder);
        let mode = |name: &str| fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("bootstrap"), mode("sub/data.txt")), (0o555, 0o444));
        assert_eq!(code.sha256, STANDARD.encode(Sha256::digest(&zip)));
        assert_eq!(unpack(&zip, root.path()).unwrap().0, code, "the same zip again is the same code");
    }

    #[test]
    fn code_changed_on_disk_is_unpacked_again() {
        let root = tempfile::tempdir().unwrap();
        let zip = zip_of_files(&[("bootstrap", 0o755, b"code"), ("sub/data.txt", 0o644, b"text")]);
        let (code, held) = unpack(&zip, root.path()).unwrap();
        let folder = root.path().join(&code.folder);
        let inode = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(&folder).unwrap());
        let (original, elsewhere) = (inode(), tempfile::tempdir_in(root.path().parent().unwrap()).unwrap());
        unpack(&zip, root.path()).unwrap();
        assert_eq!(inode(), original, "what is intact stays");
        let replace = |name: &str, text: &str| {
            fs::remove_file(folder.join(name)).unwrap();
            fs::write(folder.join(name), text).unwrap();
        };
        let changes: [&dyn Fn(); 5] = [
            &|| replace("bootstrap", "evil"),
            &|| fs::set_permissions(folder.join("bootstrap"), fs::Permissions::from_mode(0o400)).unwrap(),
            &|| fs::write(folder.join("sub/more.txt"), "more").unwrap(),
            &|| {
                fs::remove_file(folder.join("sub/data.txt")).unwrap();
                std::os::unix::fs::symlink("/etc/passwd", folder.join("sub/data.txt")).unwrap();
            },
            // Intact, but elsewhere.
            &|| {
                fs::rename(&folder, elsewhere.path().join("code")).unwrap();
                std::os::unix::fs::symlink(elsewhere.path().join("code"), &folder).unwrap();
            },
        ];
        for change in changes {
            change();
            let (again, held_again) = unpack(&zip, root.path()).unwrap();
            assert_eq!(again, code);
            assert_eq!(fs::read(folder.join("bootstrap")).unwrap(), b"code");
            assert_eq!(fs::read(folder.join("sub/data.txt")).unwrap(), b"text");
            assert!(!folder.join("sub/more.txt").exists());
            assert_eq!(fs::metadata(folder.join("bootstrap")).unwrap().permissions().mode() & 0o777, 0o555);
            assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing else stays");
            // Held, so that it is not deleted before a function refers to it.
            sweep(root.path(), |_| false).unwrap();
            assert!(folder.exists());
            drop(held_again);
        }
        drop(held);
    }

    #[test]
    fn code_sweep_keeps_folders_in_use_or_held() {
        let root = tempfile::tempdir().unwrap();
        let unpacked = |text: &[u8]| unpack(&zip_of_files(&[("bootstrap", 0o755, text)]), root.path()).unwrap();
        let ((old, _), (new, _), (held, file)) = (unpacked(b"old"), unpacked(b"new"), unpacked(b"held"));
        let sweep = || sweep(root.path(), |folder| folder == new.folder).unwrap();
        let is_there = |code: &Code| root.path().join(&code.folder).exists();
        sweep();
        assert_eq!([&old, &new, &held].map(is_there), [false, true, true]);
        drop(file);
        sweep();
        assert!(!is_there(&held));
        assert_eq!(hold(root.path(), &old.folder).unwrap_err().kind(), io::ErrorKind::NotFound);
        unpacked(b"old");
        assert!(is_there(&old), "and can come again");
    }
}
