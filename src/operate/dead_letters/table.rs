//! The calls to the dead-letter table.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use sensor_model::Decimal;

use super::dead_letter::{DeadLetter, DeadLetterId, DeadLetterPart};
use super::joiner::{ItemPart, single_part};
use crate::aws::{self, AwsFailure, Clients};
use crate::error::Error;
use crate::pipeline::batch_get;

/// How long a call is repeated after transient failures.
const GIVE_UP_AFTER: Duration = Duration::from_mins(1);

pub(super) const SHARD: &str = "ShardId";
pub(super) const REJECT: &str = "RejectId";
pub(super) const DATA: &str = "Data";
pub(super) const EXPIRES: &str = "ExpiresAt";
/// All attributes but the data.
const WITHOUT_DATA: [&str; 8] = [SHARD, REJECT, "PartitionKey", "Code", "Reason", EXPIRES, "Parts", "ArrivalTime"];

/// An item of the table.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The dead-letter table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeadLetterTable<'a> {
    /// SDK clients.
    pub clients: &'a Clients,
    /// Its name.
    pub name: &'a str,
}

/// The part that a request for a page reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PageSource {
    /// The whole table.
    Table,
    /// The dead letters of a shard.
    Shard(String),
    /// The parts of one dead letter.
    Id(DeadLetterId),
}

/// The key behind which the next page begins.
#[derive(Clone, Debug)]
pub(super) struct PageStart(Item);

/// Items in the order of their keys.
#[derive(Debug)]
pub(super) struct ItemPage {
    pub parts: Vec<ItemPart>,
    /// Items that are not the function's.
    pub foreign: u64,
    pub next: Option<PageStart>,
}

impl DeadLetterTable<'_> {
    /// Reads the next page, consistently: what was just deleted is not in it.
    pub(super) async fn page(
        &self,
        source: &PageSource,
        start: Option<&PageStart>,
        with_data: bool,
    ) -> Result<ItemPage, Error> {
        let answer = self.retry(|| self.request(source, start.map(|start| start.0.clone()), with_data)).await;
        let (items, next) = answer?;
        let all = items.len();
        let parts: Vec<_> = items.into_iter().filter_map(|item| item_part(item, with_data)).collect();
        let foreign = (all - parts.len()) as u64;
        Ok(ItemPage { parts, foreign, next: next.filter(|key| !key.is_empty()).map(PageStart) })
    }

    async fn request(
        &self,
        source: &PageSource,
        start: Option<Item>,
        with_data: bool,
    ) -> Result<(Vec<Item>, Option<Item>), AwsFailure> {
        let resource = format!("table {}", self.name);
        let names: Vec<_> = (0..).map(|n| format!("#{n}")).zip(WITHOUT_DATA).collect();
        let projection = names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(",");
        let mut placeholders = HashMap::new();
        if !with_data {
            placeholders.extend(names.into_iter().map(|(name, attribute)| (name, attribute.to_owned())));
        }
        let projection = (!with_data).then_some(projection);
        // Read pages have the data, and tell by it what the function wrote.
        let filter = (!with_data).then(|| "attribute_type(#data, :binary)".to_owned());
        let mut values = HashMap::new();
        if !with_data {
            placeholders.insert("#data".to_owned(), DATA.to_owned());
            values.insert(":binary".to_owned(), AttributeValue::S("B".to_owned()));
        }
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let (shard_id, prefix) = match source {
            PageSource::Table => {
                let call = self.clients.call("DynamoDB", "Scan", &resource);
                let names = Some(placeholders).filter(|names| !names.is_empty());
                let values = Some(values).filter(|values| !values.is_empty());
                let request = self.clients.dynamodb.scan().table_name(self.name).consistent_read(true);
                let request = request.set_projection_expression(projection).set_expression_attribute_names(names);
                let request = request.set_filter_expression(filter).set_expression_attribute_values(values);
                let answer = call.answer(request.set_exclusive_start_key(start).send().await)?;
                return Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key));
            }
            PageSource::Shard(shard_id) => (shard_id.as_str(), None),
            PageSource::Id(id) => (id.shard_id.as_str(), Some(id.prefix())),
        };
        placeholders.insert("#shard".to_owned(), SHARD.to_owned());
        let mut condition = "#shard = :shard".to_owned();
        values.insert(":shard".to_owned(), text(shard_id));
        if let Some(prefix) = prefix {
            condition.push_str(" AND begins_with(#reject, :reject)");
            placeholders.insert("#reject".to_owned(), REJECT.to_owned());
            values.insert(":reject".to_owned(), text(&prefix));
        }
        let call = self.clients.call("DynamoDB", "Query", &resource);
        let request = self.clients.dynamodb.query().table_name(self.name).consistent_read(true);
        let request = request.key_condition_expression(condition).set_expression_attribute_values(Some(values));
        let request = request.set_projection_expression(projection).set_expression_attribute_names(Some(placeholders));
        let request = request.set_filter_expression(filter);
        let answer = call.answer(request.set_exclusive_start_key(start).send().await)?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }

    /// Returns those of these ids that the table holds, by their first parts.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(super) async fn held(&self, ids: &[DeadLetterId]) -> Result<HashSet<DeadLetterId>, Error> {
        let keys = ids.iter().map(|id| part_key(id, 0)).collect();
        match batch_get(self.clients, self.name, keys).await {
            Ok(items) => {
                Ok(items.into_iter().filter_map(|item| item_part(item, true)).map(|part| part.letter.id).collect())
            }
            Err(failure) => Err(self.clients.with_account_context(failure).await.into()),
        }
    }

    /// Repeats a call after transient failures.
    pub(super) async fn retry<T, Fut>(&self, call: impl FnMut() -> Fut) -> Result<T, Error>
    where
        Fut: Future<Output = Result<T, AwsFailure>>,
    {
        match aws::retry_transient(self.clients.schedule(GIVE_UP_AFTER), call).await {
            Ok(value) => Ok(value),
            Err(failure) => Err(self.clients.with_account_context(failure).await.into()),
        }
    }
}

