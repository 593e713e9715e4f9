//! Further fields of rows with several temperatures: a humidity belongs to the probe that measured it.

use std::borrow::Cow;

use sensor_model::truncate_for_log;

use super::super::cell::Cell;
use super::super::mapping::{captured, unquoted};
use super::super::reading_builder::ReadingBuilder;
use super::super::row_splitter::Cells;
use super::CsvColumns;

/// Columns that belong to one of several temperatures, by the part of their names at `{*}`.
#[derive(Debug, Default)]
pub(super) struct ProbeFields {
    /// Place of the temperature, key and column.
    fields: Vec<(usize, String, usize)>,
    /// Columns that belong to none of them.
    unassigned: Vec<usize>,
}

impl ProbeFields {
    /// Returns whether a source names the columns of several probes.
    pub(super) fn is_source(source: &str) -> bool {
        source.contains("{*}")
    }

    /// Takes the columns of a key. Its alternatives are tried in their order, and a column goes to the temperature of the
    /// same name.
    ///
    /// # Errors
    /// When two columns are the key of the same temperature.
    pub(super) fn add(
        &mut self,
        key: &str,
        source: &str,
        names: &[&str],
        probes: &[&str],
    ) -> Result<Vec<usize>, String> {
        let mut taken = Vec::new();
        for pattern in source.split("//").map(|pattern| unquoted(pattern.trim())).filter(|pattern| !pattern.is_empty())
        {
            for (at, name) in names.iter().enumerate() {
                let Some(part) = captured(pattern, name).filter(|_| !taken.contains(&at)) else { continue };
                taken.push(at);
                let owner = probes.iter().position(|probe| *probe == part).filter(|_| pattern.contains("{*}"));
                let Some(owner) = owner else {
                    self.unassigned.push(at);
                    continue;
                };
                if let Some((.., other)) = self.fields.iter().find(|(probe, own, _)| *probe == owner && own == key) {
                    return Err(format!(
                        "columns {} and {} are both `{key}` of `{}`; `--map {key}=COLUMN` takes one of them",
                        other + 1,
                        at + 1,
                        truncate_for_log(part)
                    ));
                }
                self.fields.push((owner, key.to_owned(), at));
            }
        }
        Ok(taken)
    }

    /// Returns the columns that are read.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.fields.iter().map(|(.., at)| *at)
    }

    /// Returns the names of its keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(_, key, _)| key.as_str())
    }
}

impl CsvColumns {
    /// Returns the further fields that go with one of several temperatures, sorted by name.
    pub(in super::super) fn fields_of_probe<'c, 'a: 'c>(
        &'c self,
        probe: usize,
        cells: Cells<'a>,
        section: &'c str,
    ) -> impl Iterator<Item = (Cow<'c, str>, Cell<'c>)> + 'c {
        let mut fields: Vec<_> = self.fields(cells, section).collect();
        for (_, key, at) in self.probe_fields.fields.iter().filter(|(owner, ..)| *owner == probe) {
            fields.push((Cow::Borrowed(key.as_str()), Cell::Text(Cow::Borrowed(self.cell(*at, cells)))));
        }
        fields.sort_by(|one, other| one.0.cmp(&other.0));
        fields.into_iter()
    }

    /// Returns how many values of a row belong to none of several temperatures.
    pub(in super::super) fn unassigned(&self, cells: Cells<'_>, builder: &ReadingBuilder) -> u64 {
        let has_value = |at: &&usize| !builder.is_missing(&Cell::Text(Cow::Borrowed(cells.get(**at))));
        self.probe_fields.unassigned.iter().filter(has_value).map(|_| 1).sum()
    }
}
