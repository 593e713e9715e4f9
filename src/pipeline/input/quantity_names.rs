//! Which quantity of a sensor a key of its readings comes from: never two, of which one would replace the other.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;

use rustc_hash::FxBuildHasher;
use sensor_model::truncate_for_log;

use super::join::QuantityName;
use super::row_error::{RowError, row_error};
use crate::hint_flags::shell_word;

/// Sensors and keys that are remembered at most, with sixteen bytes each: about 5 MB. The rows of further ones carry the name
/// of their quantity, and are compared when all rows of a sensor are together.
const MAX_PLACES: usize = 200_000;

/// The first quantity of each sensor and key, as hashes.
#[derive(Debug)]
pub(super) struct QuantityNames {
    first: HashMap<u64, u64, FxBuildHasher>,
    /// Those that had another quantity later.
    ambiguous: HashSet<u64, FxBuildHasher>,
    max_places: usize,
}

impl Default for QuantityNames {
    fn default() -> Self {
        Self::with_max_places(MAX_PLACES)
    }
}

impl QuantityNames {
    /// Returns one that remembers so many.
    pub(super) fn with_max_places(max_places: usize) -> Self {
        QuantityNames { first: HashMap::default(), ambiguous: HashSet::default(), max_places }
    }

    /// Takes the name that a row has for the quantity of a key. Returns what the row has to carry, where the name of the
    /// sensor's first quantity for this key is not remembered.
    ///
    /// # Errors
    /// When the sensor's earlier rows had another quantity for this key.
    pub(super) fn check(&mut self, sensor: &str, key: &str, name: &str) -> Result<Option<QuantityName>, RowError> {
        let place = place(sensor, key);
        let hash = FxBuildHasher.hash_one(name);
        match self.first.get(&place) {
            Some(first) if *first == hash => return Ok(None),
            Some(_) => {}
            None if self.first.len() < self.max_places => {
                self.first.insert(place, hash);
                return Ok(None);
            }
            None => return Ok(Some(QuantityName { place, hash })),
        }
        self.ambiguous.insert(place);
        Err(second_quantity(key, &truncate_for_log(name), "this one"))
    }

    /// Returns whether rows of a sensor had several quantities for a key, so that the intended one is unknown.
    pub(super) fn is_ambiguous(&self, sensor: &str, key: &str) -> bool {
        !self.ambiguous.is_empty() && self.ambiguous.contains(&place(sensor, key))
    }
}

fn place(sensor: &str, key: &str) -> u64 {
    FxBuildHasher.hash_one((sensor, key))
}

/// Returns the error of a row with another quantity than the sensor's first for a key; `name` would take `which`.
pub(super) fn second_quantity(key: &str, name: &str, which: &str) -> RowError {
    let map = format!("{key}={name}");
    let map = shell_word(&map);
    let reason = format!("another quantity of the sensor is its `{key}` already; `--map {map}` takes {which}");
    row_error("second-quantity", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_of_a_sensor_comes_from_one_quantity() {
        let mut names = QuantityNames::default();
        assert_eq!(names.check("attic", "temperature", "room_celsius"), Ok(None));
        assert_eq!(names.check("attic", "temperature", "room_celsius"), Ok(None));
        assert_eq!(names.check("attic", "humidity", "room_humidity"), Ok(None));
        assert_eq!(names.check("cellar", "temperature", "freezer_celsius"), Ok(None));
        let error = names.check("attic", "temperature", "dew_point_celsius").unwrap_err();
        assert_eq!(error.code, "second-quantity");
        assert!(names.is_ambiguous("attic", "temperature") && !names.is_ambiguous("cellar", "temperature"));
        assert!(error.reason.contains("--map temperature=dew_point_celsius"), "{}", error.reason);
    }

    #[test]
    fn names_beyond_those_that_are_remembered_go_with_their_rows() {
        let mut names = QuantityNames::with_max_places(1);
        assert_eq!(names.check("attic", "temperature", "room_celsius"), Ok(None));
        let later = |names: &mut QuantityNames, name| names.check("cellar", "temperature", name).unwrap().unwrap();
        let first = later(&mut names, "freezer_celsius");
        assert_eq!(later(&mut names, "freezer_celsius"), first);
        let other = later(&mut names, "room_celsius");
        assert!(other.place == first.place && other.hash != first.hash);
        assert!(names.check("attic", "temperature", "freezer_celsius").is_err());
    }
}
