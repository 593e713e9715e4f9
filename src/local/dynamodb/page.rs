//! The size limit of a page, counted while `SQLite` reads its rows.
//!
//! dynoxide collects every remaining row for a page and then cuts the page at 1 MB. A reading connection shadows each
//! table with a temporary view. The view counts the bytes that pass, omits the content of rows far beyond a page, and
//! selects the rows of a parallel scan's segment. A page can then be requested with a limit that fits its rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dynoxide::storage::Storage;
use dynoxide::storage_backend::sql_builders::escape_table_name;
use dynoxide::types::item_size;
use dynoxide::{DynoxideError, Item, TableMetadata};
use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use serde::Deserialize;

/// Limit of items in one page of a Scan or Query, in bytes (API reference of `DynamoDB`, Query: "1 MB").
pub(super) const PAGE_BYTES: usize = 1 << 20;

/// A segment of a parallel scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub number: u32,
    pub total: u32,
}

/// Statistics of one execution of a Scan or Query.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// All rows read, including those beyond the page.
    pub rows: usize,
    /// Leading rows that fit into a page.
    pub fitting: usize,
    /// Bytes of all rows read.
    pub bytes: usize,
    /// The table or index of the query. Reads of another source look up one of its rows.
    source: Option<i64>,
}

/// Counts the rows of one connection's executions.
#[derive(Clone, Default)]
pub(super) struct Counter {
    seen: Arc<Mutex<Seen>>,
    /// The segment: its number, and in the upper half the total; 0 for a whole table. It is read for every row of the
    /// table.
    segment: Arc<AtomicU64>,
}

impl Counter {
    /// Shadows the tables of the connection.
    pub(super) fn install(storage: &Storage) -> Result<Counter, DynoxideError> {
        let counter = Counter::default();
        counter.register(storage.conn())?;
        let mut sources = 0;
        for name in storage.list_table_names()? {
            if let Some(table) = storage.get_table_metadata(&name)? {
                shadow(storage.conn(), &table, &mut sources)?;
            }
        }
        Ok(counter)
    }

    /// Begins to count an execution that reads only this segment.
    pub(super) fn begin(&self, segment: Option<Segment>) {
        let packed = segment.map_or(0, |segment| u64::from(segment.total) << 32 | u64::from(segment.number));
        self.segment.store(packed, Ordering::Relaxed);
        *self.seen() = Seen::default();
    }

    /// Returns the statistics of the execution.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock()
    }

    fn register(&self, connection: &Connection) -> rusqlite::Result<()> {
        let counter = self.clone();
        connection.create_scalar_function("page_takes", 2, FunctionFlags::SQLITE_UTF8, move |row| {
            let size = size_of(row)?;
            Ok(counter.seen().takes(row.get(0)?, size))
        })?;
        let segment = Arc::clone(&self.segment);
        connection.create_scalar_function("in_segment", 1, FunctionFlags::SQLITE_UTF8, move |row| {
            let packed = segment.load(Ordering::Relaxed);
            // The truncated bits are the other half.
            #[expect(clippy::cast_possible_truncation)]
            let segment = Segment { number: packed as u32, total: (packed >> 32) as u32 };
            Ok(packed == 0 || segment.owns(row.get_raw(0).as_bytes()?))
        })
    }
}

impl Seen {
    /// Counts a row; returns false if it is so far beyond the page that its content is not needed.
    fn takes(&mut self, source: i64, size: usize) -> bool {
        if *self.source.get_or_insert(source) != source {
            return true;
        }
        let is_near = self.bytes <= 2 * PAGE_BYTES;
        if self.rows == 0 || self.bytes + size <= PAGE_BYTES {
            self.fitting += 1;
        }
        self.rows += 1;
        self.bytes += size;
        is_near
    }

    /// Returns whether a row was read that does not fit into the page.
    pub(super) fn is_full(&self) -> bool {
        self.fitting < self.rows
    }
}

impl Segment {
    /// Returns whether the rows of a partition belong to the segment, by dynoxide's hash for segments of an index.
    ///
    /// Its hash for segments of a table would need an index of its own, which every put would have to maintain.
    pub(super) fn owns(self, partition: &[u8]) -> bool {
        let hash =
            partition.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
        hash % self.total == self.number
    }
}

/// Returns the size of a row: the stored size, or that of its item.
fn size_of(row: &Context<'_>) -> rusqlite::Result<usize> {
    match row.get_raw(1) {
        ValueRef::Text(text) => {
            let item: Item = serde_json::from_slice(text)
                .map_err(|error| rusqlite::Error::UserFunctionError(format!("unreadable item: {error}").into()))?;
            Ok(item_size(&item))
        }
        _ => row.get::<usize>(1),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IndexName {
    index_name: String,
}

/// Shadows a table and its indexes, whose rows are in tables of their own.
fn shadow(connection: &Connection, table: &TableMetadata, sources: &mut i64) -> Result<(), DynoxideError> {
    let name = &table.table_name;
    // The stored size of an item with a vector is the billed one, which differs from the one that fills a page.
    let size = if table.vector_index_definitions.is_some() { "item_json" } else { "item_size" };
    let mut view = |name: &str, columns: &str, size: &str, condition: &str| {
        let name = escape_table_name(name);
        let source = *sources;
        *sources += 1;
        connection.execute_batch(&format!(
            "CREATE TEMP VIEW \"{name}\" AS SELECT {columns}, \
             CASE WHEN page_takes({source}, {size}) THEN item_json ELSE '' END AS item_json \
             FROM main.\"{name}\" {condition}"
        ))
    };
    view(name, "pk, sk, item_size, hash_prefix, cached_at", size, "WHERE in_segment(pk)")?;
    for index in index_names(table.gsi_definitions.as_deref())? {
        view(&format!("{name}::gsi::{index}"), "gsi_pk, gsi_sk, table_pk, table_sk", "item_json", "")?;
    }
    for index in index_names(table.lsi_definitions.as_deref())? {
        view(&format!("{name}::lsi::{index}"), "pk, sk, base_pk, base_sk", "item_json", "")?;
    }
    Ok(())
}

fn index_names(definitions: Option<&str>) -> Result<Vec<String>, DynoxideError> {
    let Some(definitions) = definitions else { return Ok(Vec::new()) };
    let names: Vec<IndexName> = serde_json::from_str(definitions)
        .map_err(|error| DynoxideError::InternalServerError(format!("unreadable index definitions: {error}")))?;
    Ok(names.into_iter().map(|name| name.index_name).collect())
}
