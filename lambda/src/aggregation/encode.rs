//! Builds an aggregated record and knows its encoded size at any time.

use std::collections::HashMap;

use super::AggregatedUserRecord;
use super::buffer::{AggregateBuffer, KeyIndex};

/// An aggregated record under construction that writes each key once.
#[derive(Clone, Debug, Default)]
pub struct Aggregate {
    partition_keys: HashMap<Box<str>, KeyIndex>,
    explicit_hash_keys: HashMap<Box<str>, KeyIndex>,
    buffer: AggregateBuffer,
}

impl Aggregate {
    /// Returns an aggregate without records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Returns whether it has no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Returns the size of [`Aggregate::finish`] in bytes.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        self.buffer.encoded_bytes()
    }

    /// Returns the size of [`Aggregate::finish`] in bytes with one more record.
    #[must_use]
    pub fn encoded_bytes_with(&self, record: &AggregatedUserRecord<'_>) -> usize {
        let (partition_key, key_bytes) = match self.partition_keys.get(record.partition_key) {
            Some(&index) => (index, 0),
            None => (self.buffer.next_partition_key(), AggregateBuffer::key_bytes(record.partition_key)),
        };
        let hash_key = record.explicit_hash_key.map(|key| match self.explicit_hash_keys.get(key) {
            Some(&index) => (index, 0),
            None => (self.buffer.next_explicit_hash_key(), AggregateBuffer::key_bytes(key)),
        });
        let hash_key_bytes = hash_key.map_or(0, |(_, bytes)| bytes);
        let body = AggregateBuffer::record_bytes(partition_key, hash_key.map(|(index, _)| index), record.data);
        self.encoded_bytes() + key_bytes + hash_key_bytes + body
    }

    /// Adds a record.
    pub fn push(&mut self, record: &AggregatedUserRecord<'_>) {
        let Aggregate { partition_keys, explicit_hash_keys, buffer } = self;
        let partition_key = match partition_keys.get(record.partition_key) {
            Some(&index) => index,
            None => *partition_keys
                .entry(record.partition_key.into())
                .or_insert_with(|| buffer.push_partition_key(record.partition_key)),
        };
        let hash_key = record.explicit_hash_key.map(|key| match explicit_hash_keys.get(key) {
            Some(&index) => index,
            None => *explicit_hash_keys.entry(key.into()).or_insert_with(|| buffer.push_explicit_hash_key(key)),
        });
        buffer.push(partition_key, hash_key, record.data);
    }

    /// Returns the bytes of the aggregated record.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.buffer.finish()
    }
}

/// Encodes all the records as one aggregated record.
pub fn encode<'a>(records: impl IntoIterator<Item = AggregatedUserRecord<'a>>) -> Vec<u8> {
    let mut aggregate = Aggregate::new();
    for record in records {
        aggregate.push(&record);
    }
    aggregate.finish()
}
