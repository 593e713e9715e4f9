//! Each check of a zip on its own, so that all of its problems are known at once.

use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::Path;

use zip::ZipArchive;

use super::artifact::FunctionArtifact;
use super::artifact::bootstrap::{Bootstrap, LARGEST_BOOTSTRAP};
use crate::error::Error;

/// Maximum bytes of a zip in a direct upload (docs/facts/lambda.md, Function limits).
const LARGEST_ZIP: u64 = 52_428_800;
/// Maximum bytes of all files in a zip (docs/facts/lambda.md, Function limits).
const LARGEST_UNPACKED: u128 = 262_144_000;

/// The properties of a zip that decide whether it can be the function.
#[derive(Debug)]
pub(crate) struct ArtifactInspection {
    name: String,
    bytes: u64,
    unpacked_bytes: Option<u128>,
    bootstrap: Result<InspectedBootstrap, Error>,
}

/// A `bootstrap` that is there.
#[derive(Debug)]
struct InspectedBootstrap {
    /// `Ok` if everyone may run it.
    mode: Result<(), Error>,
    program: Result<FunctionArtifact, Error>,
}

impl ArtifactInspection {
    /// Reads a zip.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let cannot = |error| Error::failed(format!("could not read {name}")).with_source(error);
        let mut zip = Vec::new();
        let limit = LARGEST_BOOTSTRAP + 1;
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut zip)).map_err(cannot)?;
        if zip.len() as u64 == limit {
            return Err(Error::failed(format!("{name} is larger than the 250 MB of a function's files")));
        }
        Ok(Self::of_zip(&name, zip))
    }

    /// Inspects a function that is known to be one.
    #[must_use]
    pub(crate) fn of(artifact: &FunctionArtifact) -> Self {
        Self::of_zip(artifact.name(), artifact.zip().to_vec())
    }

    fn of_zip(name: &str, zip: Vec<u8>) -> Self {
        let archive = ZipArchive::new(Cursor::new(&zip)).ok();
        let unpacked_bytes = archive.and_then(|archive| archive.decompressed_size());
        let bytes = zip.len() as u64;
        let bootstrap = Bootstrap::find(name, &zip).map(|bootstrap| {
            let mode = bootstrap.check_mode(name);
            InspectedBootstrap { mode, program: FunctionArtifact::of_program(name, zip, &bootstrap) }
        });
        ArtifactInspection { name: name.to_owned(), bytes, unpacked_bytes, bootstrap }
    }

    /// Returns the zip's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the zip's size in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Checks that there is a `bootstrap` at the root.
    ///
    /// # Errors
    /// If the zip has no `bootstrap`, or the file is not a zip.
    pub(crate) fn check_bootstrap(&self) -> Result<(), &Error> {
        self.bootstrap.as_ref().map(|_| ())
    }

    /// Checks that everyone may run the `bootstrap`; `None` without one.
    pub(crate) fn check_mode(&self) -> Option<Result<(), &Error>> {
        Some(self.bootstrap.as_ref().ok()?.mode.as_ref().copied())
    }

    /// Returns the program; `None` without a `bootstrap`.
    pub(crate) fn program(&self) -> Option<Result<&FunctionArtifact, &Error>> {
        Some(self.bootstrap.as_ref().ok()?.program.as_ref())
    }

    /// Checks the sizes against the limits of Lambda.
    ///
    /// # Errors
    /// If the zip or its files are too large.
    pub(crate) fn check_size(&self) -> Result<(), Error> {
        let too_large = |what: &str, most: u128| {
            Error::failed(format!("{}: {what}; Lambda takes at most {most} bytes", self.name))
                .hint("strip the program, and leave out of the zip what it does not read")
        };
        if self.bytes > LARGEST_ZIP {
            return Err(too_large(&format!("the zip has {} bytes", self.bytes), LARGEST_ZIP.into()));
        }
        match self.unpacked_bytes.filter(|bytes| *bytes >= LARGEST_UNPACKED) {
            Some(bytes) => Err(too_large(&format!("the files in it have {bytes} bytes"), LARGEST_UNPACKED)),
            None => Ok(()),
        }
    }
}
