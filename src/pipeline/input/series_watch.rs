//! Series that the label of the sensor alone does not tell apart.

use std::hash::BuildHasher as _;

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::row_error::{RowError, row_error};

/// Series that are remembered.
const MOST_SERIES: usize = 1 << 20;

/// The labels of the series of each sensor, as hashes.
#[derive(Debug, Default)]
pub(super) struct SeriesWatch {
    first: FxHashMap<u64, u64>,
    /// The labels of the row before, and whether its series is the first of its sensor.
    last: Option<(String, bool)>,
}

impl SeriesWatch {
    /// Takes the sensor of a row, its quantity, and all labels of its series.
    ///
    /// # Errors
    /// When rows of the sensor and quantity had other labels before; `path` is that of the sensor.
    pub(super) fn check(
        &mut self,
        labels: &str,
        path: &str,
        place: impl FnOnce() -> (String, String),
    ) -> Result<(), RowError> {
        // The rows of a series stand together.
        let known = self.last.as_ref().filter(|(last, _)| last == labels).map(|(_, is_first)| *is_first);
        let is_first = known.unwrap_or_else(|| {
            let is_first = self.is_first(labels, &place());
            self.last = Some((labels.to_owned(), is_first));
            is_first
        });
        if is_first {
            return Ok(());
        }
        let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
        let reason = format!(
            "another series has the same `{path}`, and other labels; `--map sensor_id={path}+{parent}.LABEL` tells them apart"
        );
        Err(row_error("other-series", reason))
    }

    /// Returns whether a series is the first of its sensor and quantity.
    fn is_first(&mut self, labels: &str, place: &(String, String)) -> bool {
        let hash = FxBuildHasher.hash_one(labels);
        let place = FxBuildHasher.hash_one(place);
        if let Some(first) = self.first.get(&place) {
            return *first == hash;
        }
        if self.first.len() < MOST_SERIES {
            self.first.insert(place, hash);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_sensor_have_the_same_labels() {
        let mut watch = SeriesWatch::default();
        let (one, other) = (r#"{"sensor":"a","x":"1"}"#, r#"{"sensor":"a","x":"2"}"#);
        let mut check = |labels: &str, sensor: &str| {
            let place = || (sensor.to_owned(), "room_celsius".to_owned());
            watch.check(labels, "data.result[].metric.sensor", place).map_err(|error| error.code)
        };
        assert_eq!(check(one, "a"), Ok(()));
        assert_eq!(check(one, "a"), Ok(()));
        assert_eq!(check(other, "a"), Err("other-series"));
        assert_eq!(check(other, "a"), Err("other-series"));
        assert_eq!(check(one, "a"), Ok(()));
        assert_eq!(check(r#"{"sensor":"b"}"#, "b"), Ok(()));
    }
}
