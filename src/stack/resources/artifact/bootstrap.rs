//! The `bootstrap` in a function's zip.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use crate::error::Error;

/// The entry that Lambda runs.
pub(super) const BOOTSTRAP: &str = "bootstrap";
/// Maximum bytes of the program. Lambda accepts 50 MB as a direct upload (Lambda quotas), and 250 MB unzipped.
pub(in crate::stack::resources) const LARGEST_BOOTSTRAP: u64 = 250 * 1024 * 1024;

/// The `bootstrap` of a zip.
pub(in crate::stack::resources) struct Bootstrap {
    /// Permission bits, if the zip has them.
    mode: Option<u32>,
    pub(super) program: Vec<u8>,
}

impl Bootstrap {
    /// Extracts it from a zip.
    ///
    /// # Errors
    /// If the file is not a zip, or has no `bootstrap` at its root.
    pub(in crate::stack::resources) fn find(name: &str, zip: &[u8]) -> Result<Self, Error> {
        let not_a_zip = |error| {
            Error::failed(format!("{name} is not a zip file"))
                .with_source(error)
                .hint("`zip function.zip bootstrap` makes one with the program at its root")
        };
        let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(not_a_zip)?;
        let index = archive.index_for_name(BOOTSTRAP).ok_or_else(|| {
            unusable(name, &format!("it has no `{BOOTSTRAP}` at its root"))
                .hint("the program must not be inside a folder")
        })?;
        let mut entry = archive.by_index(index).map_err(not_a_zip)?;
        if entry.size() > LARGEST_BOOTSTRAP {
            return Err(unusable(name, &format!("its `{BOOTSTRAP}` is larger than Lambda's 250 MB")));
        }
        let mut program = Vec::new();
        entry
            .by_ref()
            .take(LARGEST_BOOTSTRAP)
            .read_to_end(&mut program)
            .map_err(|error| Error::failed(format!("could not unpack {name}")).with_source(error))?;
        Ok(Bootstrap { mode: entry.unix_mode(), program })
    }

    /// Checks that all users may read and run it: Lambda does not run it as the owner.
    ///
    /// # Errors
    /// If they may not.
    pub(in crate::stack::resources) fn check_mode(&self, name: &str) -> Result<(), Error> {
        if self.mode.is_none_or(|mode| mode & 0o555 != 0o555) {
            return Err(unusable(name, &format!("its `{BOOTSTRAP}` is not executable for everyone"))
                .hint(format!("chmod 755 {BOOTSTRAP} before zipping it")));
        }
        Ok(())
    }
}

/// Returns the error for a zip that cannot be the function.
pub(super) fn unusable(name: &str, problem: &str) -> Error {
    Error::failed(format!("{name} cannot be used as the function: {problem}"))
}
