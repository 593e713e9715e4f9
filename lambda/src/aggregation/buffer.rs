//! Appends records to an aggregated record without looking up keys.

use super::digest::digests;
use super::protobuf::{bytes_field, number_field, push_bytes_head, push_number};
use super::{DIGEST_BYTES, MAGIC};

/// Bytes around the message.
pub(super) const ENVELOPE_BYTES: usize = MAGIC.len() + DIGEST_BYTES;

/// The index of a key in one aggregated record.
pub type KeyIndex = u64;

/// An aggregated record under construction whose caller remembers the indices of its keys.
///
/// Its memory is used again for the next aggregated record.
#[derive(Clone, Debug, Default)]
pub struct AggregateBuffer {
    partition_keys: Vec<u8>,
    partition_key_count: KeyIndex,
    explicit_hash_keys: Vec<u8>,
    explicit_hash_key_count: KeyIndex,
    records: Vec<u8>,
    count: usize,
}

impl AggregateBuffer {
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

    /// Returns the size of [`AggregateBuffer::finish`] in bytes.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        ENVELOPE_BYTES + self.partition_keys.len() + self.explicit_hash_keys.len() + self.records.len()
    }

    /// Returns the bytes that a key adds.
    #[must_use]
    pub fn key_bytes(key: &str) -> usize {
        bytes_field(key.len())
    }

    /// Returns the bytes that a record adds, without its keys.
    #[must_use]
    pub fn record_bytes(partition_key: KeyIndex, explicit_hash_key: Option<KeyIndex>, data: &[u8]) -> usize {
        bytes_field(body_bytes(partition_key, explicit_hash_key, data))
    }

    /// Returns the index that the next partition key gets.
    #[must_use]
    pub fn next_partition_key(&self) -> KeyIndex {
        self.partition_key_count
    }

    /// Returns the index that the next explicit hash key gets.
    #[must_use]
    pub fn next_explicit_hash_key(&self) -> KeyIndex {
        self.explicit_hash_key_count
    }

    /// Adds a partition key and returns its index.
    pub fn push_partition_key(&mut self, key: &str) -> KeyIndex {
        push_key(&mut self.partition_keys, 1, key);
        self.partition_key_count += 1;
        self.partition_key_count - 1
    }

    /// Adds an explicit hash key, decimal text, and returns its index.
    pub fn push_explicit_hash_key(&mut self, key: &str) -> KeyIndex {
        push_key(&mut self.explicit_hash_keys, 2, key);
        self.explicit_hash_key_count += 1;
        self.explicit_hash_key_count - 1
    }

    /// Adds a record with keys that were added before.
    pub fn push(&mut self, partition_key: KeyIndex, explicit_hash_key: Option<KeyIndex>, data: &[u8]) {
        push_bytes_head(&mut self.records, 3, body_bytes(partition_key, explicit_hash_key, data));
        push_number(&mut self.records, 1, partition_key);
        if let Some(explicit_hash_key) = explicit_hash_key {
            push_number(&mut self.records, 2, explicit_hash_key);
        }
        push_bytes_head(&mut self.records, 3, data.len());
        self.records.extend_from_slice(data);
        self.count += 1;
    }

    /// Returns the bytes of the aggregated record and starts an empty one.
    #[must_use]
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = self.finish_without_digest();
        write_digests(&mut [&mut out]);
        out
    }

    /// Returns the bytes of the aggregated record, with zeros where [`write_digests`] writes the digest, and starts an
    /// empty one.
    #[must_use]
    pub fn finish_without_digest(&mut self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_bytes());
        out.extend_from_slice(&MAGIC);
        for part in [&mut self.partition_keys, &mut self.explicit_hash_keys, &mut self.records] {
            out.extend_from_slice(part);
            part.clear();
        }
        out.extend_from_slice(&[0; DIGEST_BYTES]);
        (self.partition_key_count, self.explicit_hash_key_count, self.count) = (0, 0, 0);
        out
    }
}

/// Writes the digests of aggregated records, which takes less time for several at once.
pub fn write_digests(aggregates: &mut [&mut [u8]]) {
    let message = |aggregate: &&mut [u8]| MAGIC.len()..aggregate.len().saturating_sub(DIGEST_BYTES);
    let messages = aggregates.iter().map(|aggregate| aggregate.get(message(aggregate)).unwrap_or_default());
    let digests = digests(&messages.collect::<Vec<_>>());
    for (aggregate, digest) in aggregates.iter_mut().zip(digests) {
        if let Some(end) = aggregate.last_chunk_mut() {
            *end = digest;
        }
    }
}

fn push_key(out: &mut Vec<u8>, field: u64, key: &str) {
    push_bytes_head(out, field, key.len());
    out.extend_from_slice(key.as_bytes());
}

/// Returns the bytes of a record within its field.
pub(super) fn body_bytes(partition_key: KeyIndex, explicit_hash_key: Option<KeyIndex>, data: &[u8]) -> usize {
    number_field(partition_key) + explicit_hash_key.map_or(0, number_field) + bytes_field(data.len())
}
