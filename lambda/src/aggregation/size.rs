//! Counts the size of an aggregated record without building it.

use super::buffer::{ENVELOPE_BYTES, KeyIndex, body_bytes};
use super::protobuf::bytes_field;

/// The size of an [`AggregateBuffer`](super::AggregateBuffer) that gets the same keys and records.
#[derive(Clone, Copy, Debug, Default)]
pub struct AggregateSize {
    content: usize,
    partition_key_count: KeyIndex,
    explicit_hash_key_count: KeyIndex,
    count: usize,
}

impl AggregateSize {
    /// Returns the number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns whether it has no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the size of the aggregated record in bytes.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        ENVELOPE_BYTES + self.content
    }

    /// Counts a partition key and returns its index.
    pub fn push_partition_key(&mut self, key: &str) -> KeyIndex {
        self.content += bytes_field(key.len());
        self.partition_key_count += 1;
        self.partition_key_count - 1
    }

    /// Counts an explicit hash key and returns its index.
    pub fn push_explicit_hash_key(&mut self, key: &str) -> KeyIndex {
        self.content += bytes_field(key.len());
        self.explicit_hash_key_count += 1;
        self.explicit_hash_key_count - 1
    }

    /// Counts a record with keys that were counted before.
    pub fn push(&mut self, partition_key: KeyIndex, explicit_hash_key: Option<KeyIndex>, data: &[u8]) {
        self.content += bytes_field(body_bytes(partition_key, explicit_hash_key, data));
        self.count += 1;
    }
}
