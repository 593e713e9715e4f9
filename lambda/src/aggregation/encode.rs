//! Builds an aggregated record and knows its encoded size at any time.

use std::collections::HashMap;

use md5::{Digest, Md5};

use super::protobuf::{bytes_field, number_field, push_bytes_head, push_number};
use super::{AggregatedUserRecord, DIGEST_BYTES, MAGIC};

/// Bytes around the message.
const ENVELOPE_BYTES: usize = MAGIC.len() + DIGEST_BYTES;

/// An aggregated record under construction.
#[derive(Clone, Debug, Default)]
pub struct Aggregate {
    partition_keys: KeyTable,
    explicit_hash_keys: KeyTable,
    records: Vec<u8>,
    count: usize,
}

/// A table of keys: each key is written once and referenced by its index.
#[derive(Clone, Debug, Default)]
struct KeyTable {
    indices: HashMap<Box<str>, u64>,
    encoded: Vec<u8>,
}

impl KeyTable {
    /// Returns the index that the key has or would get, and the bytes that it would add.
    fn look_up(&self, key: &str) -> (u64, usize) {
        match self.indices.get(key) {
            Some(&index) => (index, 0),
            None => (self.indices.len() as u64, bytes_field(key.len())),
        }
    }

    fn insert(&mut self, field: u64, key: &str) -> u64 {
        let (index, added) = self.look_up(key);
        if added > 0 {
            push_bytes_head(&mut self.encoded, field, key.len());
            self.encoded.extend_from_slice(key.as_bytes());
            self.indices.insert(key.into(), index);
        }
        index
    }
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
        self.count
    }

    /// Returns whether it has no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the size of [`Aggregate::finish`] in bytes.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        ENVELOPE_BYTES + self.partition_keys.encoded.len() + self.explicit_hash_keys.encoded.len() + self.records.len()
    }

    /// Returns the size of [`Aggregate::finish`] in bytes with one more record.
    #[must_use]
    pub fn encoded_bytes_with(&self, record: &AggregatedUserRecord<'_>) -> usize {
        let (partition_key, key_bytes) = self.partition_keys.look_up(record.partition_key);
        let hash_key = record.explicit_hash_key.map(|key| self.explicit_hash_keys.look_up(key));
        let body = record_bytes(partition_key, hash_key.map(|(index, _)| index), record.data);
        self.encoded_bytes() + key_bytes + hash_key.map_or(0, |(_, bytes)| bytes) + bytes_field(body)
    }

    /// Adds a record.
    pub fn push(&mut self, record: &AggregatedUserRecord<'_>) {
        let partition_key = self.partition_keys.insert(1, record.partition_key);
        let hash_key = record.explicit_hash_key.map(|key| self.explicit_hash_keys.insert(2, key));
        push_bytes_head(&mut self.records, 3, record_bytes(partition_key, hash_key, record.data));
        push_number(&mut self.records, 1, partition_key);
        if let Some(hash_key) = hash_key {
            push_number(&mut self.records, 2, hash_key);
        }
        push_bytes_head(&mut self.records, 3, record.data.len());
        self.records.extend_from_slice(record.data);
        self.count += 1;
    }

    /// Returns the bytes of the aggregated record.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_bytes());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.partition_keys.encoded);
        out.extend_from_slice(&self.explicit_hash_keys.encoded);
        out.extend_from_slice(&self.records);
        let digest = Md5::digest(&out[MAGIC.len()..]);
        out.extend_from_slice(&digest);
        out
    }
}

fn record_bytes(partition_key: u64, hash_key: Option<u64>, data: &[u8]) -> usize {
    number_field(partition_key) + hash_key.map_or(0, number_field) + bytes_field(data.len())
}

/// Encodes all the records as one aggregated record.
pub fn encode<'a>(records: impl IntoIterator<Item = AggregatedUserRecord<'a>>) -> Vec<u8> {
    let mut aggregate = Aggregate::new();
    for record in records {
        aggregate.push(&record);
    }
    aggregate.finish()
}
