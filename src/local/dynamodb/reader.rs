//! Scans and queries on their own connections.
//!
//! They wait neither for writers nor for each other, and the cost of a page does not depend on the size of the table.

use std::collections::HashMap;
use std::sync::Arc;

use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::execute_statement::{self, ExecuteStatementRequest, ExecuteStatementResponse};
use dynoxide::actions::query::{self, QueryRequest, QueryResponse};
use dynoxide::actions::scan::{self, ScanRequest, ScanResponse};
use dynoxide::storage::Storage;
use dynoxide::{AttributeValue, DynoxideError};
use parking_lot::{Mutex, MutexGuard, RwLock};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connections::{Connection, Connections};
use super::decode;
use super::description::Descriptions;
use super::page::{PAGE_BYTES, Seen, Segment};
use super::poll_once::at_once;
use super::to_json;

/// Rows whose sizes predict how many a page holds. A response of fewer rows is complete with them.
const SAMPLE: usize = 64;

/// Pages read at the same time. Each takes about 15 MB meanwhile.
const CONNECTIONS: usize = 2;

/// Reads tables. Clones share it.
#[derive(Clone)]
pub(super) struct Readers(Arc<Inner>);

struct Inner {
    connections: Connections,
    /// Shared by readers; exclusive for a change of tables.
    tables: RwLock<()>,
    sample: usize,
    descriptions: Mutex<Descriptions>,
}

/// A paged response.
trait PagedAnswer {
    fn scanned_count(&mut self) -> &mut usize;
    fn last_evaluated_key(&self) -> Option<&HashMap<String, AttributeValue>>;
}

impl PagedAnswer for ScanResponse {
    fn scanned_count(&mut self) -> &mut usize {
        &mut self.scanned_count
    }

    fn last_evaluated_key(&self) -> Option<&HashMap<String, AttributeValue>> {
        self.last_evaluated_key.as_ref()
    }
}

impl PagedAnswer for QueryResponse {
    fn scanned_count(&mut self) -> &mut usize {
        &mut self.scanned_count
    }

    fn last_evaluated_key(&self) -> Option<&HashMap<String, AttributeValue>> {
        self.last_evaluated_key.as_ref()
    }
}

impl Readers {
    /// Creates the readers of an open database.
    pub(super) fn new(path: &str) -> Readers {
        Readers::with(path, SAMPLE, CONNECTIONS)
    }

    pub(super) fn with(path: &str, sample: usize, connections: usize) -> Readers {
        Readers(Arc::new(Inner {
            connections: Connections::new(path, connections),
            tables: RwLock::default(),
            sample,
            descriptions: Mutex::new(Descriptions::new(path)),
        }))
    }

    /// Handles a Scan.
    pub(super) fn scan(&self, text: &str, request: ScanRequest) -> Result<String, DynoxideError> {
        let (wanted, segment) = (request.limit, segment_of(&request));
        let mut requests = Requests::new(text, request);
        self.read(move |connection, sample| {
            page(connection, sample, wanted, segment, |storage, limit| {
                let mut request = requests.next()?;
                request.limit = Some(limit);
                if segment.is_some() {
                    (request.segment, request.total_segments) = (None, None);
                }
                at_once(scan::execute(storage, request))
            })
        })
    }

    /// Handles a Query.
    pub(super) fn query(&self, text: &str, request: QueryRequest) -> Result<String, DynoxideError> {
        let wanted = request.limit;
        let mut requests = Requests::new(text, request);
        self.read(move |connection, sample| {
            page(connection, sample, wanted, None, |storage, limit| {
                let mut request = requests.next()?;
                request.limit = Some(limit);
                at_once(query::execute(storage, request))
            })
        })
    }

    /// Handles a `SELECT` statement.
    pub(super) fn select(&self, text: &str, request: ExecuteStatementRequest) -> Result<String, DynoxideError> {
        let wanted = request.limit;
        let mut requests = Requests::new(text, request);
        self.read(move |connection, sample| {
            statement_page(connection, sample, wanted, |storage, limit| {
                let mut request = requests.next()?;
                request.limit = Some(limit);
                at_once(execute_statement::execute(storage, request))
            })
        })
    }

    /// Handles `DescribeTable`.
    pub(super) fn describe(&self, request: DescribeTableRequest) -> Result<String, DynoxideError> {
        let _tables = self.0.tables.read();
        self.0.descriptions().describe(request)
    }

    /// Changes tables while no read runs.
    pub(super) fn change<T>(&self, change: impl FnOnce() -> T) -> T {
        let alone = self.0.tables.write();
        self.0.connections.forget_tables();
        self.0.descriptions().forget();
        let changed = change();
        drop(alone);
        changed
    }

