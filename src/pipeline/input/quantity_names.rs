//! Which quantity of a sensor a key of its readings comes from: never two, of which one would replace the other.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use sensor_model::truncate_for_log;

use super::row_error::{RowError, row_error};

/// The first quantity of each sensor and key, as hashes: sixteen bytes each.
#[derive(Debug, Default)]
pub(super) struct QuantityNames {
    hasher: RandomState,
    first: HashMap<u64, u64>,
    /// Those that had another quantity later.
    ambiguous: HashSet<u64>,
}

impl QuantityNames {
    /// Takes the name that a row has for the quantity of a key.
    ///
    /// # Errors
    /// When the sensor's earlier rows had another quantity for this key.
    pub(super) fn check(&mut self, sensor: &str, key: &str, name: &str) -> Result<(), RowError> {
        let place = self.hasher.hash_one((sensor, key));
        let name_hash = self.hasher.hash_one(name);
        if *self.first.entry(place).or_insert(name_hash) == name_hash {
            return Ok(());
        }
        self.ambiguous.insert(place);
        let name = truncate_for_log(name);
        let reason =
            format!("another quantity of the sensor is its `{key}` already; `--map {key}={name}` takes this one");
        Err(row_error("second-quantity", reason))
    }

    /// Returns whether rows of a sensor had several quantities for a key, so that the intended one is unknown.
    pub(super) fn is_ambiguous(&self, sensor: &str, key: &str) -> bool {
        !self.ambiguous.is_empty() && self.ambiguous.contains(&self.hasher.hash_one((sensor, key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_of_a_sensor_comes_from_one_quantity() {
        let mut names = QuantityNames::default();
        assert_eq!(names.check("attic", "temperature", "room_celsius"), Ok(()));
        assert_eq!(names.check("attic", "temperature", "room_celsius"), Ok(()));
        assert_eq!(names.check("attic", "humidity", "room_humidity"), Ok(()));
        assert_eq!(names.check("cellar", "temperature", "freezer_celsius"), Ok(()));
        let error = names.check("attic", "temperature", "dew_point_celsius").unwrap_err();
        assert_eq!(error.code, "second-quantity");
        assert!(names.is_ambiguous("attic", "temperature") && !names.is_ambiguous("cellar", "temperature"));
        assert!(error.reason.contains("--map temperature=dew_point_celsius"), "{}", error.reason);
    }
}
