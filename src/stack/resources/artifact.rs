//! The function's zip: its content, its architecture, and whether it can start at its destination.

mod elf;

use std::io::{Cursor, Read as _};
use std::path::Path;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use self::elf::{Glibc, Program};
use crate::error::Error;

pub(crate) use self::elf::Architecture;

/// The functions that are bundled with this sensorctl, one per architecture.
static BUNDLED: &[&[u8]] = include!(concat!(env!("OUT_DIR"), "/function_zips.rs"));
/// The newest glibc of `provided.al2023`.
const RUNTIME_GLIBC: Glibc = Glibc { major: 2, minor: 34 };
/// Libraries of glibc and gcc, which every runtime has.
const RUNTIME_LIBRARIES: [&str; 7] =
    ["libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "librt.so.1", "libutil.so.1"];
/// The entry that Lambda runs.
const BOOTSTRAP: &str = "bootstrap";
/// Maximum bytes of the program. Lambda accepts 50 MB as a direct upload (Lambda quotas), and 250 MB unzipped.
const LARGEST_BOOTSTRAP: u64 = 250 * 1024 * 1024;

/// The destination of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// On AWS, with this architecture.
    Aws(Architecture),
    /// On this machine.
    Local,
}

/// A function's zip and its properties.
#[derive(Clone, Debug)]
pub(crate) struct FunctionArtifact {
    name: String,
    zip: Vec<u8>,
    sha256_base64: String,
    program: Program,
}

impl FunctionArtifact {
    /// Returns the bundled function for the architecture.
    ///
    /// # Errors
    /// If this sensorctl was built without it, or from a `bootstrap` that is not a Linux program.
    pub(crate) fn bundled(architecture: Architecture) -> Result<Self, Error> {
        let all = Self::all_bundled()?;
        let others: Vec<_> = all.iter().map(|artifact| artifact.architecture().as_str()).collect();
        let missing = format!("this sensorctl has no function for {architecture}, only for {}", others.join(" and "));
        all.iter().find(|artifact| artifact.architecture() == architecture).cloned().ok_or_else(|| {
            Error::failed(missing).hint(format!(
                "build it with SENSORCTL_FUNCTION_ARCHITECTURES={architecture}, or set `function.architecture`"
            ))
        })
    }