/// Returns the key of a part.
pub(super) fn part_key(id: &DeadLetterId, part: u32) -> Item {
    let text = AttributeValue::S;
    [(SHARD.to_owned(), text(id.shard_id.clone())), (REJECT.to_owned(), text(format!("{}{part:03}", id.prefix())))]
        .into()
}

/// Reads an item that the function wrote (docs/semantics.md, Dead letters); `None` for another item.
pub(super) fn item_part(mut item: Item, with_data: bool) -> Option<ItemPart> {
    let mut text = |name: &str| match item.remove(name) {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    };
    let (shard_id, reject_id) = (text(SHARD)?, text(REJECT)?);
    let (reason, message) = (text("Code").unwrap_or_default(), text("Reason").unwrap_or_default());
    let partition_key = text("PartitionKey").unwrap_or_default();
    let mut number = |name: &str| match item.remove(name) {
        Some(AttributeValue::N(text)) => Some(text),
        _ => None,
    };
    let (expires_at, count, arrived) = (number(EXPIRES), number("Parts"), number("ArrivalTime"));
    let data = match item.remove(DATA) {
        Some(AttributeValue::B(data)) => data.into_inner(),
        _ if with_data => return None,
        _ => Vec::new(),
    };
    let id = DeadLetterId::of_item(&shard_id, &reject_id)?;
    let decimal = |text: &Option<String>| text.as_deref().and_then(|text| Decimal::parse(text).ok());
    let (arrived, expires) = (decimal(&arrived), decimal(&expires_at));
    let part = DeadLetterPart { reject_id, bytes: data.len(), expires_at };
    let count = count.and_then(|count| count.parse().ok()).unwrap_or(1);
    let letter = DeadLetter { reason, message, partition_key, arrived, expires, ..single_part(id, part, data) };
    Some(ItemPart { letter, count })
}
