//! Tags of annotated CSV (`InfluxDB`) beside the sensor, which tell its series apart.

use super::super::cell::Cell;
use super::super::keys::SENSOR;
use super::super::mapping::as_source;
use super::super::options::InputOptions;
use super::super::row_error::RowError;
use super::super::row_splitter::Cells;
use super::super::series_watch::{SeriesWatch, place};
use super::watched_columns::is_fixed;
use super::{CellSource, CsvColumns, LongForm, Part};

/// Columns of annotated CSV that are no tags, beside those that begin with `_`.
const OWN: [&str; 3] = ["", "result", "table"];

/// The columns of tags that are no part of the sensor.
#[derive(Debug, Default)]
pub(in super::super) struct SeriesTags {
    columns: Vec<usize>,
    /// Sources of the sensor, and of a tag that may tell its series apart.
    sources: [String; 2],
}

/// Returns whether a column of annotated CSV is a tag.
pub(in super::super) fn is_tag(name: &str) -> bool {
    !OWN.contains(&name) && !name.starts_with('_')
}

impl SeriesTags {
    /// Finds them where each row holds one field, and its sensor is read of tags.
    pub(super) fn find(
        names: &[&str],
        long: Option<&LongForm>,
        sensor: Option<&CellSource>,
        options: &InputOptions,
    ) -> Self {
        let is_field = |long: &LongForm| matches!(long.quantity, CellSource::Column(at) if names[at] == "_field");
        let (Some(sensor), Some(mapping), true) =
            (sensor.filter(|sensor| !is_fixed(sensor)), options.mapped(SENSOR).next(), long.is_some_and(is_field))
        else {
            return Self::default();
        };
        let is_own = |at: usize| match sensor {
            CellSource::Column(own) => *own == at,
            CellSource::Parts { parts, .. } => {
                parts.0.iter().flatten().any(|part| matches!(part, Part::Column(own) if *own == at))
            }
        };
        let is_dropped = |name: &str| options.drop.iter().any(|dropped| dropped == name);
        let is_other = |at: &usize| is_tag(names[*at]) && !is_own(*at) && !is_dropped(names[*at]);
        let columns: Vec<_> = (0..names.len()).filter(is_other).collect();
        let tag = columns.first().map_or(String::new(), |at| as_source(names[*at]));
        SeriesTags { columns, sources: [mapping.source.clone(), tag] }
    }
}

impl CsvColumns {
    /// Refuses a row of a series that the sensor's tag alone does not tell from another.
    pub(in super::super) fn check_series(
        &self,
        cells: Cells<'_>,
        quantity: &str,
        sensor: Option<&Cell<'_>>,
        series: &mut SeriesWatch,
    ) -> Result<(), RowError> {
        if self.tags.columns.is_empty() {
            return Ok(());
        }
        let mut labels = quantity.to_owned();
        for at in &self.tags.columns {
            labels.push('\u{1f}');
            labels.push_str(&self.value(&CellSource::Column(*at), cells, ""));
        }
        let sources = || self.tags.sources.clone();
        series.check(&labels, sources, || place(&sensor.and_then(Cell::text).unwrap_or_default(), quantity))
    }
}
