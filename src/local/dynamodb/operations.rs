//! Properties of `DynamoDB` operations and their errors.

use dynoxide::DynoxideError;

/// Returns whether an operation takes or returns ARNs.
///
/// Item operations do not, so an item's own text is never rewritten.
pub(crate) fn speaks_of_arns(operation: &str) -> bool {
    matches!(
        operation,
        "CreateTable"
            | "DeleteTable"
            | "DescribeTable"
            | "UpdateTable"
            | "TagResource"
            | "UntagResource"
            | "ListTagsOfResource"
            | "ListStreams"
            | "DescribeStream"
            | "GetShardIterator"
            | "DescribeTimeToLive"
            | "UpdateTimeToLive"
            | "DescribeContinuousBackups"
            | "UpdateContinuousBackups"
    )
}

/// Returns whether a backup operation failed because its table is missing, which has an error code of its own there.
pub(crate) fn is_missing_table(operation: &str, error: &DynoxideError) -> bool {
    operation.ends_with("ContinuousBackups") && matches!(error, DynoxideError::ResourceNotFoundException(_))
}

/// Returns whether an operation changes nothing, so that no flush is needed.
pub(crate) fn only_reads(operation: &str) -> bool {
    ["Get", "BatchGet", "TransactGet", "Query", "Scan", "Describe", "List"]
        .iter()
        .any(|verb| operation.starts_with(verb))
}
