//! Warnings as data: what happened and which flag or command helps.

use std::fmt;

use super::units;

/// Something a person should know though nothing failed.
#[derive(Debug)]
pub enum Message {
    /// The local cloud is not the newest sensorctl's.
    ForeignLogGroup {
        /// The log group that stays.
        name: String,
    },
    /// Items of a table that are not shown.
    ForeignItems {
        /// The table.
        table: String,
        /// How many.
        count: u64,
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
            Message::ForeignItems { table, .. } => {
                Some(format!("`aws dynamodb scan --table-name {table}` shows every item as it is"))
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
            Message::ForeignItems { table, count } => write!(
                formatter,
                "{} of table {table} are no readings (SensorId, CurrentTime and Temperature) and were left out",
                if *count == 1 { "1 item".to_owned() } else { format!("{} items", units::count(*count)) }
            ),
        }
    }
}
