//! Unpacks a zip: only regular files and folders, only below the target, and within limits.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;

use crate::protocol::aws_json::ServiceError;

/// Limit of the unpacked size in bytes (docs/facts/lambda.md, Function limits).
const UNZIPPED_LIMIT: u64 = 262_144_000;
/// Limit of files and folders, named in the zip or implied by a path. No real function comes near; more would fill a
/// disk with inodes.
const ENTRY_LIMIT: usize = 20_000;
/// Limits of the names in a path, and of their total size in bytes.
const DEPTH_LIMIT: usize = 64;
const PATH_LIMIT: usize = 1024;

/// Unpacks a zip into an existing, empty folder. Blocks.
pub(crate) fn unzip(zip: &[u8], target: &Path) -> Result<(), ServiceError> {
    unzip_within(zip, target, ENTRY_LIMIT)
}

fn unzip_within(zip: &[u8], target: &Path, entry_limit: usize) -> Result<(), ServiceError> {
    let too_many =
        || invalid(format!("The zip has more than the {entry_limit} files and folders that the local cloud unpacks."));
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(|_| bad_zip())?;
    if archive.is_empty() {
        return Err(invalid("Uploaded file must be a non-empty zip"));
    }
    if archive.len() > entry_limit {
        return Err(too_many());
    }
    let mut entries = Entries { left: entry_limit, too_many: &too_many };
    let mut left = UNZIPPED_LIMIT;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|_| bad_zip())?;
        let path = inside(target, entry.name())?;
        if entry.is_symlink() {
            return Err(invalid(format!("The zip holds a symbolic link, `{}`, which is not unpacked.", entry.name())));
        }
        if entry.is_dir() {
            entries.make_folder(target, &path)?;
            continue;
        }
        if let Some(folder) = path.parent() {
            entries.make_folder(target, folder)?;
        }
        entries.count()?;
        // The size in the header is only a claim of the zip's author; the unpacked size counts.
        let mut file = File::create_new(&path).map_err(|error| not_unzipped(target, &error))?;
        let written = io::copy(&mut entry.by_ref().take(left + 1), &mut file);
        let written = written.map_err(|error| not_unzipped(target, &error))?;
        left = left
            .checked_sub(written)
            .ok_or_else(|| invalid(format!("Unzipped size must be smaller than {UNZIPPED_LIMIT} bytes")))?;
        // No write permission, as in the service, and no set-id and sticky bits. A zip made without modes (by Windows,
        // or `zipfile.writestr`) has none. Folders stay writable for their owner: otherwise only root could delete
        // them.
        let mode = entry.unix_mode().map_or(0o444, |mode| mode & 0o555);
        file.set_permissions(fs::Permissions::from_mode(mode | 0o400)).map_err(|error| broken_disk(target, &error))?;
    }
    Ok(())
}

/// The remaining number of files and folders.
struct Entries<'a> {
    left: usize,
    too_many: &'a dyn Fn() -> ServiceError,
}

impl Entries<'_> {
    fn count(&mut self) -> Result<(), ServiceError> {
        self.left = self.left.checked_sub(1).ok_or_else(self.too_many)?;
        Ok(())
    }

    /// Creates a folder below the target, with its parents.
    fn make_folder(&mut self, target: &Path, folder: &Path) -> Result<(), ServiceError> {
        if folder == target || folder.is_dir() {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            self.make_folder(target, parent)?;
        }
        self.count()?;
        fs::create_dir(folder).map_err(|error| not_unzipped(target, &error))
    }
}

/// Returns the path of an entry; only plain names below the target are accepted.
fn inside(target: &Path, name: &str) -> Result<PathBuf, ServiceError> {
    let path = Path::new(name);
    let plain = !name.is_empty()
        && !name.contains(['\\', '\0'])
        && path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !plain {
        return Err(bad_zip());
    }
    if name.len() > PATH_LIMIT || path.components().count() > DEPTH_LIMIT {
        return Err(invalid(format!(
            "The zip holds a path of more than the {PATH_LIMIT} bytes or {DEPTH_LIMIT} names that the local cloud unpacks."
        )));
    }
    Ok(target.join(path))
}

fn bad_zip() -> ServiceError {
    invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(400, "InvalidParameterValueException", message)
}

/// Returns the error for an entry that was not written: the disk's, or the zip's.
fn not_unzipped(folder: &Path, error: &io::Error) -> ServiceError {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let of_the_disk = [FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull];
    if of_the_disk.contains(&error.kind()) { broken_disk(folder, error) } else { bad_zip() }
}

