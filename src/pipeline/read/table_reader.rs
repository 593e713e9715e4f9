//! Reads stored rows page by page: a parallel Scan of the whole table, or a Query for each sensor.

use std::future::Future;
use std::time::Duration;

use futures::stream::{self, BoxStream, Stream, StreamExt};
use tokio::time::Instant;

use super::concurrency::Concurrency;
use super::item_decode::{HiddenAttributes, Item};
use super::page_request::{ItemPage, PageSource, request_page};
use super::query::ReadQuery;
use super::row_kind::RowKind;
use super::segments::{LEAST_SEGMENTS, ScanShape, TableFacts};
use super::usage::ReadUsage;
use crate::aws::{self, AwsFailure, Clients, FailureCause};
use crate::error::Error;

/// Queries of sensors that run at once.
pub(super) const QUERIES: usize = 8;
/// Up to this many rows, a single segment reads less of the table than several would.
const FEW: u64 = 1000;

/// A page of rows.
#[derive(Debug)]
pub(crate) struct RowPage<R> {
    /// The rows.
    pub rows: Vec<R>,
    /// Items that have no such form.
    pub foreign: u64,
    /// Attributes that the rows leave out.
    pub hidden: HiddenAttributes,
    /// The usage of the page.
    pub usage: ReadUsage,
}

impl<R: RowKind> RowPage<R> {
    pub(super) fn of(page: ItemPage) -> Self {
        let items = page.items.len();
        let mut hidden = HiddenAttributes::default();
        let rows: Vec<R> = page.items.into_iter().filter_map(|item| R::of(item, &mut hidden)).collect();
        let foreign = items.saturating_sub(rows.len()) as u64;
        RowPage { rows, foreign, hidden, usage: page.usage }
    }
}

/// The retry policy for pages while the table is throttled.
#[derive(Clone, Copy)]
pub(crate) struct PageRetry<'a> {
    /// Maximum time for one page. Used-up read capacity returns by the second: a page of 1 MB takes 128 units, which a
    /// table of 5 units has after 26 s.
    pub limit: Duration,
    /// Called before every pause.
    pub waiting: &'a (dyn Fn(Duration, &AwsFailure) + Sync),
}

/// Reads one table.
#[derive(Clone, Copy)]
pub(crate) struct TableReader<'a> {
    pub(super) clients: &'a Clients,
    pub(super) table: &'a str,
    retry: PageRetry<'a>,
    shape: ScanShape,
}

/// The start of the next page of a source.
enum PageStart {
    Beginning,
    After(Item),
    End,
}

impl<'a> TableReader<'a> {
    pub(crate) fn new(clients: &'a Clients, table: &'a str, retry: PageRetry<'a>) -> Self {
        TableReader { clients, table, retry, shape: ScanShape::default() }
    }

    /// Chooses the segments of scans by what the service says of the table.
    ///
    /// # Errors
    /// The failure of `DescribeTable`, which needs a permission of its own. Scans work without it.
    pub(crate) async fn choose_segments(&mut self) -> Result<u32, AwsFailure> {
        let place = format!("table {}", self.table);
        let answer = self.clients.dynamodb.describe_table().table_name(self.table).send().await;
        let answer = answer.map_err(|error| self.clients.failure("DynamoDB", "DescribeTable", &place, &error))?;
        let shape = answer.table.as_ref().map(TableFacts::from).unwrap_or_default().shape();
        // A store on this machine has the same processors, and looks at every row once for each segment.
        let is_shared = self.clients.is_loopback() && shape.segments > LEAST_SEGMENTS;
        self.shape = if is_shared { ScanShape::default() } else { shape };
        Ok(self.shape.segments)
    }

    /// Returns whether a query is read by several segments.
    pub(crate) fn is_parallel_scan(query: &ReadQuery) -> bool {
        query.sensors.is_empty() && query.limit.is_none_or(|limit| limit > FEW)
    }

    /// Reads the rows of a query and passes them to `each` page by page, until the limit is reached or `each` returns
    /// `false`.
    ///
    /// # Errors
    /// If a page cannot be read, or the errors of `each`.
    pub(crate) async fn read_pages<R: RowKind>(
        &self,
        query: &ReadQuery,
        mut each: impl FnMut(RowPage<R>) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let mut left = query.limit.unwrap_or(u64::MAX);
        let page_items = self.shape.page_items.filter(|_| Self::is_parallel_scan(query));
        let query = &ReadQuery { page_items: query.page_items.or(page_items), ..query.clone() };
        let each = |page| {
            let page = RowPage::of(page);
            left = left.saturating_sub(page.rows.len() as u64);
            Ok(each(page)? && left > 0)
        };
        let sources = self.sources(query);
        let concurrency = Concurrency::new(sources.len().min(QUERIES.max(self.shape.segments as usize)));
        let parallel = if query.sensors.is_empty() { sources.len() } else { QUERIES };
        let pages = stream::iter(sources).map(|source| self.pages(query, source, &concurrency));
        self.pass_on(pages.flatten_unordered(parallel), each).await
    }

