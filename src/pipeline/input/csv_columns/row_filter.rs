//! Which rows of a file are asked for.

use std::borrow::Cow;

use super::super::option_values::ColumnPattern;
use super::super::reading_builder::ReadingBuilder;
use super::super::row_splitter::Cells;
use super::super::value_patterns::ValuePatterns;
use super::{CsvColumns, SECTION};

/// Columns of which one must match, and its patterns, of which one must.
#[derive(Debug)]
pub(super) struct RowFilter {
    place: FilterPlace,
    patterns: ValuePatterns,
}

#[derive(Debug)]
enum FilterPlace {
    Columns(Vec<usize>),
    Section,
}

impl RowFilter {
    /// Takes the patterns of each column.
    ///
    /// # Errors
    /// When there is no such column; `columns` says so.
    pub(super) fn all(
        filters: &[ColumnPattern],
        columns: impl Fn(&str) -> Result<Vec<usize>, String>,
    ) -> Result<Vec<Self>, String> {
        let mut all: Vec<(&str, RowFilter)> = Vec::new();
        for filter in filters {
            if let Some((_, known)) = all.iter_mut().find(|(column, _)| *column == filter.column) {
                known.patterns.add(&filter.pattern);
                continue;
            }
            let place = match filter.column.as_str() {
                SECTION => FilterPlace::Section,
                column => FilterPlace::Columns(columns(column)?),
            };
            let mut patterns = ValuePatterns::default();
            patterns.add(&filter.pattern);
            all.push((&filter.column, RowFilter { place, patterns }));
        }
        Ok(all.into_iter().map(|(_, filter)| filter).collect())
    }

    /// Returns whether rows with one of these values are asked for.
    fn takes<'t>(&self, texts: impl Iterator<Item = &'t str> + Clone, builder: &ReadingBuilder) -> bool {
        self.patterns.take(texts.map(|text| Some(Cow::Borrowed(text))), builder)
    }
}

impl CsvColumns {
    /// Returns whether the row passes the filters.
    pub(in super::super) fn is_wanted(&self, cells: Cells<'_>, section: &str, builder: &ReadingBuilder) -> bool {
        self.filters.iter().all(|filter| match &filter.place {
            FilterPlace::Columns(columns) => filter.takes(columns.iter().map(|at| cells.get(*at)), builder),
            FilterPlace::Section => filter.takes(std::iter::once(section), builder),
        })
    }

    /// Returns a cell, or the part of it at the `*` of its pattern.
    pub(super) fn cell<'a>(&self, at: usize, cells: Cells<'a>) -> &'a str {
        let cell = cells.get(at);
        let is_of =
            |filter: &&RowFilter| matches!(&filter.place, FilterPlace::Columns(columns) if columns.contains(&at));
        self.filters.iter().find(is_of).and_then(|filter| filter.patterns.part(cell)).unwrap_or(cell)
    }

    /// Returns the name of the section, or the part of it at the `*` of its pattern.
    pub(super) fn section_part<'s>(&self, section: &'s str) -> &'s str {
        let filter = self.filters.iter().find(|filter| matches!(filter.place, FilterPlace::Section));
        filter.and_then(|filter| filter.patterns.part(section)).unwrap_or(section)
    }
}
