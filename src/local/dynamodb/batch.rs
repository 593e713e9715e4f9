//! `BatchWriteItem` with puts only: group commit of one transaction for all concurrent callers.
//!
//! It is many times as fast as a transaction for each item, and with `--durable full` one flush serves all.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use dynoxide::actions::batch_write_item::{BatchWriteItemRequest, BatchWriteItemResponse};
use dynoxide::types::{self, KeySchemaElement};
use dynoxide::validation::{partition_key_name, sort_key_name, validate_nesting_depth};
use dynoxide::{Database, DynoxideError, ImportOptions, Item};
use parking_lot::{Mutex, MutexGuard};

use super::decode;
use super::write_units::{units, write_batch};
use crate::metrics::{Metric, MetricStore};

/// Limit of requests in one batch.
pub(crate) const MAX_REQUESTS: usize = 25;

/// Writes batches in group commits. Clones share it.
#[derive(Clone, Default)]
pub(super) struct BatchWriter(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Batches that wait for the next transaction.
    waiting: Mutex<Vec<Waiting>>,
    /// Held during a transaction.
    writing: Mutex<()>,
}

/// The puts of one caller.
struct Waiting {
    table: String,
    items: Vec<Item>,
    written: Written,
}

/// The outcome of one caller's puts: written or not; `None` before the attempt.
type Written = Arc<Mutex<Option<bool>>>;

impl BatchWriter {
    /// Writes a batch. A batch that may be invalid takes dynoxide's own path, which knows all error responses.
    pub(super) fn write(
        &self,
        database: &Database,
        metrics: &MetricStore,
        text: &str,
        request: BatchWriteItemRequest,
    ) -> Result<BatchWriteItemResponse, DynoxideError> {
        if !is_plain(database, text, &request)? {
            return write_batch(database, metrics, request);
        }
        for (table, writes) in request.request_items {
            let items: Vec<Item> =
                writes.into_iter().filter_map(|write| write.put_request).map(|put| put.item).collect();
            let units = units(&items);
            if !self.put(database, table.clone(), items) {
                return write_batch(database, metrics, decode::input(text)?);
            }
            metrics.add(Metric::ConsumedWriteUnits, &table, units);
        }
        Ok(BatchWriteItemResponse::default())
    }

    /// Puts items; returns false if they were rejected, in which case none is written.
    fn put(&self, database: &Database, table: String, items: Vec<Item>) -> bool {
        let written = Written::default();
        let waiting = Waiting { table, items, written: Arc::clone(&written) };
        lock(&self.0.waiting).push(waiting);
        let turn = lock(&self.0.writing);
        // Another caller's transaction may have included this batch.
        if lock(&written).is_none() {
            let all = std::mem::take(&mut *lock(&self.0.waiting));
            write_all(database, all);
        }
        drop(turn);
        lock(&written).unwrap_or_default()
    }
}

/// Writes the puts of several callers, in one transaction for each table.
///
/// If one caller's put is rejected, the whole transaction fails; all of them take dynoxide's own path then.
fn write_all(database: &Database, all: Vec<Waiting>) {
    let mut by_table: BTreeMap<String, (Vec<Item>, Vec<Written>)> = BTreeMap::new();
    for Waiting { table, items, written } in all {
        let (together, callers) = by_table.entry(table).or_default();
        together.extend(items);
        callers.push(written);
    }
    for (table, (items, callers)) in by_table {
        let is_written = import(database, &table, items);
        for caller in callers {
            *lock(&caller) = Some(is_written);
        }
    }
}

