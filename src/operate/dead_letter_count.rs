//! The number of dead letters, by one page of their table.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::aws::{AwsFailure, Clients};

/// Items that are counted at most.
const MOST_ITEMS: i32 = 1000;

/// A number of dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeadLetterCount {
    /// The number, of the first page of the table.
    pub count: u64,
    /// True if there are more pages.
    pub is_at_least: bool,
}

/// Counts the dead letters of a table, as far as one page goes: 1,000 items or 1 MiB.
///
/// # Errors
/// If the table cannot be read.
pub(crate) async fn count_dead_letters(clients: &Clients, table: &str) -> Result<DeadLetterCount, AwsFailure> {
    let resource = format!("table {table}");
    let request = clients
        .dynamodb
        .scan()
        .table_name(table)
        .limit(MOST_ITEMS)
        .projection_expression("#id")
        .expression_attribute_names("#id", "RejectId");
    let answer = clients.call("DynamoDB", "Scan", &resource).answer(request.send().await)?;
    // A large one is kept in parts: `sequence number#index#part`.
    let is_first = |id: &AttributeValue| id.as_s().is_ok_and(|id| id.rsplit('#').next() == Some("000"));
    let items = answer.items.unwrap_or_default();
    let count = items.iter().filter(|item| item.get("RejectId").is_some_and(is_first)).count();
    let is_at_least = answer.last_evaluated_key.is_some_and(|key| !key.is_empty());
    Ok(DeadLetterCount { count: u64::try_from(count).unwrap_or(u64::MAX), is_at_least })
}
