//! A function's zip: unpacked once, safely, into a folder named by its SHA-256.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use crate::local::durability::Durability;
use crate::local::wire::ServiceError;

/// Bytes that a zip sent inline may have (facts: B1).
const ZIPPED_LIMIT: usize = 52_428_800;
/// Bytes that it may have unpacked (facts: B1).
const UNZIPPED_LIMIT: u64 = 262_144_000;
/// Files and folders that it may have: no real function comes near, and more would fill a disk with inodes.
const ENTRY_LIMIT: usize = 20_000;

/// How the folders begin that a zip is being unpacked into.
pub(super) const UNPACKING: &str = ".unpacking-";

/// Code that has been unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Code {
    /// Base64 of the SHA-256 of the zip.
    pub sha256: String,
    /// Bytes of the zip.
    pub size: u64,
    /// Folder below `code/`.
    pub folder: String,
}

/// Identity of a zip without unpacking it.
pub(super) fn identify(zip: &[u8]) -> Code {
    let digest = Sha256::digest(zip);
    Code { sha256: STANDARD.encode(digest), size: zip.len() as u64, folder: format!("{digest:x}") }
}

/// Unpacks a zip below `root`, unless it is there already. The code stays for as long as the file is held, used or not.
/// Blocks.
pub(super) fn unpack(zip: &[u8], root: &Path, durability: Durability) -> Result<(Code, File), ServiceError> {
    if zip.len() > ZIPPED_LIMIT {
        let text = format!("Zipped size must be smaller than {ZIPPED_LIMIT} bytes");
        return Err(ServiceError::new(413, "RequestEntityTooLargeException", text));
    }
    let code = identify(zip);
    match hold(root, &code.folder) {
        Ok(held) => return Ok((code, held)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(broken_disk(root, &error)),
    }
    let broken = |error: io::Error| broken_disk(root, &error);
    fs::create_dir_all(root).map_err(broken)?;
    let fresh = tempfile::Builder::new().prefix(UNPACKING).tempdir_in(root).map_err(broken)?;
    unpack_into(zip, fresh.path())?;
    let held = File::open(fresh.path()).and_then(|file| file.lock_shared().map(|()| file));
    let held = held.map_err(broken)?;
    let fresh = fresh.keep();
    durability.sync_tree(&fresh).map_err(broken)?;
    let held = if fs::rename(&fresh, root.join(&code.folder)).is_ok() {
        held
    } else {
        // Somebody else unpacked the same zip in the meantime.
        fs::remove_dir_all(&fresh).map_err(broken)?;
        hold(root, &code.folder).map_err(broken)?
    };
    durability.sync_names(root).map_err(broken)?;
    Ok((code, held))
}

/// Keeps code from being swept away for as long as the file is held.
pub(super) fn hold(root: &Path, folder: &str) -> io::Result<File> {
    let path = root.join(folder);
    let file = File::open(&path)?;
    file.lock_shared()?;
    // It may have been swept away while this waited.
    fs::metadata(&path).map(|_| file)
}

/// Deletes the folders of code that are neither in use nor held. Blocks.
pub(super) fn sweep(root: &Path, is_in_use: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let lock = File::open(entry.path())?;
        // Asked only once it is locked: what somebody held until now may be in use since.
        if lock.try_lock().is_ok() && !is_in_use(&entry.file_name().to_string_lossy()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn unpack_into(zip: &[u8], target: &Path) -> Result<(), ServiceError> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(|_| bad_zip())?;
    if archive.is_empty() {
        return Err(invalid("Uploaded file must be a non-empty zip"));
    }
    if archive.len() > ENTRY_LIMIT {
        return Err(invalid(format!("The zip has more than the {ENTRY_LIMIT} entries that the local cloud unpacks.")));
    }
    let mut left = UNZIPPED_LIMIT;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|_| bad_zip())?;
        let path = inside(target, entry.name())?;
        if entry.is_symlink() {
            return Err(invalid(format!("The zip holds a symbolic link, `{}`, which is not unpacked.", entry.name())));
        }
        if entry.is_dir() {
            fs::create_dir_all(&path).map_err(|error| not_unzipped(target, &error))?;
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| not_unzipped(target, &error))?;
        }
        // The size in the header is what the maker of the zip says; what comes out is what counts.
        let mut file = File::create_new(&path).map_err(|error| not_unzipped(target, &error))?;
        let written = io::copy(&mut entry.by_ref().take(left + 1), &mut file);
        let written = written.map_err(|error| not_unzipped(target, &error))?;
        left = left
            .checked_sub(written)
            .ok_or_else(|| invalid(format!("Unzipped size must be smaller than {UNZIPPED_LIMIT} bytes")))?;
        // Without set-id and sticky bits. A zip made without modes (by Windows, or `zipfile.writestr`) gives none.
        let mode = entry.unix_mode().map_or(0o644, |mode| mode & 0o777);
        file.set_permissions(fs::Permissions::from_mode(mode | 0o400)).map_err(|error| broken_disk(target, &error))?;
    }
    Ok(())
}

