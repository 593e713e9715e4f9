//! A reading as a Kinesis record: data and partition key.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use sensor_model::{Decimal, Reading};
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
    pub partition_key: String,
    /// A hash that is the same for readings that replace each other in the table.
    pub row: u64,
    /// The name of its input file.
    pub file: Arc<str>,
    /// Its line in the file, from 1.
    pub line: u64,
}

impl Record {
    /// Creates the record of a reading.
    ///
    /// # Errors
    /// If the record is larger than Kinesis allows. The error is a message.
    pub(crate) fn new(reading: &Reading, file: &Arc<str>, line: u64) -> Result<Self, String> {
        Self::from_json(reading.to_json(), &reading.sensor_id, &reading.current_time, file, line)
    }

    /// Makes the record of a reading that is JSON already, in the form of [`Reading::to_json`].
    ///
    /// # Errors
    /// When it is larger than a record may be; the text says so.
    pub(crate) fn from_json(
        data: String,
        sensor_id: &str,
        current_time: &Decimal,
        file: &Arc<str>,
        line: u64,
    ) -> Result<Self, String> {
        let partition_key = partition_key(sensor_id);
        let bytes = data.len() + partition_key.len();
        if bytes > MAX_RECORD_BYTES {
            return Err(format!("the reading has {bytes} bytes, a record at most {MAX_RECORD_BYTES}"));
        }
        let mut hasher = DefaultHasher::new();
        sensor_id.hash(&mut hasher);
        current_time.as_str().hash(&mut hasher);
        Ok(Record { data, partition_key, row: hasher.finish(), file: Arc::clone(file), line })
    }

    /// Returns the bytes that Kinesis counts: data and partition key.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }
}

/// Returns the sensor's id, or its SHA-256 in hex if it is longer than Kinesis allows.
#[must_use]
pub(crate) fn partition_key(sensor_id: &str) -> String {
    use std::fmt::Write as _;
    if sensor_id.len() <= MAX_KEY_CHARACTERS || sensor_id.chars().count() <= MAX_KEY_CHARACTERS {
        return sensor_id.to_owned();
    }
    Sha256::digest(sensor_id.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::partition_key;

    #[test]
    fn partition_key_of_long_sensor_id_is_its_sha256() {
        let fits = "ü".repeat(256);
        assert_eq!(partition_key(&fits), fits);
        let long = "a".repeat(257);
        assert_eq!(partition_key(&long), "e8d95cc2b4bc198c54b40bd214df958afb65f5e73d2c2eafe0593cf5c635c1f0");
    }
}
