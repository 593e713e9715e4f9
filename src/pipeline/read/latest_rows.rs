//! Reads the newest rows of each sensor without reading the rows before them.
//!
//! A segment of a Scan holds its sensors one after the other. A short page shows where some begin; those that also end in
//! it are complete. The one that goes on is asked by a Query from its newest row, and the Scan goes on behind its last
//! row, at a key that needs no item. The pages grow while sensors are short, so that a table of many short sensors is
//! simply scanned.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, Stream, StreamExt};

use super::concurrency::Concurrency;
use super::item_decode::{HiddenAttributes, Item, SENSOR};
use super::page_request::{PageSource, key_behind};
use super::query::ReadQuery;
use super::row_kind::KeyedRow;
use super::table_reader::{QUERIES, RowPage, TableReader};
use super::usage::ReadUsage;
use crate::aws::AwsFailure;
use crate::error::Error;

/// Items of the first page of a segment: as many small ones as half a read unit pays.
const FIRST_PAGE: u64 = 8;
/// Items of a page at most.
const LARGEST_PAGE: u64 = 1000;

/// The newest rows of some sensors.
#[derive(Debug)]
pub(crate) struct LatestRows<R> {
    pub rows: Vec<R>,
    /// Items that have no such form.
    pub foreign: u64,
    /// Attributes that rows leave out, of the rows that were read.
    pub hidden: HiddenAttributes,
    /// Sensors that were completed.
    pub sensors: u64,
    pub usage: ReadUsage,
}

impl<R> Default for LatestRows<R> {
    fn default() -> Self {
        LatestRows {
            rows: Vec::new(),
            foreign: 0,
            hidden: HiddenAttributes::default(),
            sensors: 0,
            usage: ReadUsage::default(),
        }
    }
}

/// Where a segment goes on.
struct Position {
    source: PageSource,
    start: Option<Item>,
    items: u64,
}

impl TableReader<'_> {
    /// Passes the `newest` last rows of each sensor to `each`, in no order, until it returns `false`.
    ///
    /// # Errors
    /// If a page cannot be read, or the errors of `each`.
    pub(crate) async fn read_latest<R: KeyedRow>(
        &self,
        query: &ReadQuery,
        newest: u64,
        each: impl FnMut(LatestRows<R>) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let query = ReadQuery { limit: Some(newest), newest_first: true, ..query.clone() };
        let concurrency = Concurrency::new(QUERIES);
        let (query, concurrency) = (&query, &concurrency);
        if query.sensors.is_empty() {
            let all = ReadQuery { limit: None, ..query.clone() };
            let segments =
                stream::iter(self.sources(&all)).map(|source| self.segment(query, source, newest, concurrency));
            return self.pass_on(segments.flatten_unordered(None), each).await;
        }
        let sensors = stream::iter(&query.sensors).map(|sensor| self.newest_of(query, sensor, newest, concurrency));
        self.pass_on(sensors.buffer_unordered(QUERIES), each).await
    }

    fn segment<'s, R: KeyedRow + 's>(
        &'s self,
        query: &'s ReadQuery,
        source: PageSource,
        newest: u64,
        concurrency: &'s Concurrency,
    ) -> impl Stream<Item = Result<LatestRows<R>, AwsFailure>> + Unpin + 's {
        let begin = Position { source, start: None, items: FIRST_PAGE };
        stream::unfold(Some(begin), move |position| async move {
            let step = self.step(query, position?, newest, concurrency).await;
            Some(step.map_or_else(|failure| (Err(failure), None), |(found, next)| (Ok(found), next)))
        })
        .boxed()
    }

    /// Reads a page of a segment and completes its sensors.
    async fn step<R: KeyedRow>(
        &self,
        query: &ReadQuery,
        position: Position,
        newest: u64,
        concurrency: &Concurrency,
    ) -> Result<(LatestRows<R>, Option<Position>), AwsFailure> {
        let Position { source, start, mut items } = position;
        let short = ReadQuery { page_items: Some(items), ..query.clone() };
        let page = self.page(&short, &source, start, concurrency).await?;
        let last = page.last.as_ref().and_then(|key| match key.get(SENSOR) {
            Some(AttributeValue::S(sensor)) => Some(sensor.clone()),
            _ => None,
        });
        let of_last =
            |item: &Item| matches!((item.get(SENSOR), &last), (Some(AttributeValue::S(id)), Some(last)) if id == last);
        let mut page = page;
        page.items.retain(|item| !of_last(item));
        let RowPage { rows, foreign, hidden, usage } = RowPage::<R>::of(page);
        let mut sensors: BTreeMap<String, Vec<R>> = BTreeMap::new();
        for row in rows {
            sensors.entry(row.sensor().to_owned()).or_default().push(row);
        }
        let mut found = LatestRows { foreign, hidden, usage, sensors: sensors.len() as u64, ..LatestRows::default() };
        for rows in sensors.into_values() {
            found.rows.extend(newest_rows(rows, newest));
        }
        items = if found.sensors == 0 { items / 2 } else { items * 2 }.clamp(FIRST_PAGE, LARGEST_PAGE);
        let Some(last) = last else { return Ok((found, None)) };
        let rest: LatestRows<R> = self.newest_of(query, &last, newest, concurrency).await?;
        found.rows.extend(rest.rows);
        found.foreign += rest.foreign;
        found.hidden += rest.hidden;
        found.sensors += rest.sensors;
        found.usage += rest.usage;
        Ok((found, Some(Position { source, start: Some(key_behind(&last)), items })))
    }

    /// Reads the newest rows of one sensor.
    async fn newest_of<R: KeyedRow>(
        &self,
        query: &ReadQuery,
        sensor: &str,
        newest: u64,
        concurrency: &Concurrency,
    ) -> Result<LatestRows<R>, AwsFailure> {
        let Some(query) = query.of_sensor(sensor) else { return Ok(LatestRows::default()) };
        let mut found = LatestRows { sensors: 1, ..LatestRows::default() };
        let mut pages = self.pages(&query, PageSource::Sensor(sensor.to_owned()), concurrency);
        while let Some(page) = pages.next().await {
            let RowPage { rows, foreign, hidden, usage } = RowPage::<R>::of(page?);
            found.foreign += foreign;
            found.hidden += hidden;
            found.usage += usage;
            found.rows.extend(rows);
            if found.rows.len() as u64 >= newest {
                break;
            }
        }
        found.rows.truncate(usize::try_from(newest).unwrap_or(usize::MAX));
        Ok(found)
    }
}

/// Keeps the newest rows of one sensor.
pub(crate) fn newest_rows<R: KeyedRow>(mut rows: Vec<R>, newest: u64) -> Vec<R> {
    let newest = usize::try_from(newest).unwrap_or(usize::MAX);
    rows.sort_by(|one, other| other.time().cmp(one.time()));
    rows.truncate(newest);
    rows
}
