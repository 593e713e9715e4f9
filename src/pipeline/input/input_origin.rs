//! The origin of an input.

use std::path::{Path, PathBuf};

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InputOrigin {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl From<&Path> for InputOrigin {
    /// As it is named on a command line.
    fn from(path: &Path) -> Self {
        if path.as_os_str() == "-" { InputOrigin::Stdin } else { InputOrigin::File(path.to_owned()) }
    }
}