    /// Reads from one state of the table: the number of rows that fit stays the same between the executions of a page.
    ///
    /// The response is serialized before it leaves the connection: parsed, a page takes five times as much memory.
    fn read<A: Serialize>(
        &self,
        read: impl FnOnce(&Connection, usize) -> Result<A, DynoxideError> + Send + 'static,
    ) -> Result<String, DynoxideError> {
        let _tables = self.0.tables.read();
        let sample = self.0.sample;
        self.0.connections.read(move |connection| {
            let snapshot = connection.storage.conn().unchecked_transaction()?;
            let answer = read(connection, sample).and_then(|answer| to_json(&answer));
            snapshot.finish()?;
            answer
        })
    }

    /// Returns how many rows the last execution collected, if there is one connection.
    #[cfg(test)]
    pub(super) fn rows_of_the_last_execution(&self) -> usize {
        self.0.connections.read(|connection| Ok(connection.counter.seen().rows)).unwrap_or_default()
    }
}

impl Inner {
    fn descriptions(&self) -> MutexGuard<'_, Descriptions> {
        self.descriptions.lock()
    }
}

/// A request, once for each execution.
struct Requests<R> {
    text: String,
    first: Option<R>,
}

impl<R: DeserializeOwned> Requests<R> {
    fn new(text: &str, first: R) -> Self {
        Requests { text: text.to_owned(), first: Some(first) }
    }

    fn next(&mut self) -> Result<R, DynoxideError> {
        self.first.take().map_or_else(|| decode::input(&self.text), Ok)
    }
}

/// Returns the page that dynoxide returns with an unlimited number of rows, from executions with a limited number.
///
/// It differs only in `ScannedCount`: dynoxide counts the first row of the next page as well.
fn page<A: PagedAnswer>(
    Connection { storage, counter }: &Connection,
    sample: usize,
    wanted: Option<usize>,
    segment: Option<Segment>,
    mut execute: impl FnMut(&Storage, usize) -> Result<A, DynoxideError>,
) -> Result<A, DynoxideError> {
    let mut limit = sample;
    loop {
        let asked = wanted.map_or(limit, |wanted| wanted.min(limit));
        counter.begin(segment);
        let mut answer = execute(storage, asked)?;
        let seen = *counter.seen();
        let scanned = *answer.scanned_count();
        let is_cut = scanned < asked && answer.last_evaluated_key().is_some();
        if is_cut || seen.rows < asked || wanted == Some(asked) {
            *answer.scanned_count() = if is_cut { scanned - 1 } else { scanned.min(seen.fitting) };
            return Ok(answer);
        }
        limit = next_limit(asked, seen);
    }
}

/// Returns a page of a statement with as many rows as fit; dynoxide does not cut it at all.
fn statement_page(
    Connection { storage, counter }: &Connection,
    sample: usize,
    wanted: Option<usize>,
    mut execute: impl FnMut(&Storage, usize) -> Result<ExecuteStatementResponse, DynoxideError>,
) -> Result<ExecuteStatementResponse, DynoxideError> {
    let (mut limit, mut is_exact) = (sample, false);
    loop {
        let asked = wanted.map_or(limit, |wanted| wanted.min(limit));
        counter.begin(None);
        let answer = execute(storage, asked);
        let seen = *counter.seen();
        if seen.is_full() {
            // The content of rows beyond the page may be missing, whatever the result was.
            (limit, is_exact) = (seen.fitting, true);
        } else if is_exact || answer.is_err() || seen.rows < asked || wanted == Some(asked) {
            return answer;
        } else {
            limit = next_limit(asked, seen);
        }
    }
}

/// Returns the next limit after `asked` rows did not fill a page.
fn next_limit(asked: usize, seen: Seen) -> usize {
    let each = seen.bytes.div_ceil(seen.rows.max(1)).max(1);
    // Sizes vary; a limit higher by an eighth saves most pages another execution.
    (PAGE_BYTES / each * 9 / 8).max(asked * 2)
}

/// Returns the segment of a parallel scan of a table; dynoxide handles those of an index, and invalid ones.
fn segment_of(request: &ScanRequest) -> Option<Segment> {
    let (number, total) = request.segment.zip(request.total_segments)?;
    (number < total && request.index_name.is_none()).then_some(Segment { number, total })
}

/// Returns whether a statement only reads.
pub(super) fn is_select(statement: &str) -> bool {
    statement.trim_start().get(..6).is_some_and(|verb| verb.eq_ignore_ascii_case("select"))
}
