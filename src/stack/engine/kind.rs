//! The kinds of resources in a pipeline and their dependencies.

use std::fmt;

use serde::{Serialize, Serializer};

/// A kind of resource. A pipeline has exactly one resource of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// DynamoDB table of readings.
    Table,
    /// Dead-letter table (DynamoDB).
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
    /// All kinds, in display order.
    pub(crate) const ALL: [Kind; 7] =
        [Kind::Table, Kind::RejectsTable, Kind::Stream, Kind::Role, Kind::LogGroup, Kind::Function, Kind::Mapping];

    /// Returns the public name, as in `"kind"` of the JSON reports.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
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

    /// Returns whether it is a table, which loses its rows when it is deleted.
    #[must_use]
    pub(crate) fn is_table(self) -> bool {
        matches!(self, Kind::Table | Kind::RejectsTable)
    }

    /// Returns the kinds that must be ready before this one is created.
    ///
    /// No kind depends on the role: it is requested at once and takes the ARNs for its policy as they become known. The
    /// function can be created while the tables are still being created. The mapping, which starts the function,
    /// cannot.
    #[must_use]
    pub(crate) fn create_dependencies(self) -> &'static [Kind] {
        match self {
            Kind::Table | Kind::RejectsTable | Kind::Stream | Kind::Role | Kind::LogGroup => &[],
            Kind::Function => &[Kind::Role, Kind::LogGroup],
            Kind::Mapping => &[Kind::Function, Kind::Stream, Kind::Table, Kind::RejectsTable],
        }
    }

    /// Returns the kinds whose replacement requires replacing this one, because it does not work with a new resource of
    /// the same name.
    ///
    /// A mapping has a position in its stream. A function's variables are encrypted for its role, not for the role's
    /// name.
    #[must_use]
    pub(crate) fn bound_to(self) -> &'static [Kind] {
        match self {
            Kind::Mapping => &[Kind::Stream],
            Kind::Function => &[Kind::Role],
            _ => &[],
        }
    }

    /// Returns the creation dependencies of a run that does not wait for the pipeline to be ready: a batch that a table
    /// does not accept yet is delivered again.
    #[must_use]
    pub(crate) fn request_dependencies(self) -> &'static [Kind] {
        match self {
            Kind::Mapping => &[Kind::Function, Kind::Stream],
            kind => kind.create_dependencies(),
        }
    }

    /// Returns whether dependent resources can be requested only once this one is ready.
    #[must_use]
    pub(crate) fn is_needed_ready(self) -> bool {
        Kind::ALL.iter().any(|kind| kind.request_dependencies().contains(&self))
    }

    /// Returns the kinds that must be gone before this one is deleted. The log group is last: a last invocation may
    /// write to it.
    #[must_use]
    pub(crate) fn delete_dependencies(self) -> &'static [Kind] {
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
    fn no_wait_leaves_only_resources_without_dependents_in_progress() {
        let left: Vec<_> = Kind::ALL.into_iter().filter(|kind| !kind.is_needed_ready()).collect();
        assert_eq!(left, [Kind::Table, Kind::RejectsTable, Kind::Mapping]);
    }

    #[test]
    fn delete_order_is_reverse_of_create_order() {
        for kind in Kind::ALL {
            for needed in kind.create_dependencies() {
                assert!(needed.delete_dependencies().contains(&kind), "{needed} must outlive {kind}");
            }
        }
    }
}
