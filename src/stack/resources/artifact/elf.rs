//! The requirements of a Linux program: its machine, an interpreter, a version of glibc.

use std::fmt;

use object::elf::{DT_NEEDED, EM_AARCH64, EM_X86_64, ET_DYN, ET_EXEC, FileHeader64, PT_INTERP};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _, SectionTable};
use object::{Endianness, ReadRef};

/// An instruction set of Lambda.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Architecture {
    /// `x86_64`
    X86_64,
    /// `arm64`
    Arm64,
}

impl Architecture {
    /// The architecture of a function on AWS unless configured, on any machine.
    pub(crate) const DEFAULT: Architecture = Architecture::X86_64;

    /// Returns Lambda's name for it.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Architecture::X86_64 => "x86_64",
            Architecture::Arm64 => "arm64",
        }
    }

    /// Returns the architecture by Lambda's name for it.
    #[must_use]
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Architecture::X86_64, Architecture::Arm64].into_iter().find(|architecture| architecture.as_str() == name)
    }

    /// Returns the architecture of this process, if Lambda supports it.
    #[must_use]
    pub(crate) fn of_this_machine() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Architecture::X86_64),
            "aarch64" => Some(Architecture::Arm64),
            _ => None,
        }
    }

    /// Returns the target of rustc for programs that run on every Linux of this architecture.
    pub(crate) fn static_target(self) -> &'static str {
        match self {
            Architecture::X86_64 => "x86_64-unknown-linux-musl",
            Architecture::Arm64 => "aarch64-unknown-linux-musl",
        }
    }

    /// Returns the architecture of a target whose programs run on every Linux.
    pub(crate) fn of_static_target(target: &str) -> Option<Self> {
        [Architecture::X86_64, Architecture::Arm64].into_iter().find(|one| one.static_target() == target)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A version of glibc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Glibc {
    pub(crate) major: u32,
    pub(crate) minor: u32,
}

impl fmt::Display for Glibc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

impl Glibc {
    /// Parses the name of a needed version: `GLIBC_2.34`, `GLIBC_2.2.5`.
    pub(crate) fn from_version_name(name: &[u8]) -> Option<Self> {
        let mut numbers = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?.split('.');
        Some(Glibc { major: numbers.next()?.parse().ok()?, minor: numbers.next()?.parse().ok()? })
    }
}

/// The requirements of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) architecture: Architecture,
    /// True if it needs only the kernel.
    pub(crate) is_static: bool,
    /// The newest version of glibc that any symbol needs, including weak ones: the loader checks those, too.
    pub(crate) glibc: Option<Glibc>,
    /// The required shared libraries.
    pub(crate) libraries: Vec<String>,
}

impl Program {
    /// Returns the requirements of a static program.
    pub(crate) fn without_libraries(architecture: Architecture) -> Self {
        Program { architecture, is_static: true, glibc: None, libraries: Vec::new() }
    }

    /// Reads an ELF file. The error completes the sentence "its bootstrap …".
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let broken = |error: object::Error| format!("is damaged: {error}");
        let header =
            FileHeader64::<Endianness>::parse(bytes).map_err(|_| "is not a 64-bit Linux program (ELF)".to_owned())?;
        let endian = header.endian().map_err(broken)?;
        let architecture = match header.e_machine(endian) {
            EM_X86_64 => Architecture::X86_64,
            EM_AARCH64 => Architecture::Arm64,
            _ => return Err("is built for a machine that Lambda does not have".to_owned()),
        };
        if ![ET_EXEC, ET_DYN].contains(&header.e_type(endian)) {
            return Err("is an object file, not a program".to_owned());
        }
        let segments = header.program_headers(endian, bytes).map_err(broken)?;
        let is_static = segments.iter().all(|segment| segment.p_type(endian) != PT_INTERP);
        let sections = header.sections(endian, bytes).map_err(broken)?;
        let glibc = newest_glibc(&sections, endian, bytes).map_err(broken)?;
        let libraries = needed_libraries(&sections, endian, bytes).map_err(broken)?;
        Ok(Program { architecture, is_static: is_static && libraries.is_empty(), glibc, libraries })
    }
}

type Sections<'data, R> = SectionTable<'data, FileHeader64<Endianness>, R>;

fn newest_glibc<'data, R: ReadRef<'data>>(
    sections: &Sections<'data, R>,
    endian: Endianness,
    bytes: R,
) -> object::Result<Option<Glibc>> {
    let Some((mut files, strings)) = sections.gnu_verneed(endian, bytes)? else { return Ok(None) };
    let strings = sections.strings(endian, bytes, strings)?;
    let mut newest = None;
    while let Some((_, mut versions)) = files.next()? {
        while let Some(version) = versions.next()? {
            newest = newest.max(Glibc::from_version_name(version.name(endian, strings)?));
        }
    }
    Ok(newest)
}

fn needed_libraries<'data, R: ReadRef<'data>>(
    sections: &Sections<'data, R>,
    endian: Endianness,
    bytes: R,
) -> object::Result<Vec<String>> {
    let Some((entries, strings)) = sections.dynamic(endian, bytes)? else { return Ok(Vec::new()) };
    let strings = sections.strings(endian, bytes, strings)?;
    let needed = entries.iter().filter(|entry| entry.tag(endian) == DT_NEEDED);
    needed.map(|entry| Ok(String::from_utf8_lossy(entry.string(endian, strings)?).into_owned())).collect()
}