pub(crate) fn broken_disk(folder: &Path, error: &io::Error) -> ServiceError {
    ServiceError::new(500, "ServiceException", format!("could not store the code in {}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::durability::Durability;
    use crate::lambda::runtime::code;
    use crate::lambda::tests::support::zip_of_files;

    fn unpack(zip: &[u8], root: &Path) -> Result<(), ServiceError> {
        code::unpack(zip, root, Durability::Full).map(drop)
    }

    fn zip_of_names(names: &[String]) -> Vec<u8> {
        let names: Vec<_> = names.iter().map(|name| (name.as_str(), 0o644, &b""[..])).collect();
        zip_of_files(&names)
    }

    #[test]
    fn unzip_writes_nothing_outside_the_folder() {
        for name in ["../evil", "a/../../evil", "/evil", "a\\..\\evil"] {
            let root = tempfile::tempdir().unwrap();
            let code_root = root.path().join("code");
            let error = unpack(&zip_of_files(&[(name, 0o644, b"x")]), &code_root).unwrap_err();
            assert!(error.message.starts_with("Could not unzip"), "{name}: {}", error.message);
            assert!(!root.path().join("evil").exists(), "{name}");
            assert_eq!(fs::read_dir(&code_root).unwrap().count(), 0, "{name}: nothing half-made stays");
        }
    }

    #[test]
    fn unzip_symbolic_link_is_rejected() {
        let root = tempfile::tempdir().unwrap();
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("link", "/etc", SimpleFileOptions::default()).unwrap();
        writer.start_file("link/passwd", SimpleFileOptions::default()).unwrap();
        let zip = writer.finish().unwrap().into_inner();
        assert!(unpack(&zip, root.path()).unwrap_err().message.contains("symbolic link"));
    }

    #[test]
    fn unzip_invalid_zip_is_rejected_as_such() {
        let root = tempfile::tempdir().unwrap();
        assert!(unpack(b"not a zip", root.path()).unwrap_err().message.starts_with("Could not unzip"));
        assert!(unpack(&zip_of_files(&[]), root.path()).unwrap_err().message.contains("non-empty"));
    }

    #[test]
    fn unzip_zip_bomb_stops_at_the_limit() {
        let root = tempfile::tempdir().unwrap();
        let mebibyte = zip_of_files(&[("one", 0o644, &vec![0; 1 << 20])]);
        let mut mebibyte = ZipArchive::new(Cursor::new(mebibyte)).unwrap();
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for number in 0..251 {
            // Compressed once, since that takes most of the time.
            writer.raw_copy_file_rename(mebibyte.by_index_raw(0).unwrap(), format!("{number}")).unwrap();
        }
        let zip = writer.finish().unwrap().into_inner();
        assert!(unpack(&zip, root.path()).unwrap_err().message.starts_with("Unzipped size must be smaller"));
    }

    #[test]
    fn unzip_counts_folders_that_are_named_or_implied() {
        let chain = |number: usize| format!("{number}/{}", "d/".repeat(19));
        let mut folders = ZipWriter::new(Cursor::new(Vec::new()));
        let mut files = Vec::new();
        for number in 0..5 {
            folders.add_directory(chain(number), SimpleFileOptions::default()).unwrap();
            files.push(chain(number) + "f");
        }
        // Five entries each: 100 folders, and 100 folders with 5 files.
        for (zip, needed) in [(folders.finish().unwrap().into_inner(), 100), (zip_of_names(&files), 105)] {
            let [enough, short] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
            unzip_within(&zip, enough.path(), needed).unwrap();
            let error = unzip_within(&zip, short.path(), needed - 1).unwrap_err();
            assert!(error.message.contains("files and folders that the local cloud unpacks"), "{}", error.message);
        }
    }

    #[test]
    fn unzip_limits_path_depth_and_length() {
        let deep = |depth: usize| format!("{}f", "d/".repeat(depth));
        let long = |bytes: usize| format!("{}f", format!("{}/", "x".repeat(99)).repeat(20))[..bytes].to_owned();
        let unzip = |name: String| unzip(&zip_of_names(&[name]), tempfile::tempdir().unwrap().path());
        for name in [deep(DEPTH_LIMIT), long(PATH_LIMIT + 1)] {
            let error = unzip(name).unwrap_err();
            assert!(error.message.contains("1024 bytes or 64 names"), "{}", error.message);
        }
        for name in [deep(DEPTH_LIMIT - 1), long(PATH_LIMIT)] {
            unzip(name).unwrap();
        }
    }
}
