//! Scans and queries, on connections of their own, so that they wait neither for writers nor for each other, and in
//! pages whose cost does not depend on the size of the table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::execute_statement::{self, ExecuteStatementRequest, ExecuteStatementResponse};
use dynoxide::actions::query::{self, QueryRequest, QueryResponse};
use dynoxide::actions::scan::{self, ScanRequest, ScanResponse};
use dynoxide::storage::Storage;
use dynoxide::{AttributeValue, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connections::{Connection, Connections};
use super::decode;
use super::description::Descriptions;
use super::page::{PAGE_BYTES, Seen, Segment};
use super::poll_once::at_once;
use super::to_json;

/// Rows whose sizes tell how many a page holds. An answer of fewer rows is complete with them.
const SAMPLE: usize = 64;

/// Pages that are read at the same time. Each takes about 15 MB meanwhile.
const CONNECTIONS: usize = 2;

/// Reads tables. Clones share it.
#[derive(Clone)]
pub(super) struct Readers(Arc<Inner>);

struct Inner {
    connections: Connections,
    /// Held by readers together, and alone by whoever changes a table.
    tables: RwLock<()>,
    sample: usize,
    descriptions: Mutex<Descriptions>,
}

/// The answers that come in pages.
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
    /// Readers of a database that is open.
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

    /// Answers a Scan.
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

    /// Answers a Query.
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

    /// Answers a `SELECT` statement.
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

    /// Answers `DescribeTable`.
    pub(super) fn describe(&self, request: DescribeTableRequest) -> Result<String, DynoxideError> {
        let _tables = self.0.tables.read().unwrap_or_else(PoisonError::into_inner);
        self.0.descriptions().describe(request)
    }

    /// Changes tables, while nobody reads.
    pub(super) fn change<T>(&self, change: impl FnOnce() -> T) -> T {
        let alone = self.0.tables.write().unwrap_or_else(PoisonError::into_inner);
        self.0.connections.forget_tables();
        self.0.descriptions().forget();
        let changed = change();
        drop(alone);
        changed
    }

    /// Reads, of one state of the table: how many rows fit does not change between the executions of a page. The answer
    /// is text before it leaves the connection: parsed, a page takes five times as much memory.
    fn read<A: Serialize>(
        &self,
        read: impl FnOnce(&Connection, usize) -> Result<A, DynoxideError> + Send + 'static,
    ) -> Result<String, DynoxideError> {
        let _tables = self.0.tables.read().unwrap_or_else(PoisonError::into_inner);
        let sample = self.0.sample;
        self.0.connections.read(move |connection| {
            let snapshot = connection.storage.conn().unchecked_transaction()?;
            let answer = read(connection, sample).and_then(|answer| to_json(&answer));
            snapshot.finish()?;
            answer
        })
    }

    /// How many rows the last execution collected, where there is one connection.
    #[cfg(test)]
    pub(super) fn rows_of_the_last_execution(&self) -> usize {
        self.0.connections.read(|connection| Ok(connection.counter.seen().rows)).unwrap_or_default()
    }
}

impl Inner {
    fn descriptions(&self) -> MutexGuard<'_, Descriptions> {
        self.descriptions.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The page that dynoxide answers when it may collect all rows, from executions that may collect a limited number. Nothing
/// else differs from it than `ScannedCount`: dynoxide counts the first row of the next page as well.
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

/// A page of a statement, which dynoxide does not cut at all: as many rows as fit.
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
            // The content of rows beyond the page may be missing, whatever came of it.
            (limit, is_exact) = (seen.fitting, true);
        } else if is_exact || answer.is_err() || seen.rows < asked || wanted == Some(asked) {
            return answer;
        } else {
            limit = next_limit(asked, seen);
        }
    }
}

/// How many rows to ask for when so many did not fill a page.
fn next_limit(asked: usize, seen: Seen) -> usize {
    let each = seen.bytes.div_ceil(seen.rows.max(1)).max(1);
    // Sizes vary; an eighth more spares most pages another execution.
    (PAGE_BYTES / each * 9 / 8).max(asked * 2)
}

/// The segment of a parallel scan of a table itself; dynoxide has those of an index, and the refusals.
fn segment_of(request: &ScanRequest) -> Option<Segment> {
    let (number, total) = request.segment.zip(request.total_segments)?;
    (number < total && request.index_name.is_none()).then_some(Segment { number, total })
}

/// Whether a statement only reads.
pub(super) fn is_select(statement: &str) -> bool {
    statement.trim_start().get(..6).is_some_and(|verb| verb.eq_ignore_ascii_case("select"))
}
