//! Series that the label of the sensor alone does not tell apart.

use std::hash::BuildHasher as _;

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::row_error::{RowError, row_error};
use crate::hint_flags::shell_word;

/// Series that are remembered.
const MOST_SERIES: usize = 1 << 20;

/// The labels of the series of each sensor, as hashes.
#[derive(Debug, Default)]
pub(super) struct SeriesWatch {
    first: FxHashMap<u64, u64>,
    /// The labels of the row before, and whether its series is the first of its sensor.
    last: String,
    is_last_first: bool,
}

/// Returns what stands for the rows of a sensor and quantity.
pub(super) fn place(sensor: &str, quantity: &str) -> u64 {
    FxBuildHasher.hash_one((sensor, quantity))
}

impl SeriesWatch {
    /// Takes all labels of a row's series, and what stands for its sensor and quantity. `sources` are those of the sensor and
    /// of another label.
    ///
    /// # Errors
    /// When rows of the sensor and quantity had other labels before.
    #[inline]
    pub(super) fn check(
        &mut self,
        labels: &str,
        sources: impl FnOnce() -> [String; 2],
        place: impl FnOnce() -> u64,
    ) -> Result<(), RowError> {
        // The rows of a series mostly stand together.
        if self.last != labels {
            self.is_last_first = self.is_first(labels, place());
            labels.clone_into(&mut self.last);
        }
        if self.is_last_first { Ok(()) } else { Err(other_series(sources())) }
    }

    /// Returns whether a series is the first of its sensor and quantity.
    fn is_first(&mut self, labels: &str, place: u64) -> bool {
        let hash = FxBuildHasher.hash_one(labels);
        if let Some(first) = self.first.get(&place) {
            return *first == hash;
        }
        if self.first.len() < MOST_SERIES {
            self.first.insert(place, hash);
        }
        true
    }
}

#[cold]
fn other_series([source, label]: [String; 2]) -> RowError {
    // Labels of documents have a path, tags a name alone.
    let drop = || format!(", `--drop {}` says that they are one", shell_word(&label));
    let drop = if label.contains('.') { String::new() } else { drop() };
    let map = format!("sensor_id={source}+{label}");
    let map = shell_word(&map);
    let reason =
        format!("another series has the same `{source}`, and other labels; `--map {map}` tells them apart{drop}");
    row_error("other-series", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_sensor_have_the_same_labels() {
        let mut watch = SeriesWatch::default();
        let (one, other) = (r#"{"sensor":"a","x":"1"}"#, r#"{"sensor":"a","x":"2"}"#);
        let mut check = |labels: &str, sensor: &str| {
            let place = || place(sensor, "room_celsius");
            watch
                .check(labels, || ["metric.sensor", "metric.LABEL"].map(str::to_owned), place)
                .map_err(|error| error.code)
        };
        assert_eq!(check(one, "a"), Ok(()));
        assert_eq!(check(one, "a"), Ok(()));
        assert_eq!(check(other, "a"), Err("other-series"));
        assert_eq!(check(other, "a"), Err("other-series"));
        assert_eq!(check(one, "a"), Ok(()));
        assert_eq!(check(r#"{"sensor":"b"}"#, "b"), Ok(()));
    }
}
