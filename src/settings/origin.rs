//! The origin of each value, which `status -v` prints.

use std::fmt;

use serde::{Serialize, Serializer};

/// The origin of a value, in falling precedence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SettingOrigin {
    /// The command line, with the flag's name.
    Flag(&'static str),
    /// An environment variable, with its name.
    Environment(String),
    /// The settings file, with its path and the line, counted from 1.
    File {
        /// The path as the user named it.
        path: String,
        /// Line of the key.
        line: usize,
        /// True if the file was named explicitly. Otherwise it was found in the working directory, and any user may
        /// have put it there.
        named: bool,
    },
    /// The default.
    Default,
}

impl SettingOrigin {
    /// Returns whether this is a settings file that was found and not named explicitly.
    #[must_use]
    pub(crate) fn is_found_file(&self) -> bool {
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
pub(crate) struct Setting {
    /// Name as in the file, with its section: `function.memory_mb`.
    pub key: String,
    /// The value in the syntax of the file. Values that may be secret are not shown.
    pub value: String,
    /// Its origin.
    pub origin: SettingOrigin,
}
