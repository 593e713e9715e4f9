//! Scans and queries, on connections of their own, so that they wait neither for writers nor for each other, and in
//! pages whose cost does not depend on the size of the table.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::execute_statement::{self, ExecuteStatementRequest, ExecuteStatementResponse};
use dynoxide::actions::query::{self, QueryRequest, QueryResponse};
use dynoxide::actions::scan::{self, ScanRequest, ScanResponse};
use dynoxide::storage::Storage;
use dynoxide::{AttributeValue, DynoxideError};
use futures::FutureExt;

use super::decode;
use super::description::Descriptions;
use super::page::{Counter, PAGE_BYTES, Seen, Segment};

/// Rows whose sizes tell how many a page holds. An answer of fewer rows is complete with them.
const SAMPLE: usize = 64;

/// Connections that read at the same time. Each has a page of about 10 MB under way, parsed.
const CONNECTIONS: usize = 2;

/// How a connection reads. The operating system keeps pages as well, and once for all connections.
const READING: &str = "PRAGMA query_only = ON; PRAGMA cache_size = -4000";

/// Reads tables. Clones share it.
#[derive(Clone)]
pub(super) struct Readers(Arc<Inner>);

struct Inner {
    path: Box<str>,
    /// Held by readers together, and alone by whoever changes a table: a connection remembers how the tables look.
    tables: RwLock<()>,
    connections: Mutex<Connections>,
    freed: Condvar,
    sample: usize,
    descriptions: Mutex<Descriptions>,
}

#[derive(Default)]
struct Connections {
    idle: Vec<Reader>,
    lent: usize,
}

/// One connection.
struct Reader {
    storage: Storage,
    counter: Counter,
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
    /// Readers of a database that is open. Connections are made when they are needed.
    pub(super) fn new(path: &str) -> Readers {
        Readers::sampling(path, SAMPLE)
    }

    pub(super) fn sampling(path: &str, sample: usize) -> Readers {
        Readers(Arc::new(Inner {
            path: path.into(),
            tables: RwLock::default(),
            connections: Mutex::default(),
            freed: Condvar::new(),
            sample,
            descriptions: Mutex::new(Descriptions::new(path)),
        }))
    }

    /// Answers a Scan.
    pub(super) fn scan(&self, text: &str, request: ScanRequest) -> Result<ScanResponse, DynoxideError> {
        let (wanted, segment) = (request.limit, segment_of(&request));
        let mut parsed = Some(request);
        self.read(|reader| {
            reader.page(self.0.sample, wanted, segment, |storage, limit| {
                let mut request = parsed.take().map_or_else(|| decode::input(text), Ok)?;
                request.limit = Some(limit);
                if segment.is_some() {
                    (request.segment, request.total_segments) = (None, None);
                }
                at_once(scan::execute(storage, request))
            })
        })
    }

    /// Answers a Query.
    pub(super) fn query(&self, text: &str, request: QueryRequest) -> Result<QueryResponse, DynoxideError> {
        let wanted = request.limit;
        let mut parsed = Some(request);
        self.read(|reader| {
            reader.page(self.0.sample, wanted, None, |storage, limit| {
                let mut request = parsed.take().map_or_else(|| decode::input(text), Ok)?;
                request.limit = Some(limit);
                at_once(query::execute(storage, request))
            })
        })
    }

    /// Answers a `SELECT` statement.
    pub(super) fn select(
        &self,
        text: &str,
        request: ExecuteStatementRequest,
    ) -> Result<ExecuteStatementResponse, DynoxideError> {
        let wanted = request.limit;
        let mut parsed = Some(request);
        self.read(|reader| {
            reader.statement_page(self.0.sample, wanted, |storage, limit| {
                let mut request = parsed.take().map_or_else(|| decode::input(text), Ok)?;
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
        // What the connections remember of the tables ends with them.
        self.0.connections().idle.clear();
        self.0.descriptions().forget();
        let changed = change();
        drop(alone);
        changed
    }

    /// How many rows the last execution of an idle connection collected.
    #[cfg(test)]
    pub(super) fn rows_of_the_last_execution(&self) -> usize {
        self.0.connections().idle.iter().map(|reader| reader.counter.seen().rows).sum()
    }

    fn read<T>(&self, read: impl FnOnce(&Reader) -> Result<T, DynoxideError>) -> Result<T, DynoxideError> {
        let _tables = self.0.tables.read().unwrap_or_else(PoisonError::into_inner);
        let mut lent = self.0.lend();
        let reader = match lent.reader.take() {
            Some(reader) => reader,
            None => Reader::open(&self.0.path)?,
        };
        let reader = lent.reader.insert(reader);
        // One snapshot: how many rows fit does not change between the executions of a page.
        let snapshot = reader.storage.conn().unchecked_transaction()?;
        let answer = read(reader);
        snapshot.finish()?;
        answer
    }
}

impl Inner {
    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn descriptions(&self) -> MutexGuard<'_, Descriptions> {
        self.descriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a connection that nobody uses, or for room to open one.
    fn lend(&self) -> Lent<'_> {
        let mut connections = self.connections();
        while connections.lent == CONNECTIONS {
            connections = self.freed.wait(connections).unwrap_or_else(PoisonError::into_inner);
        }
        connections.lent += 1;
        Lent { inner: self, reader: connections.idle.pop() }
    }
}

/// A connection in use, or room for one; given back when dropped.
struct Lent<'a> {
    inner: &'a Inner,
    reader: Option<Reader>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut connections = self.inner.connections();
        connections.lent -= 1;
        connections.idle.extend(self.reader.take());
        self.inner.freed.notify_one();
    }
}

impl Reader {
    fn open(path: &str) -> Result<Reader, DynoxideError> {
        let storage = Storage::new(path)?;
        let counter = Counter::install(&storage)?;
        storage.conn().execute_batch(READING)?;
        Ok(Reader { storage, counter })
    }

    /// The page that dynoxide answers when it may collect all rows, from executions that may collect a limited number.
    /// Nothing else differs from it than `ScannedCount`: dynoxide counts the first row of the next page as well.
    fn page<A: PagedAnswer>(
        &self,
        sample: usize,
        wanted: Option<usize>,
        segment: Option<Segment>,
        mut execute: impl FnMut(&Storage, usize) -> Result<A, DynoxideError>,
    ) -> Result<A, DynoxideError> {
        let mut limit = sample;
        loop {
            let asked = wanted.map_or(limit, |wanted| wanted.min(limit));
            self.counter.begin(segment);
            let mut answer = execute(&self.storage, asked)?;
            let seen = *self.counter.seen();
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
        &self,
        sample: usize,
        wanted: Option<usize>,
        mut execute: impl FnMut(&Storage, usize) -> Result<ExecuteStatementResponse, DynoxideError>,
    ) -> Result<ExecuteStatementResponse, DynoxideError> {
        let (mut limit, mut is_exact) = (sample, false);
        loop {
            let asked = wanted.map_or(limit, |wanted| wanted.min(limit));
            self.counter.begin(None);
            let answer = execute(&self.storage, asked);
            let seen = *self.counter.seen();
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

/// The outcome of one of dynoxide's futures, none of which ever waits.
pub(super) fn at_once<T>(future: impl Future<Output = Result<T, DynoxideError>>) -> Result<T, DynoxideError> {
    let waited = || Err(DynoxideError::InternalServerError("the database did not answer at once".to_owned()));
    future.now_or_never().unwrap_or_else(waited)
}
