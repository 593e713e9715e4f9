//! The kinds of resources a pipeline is made of, and what each of them waits for.

use std::fmt;

use serde::{Serialize, Serializer};

/// One kind of resource; a pipeline has exactly one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// DynamoDB table of readings.
    Table,
    /// DynamoDB table of rejected readings.
    RejectsTable,
    /// Kinesis stream.
    Stream,
    /// IAM role of the function, with its policy.
    Role,
    /// CloudWatch log group of the function.
    LogGroup,
    /// Lambda function.
    Function,
    /// Event source mapping from the stream to the function.
    Mapping,
}

impl Kind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Kind; 7] =
        [Kind::Table, Kind::RejectsTable, Kind::Stream, Kind::Role, Kind::LogGroup, Kind::Function, Kind::Mapping];

    /// The public name, as in `"kind"` of the JSON reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Table => "table",
            Kind::RejectsTable => "rejects-table",
            Kind::Stream => "stream",
            Kind::Role => "role",
            Kind::LogGroup => "log-group",
            Kind::Function => "function",
            Kind::Mapping => "mapping",
        }
    }

    /// Whether it is a table, and its rows go with it.
    #[must_use]
    pub fn is_table(self) -> bool {
        matches!(self, Kind::Table | Kind::RejectsTable)
    }

    /// What must work before this can be made.
    ///
    /// The role is made at once and takes the ARNs for its policy as they become known, so nothing is named for it.
    /// The function can be made while the tables are still being made; the mapping, which starts it, cannot.
    #[must_use]
    pub fn create_dependencies(self) -> &'static [Kind] {
        match self {
            Kind::Table | Kind::RejectsTable | Kind::Stream | Kind::Role | Kind::LogGroup => &[],
            Kind::Function => &[Kind::Role, Kind::LogGroup],
            Kind::Mapping => &[Kind::Function, Kind::Stream, Kind::Table, Kind::RejectsTable],
        }
    }

    /// What it stays bound to the first one of: it does not work with a second one of the same name, and goes with it.
    ///
    /// A mapping knows a place in its stream. A function's variables are encrypted for its role, not for the role's name.
    #[must_use]
    pub fn bound_to(self) -> &'static [Kind] {
        match self {
            Kind::Mapping => &[Kind::Stream],
            Kind::Function => &[Kind::Role],
            _ => &[],
        }
    }

    /// The same where nobody waits for the pipeline to work: a batch that a table cannot take yet is delivered again.
    #[must_use]
    pub fn request_dependencies(self) -> &'static [Kind] {
        match self {
            Kind::Mapping => &[Kind::Function, Kind::Stream],
            kind => kind.create_dependencies(),
        }
    }

    /// Whether others can only be asked for once this works.
    #[must_use]
    pub fn is_needed_ready(self) -> bool {
        Kind::ALL.iter().any(|kind| kind.request_dependencies().contains(&self))
    }

    /// What must be gone before this can be deleted. The log group is last: a last invocation may write to it.
    #[must_use]
    pub fn delete_dependencies(self) -> &'static [Kind] {
        match self {
            Kind::Mapping => &[],
            Kind::Function => &[Kind::Mapping],
            Kind::Stream | Kind::Table | Kind::RejectsTable | Kind::Role => &[Kind::Mapping, Kind::Function],
            Kind::LogGroup => {
                &[Kind::Mapping, Kind::Function, Kind::Stream, Kind::Table, Kind::RejectsTable, Kind::Role]
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn without_waiting_only_what_nothing_hangs_on_is_left_on_its_way() {
        let left: Vec<_> = Kind::ALL.into_iter().filter(|kind| !kind.is_needed_ready()).collect();
        assert_eq!(left, [Kind::Table, Kind::RejectsTable, Kind::Mapping]);
    }

    #[test]
    fn what_is_made_last_is_deleted_first() {
        for kind in Kind::ALL {
            for needed in kind.create_dependencies() {
                assert!(needed.delete_dependencies().contains(&kind), "{needed} must outlive {kind}");
            }
        }
    }
}
