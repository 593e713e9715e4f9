//! The readings that a replay put, by sensor and time.

use std::collections::HashMap;

use sensor_model::Reading;
use sha2::{Digest as _, Sha256};

use super::item::ReplayItem;
use super::reading_origin::ReadingOrigin;

/// The first readings that a replay put. What is put beyond them is not remembered.
#[derive(Debug)]
pub(super) struct PutReadings {
    bound: usize,
    by_key: HashMap<[u8; 32], PutReading>,
    is_full: bool,
}

/// A reading that a replay put.
#[derive(Clone, Copy, Debug)]
pub(super) struct PutReading {
    /// The digest of the reading.
    pub digest: [u8; 32],
    /// Its origin.
    pub origin: ReadingOrigin,
}

/// The readings that a replay put at a key, as far as they are known.
#[derive(Clone, Copy, Debug)]
pub(super) enum PutAtKey<'a> {
    /// It put none.
    None,
    /// The last one.
    Last(&'a PutReading),
    /// It may have put one.
    Unknown,
}

impl PutReadings {
    /// Creates a memory of at most `bound` readings.
    pub(super) fn new(bound: usize) -> Self {
        PutReadings { bound, by_key: HashMap::new(), is_full: false }
    }

    /// Remembers a reading that was put.
    pub(super) fn insert(&mut self, item: &ReplayItem) {
        let key = key(&item.reading);
        if self.by_key.len() >= self.bound && !self.by_key.contains_key(&key) {
            self.is_full = true;
            return;
        }
        self.by_key.insert(key, PutReading { digest: item.digest(), origin: item.origin });
    }

    /// Returns whether it does not know all readings.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Returns what was put at the sensor and time of a reading.
    pub(super) fn at(&self, reading: &Reading) -> PutAtKey<'_> {
        match self.by_key.get(&key(reading)) {
            Some(put) => PutAtKey::Last(put),
            None if self.is_full => PutAtKey::Unknown,
            None => PutAtKey::None,
        }
    }
}

fn key(reading: &Reading) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(reading.current_time.as_str().as_bytes());
    // A time has no blank.
    digest.update(b" ");
    digest.update(reading.sensor_id.as_bytes());
    digest.finalize().into()
}
