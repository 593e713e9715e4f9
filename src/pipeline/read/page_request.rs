//! One request for a page of items.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, Select};

use super::item_decode::{Item, SENSOR, TIME};
use super::query::{Expressions, ReadQuery};
use super::usage::ReadUsage;
use crate::aws::{AwsFailure, Clients};

/// The largest number that `DynamoDB` keeps (docs/facts/dynamodb.md, Numbers): behind every row of a sensor.
const LARGEST_TIME: &str = "9.9999999999999999999999999999999999999E+125";

/// The part of the table that pages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PageSource {
    /// One sensor, by a Query.
    Sensor(String),
    /// A segment of a parallel Scan.
    Segment { number: u32, total: u32 },
}

/// A page of items.
#[derive(Debug)]
pub(super) struct ItemPage {
    pub items: Vec<Item>,
    pub usage: ReadUsage,
    /// The last item that was read, where others may follow.
    pub last: Option<Item>,
}

/// Returns the key behind the rows of a sensor, where the next sensor of a segment begins.
pub(super) fn key_behind(sensor: &str) -> Item {
    [
        (SENSOR.to_owned(), AttributeValue::S(sensor.to_owned())),
        (TIME.to_owned(), AttributeValue::N(LARGEST_TIME.to_owned())),
    ]
    .into()
}

/// Asks for the page behind `start`.
pub(super) async fn request_page(
    clients: &Clients,
    table: &str,
    query: &ReadQuery,
    source: &PageSource,
    start: Option<Item>,
) -> Result<ItemPage, AwsFailure> {
    let sensor = match source {
        PageSource::Sensor(sensor) => Some(sensor.as_str()),
        PageSource::Segment { .. } => None,
    };
    let Expressions { key, filter, projection, placeholders } = query.expressions(sensor);
    let names = (!placeholders.names.is_empty()).then_some(placeholders.names);
    let values = (!placeholders.values.is_empty()).then_some(placeholders.values);
    let capacity = query.reports_capacity.then_some(ReturnConsumedCapacity::Total);
    let select = query.is_count.then_some(Select::Count);
    let place = format!("table {table}");
    let (items, usage, last) = match source {
        PageSource::Sensor(_) => {
            let request = clients.dynamodb.query().table_name(table).set_key_condition_expression(key);
            let answer = request
                .set_filter_expression(filter)
                .set_projection_expression(projection)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .scan_index_forward(!query.newest_first)
                .consistent_read(query.consistent)
                .set_limit(query.page_limit(sensor))
                .set_return_consumed_capacity(capacity)
                .set_select(select)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| clients.failure("DynamoDB", "Query", &place, &error))?;
            let usage = ReadUsage::of_page(answer.scanned_count, answer.count, answer.consumed_capacity.as_ref());
            (answer.items, usage, answer.last_evaluated_key)
        }
        PageSource::Segment { number, total } => {
            let part = |number: &u32| i32::try_from(*number).unwrap_or(i32::MAX);
            let request = clients.dynamodb.scan().table_name(table).segment(part(number)).total_segments(part(total));
            let answer = request
                .set_filter_expression(filter)
                .set_projection_expression(projection)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .consistent_read(query.consistent)
                .set_limit(query.page_limit(sensor))
                .set_return_consumed_capacity(capacity)
                .set_select(select)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| clients.failure("DynamoDB", "Scan", &place, &error))?;
            let usage = ReadUsage::of_page(answer.scanned_count, answer.count, answer.consumed_capacity.as_ref());
            (answer.items, usage, answer.last_evaluated_key)
        }
    };
    Ok(ItemPage { items: items.unwrap_or_default(), usage, last: last.filter(|key| !key.is_empty()) })
}
