//! A reading as a Kinesis record: data and partition key.

use std::hash::{Hash, Hasher};

use compact_str::CompactString;
use rustc_hash::FxHasher;
use sensor_model::Reading;
use sha2::{Digest, Sha256};

/// Maximum bytes of a record's data and partition key together, by default (docs/facts/kinesis.md, Write limits:
/// `MaxRecordSizeInKiB`).
pub(crate) const MAX_RECORD_BYTES: usize = 1024 * 1024;
/// Maximum characters of a partition key (docs/facts/kinesis.md, Write limits).
const MAX_KEY_CHARACTERS: usize = 256;

/// A reading, ready to be sent, with its place in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The reading as JSON.
    pub data: String,
    /// The partition key, which decides the shard. It is the same for all readings of a sensor.
    pub partition_key: CompactString,
    /// A hash that is the same for readings that replace each other in the table.
    pub row: u64,
    /// The number of its input, from 0. Names are not counted references here: two threads that count them wait for each
    /// other.
    pub input: u32,
    /// Its line in the file, from 1.
    pub line: u64,
}

impl Record {
    /// Creates the record of a reading.
    ///
    /// # Errors
    /// If the record is larger than Kinesis allows. The error is a message.
    pub(crate) fn new(reading: &Reading, input: u32, line: u64) -> Result<Self, String> {
        Self::from_json(reading.to_json(), &reading.sensor_id, reading.current_time.as_str(), input, line)
    }

    /// Makes the record of a reading that is JSON already, in the form of [`Reading::to_json`]. `current_time` is the text
    /// of the time there.
    ///
    /// # Errors
    /// When it is larger than a record may be; the text says so.
    pub(crate) fn from_json(
        data: String,
        sensor_id: &str,
        current_time: &str,
        input: u32,
        line: u64,
    ) -> Result<Self, String> {
        let partition_key = partition_key(sensor_id);
        let bytes = data.len() + partition_key.len();
        if bytes > MAX_RECORD_BYTES {
            return Err(format!("the reading has {bytes} bytes, a record at most {MAX_RECORD_BYTES}"));
        }
        Ok(Record { data, partition_key, row: row(sensor_id, current_time), input, line })
    }

    /// Returns the bytes that Kinesis counts: data and partition key.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }
}

/// Returns a hash of the key of a reading. Every bit of it depends on the whole key.
fn row(sensor_id: &str, current_time: &str) -> u64 {
    let mut hasher = FxHasher::default();
    sensor_id.hash(&mut hasher);
    current_time.hash(&mut hasher);
    hasher.finish()
}

/// Returns the sensor's id, or its SHA-256 in hex if it is longer than Kinesis allows.
#[must_use]
pub(crate) fn partition_key(sensor_id: &str) -> CompactString {
    use std::fmt::Write as _;
    if sensor_id.len() <= MAX_KEY_CHARACTERS || sensor_id.chars().count() <= MAX_KEY_CHARACTERS {
        return CompactString::from(sensor_id);
    }
    Sha256::digest(sensor_id.as_bytes()).iter().fold(CompactString::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{partition_key, row};

    #[test]
    fn partition_key_of_long_sensor_id_is_its_sha256() {
        let fits = "ü".repeat(256);
        assert_eq!(partition_key(&fits), fits);
        let long = "a".repeat(257);
        assert_eq!(partition_key(&long), "e8d95cc2b4bc198c54b40bd214df958afb65f5e73d2c2eafe0593cf5c635c1f0");
    }

    #[test]
    fn rows_of_similar_keys_differ_and_are_spread_evenly_by_any_of_their_bits() {
        let keys = (0..200).flat_map(|sensor| (0..500).map(move |time| (sensor, time)));
        let rows: Vec<_> = keys
            .map(|(sensor, time)| row(&format!("sensor-{sensor}"), &(1_700_000_000 + 60 * time).to_string()))
            .collect();
        assert_eq!(rows.iter().collect::<HashSet<_>>().len(), rows.len());
        for shift in [0, 20, 44, 56] {
            let mut counts = [0_i64; 256];
            for row in &rows {
                counts[usize::from((row >> shift).to_le_bytes()[0])] += 1;
            }
            // 391 of each are expected, with a standard deviation of 20.
            let far = counts.iter().filter(|count| (**count - 391).abs() > 120).count();
            assert_eq!(far, 0, "{shift}: {counts:?}");
        }
    }
}