    /// Counts the items that match a query.
    ///
    /// # Errors
    /// If a page cannot be read.
    pub(crate) async fn count(&self, query: &ReadQuery) -> Result<ReadUsage, Error> {
        let query = ReadQuery { is_count: true, ..query.clone() };
        let mut usage = ReadUsage::default();
        self.read_pages::<NoRow>(&query, |page| {
            usage += page.usage;
            Ok(true)
        })
        .await?;
        Ok(usage)
    }

    /// Passes the results of a stream on, until `each` returns `false`.
    pub(super) async fn pass_on<T>(
        &self,
        results: impl Stream<Item = Result<T, AwsFailure>>,
        mut each: impl FnMut(T) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let mut results = std::pin::pin!(results);
        while let Some(result) = results.next().await {
            let found = match result {
                Ok(found) => found,
                Err(failure) => return Err(self.clients.with_account_context(failure).await.into()),
            };
            if !each(found)? {
                break;
            }
        }
        Ok(())
    }

    /// Returns the sources of a query's pages.
    pub(super) fn sources(&self, query: &ReadQuery) -> Vec<PageSource> {
        if !query.sensors.is_empty() {
            return query.sensors.iter().cloned().map(PageSource::Sensor).collect();
        }
        let total = if Self::is_parallel_scan(query) { self.shape.segments } else { 1 };
        (0..total).map(|number| PageSource::Segment { number, total }).collect()
    }

    /// Returns the pages of a source, one after the other.
    pub(super) fn pages<'p>(
        &'p self,
        query: &'p ReadQuery,
        source: PageSource,
        concurrency: &'p Concurrency,
    ) -> BoxStream<'p, Result<ItemPage, AwsFailure>> {
        stream::unfold((PageStart::Beginning, source), move |(from, source)| async move {
            let start = match from {
                PageStart::Beginning => None,
                PageStart::After(key) => Some(key),
                PageStart::End => return None,
            };
            let answer = self.page(query, &source, start, concurrency).await;
            let next = answer.as_ref().ok().and_then(|page| page.last.clone());
            Some((answer, (next.map_or(PageStart::End, PageStart::After), source)))
        })
        .boxed()
    }

    /// Reads a page, and retries it after transient failures. The SDK alone gives up after three attempts within some
    /// seconds.
    pub(super) async fn page(
        &self,
        query: &ReadQuery,
        source: &PageSource,
        start: Option<Item>,
        concurrency: &Concurrency,
    ) -> Result<ItemPage, AwsFailure> {
        let page = || async {
            let _slot = concurrency.slot().await;
            let answer = request_page(self.clients, self.table, query, source, start.clone()).await;
            match &answer {
                Ok(_) => concurrency.note_answer(),
                Err(failure) if is_used_up(failure) => concurrency.note_throttle(),
                Err(_) => {}
            }
            answer
        };
        let mut page = retry_page(self.clients, self.retry, page).await?;
        if matches!(source, PageSource::Sensor(_)) && !query.key_filter.is_empty() {
            page.items.retain(|item| query.allows_key(item));
        }
        Ok(page)
    }
}

/// No row: items are only counted.
struct NoRow;

impl RowKind for NoRow {
    fn of(_: Item, _: &mut HiddenAttributes) -> Option<Self> {
        Some(NoRow)
    }
}

/// Time limit of retries after failures other than used-up capacity, in longest pauses: 16 s on AWS.
const MAX_POLLS_WHILE_BROKEN: u32 = 8;

/// Returns whether the table's capacity or the account's rate is used up. Both return by themselves.
fn is_used_up(failure: &AwsFailure) -> bool {
    let code = failure.code.as_deref().unwrap_or_default();
    failure.cause == FailureCause::Throttled
        && ["Throughput", "Throttl", "Limit"].iter().any(|part| code.contains(part))
}

async fn retry_page<Fut>(
    clients: &Clients,
    retry: PageRetry<'_>,
    page: impl Fn() -> Fut,
) -> Result<ItemPage, AwsFailure>
where
    Fut: Future<Output = Result<ItemPage, AwsFailure>>,
{
    let PageRetry { limit, waiting } = retry;
    let schedule = clients.schedule(limit);
    let began = Instant::now();
    let is_broken =
        |failure: &AwsFailure| !is_used_up(failure) && began.elapsed() >= schedule.longest * MAX_POLLS_WHILE_BROKEN;
    aws::retry_while(schedule, page, |failure| failure.is_transient() && !is_broken(failure), waiting).await
}
