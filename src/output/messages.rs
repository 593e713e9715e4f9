//! Warnings as data: what happened and which flag or command helps.

use std::fmt;

/// Something a person should know though nothing failed.
#[derive(Debug)]
pub enum Message {
    /// The local cloud is not the newest sensorctl's.
    ForeignLogGroup {
        /// The log group that stays.
        name: String,
    },
}

impl Message {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Message::ForeignLogGroup { name } => {
                Some(format!("remove it with `aws logs delete-log-group --log-group-name {name}`"))
            }
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::ForeignLogGroup { name } => {
                write!(formatter, "log group {name} was there before this pipeline and is kept")
            }
        }
    }
}