/// Where an entry goes; only plain names below the target are taken.
fn inside(target: &Path, name: &str) -> Result<PathBuf, ServiceError> {
    let path = Path::new(name);
    let plain = !name.is_empty()
        && !name.contains(['\\', '\0'])
        && path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if plain { Ok(target.join(path)) } else { Err(bad_zip()) }
}

fn bad_zip() -> ServiceError {
    invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(400, "InvalidParameterValueException", message)
}

/// Whose fault it is that an entry was not written: the disk's, or the zip's.
fn not_unzipped(folder: &Path, error: &io::Error) -> ServiceError {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let of_the_disk = [FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull];
    if of_the_disk.contains(&error.kind()) { broken_disk(folder, error) } else { bad_zip() }
}

fn broken_disk(folder: &Path, error: &io::Error) -> ServiceError {
    ServiceError::new(500, "ServiceException", format!("could not store the code in {}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn unpack(zip: &[u8], root: &Path) -> Result<(Code, File), ServiceError> {
        super::unpack(zip, root, Durability::Full)
    }

    fn zip_of(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, mode, content) in entries {
            writer.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn modes_are_kept_but_no_special_bits() {
        let root = tempfile::tempdir().unwrap();
        let zip = zip_of(&[("bootstrap", 0o4755, b"code"), ("sub/data.txt", 0o644, b"text")]);
        let (code, _) = unpack(&zip, root.path()).unwrap();
        let folder = root.path().join(&code.folder);
        let mode = |name: &str| fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("bootstrap"), mode("sub/data.txt")), (0o755, 0o644));
        assert_eq!(code.sha256, STANDARD.encode(Sha256::digest(&zip)));
        assert_eq!(unpack(&zip, root.path()).unwrap().0, code, "the same zip again is no work");
    }

    #[test]
    fn nothing_is_written_outside_the_folder() {
        for name in ["../evil", "a/../../evil", "/evil", "a\\..\\evil"] {
            let root = tempfile::tempdir().unwrap();
            let code_root = root.path().join("code");
            let error = unpack(&zip_of(&[(name, 0o644, b"x")]), &code_root).unwrap_err();
            assert!(error.message.starts_with("Could not unzip"), "{name}: {}", error.message);
            assert!(!root.path().join("evil").exists(), "{name}");
            assert_eq!(fs::read_dir(&code_root).unwrap().count(), 0, "{name}: nothing half-made stays");
        }
    }

    #[test]
    fn a_symbolic_link_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("link", "/etc", SimpleFileOptions::default()).unwrap();
        writer.start_file("link/passwd", SimpleFileOptions::default()).unwrap();
        let zip = writer.finish().unwrap().into_inner();
        assert!(unpack(&zip, root.path()).unwrap_err().message.contains("symbolic link"));
    }

    #[test]
    fn what_is_no_zip_is_said_to_be_none() {
        let root = tempfile::tempdir().unwrap();
        assert!(unpack(b"not a zip", root.path()).unwrap_err().message.starts_with("Could not unzip"));
        assert!(unpack(&zip_of(&[]), root.path()).unwrap_err().message.contains("non-empty"));
    }

    #[test]
    fn unpack_of_a_zip_bomb_stops_at_the_limit() {
        let root = tempfile::tempdir().unwrap();
        let mebibyte = zip_of(&[("one", 0o644, &vec![0; 1 << 20])]);
        let mut mebibyte = ZipArchive::new(Cursor::new(mebibyte)).unwrap();
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for number in 0..251 {
            // Compressed once: it takes most of the time.
            writer.raw_copy_file_rename(mebibyte.by_index_raw(0).unwrap(), format!("{number}")).unwrap();
        }
        let zip = writer.finish().unwrap().into_inner();
        assert!(unpack(&zip, root.path()).unwrap_err().message.starts_with("Unzipped size must be smaller"));
    }

    #[test]
    fn sweeping_keeps_what_is_in_use_or_held() {
        let root = tempfile::tempdir().unwrap();
        let unpacked = |text: &[u8]| unpack(&zip_of(&[("bootstrap", 0o755, text)]), root.path()).unwrap();
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
