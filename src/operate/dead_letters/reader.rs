//! Reads dead letters one after the other, in constant memory.

use std::collections::VecDeque;

use super::dead_letter::{DeadLetter, DeadLetterId};
use super::filter::{DeadLetterFilter, Match};
use super::joiner::PartJoiner;
use super::table::{DeadLetterTable, ItemPage, PageSource, PageStart};
use crate::error::Error;

/// Where dead letters are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeadLetterSource {
    /// All of the table.
    Table,
    /// Those of these shards.
    Shards(Vec<String>),
    /// These alone.
    Ids(Vec<DeadLetterId>),
}

/// Reads dead letters page by page, in the order of their keys within a shard.
#[derive(Debug)]
pub(crate) struct DeadLetterReader<'a> {
    table: DeadLetterTable<'a>,
    filter: DeadLetterFilter,
    /// True to read the data, which a count does not need.
    with_data: bool,
    sources: VecDeque<PageSource>,
    start: Option<PageStart>,
    joiner: PartJoiner,
    ready: VecDeque<DeadLetter>,
    /// Items that are not the function's.
    pub foreign: u64,
    /// Dead letters without an arrival time that a filter of times left out.
    pub without_time: u64,
    /// Ids that the table does not hold.
    pub missing: Vec<DeadLetterId>,
}

impl<'a> DeadLetterReader<'a> {
    /// Creates a reader of what `filter` takes.
    #[must_use]
    pub(crate) fn new(table: DeadLetterTable<'a>, source: DeadLetterSource, filter: DeadLetterFilter) -> Self {
        let mut sources: VecDeque<_> = match source {
            DeadLetterSource::Table => [PageSource::Table].into(),
            DeadLetterSource::Shards(shards) => shards.into_iter().map(PageSource::Shard).collect(),
            DeadLetterSource::Ids(ids) => ids.into_iter().map(PageSource::Id).collect(),
        };
        // Twice the same source would be every dead letter twice.
        let all: Vec<_> = sources.iter().cloned().collect();
        let mut at = 0..all.len();
        sources.retain(|source| at.next().is_some_and(|at| !all[..at].contains(source)));
        DeadLetterReader {
            table,
            filter,
            with_data: true,
            sources,
            start: None,
            joiner: PartJoiner::default(),
            ready: VecDeque::new(),
            foreign: 0,
            without_time: 0,
            missing: Vec::new(),
        }
    }

    /// Leaves out the data.
    #[must_use]
    pub(crate) fn without_data(self) -> Self {
        DeadLetterReader { with_data: false, ..self }
    }

    /// Returns the next dead letter; `None` behind the last.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Option<DeadLetter>, Error> {
        loop {
            if let Some(letter) = self.ready.pop_front() {
                match self.filter.matches(&letter) {
                    Match::Yes => return Ok(Some(letter)),
                    Match::No => {}
                    Match::Unknown => self.without_time += 1,
                }
                continue;
            }
            let Some(source) = self.sources.front() else { return Ok(None) };
            let page = self.table.page(source, self.start.as_ref(), self.with_data).await?;
            self.take(page);
        }
    }

    fn take(&mut self, page: ItemPage) {
        let ItemPage { parts, foreign, next } = page;
        let is_empty = parts.is_empty() && self.start.is_none();
        self.foreign += foreign;
        let ready = &mut self.ready;
        let mut done = |letter| ready.push_back(letter);
        for part in parts {
            self.joiner.push(part, &mut done);
        }
        self.start = next;
        if self.start.is_none() {
            self.joiner.finish(&mut done);
            if let Some(PageSource::Id(id)) = self.sources.pop_front() {
                self.missing.extend(is_empty.then_some(id));
            }
        }
    }
}
