//! The number of dead letters, and their reasons, by one page of their table.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::aws::{AwsFailure, Clients, ServiceClock};

/// Items that are counted at most.
const MOST_ITEMS: i32 = 1000;

/// A number of dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeadLetterCount {
    /// The number, of the first page of the table.
    pub count: u64,
    /// True if there are more pages.
    pub is_at_least: bool,
}

/// The dead letters of the first page of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeadLetterReasons {
    /// Their number.
    pub count: DeadLetterCount,
    /// The numbers of each reason, the most frequent first.
    pub reasons: Vec<(String, u64)>,
}

/// Counts the dead letters of a table, if it exists, as far as one page goes: 1,000 items or 1 MiB. Reads the service's clock
/// from its response.
///
/// # Errors
/// If the table cannot be read.
pub(crate) async fn dead_letter_reasons(
    clients: &Clients,
    table: &str,
    clock: &ServiceClock,
) -> Result<Option<DeadLetterReasons>, AwsFailure> {
    let resource = format!("table {table}");
    let request = clients
        .dynamodb
        .scan()
        .table_name(table)
        .limit(MOST_ITEMS)
        .projection_expression("#id, #code")
        .expression_attribute_names("#id", "RejectId")
        .expression_attribute_names("#code", "Code");
    let result = request.customize().interceptor(clock.clone()).send().await;
    let answer = clients.call("DynamoDB", "Scan", &resource).optional(result)?;
    Ok(answer.map(|answer| {
        let is_at_least = answer.last_evaluated_key.is_some_and(|key| !key.is_empty());
        counted(answer.items.as_deref().unwrap_or_default(), is_at_least)
    }))
}

fn counted(items: &[HashMap<String, AttributeValue>], is_at_least: bool) -> DeadLetterReasons {
    // A large one is kept in parts: `sequence number#index#part`.
    let is_first = |id: &AttributeValue| id.as_s().is_ok_and(|id| id.rsplit('#').next() == Some("000"));
    let mut by_reason: BTreeMap<String, u64> = BTreeMap::new();
    for item in items.iter().filter(|item| item.get("RejectId").is_some_and(is_first)) {
        let reason = item.get("Code").and_then(|code| code.as_s().ok()).map_or("unknown", String::as_str);
        *by_reason.entry(reason.to_owned()).or_default() += 1;
    }
    let mut reasons: Vec<_> = by_reason.into_iter().collect();
    reasons.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let count = reasons.iter().map(|(_, count)| count).sum();
    DeadLetterReasons { count: DeadLetterCount { count, is_at_least }, reasons }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_letters_in_parts_count_once_and_the_most_frequent_reason_is_first() {
        let item = |id: &str, code: Option<&str>| {
            let text = |text: &str| AttributeValue::S(text.to_owned());
            let mut item = HashMap::from([("RejectId".to_owned(), text(id))]);
            item.extend(code.map(|code| ("Code".to_owned(), text(code))));
            item
        };
        let items = [
            item("1#0000000#000", Some("not-json")),
            item("2#0000000#000", Some("wrong-type")),
            item("2#0000000#001", Some("wrong-type")),
            item("3#0000000#000", Some("wrong-type")),
            item("4#0000000#000", None),
            item("theirs", Some("other")),
        ];
        let DeadLetterReasons { count, reasons } = counted(&items, true);
        assert_eq!(count, DeadLetterCount { count: 4, is_at_least: true });
        let reasons: Vec<_> = reasons.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
        assert_eq!(reasons, [("wrong-type", 2), ("not-json", 1), ("unknown", 1)]);
    }
}
