//! Where each value came from, so that `status -v` can tell.

use std::fmt;

use serde::{Serialize, Serializer};

/// Where a value came from, in falling precedence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingOrigin {
    /// The command line; the flag's name.
    Flag(&'static str),
    /// An environment variable; its name.
    Environment(String),
    /// The settings file; its path and the line, counted from 1.
    File {
        /// As it was named.
        path: String,
        /// Line of the key.
        line: usize,
        /// Whether the file was named; else it was found in the working directory, whoever put it there.
        named: bool,
    },
    /// Nobody said otherwise.
    Default,
}

impl SettingOrigin {
    /// Whether it is a settings file that nobody named.
    #[must_use]
    pub fn is_found_file(&self) -> bool {
        matches!(self, SettingOrigin::File { named: false, .. })
    }
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingOrigin::Flag(name) => formatter.write_str(name),
            SettingOrigin::Environment(name) => formatter.write_str(name),
            SettingOrigin::File { path, line, .. } => write!(formatter, "{path}:{line}"),
            SettingOrigin::Default => formatter.write_str("default"),
        }
    }
}

impl Serialize for SettingOrigin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One value with its origin.
#[derive(Clone, Debug, Serialize)]
pub struct Setting {
    /// Name as in the file, with its section: `function.memory_mb`.
    pub key: String,
    /// The value as one would write it in the file. Values that may be secret are not shown.
    pub value: String,
    /// Where it came from.
    pub origin: SettingOrigin,
}
