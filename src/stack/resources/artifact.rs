//! The function's zip: its content, its architecture, and whether it can start at its destination.

pub(super) mod bootstrap;
mod elf;

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use self::bootstrap::{BOOTSTRAP, Bootstrap, unusable};
use self::elf::{Glibc, Program};
use crate::error::Error;

pub(crate) use self::elf::Architecture;

/// The functions that are bundled with this sensorctl, one per architecture, with rustc's target.
static BUNDLED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/function_zips.rs"));
/// The newest glibc of `provided.al2023`.
const RUNTIME_GLIBC: Glibc = Glibc { major: 2, minor: 34 };
/// Libraries of glibc and gcc, which every runtime has.
const RUNTIME_LIBRARIES: [&str; 7] =
    ["libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "librt.so.1", "libutil.so.1"];

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
    zip: Cow<'static, [u8]>,
    /// Computed once for all clones, and only where it is asked for.
    sha256_base64: Arc<OnceLock<String>>,
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

    /// Returns the bundled function for a destination: on AWS for `x86_64` unless asked otherwise, nearby for this machine.
    ///
    /// # Errors
    /// As [`FunctionArtifact::bundled`].
    pub(crate) fn bundled_for(asked: Option<Architecture>, is_nearby: bool) -> Result<Self, Error> {
        let usual = if is_nearby { Architecture::of_this_machine() } else { None };
        Self::bundled(asked.or(usual).unwrap_or(Architecture::DEFAULT))
    }

    /// Returns all bundled functions.
    fn all_bundled() -> Result<&'static [Self], Error> {
        // One whose target is not known is inflated, and tests run it by the thousand in one process.
        static READ: OnceLock<Vec<FunctionArtifact>> = OnceLock::new();
        if let Some(read) = READ.get() {
            return Ok(read);
        }
        let all = BUNDLED.iter().map(|(target, zip)| Self::of_bundled(target, zip));
        let all = all.collect::<Result<Vec<_>, _>>()?;
        Ok(READ.get_or_init(|| all))
    }

    fn of_bundled(target: &str, zip: &'static [u8]) -> Result<Self, Error> {
        const NAME: &str = "the bundled function";
        // The target says what the program needs. To inflate it was a fifth of the time of a `plan --local`, and to copy
        // and hash those of all architectures a seventh.
        match Architecture::of_static_target(target) {
            Some(architecture) => Ok(Self::new(NAME, zip, Program::without_libraries(architecture))),
            None => Self::from_zip(NAME, zip),
        }
    }

    /// Returns an artifact without a program, for commands that only delete.
    #[must_use]
    pub(crate) fn empty() -> Self {
        Self::new("no function", Vec::new(), Program::without_libraries(Architecture::DEFAULT))
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

    fn from_zip(name: &str, zip: impl Into<Cow<'static, [u8]>>) -> Result<Self, Error> {
        let zip = zip.into();
        let bootstrap = Bootstrap::find(name, &zip)?;
        bootstrap.check_mode(name)?;
        Self::of_program(name, zip, &bootstrap)
    }

    /// Returns the function of a zip with this `bootstrap`, whatever its mode.
    ///
    /// # Errors
    /// If it is not a program for Linux.
    pub(super) fn of_program(
        name: &str,
        zip: impl Into<Cow<'static, [u8]>>,
        bootstrap: &Bootstrap,
    ) -> Result<Self, Error> {
        let program = Program::read(&bootstrap.program)
            .map_err(|problem| unusable(name, &format!("its `{BOOTSTRAP}` {problem}")))?;
        Ok(Self::new(name, zip, program))
    }

    fn new(name: &str, zip: impl Into<Cow<'static, [u8]>>, program: Program) -> Self {
        FunctionArtifact { name: name.to_owned(), zip: zip.into(), sha256_base64: Arc::default(), program }
    }

    /// Returns the libraries that the program needs, in words.
    #[must_use]
    pub(crate) fn requirements(&self) -> String {
        match self.program.glibc {
            _ if self.program.is_static => "static: needs no library".to_owned(),
            Some(glibc) => format!("needs glibc {glibc}"),
            None => format!("needs {}", self.program.libraries.join(", ")),
        }
    }

    /// Returns the name of the zip in messages.
    #[must_use]
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the bytes of the zip.
    #[must_use]
    pub(crate) fn zip(&self) -> &[u8] {
        &self.zip
    }

    /// Returns the SHA-256 of the zip in base64, in the form of Lambda's `CodeSha256`.
    #[must_use]
    pub(crate) fn sha256_base64(&self) -> &str {
        self.sha256_base64.get_or_init(|| STANDARD.encode(Sha256::digest(&self.zip)))
    }

    /// Returns the architecture of the program.
    #[must_use]
    pub(crate) fn architecture(&self) -> Architecture {
        self.program.architecture
    }

    /// Returns the destination of the function: this machine, or AWS with the architecture that was asked for.
    #[must_use]
    pub(crate) fn destination(&self, asked: Option<Architecture>, is_nearby: bool) -> Destination {
        let architecture = asked.unwrap_or(self.architecture());
        // A program for this machine needs no check against the runtime of AWS, unless another architecture was asked
        // for.
        if is_nearby && architecture == self.architecture() {
            Destination::Local
        } else {
            Destination::Aws(architecture)
        }
    }

    /// Checks that the program can start at the destination.
    ///
    /// # Errors
    /// If it has another architecture, or needs a newer glibc than the runtime on AWS has.
    pub(crate) fn check_for(&self, destination: Destination) -> Result<(), Error> {
        self.check_architecture(destination)?;
        self.check_libraries(destination)
    }

    /// Checks that the program has the architecture of the destination.
    ///
    /// # Errors
    /// If it has another one.
    pub(crate) fn check_architecture(&self, destination: Destination) -> Result<(), Error> {
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
        Ok(())
    }

    /// Checks that the runtime of the destination has the libraries of the program.
    ///
    /// # Errors
    /// If it needs a newer glibc, or a library that the runtime may not have.
    pub(crate) fn check_libraries(&self, destination: Destination) -> Result<(), Error> {
        if destination == Destination::Local || self.program.is_static {
            return Ok(());
        }
        let target = self.program.architecture.static_target();
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

#[cfg(test)]
mod tests;