/// Writes one transaction; returns false if it was rejected.
///
/// Nothing is written then, and dynoxide's own path returns the error.
fn import(database: &Database, table: &str, items: Vec<Item>) -> bool {
    database.import_items(table, items, ImportOptions { record_streams: true, set_cached_at: false }).is_ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

/// Returns whether a batch has only distinct, valid puts into one table.
fn is_plain(database: &Database, text: &str, request: &BatchWriteItemRequest) -> Result<bool, DynoxideError> {
    let asks_more = request.return_consumed_capacity.is_some() || request.return_item_collection_metrics.is_some();
    // An empty attribute name is rejected at any depth.
    if asks_more || request.request_items.len() != 1 || text.contains("\"\"") {
        return Ok(false);
    }
    let Some((table, writes)) = request.request_items.iter().next() else { return Ok(false) };
    if writes.is_empty() || writes.len() > MAX_REQUESTS {
        return Ok(false);
    }
    let Some(metadata) = database.get_table_metadata(table)? else { return Ok(false) };
    let Ok(schema) = serde_json::from_str::<Vec<KeySchemaElement>>(&metadata.key_schema) else { return Ok(false) };
    let has_vectors = metadata.vector_index_definitions.is_some();
    let Some(partition) = partition_key_name(&schema).filter(|_| !has_vectors) else { return Ok(false) };
    let sort = sort_key_name(&schema);
    let mut keys = HashSet::new();
    Ok(writes.iter().all(|write| {
        let (Some(put), None) = (&write.put_request, &write.delete_request) else { return false };
        let key = |name: &str| put.item.get(name).and_then(types::AttributeValue::to_key_string);
        let (Some(partition), Some(sort)) = (key(partition), sort.map_or(Some(String::new()), key)) else {
            return false;
        };
        types::item_size(&put.item) <= types::MAX_ITEM_SIZE
            && put.item.values().all(|value| validate_nesting_depth(value).is_ok())
            && keys.insert((partition, sort))
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn database() -> Database {
        let database = Database::memory().unwrap();
        let table = json!({
            "TableName": "rows", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
            "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
        });
        database.create_table(serde_json::from_value(table).unwrap()).unwrap();
        database
    }

    fn count(database: &Database) -> usize {
        database.scan(serde_json::from_value(json!({ "TableName": "rows" })).unwrap()).unwrap().count
    }

    fn write(writer: &BatchWriter, database: &Database, items: &[Value]) -> Result<(), String> {
        let puts: Vec<Value> = items.iter().map(|item| json!({ "PutRequest": { "Item": item } })).collect();
        let text = json!({ "RequestItems": { "rows": puts } }).to_string();
        let request = serde_json::from_str(&text).unwrap();
        writer.write(database, &MetricStore::default(), &text, request).map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn batch_write_concurrent_batches_are_all_written_except_the_invalid_one() {
        let database = database();
        let writer = BatchWriter::default();
        // The lock keeps writes back until all batches wait.
        let writing = lock(&writer.0.writing);
        std::thread::scope(|scope| {
            let good: Vec<_> = (0..6)
                .map(|caller| {
                    let items: Vec<Value> =
                        (0..25).map(|at| json!({ "k": { "S": format!("{caller} {at}") } })).collect();
                    let (writer, database) = (&writer, &database);
                    scope.spawn(move || write(writer, database, &items))
                })
                .collect();
            let bad = scope.spawn(|| {
                let items = [json!({ "k": { "S": "fine" } }), json!({ "k": { "N": "1" } })];
                write(&writer, &database, &items)
            });
            while lock(&writer.0.waiting).len() < 7 {
                std::thread::yield_now();
            }
            drop(writing);
            assert!(good.into_iter().all(|caller| caller.join().unwrap().is_ok()));
            assert!(bad.join().unwrap().unwrap_err().contains("does not match the schema"));
        });
        assert_eq!(count(&database), 6 * 25, "nothing of the bad batch is there");
        assert!(write(&writer, &database, &[json!({ "k": { "S": "later" } })]).is_ok());
        assert_eq!(count(&database), 6 * 25 + 1);
    }

    #[test]
    fn batch_write_single_batch_is_one_transaction_and_replaces_items() {
        let database = database();
        let writer = BatchWriter::default();
        for text in ["old", "new"] {
            write(&writer, &database, &[json!({ "k": { "S": "a" }, "text": { "S": text } })]).unwrap();
        }
        let found = database
            .get_item(serde_json::from_value(json!({ "TableName": "rows", "Key": { "k": { "S": "a" } } })).unwrap());
        assert!(serde_json::to_string(&found.unwrap()).unwrap().contains("new"));
    }
}