    /// Returns all bundled functions.
    fn all_bundled() -> Result<&'static [Self], Error> {
        // To inflate and hash them is a tenth of the work of an `up`, and tests run it by the thousand in one process.
        static READ: OnceLock<Vec<FunctionArtifact>> = OnceLock::new();
        if let Some(read) = READ.get() {
            return Ok(read);
        }
        let all = BUNDLED.iter().map(|zip| Self::from_zip("the bundled function", zip.to_vec()));
        let all = all.collect::<Result<Vec<_>, _>>()?;
        Ok(READ.get_or_init(|| all))
    }

    /// Returns an artifact without a program, for commands that only delete.
    #[must_use]
    pub(crate) fn empty() -> Self {
        let program =
            Program { architecture: Architecture::DEFAULT, is_static: true, glibc: None, libraries: Vec::new() };
        FunctionArtifact { name: "no function".to_owned(), zip: Vec::new(), sha256_base64: String::new(), program }
    }

    /// Returns whether it has no program.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.zip.is_empty()
    }

    /// Reads a function from a file.
    ///
    /// # Errors
    /// If the file cannot be read, is not a zip, or has no executable `bootstrap` for Linux at its root.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let zip =
            std::fs::read(path).map_err(|error| Error::failed(format!("could not read {name}")).with_source(error))?;
        Self::from_zip(&name, zip)
    }

    fn from_zip(name: &str, zip: Vec<u8>) -> Result<Self, Error> {
        let program = Program::read(&bootstrap(name, &zip)?)
            .map_err(|problem| unusable(name, &format!("its `{BOOTSTRAP}` {problem}")))?;
        let sha256_base64 = STANDARD.encode(Sha256::digest(&zip));
        Ok(FunctionArtifact { name: name.to_owned(), zip, sha256_base64, program })
    }

    /// Returns the bytes of the zip.
    #[must_use]
    pub(crate) fn zip(&self) -> &[u8] {
        &self.zip
    }

    /// Returns the SHA-256 of the zip in base64, in the form of Lambda's `CodeSha256`.
    #[must_use]
    pub(crate) fn sha256_base64(&self) -> &str {
        &self.sha256_base64
    }

    /// Returns the architecture of the program.
    #[must_use]
    pub(crate) fn architecture(&self) -> Architecture {
        self.program.architecture
    }

    /// Checks that the program can start at the destination.
    ///
    /// # Errors
    /// If it has another architecture, or needs a newer glibc than the runtime on AWS has.
    pub(crate) fn check_for(&self, destination: Destination) -> Result<(), Error> {
        let wanted = match destination {
            Destination::Aws(architecture) => Some(architecture),
            Destination::Local => Architecture::of_this_machine(),
        };
        let built_for = self.program.architecture;
        if wanted != Some(built_for) {
            let place = match destination {
                Destination::Aws(architecture) => format!("the function on AWS is {architecture}"),
                Destination::Local => format!("this machine is {}", std::env::consts::ARCH),
            };
            return Err(Error::failed(format!("{} is built for {built_for}, but {place}", self.name))
                .hint(format!("`function.architecture = \"{built_for}\"` in the settings uses it on AWS as it is"))
                .hint("`function.zip` in the settings names your own function"));
        }
        if destination == Destination::Local || self.program.is_static {
            return Ok(());
        }
        let target = built_for.static_target();
        let hint = format!("build it static: rustup target add {target}, then build sensorctl again");
        let foreign = self
            .program
            .libraries
            .iter()
            .find(|name| !name.starts_with("ld-linux-") && !RUNTIME_LIBRARIES.contains(&name.as_str()));
        if let Some(foreign) = foreign {
            let problem = format!("{} needs the library {foreign}, which the runtime on AWS may not have", self.name);
            return Err(Error::failed(problem).hint(hint));
        }
        match self.program.glibc {
            Some(needed) if needed <= RUNTIME_GLIBC => Ok(()),
            Some(needed) => Err(Error::failed(format!(
                "{} needs glibc {needed}, and the runtime provided.al2023 has {RUNTIME_GLIBC}",
                self.name
            ))
            .hint(hint)),
            None => Err(Error::failed(format!(
                "{} needs an ELF interpreter without naming a version of glibc; the runtime on AWS may not have it",
                self.name
            ))
            .hint(hint)),
        }
    }
}

/// Extracts the `bootstrap` from a zip.
fn bootstrap(name: &str, zip: &[u8]) -> Result<Vec<u8>, Error> {
    let not_a_zip = |error| Error::failed(format!("{name} is not a zip file")).with_source(error);
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(not_a_zip)?;
    let index = archive.index_for_name(BOOTSTRAP).ok_or_else(|| {
        unusable(name, &format!("it has no `{BOOTSTRAP}` at its root")).hint("the program must not be inside a folder")
    })?;
    let mut entry = archive.by_index(index).map_err(not_a_zip)?;
    // All users must be able to read and run it: Lambda does not run it as the owner.
    if entry.unix_mode().is_none_or(|mode| mode & 0o555 != 0o555) {
        return Err(unusable(name, &format!("its `{BOOTSTRAP}` is not executable for everyone"))
            .hint(format!("chmod 755 {BOOTSTRAP} before zipping it")));
    }
    if entry.size() > LARGEST_BOOTSTRAP {
        return Err(unusable(name, &format!("its `{BOOTSTRAP}` is larger than Lambda's 250 MB")));
    }
    let mut program = Vec::new();
    entry
        .by_ref()
        .take(LARGEST_BOOTSTRAP)
        .read_to_end(&mut program)
        .map_err(|error| Error::failed(format!("could not unpack {name}")).with_source(error))?;
    Ok(program)
}

fn unusable(name: &str, problem: &str) -> Error {
    Error::failed(format!("{name} cannot be used as the function: {problem}"))
}

#[cfg(test)]
mod tests;
