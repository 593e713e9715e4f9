//! Limits on settings files that were found and not named explicitly. Such a file lies in the working directory, and
//! another user may have put it there. Settings that redirect calls, credentials or code are refused or reported.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::origin::SettingOrigin;
use crate::error::Error;

const WORLD_WRITABLE: u32 = 0o002;

/// Returns the reason why another user may have written a file or the link to it. `found` has the metadata of both.
pub(super) fn doubt(found: &[Metadata]) -> Option<String> {
    let user = rustix::process::geteuid().as_raw();
    // The mode of a link has no meaning.
    let of = |found: &Metadata| (found.uid(), if found.is_symlink() { 0 } else { found.mode() });
    found.iter().map(of).find_map(|(owner, mode)| distrust(owner, mode, user))
}

/// Returns the reason why another user may have written a file with this owner and mode.
fn distrust(owner: u32, mode: u32, user: u32) -> Option<String> {
    if owner != user && owner != 0 {
        return Some(format!("belongs to user {owner}, and you are user {user}"));
    }
    (mode & WORLD_WRITABLE != 0).then(|| "can be written by every user".to_owned())
}

/// Checks the function's zip of a found settings file: it becomes code with the role's credentials, or on this machine.
/// A missing zip is reported by its reader.
///
/// # Errors
/// If the file was not named explicitly, and another user can have written the zip.
pub(super) fn check_code(origin: &SettingOrigin, zip: &Path) -> Result<(), Error> {
    if !origin.is_found_file() {
        return Ok(());
    }
    let found: Vec<_> = [zip.symlink_metadata(), zip.metadata()].into_iter().flatten().collect();
    match doubt(&found) {
        None => Ok(()),
        Some(why) => Err(Error::usage(format!("{origin}: `function.zip` names {}, which {why}", zip.display()))
            .hint("make it yours, and writable by you alone")
            .hint(NAME_IT)),
    }
}

const NAME_IT: &str = "`--config FILE` names the settings file, if you know what is in it";

/// Returns the error for a setting that is allowed only in a named file.
pub(super) fn refuse(origin: &SettingOrigin, what: &str) -> Error {
    Error::usage(format!("{origin} {what}, and this file was not named with `--config`"))
        .hint(NAME_IT)
        .hint("or give the setting on the command line or in the environment")
}

#[cfg(test)]
mod tests {
    use super::distrust;

    #[test]
    fn distrust_covers_other_owners_and_world_writable_files() {
        assert_eq!(distrust(1000, 0o100_644, 1000), None);
        assert_eq!(distrust(0, 0o100_664, 1000), None);
        assert_eq!(distrust(1001, 0o100_600, 1000).as_deref(), Some("belongs to user 1001, and you are user 1000"));
        assert_eq!(distrust(1000, 0o100_644, 0).as_deref(), Some("belongs to user 1000, and you are user 0"));
        for owner in [0, 1000] {
            assert_eq!(distrust(owner, 0o100_646, 1000).as_deref(), Some("can be written by every user"));
        }
    }
}
